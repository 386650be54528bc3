"""Drafts: a phrase is drawn several times, and the draft nearest to a profile is kept.

What a sampler draws is right on average but strays from melody to melody and, a little, from the corpus. A profile is
what a melody of a quadrant is like in the corpus (how busy, how wide, in which scale), a Gaussian per quadrant. Each
piece aims at a point of its own, taken from an even (low-discrepancy) sequence, so that a set of pieces spreads
over the profile without clumping.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.pitch import Reals, in_scale_rate, pitch_range, pitches_used
from affetti.emotion import Emotion, Quadrant
from affetti.runtime.melody_config import Profiles
from affetti.tokens.melody import HOLD, REST, STEPS_PER_QUARTER, Tokens
from affetti.tokens.melody_notes import pitch_counts

FEATURES = ("notes", "pitch range", "different pitches", "share in C major", "share in c minor")
"""What a profile is about; ranges and counts in semitones and notes, shares 0-1."""

NO_NOTE = -1
"""The pitch of silence."""

FAR = 1e8
"""The distance of a draft that is only kept where all are as far."""

_FIFTH = 7
"""Semitones."""

_STREAM = 0xD4AF7
"""Sets the targets' random numbers apart from those of pieces, whose streams are [seed, piece number]."""


def phrase_features(tokens: Tokens) -> Reals:
    """The features of phrases [N, T]: [N, 5]. A phrase without notes is in no scale."""
    counts = pitch_counts(tokens)
    scales = [np.nan_to_num(in_scale_rate(counts, 0, mode)) for mode in ("major", "minor")]
    features: Reals = np.stack([counts.sum(axis=1), pitch_range(counts), pitches_used(counts), *scales], axis=1)
    return features


def target(profiles: Profiles, wanted: Quadrant | Emotion, seed: int, piece: int) -> Reals:
    """What piece number `piece` of a call aims at: [5].

    For a point of the plane the quadrants' aims, mixed by how near the point is to their middles.
    """
    shift = np.random.default_rng([seed, _STREAM]).random(len(FEATURES))
    uniform = np.clip((shift + (piece + 1) * _even_steps(len(FEATURES))) % 1, 1e-6, 1 - 1e-6)
    normal = np.array([NormalDist().inv_cdf(value) for value in uniform])
    aims: list[Reals] = [np.asarray(one.mean) + np.asarray(one.cholesky) @ normal for one in profiles.quadrants]
    if isinstance(wanted, Quadrant):
        return aims[wanted - 1]
    valence, arousal = (min(max(value, -0.5), 0.5) for value in (wanted.valence, wanted.arousal))
    mixed = np.zeros(len(FEATURES))
    for quadrant, aim in zip(Quadrant, aims, strict=True):
        mixed += (0.5 + quadrant.valence_sign * valence) * (0.5 + quadrant.arousal_sign * arousal) * aim
    return mixed


def profile_distances(drafts: Tokens, targets: Reals, profiles: Profiles) -> Reals:
    """How far drafts [B, K, T] are from what each piece aims at [B, 5]: [B, K]."""
    pieces, count, steps = drafts.shape
    features = phrase_features(drafts.reshape(-1, steps)).reshape(pieces, count, -1)
    distances: Reals = (((features - targets[:, None]) / np.asarray(profiles.scale)) ** 2).sum(axis=-1)
    return distances


def choose(
    drafts: Tokens, distances: Reals, *, close: bool = False, before: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """The number of the draft to keep for each piece: of drafts [B, K, T] the one of least distance [B, K] -> [B].

    close: keep a draft that comes to rest on the tonic (a last note C of a quarter or more), where there is one.
    before: [B] the pitch of the note before, or NO_NOTE; keep a draft that begins within a fifth of it, where there is
    one. A distance of FAR or more counts before either.
    """
    if close:
        distances = distances + np.where(rests_on_tonic(drafts), 0.0, 1e6)
    if before is not None:
        leaps = np.abs(edge_pitches(drafts, last=False) - before[:, None])
        distances = distances + np.where((before[:, None] != NO_NOTE) & (leaps > _FIFTH), 1e3, 0.0)
    return np.asarray(distances.argmin(axis=1), np.int64)


def edge_pitches(tokens: Tokens, *, last: bool) -> NDArray[np.int64]:
    """The pitch of the first or the last note of each phrase [..., T]; NO_NOTE where there is none: [...]."""
    struck = tokens < REST
    place = struck[..., ::-1].argmax(axis=-1) if last else struck.argmax(axis=-1)
    place = tokens.shape[-1] - 1 - place if last else place
    pitch = np.take_along_axis(tokens, place[..., None], axis=-1)[..., 0]
    return np.where(struck.any(axis=-1), pitch, NO_NOTE).astype(np.int64)


def rests_on_tonic(tokens: Tokens) -> NDArray[np.bool_]:
    """Whether the last note of each phrase [..., T] is a C that lasts a quarter or more: [...]."""
    steps = np.arange(tokens.shape[-1])
    struck = tokens < REST
    last = np.where(struck, steps, -1).max(axis=-1)
    pitch = np.take_along_axis(tokens, np.maximum(last, 0)[..., None], axis=-1)[..., 0]
    held = ((tokens == HOLD) & (steps > last[..., None])).sum(axis=-1)
    return np.asarray((last >= 0) & (pitch % 12 == 0) & (held >= STEPS_PER_QUARTER - 1), np.bool_)


def _even_steps(dimensions: int) -> Reals:
    """The steps of the R sequence (M. Roberts, 2018): powers of the root of x^(d + 1) = x + 1."""
    root = 2.0
    for _ in range(64):
        root = (1 + root) ** (1 / (dimensions + 1))
    steps: Reals = root ** -np.arange(1.0, dimensions + 1)
    return steps
