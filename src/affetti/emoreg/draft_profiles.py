"""Profiles for drafts: fitted to the corpus, then shifted until what is kept agrees with the corpus on average."""

import numpy as np

from affetti.analysis.pitch import Reals
from affetti.emoreg.examples import Examples
from affetti.emotion import Quadrant
from affetti.runtime.drafts import FEATURES, choose, phrase_features, profile_distances, target
from affetti.runtime.melody_config import FeatureProfile, Profiles
from affetti.runtime.melody_model import MelodyModel

SEED = 4_000_000_000
"""Out of the way of the seeds that evaluations and people use, which start at 0."""

ROUNDS = 12

FARTHEST_AIM = 2.0
"""Standard deviations that an aim may move from the corpus's mean: a model that needs more cannot be calibrated."""


def calibrated_profiles(model: MelodyModel, examples: Examples, *, drafts: int, pieces: int) -> Profiles:
    """Profiles for weights that have none yet, calibrated on `pieces` melodies of each quadrant.

    The nearest of a few drafts is still on the drafts' side of its target. So each quadrant's mean target is moved by
    what the kept drafts' mean lacks to the corpus's, until they agree.
    """
    tokens = model.vocabulary.tokens(examples.tokens.numpy())
    features, labels = phrase_features(tokens), examples.labels.numpy()
    scale = tuple((features[labels >= 0].std(axis=0) + 1e-3).tolist())
    drawn = {quadrant: model.sample_drafts([quadrant] * pieces, drafts, seed=SEED) for quadrant in Quadrant}
    wanted = {quadrant: features[labels == quadrant - 1] for quadrant in Quadrant}
    aims = {quadrant: wanted[quadrant].mean(axis=0) for quadrant in Quadrant}
    factors = {quadrant: _cholesky(wanted[quadrant]) for quadrant in Quadrant}
    for _ in range(ROUNDS):
        profiles = _profiles(aims, factors, scale, drafts)
        for quadrant in Quadrant:
            targets = np.stack([target(profiles, quadrant, SEED, piece) for piece in range(pieces)])
            chosen = choose(drawn[quadrant], profile_distances(drawn[quadrant], targets, profiles))
            kept = drawn[quadrant][np.arange(pieces), chosen]
            middle = wanted[quadrant].mean(axis=0)
            aim = aims[quadrant] + middle - phrase_features(kept).mean(axis=0)
            reach = FARTHEST_AIM * np.asarray(scale)
            aims[quadrant] = aim.clip(middle - reach, middle + reach)
    return _profiles(aims, factors, scale, drafts)


def _cholesky(features: Reals) -> Reals:
    covariance = np.cov(features.T) + 1e-6 * np.eye(len(FEATURES))
    return np.asarray(np.linalg.cholesky(covariance), np.float64)


def _profiles(
    aims: dict[Quadrant, Reals], factors: dict[Quadrant, Reals], scale: tuple[float, ...], drafts: int
) -> Profiles:
    quadrants = [{"mean": aims[quadrant].tolist(), "cholesky": factors[quadrant].tolist()} for quadrant in Quadrant]
    return Profiles.model_validate(
        {"drafts": drafts, "scale": scale, "quadrants": [FeatureProfile.model_validate(one) for one in quadrants]}
    )
