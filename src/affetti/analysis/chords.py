"""Chords from notes: one chord for each beat, out of 12 roots times the 11 qualities of compound words, or none.

Every chord is compared with what sounds in a beat, and the most probable sequence of chords is found (Viterbi), where
a chord would rather stay than change. The weights below were learned on POP909.
"""

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.note_arrays import Integers, Reals
from affetti.piece import CHORD_QUALITIES

CHORDS = 1 + 12 * len(CHORD_QUALITIES)
"""How many numbers a chord can have: 0 is none, then the qualities of C, of C sharp, and so on."""

_PITCHES = 128

CHORD_TONES = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "hdim7": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
}
"""The pitch classes of each quality, counted from the root: root, third (or what stands for it), fifth, seventh."""

# What follows is a linear-chain conditional random field (Lafferty et al., ICML 2001) of 28 numbers: fitted by maximum
# likelihood, then so that the expected share of beats with the right chord is greatest; to POP909 001-699 and, a tenth
# as many beats, to made-up progressions in which all qualities are equally common (in POP909 only 3 beats in 100 have a
# seventh chord). Weights are shared by all roots, and by all qualities where a tone plays the same part in them,
# because diminished and augmented chords are too few to learn from.
# Of root, third, fifth, seventh, and any tone outside the chord:
_HARMONY_WEIGHTS = (4.90, 6.05, 5.84, 3.52, -6.46)
_BASS_WEIGHTS = (3.24, -1.36, -0.88, 1.87, -6.26)
# How common a quality is, in the order of CHORD_QUALITIES.
_QUALITY_WEIGHTS = (1.91, 1.10, -0.52, 0.38, 0.05, 0.02, -1.95, -1.88, -2.99, -2.71, -1.89)
# No chord: of the sum of all harmony, of the share of the beat in which there is a bass, and always.
_NONE_WEIGHTS = (-2.43, 0.46, 5.00)
# What a chord gains by staying at a downbeat, in the middle of a bar, at any other beat, and where metre is unknown.
_STAY_DOWNBEAT, _STAY_MIDDLE, _STAY_WEAK, _STAY_ANYWHERE = 1.34, 4.69, 10.59, 6.57

# The melody lies high and is rich in tones that are not of the chord: a note counts half this many semitones above the
# median pitch of the piece, and a tenth half an octave further up. Nearer to the median is a little better on
# POP909, whose melodies lie well above the chords, but then the top of a plain chord, often the seventh, is lost.
_FADE_ABOVE_MEDIAN = 4.0
_FADE_WIDTH = 3.0

_UNITS = 1_000_000


def chord_number(root: int, quality: str) -> int:
    """1-132 for a root (pitch class 0-11) and one of CHORD_QUALITIES."""
    if not 0 <= root <= 11:
        raise ValueError(f"no pitch class {root!r}")
    return 1 + root * len(CHORD_QUALITIES) + CHORD_QUALITIES.index(quality)


def chord_of(number: int) -> tuple[int, str] | None:
    """Root (pitch class) and quality of a chord's number; None for 0, no chord."""
    if not 0 <= number < CHORDS:
        raise ValueError(f"no chord has the number {number!r}")
    if number == 0:
        return None
    root, quality = divmod(number - 1, len(CHORD_QUALITIES))
    return root, CHORD_QUALITIES[quality]


def estimate_chords(
    starts: Reals,
    ends: Reals,
    pitches: Integers,
    velocities: Integers,
    beats: int,
    downbeats: NDArray[np.bool_] | None = None,
) -> Integers:
    """[beats] the number of the chord of each beat (`chord_of` says what it means), 0 where there is none.

    starts, ends, pitches, velocities: [N] notes in any order; times in beats, of which beat 0 is the first; pitches
    0-127; velocities 1-127. What lies before beat 0 or after the last beat is not heard.
    downbeats: [beats] true at the first beat of each bar. Chords change there rather than elsewhere.
    """
    if beats == 0:
        return np.zeros(0, np.int64)
    scores = _chord_scores(*_heard(starts, ends, pitches, velocities, beats))
    return _best_path(_in_units(scores), _in_units(_stay_weights(beats, downbeats)))


def _heard(starts: Reals, ends: Reals, pitches: Integers, velocities: Integers, beats: int) -> tuple[Reals, Reals]:
    """Two times [beats, 12], by pitch class: what sounds, faded towards the melody; and the share as lowest note.

    Loudness is relative to the mean of the piece. What sounds grows with the square root of duration times loudness:
    a tone that is there at all matters more than how long.
    """
    durations = np.maximum(ends - starts, 0.0)
    total = float(durations @ velocities)
    loudness = velocities * (durations.sum() / total) if total > 0 else np.ones(len(pitches))
    sounding = _sounding(starts, ends, pitches, np.ones(len(pitches)), beats)
    by_pitch = np.cumsum(sounding.sum(axis=0))
    median = np.searchsorted(by_pitch, by_pitch[-1] / 2)
    fade = 1 / (1 + np.exp((np.arange(_PITCHES) - median - _FADE_ABOVE_MEDIAN) / _FADE_WIDTH))
    harmony = np.sqrt(_by_pitch_class(_sounding(starts, ends, pitches, loudness, beats) * fade))
    return harmony, _by_pitch_class(_as_lowest(sounding))


def _sounding(starts: Reals, ends: Reals, pitches: Integers, weights: Reals, beats: int) -> Reals:
    """[beats, 128] for how much of each beat each pitch sounds, times the notes' weights.

    From its start on a note sounds in every beat, and from its end on it is taken away again: two entries for either,
    however long the note, then a running sum.
    """
    changes = np.zeros((beats + 2) * _PITCHES)
    for times, sign in ((starts, 1.0), (ends, -1.0)):
        inside = np.clip(times, 0.0, float(beats))
        beat = np.floor(inside).astype(np.int64)
        later = inside - beat
        for at, share in ((beat, 1.0 - later), (beat + 1, later)):
            changes += np.bincount(at * _PITCHES + pitches, sign * share * weights, minlength=len(changes))
    result: Reals = np.maximum(np.cumsum(changes.reshape(beats + 2, _PITCHES), axis=0)[:beats], 0.0)
    return result


def _as_lowest(sounding: Reals) -> Reals:
    """[beats, 128] for how much of each beat each pitch is the lowest, as if pitches sounded independently."""
    present = np.minimum(sounding, 1.0)
    absent_below = np.cumprod(1.0 - present, axis=1)
    present[:, 1:] *= absent_below[:, :-1]
    return present


def _by_pitch_class(rows: Reals) -> Reals:
    """[beats, 128] summed over octaves to [beats, 12]."""
    octaves = np.pad(rows, ((0, 0), (0, -_PITCHES % 12)))
    summed: Reals = octaves.reshape(len(rows), -1, 12).sum(axis=1)
    return summed


def _chord_scores(harmony: Reals, bass: Reals) -> Reals:
    """[beats, CHORDS] log-likelihoods of the chords, up to a constant for each beat."""
    scores = np.empty((len(harmony), CHORDS))
    of_harmony, of_bass, always = _NONE_WEIGHTS
    scores[:, 0] = of_harmony * harmony.sum(axis=1) + of_bass * bass.sum(axis=1) + always
    scores[:, 1:] = harmony @ _templates(_HARMONY_WEIGHTS) + bass @ _templates(_BASS_WEIGHTS)
    scores[:, 1:] += np.tile(_QUALITY_WEIGHTS, 12)
    return scores


def _templates(weights: tuple[float, ...]) -> Reals:
    """[12, 132] what each pitch class says for each chord, from weights for root, third, fifth, seventh, others."""
    of_root = np.full((len(CHORD_QUALITIES), 12), weights[-1])
    for row, quality in zip(of_root, CHORD_QUALITIES, strict=True):
        for tone, weight in zip(CHORD_TONES[quality], weights, strict=False):
            row[tone] = weight
    return np.concatenate([np.roll(of_root, root, axis=1) for root in range(12)]).T


def _stay_weights(beats: int, downbeats: NDArray[np.bool_] | None) -> Reals:
    """[beats] what a chord gains by lasting into this beat."""
    if downbeats is None or not np.any(downbeats):
        return np.full(beats, _STAY_ANYWHERE)
    bars = np.flatnonzero(downbeats)
    at = np.arange(beats)
    bar = np.searchsorted(bars, at, side="right") - 1
    position = at - bars[bar]
    length = np.diff(np.append(bars, beats))[bar]
    stay = np.where(2 * position == length, _STAY_MIDDLE, _STAY_WEAK)
    stay[bars] = _STAY_DOWNBEAT
    return stay


def _in_units(weights: Reals) -> Integers:
    """Weights as whole numbers: equally good sequences stay so, however sums are rounded, and the longer chord wins."""
    return np.rint(weights * _UNITS).astype(np.int64)


def _best_path(scores: Integers, stay: Integers) -> Integers:
    """[beats] the sequence with the greatest sum of scores and of what its chords gain by staying."""
    beats = len(scores)
    stayed = np.zeros(scores.shape, bool)
    before = np.zeros(beats, np.int64)
    total = scores[0]
    for beat in range(1, beats):
        before[beat] = total.argmax()
        changed = total[before[beat]]
        kept = total + stay[beat]
        stayed[beat] = kept >= changed
        total = np.maximum(kept, changed) + scores[beat]
    path = np.zeros(beats, np.int64)
    path[-1] = total.argmax()
    for beat in range(beats - 1, 0, -1):
        path[beat - 1] = path[beat] if stayed[beat, path[beat]] else before[beat]
    return path
