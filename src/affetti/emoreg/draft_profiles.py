"""Profiles for drafts: fitted to the corpus, then shifted until what is kept agrees with the corpus on average."""

import numpy as np
from numpy.typing import NDArray

from affetti.emoreg.examples import Examples
from affetti.emotion import Quadrant
from affetti.runtime.drafts import FEATURES, choose, phrase_features, target
from affetti.runtime.melody_model import MelodyModel
from affetti.runtime.weights import FeatureProfile, Profiles
from affetti.tokens.melody import PHRASE_STEPS

PIECES = 2_000
"""Melodies of each quadrant drawn to calibrate with: their means vary by a fiftieth of a standard deviation."""

SEED = 4_000_000_000
"""Out of the way of the seeds that evaluations and people use, which start at 0."""

ROUNDS = 12

Reals = NDArray[np.float64]


def calibrated_profiles(model: MelodyModel, examples: Examples, drafts: int) -> Profiles:
    """Profiles for weights that have none yet.

    The nearest of a few drafts is still on the drafts' side of its target. So each quadrant's mean target is moved by
    what the kept drafts' mean lacks to the corpus's, until they agree.
    """
    tokens = model.vocabulary.tokens(examples.tokens.numpy())
    features, labels = phrase_features(tokens), examples.labels.numpy()
    scale = tuple((features[labels >= 0].std(axis=0) + 1e-3).tolist())
    drawn = {quadrant: _drafts(model, quadrant, drafts) for quadrant in Quadrant}
    wanted = {quadrant: features[labels == quadrant - 1] for quadrant in Quadrant}
    aims = {quadrant: wanted[quadrant].mean(axis=0) for quadrant in Quadrant}
    factors = {quadrant: _cholesky(wanted[quadrant]) for quadrant in Quadrant}
    for _ in range(ROUNDS):
        profiles = _profiles(aims, factors, scale, drafts)
        for quadrant in Quadrant:
            targets = np.stack([target(profiles, quadrant, SEED, piece) for piece in range(PIECES)])
            kept = drawn[quadrant][np.arange(PIECES), choose(drawn[quadrant], targets, profiles)]
            aims[quadrant] += wanted[quadrant].mean(axis=0) - phrase_features(kept).mean(axis=0)
    return _profiles(aims, factors, scale, drafts)


def _drafts(model: MelodyModel, quadrant: Quadrant, drafts: int) -> NDArray[np.int16]:
    """Drafts of PIECES melodies, [PIECES, drafts, 64]."""
    tokens = model.sample_tokens([quadrant] * (PIECES * drafts), seed=SEED)
    return tokens.reshape(PIECES, drafts, PHRASE_STEPS)


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
