"""Is it a melody? Measures of single-voice melodies, and the distributions behind the paper's Figure 8.

Each measure is worth as much as it tells a melody from its own pitches in random order: `shuffled_pitches`
makes those, `separation` says how far a measure tells two sets apart.
"""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.pitch import Reals
from affetti.tokens.melody import REST, STEPS_PER_BAR
from affetti.tokens.melody_notes import MelodyNotes, checked_tokens, notes_of

OCTAVE = 12
NOTE_LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Lengths in sixteenths that have a bin of their own; all others share a last one."""
INTERVALS = tuple(range(-OCTAVE, OCTAVE + 1))
"""Semitones that have a bin of their own; all wider falls and all wider rises share one at either end."""


def _mean_per_melody(notes: MelodyNotes, of_interval: Callable[[NDArray[np.int64]], NDArray[np.generic]]) -> Reals:
    """The mean of a function of the intervals of each melody [N]; NaN below two notes."""
    intervals, melody = notes.intervals()
    total = np.bincount(melody, of_interval(intervals).astype(np.float64), minlength=notes.melodies)
    count = np.bincount(melody, minlength=notes.melodies)
    means: Reals = np.divide(total, count, np.full(notes.melodies, np.nan), where=count > 0)
    return means


def note_count(tokens: NDArray[np.integer]) -> Reals:
    """Notes in the melody [N]: for four bars the paper's "notes per four bars". 0 to T."""
    return notes_of(tokens).per_melody()


def wide_leaps(tokens: NDArray[np.integer]) -> Reals:
    """Share of steps from note to note that are wider than an octave [N], 0-1; NaN below two notes."""
    return _mean_per_melody(notes_of(tokens), lambda intervals: np.abs(intervals) > OCTAVE)


def repeated_notes(tokens: NDArray[np.integer]) -> Reals:
    """Share of steps from note to note that stay on the pitch [N], 0-1; NaN below two notes."""
    return _mean_per_melody(notes_of(tokens), lambda intervals: intervals == 0)


def stepwise_motion(tokens: NDArray[np.integer]) -> Reals:
    """Share of steps from note to note of one or two semitones [N], 0-1; NaN below two notes."""
    return _mean_per_melody(notes_of(tokens), lambda intervals: np.isin(np.abs(intervals), (1, 2)))


def interval_size(tokens: NDArray[np.integer]) -> Reals:
    """Mean size of the steps from note to note in semitones [N], 0-127; NaN below two notes."""
    return _mean_per_melody(notes_of(tokens), np.abs)


def rests(tokens: NDArray[np.integer]) -> Reals:
    """Share of the sixteenths in which nothing sounds [N], 0-1 (a HOLD with nothing to hold is silence)."""
    notes = notes_of(tokens)
    return 1.0 - notes.per_melody(notes.length) / notes.steps


def ends_on_tonic(tokens: NDArray[np.integer]) -> Reals:
    """1 where the last note is a C, the tonic of C major and c minor, else 0 [N]; NaN without notes."""
    array = checked_tokens(tokens)
    struck = array < REST
    last = array.shape[1] - 1 - struck[:, ::-1].argmax(axis=1)
    tonic = array[np.arange(len(array)), last] % OCTAVE == 0
    return np.where(struck.any(axis=1), tonic, np.nan)


def longest_note(tokens: NDArray[np.integer]) -> Reals:
    """Length of the longest note in quarters [N]; 0 for a melody without notes."""
    notes = notes_of(tokens)
    longest = np.zeros(notes.melodies)
    np.maximum.at(longest, notes.melody, notes.length / 4.0)
    return longest


def distinct_bars(tokens: NDArray[np.integer]) -> Reals:
    """Number of different bars [N], 1 to the number of bars: bars are the same where all their tokens are.

    Raises ValueError where the melodies are not whole bars.
    """
    array = checked_tokens(tokens)
    if array.shape[1] % STEPS_PER_BAR:
        raise ValueError(f"{array.shape[1]} sixteenths are not whole bars of {STEPS_PER_BAR}")
    bars = array.reshape(len(array), -1, STEPS_PER_BAR)
    same_as_earlier = (bars[:, :, None] == bars[:, None]).all(axis=3)
    repeated: Reals = np.tril(same_as_earlier, -1).any(axis=2).sum(axis=1).astype(np.float64)
    return bars.shape[1] - repeated


MEASURES: MappingProxyType[str, Callable[[NDArray[np.integer]], Reals]] = MappingProxyType(
    {
        "notes in four bars": note_count,
        "leaps over an octave": wide_leaps,
        "repeated notes": repeated_notes,
        "stepwise motion": stepwise_motion,
        "interval (semitones)": interval_size,
        "rests": rests,
        "ends on the tonic": ends_on_tonic,
        "longest note (quarters)": longest_note,
        "different bars": distinct_bars,
    }
)


def note_length_distribution(tokens: NDArray[np.integer]) -> Reals:
    """Shares of the notes that have each of NOTE_LENGTHS, and of all others: [9], sum 1; NaN without any."""
    lengths = notes_of(tokens).length
    bins = [int((lengths == length).sum()) for length in NOTE_LENGTHS]
    return _shares([*bins, len(lengths) - sum(bins)])


def interval_distribution(tokens: NDArray[np.integer]) -> Reals:
    """Shares of the steps from note to note: wider falls, each of INTERVALS, wider rises: [27], sum 1."""
    intervals, _ = notes_of(tokens).intervals()
    clipped = np.clip(intervals, -OCTAVE - 1, OCTAVE + 1) + OCTAVE + 1
    return _shares(np.bincount(clipped, minlength=len(INTERVALS) + 2).tolist())


def total_variation(first: Reals, second: Reals) -> float:
    """Half the sum of absolute differences of two distributions: 0 the same, 1 nothing in common.

    Raises ValueError for different shapes.
    """
    if first.shape != second.shape:
        raise ValueError(f"distributions of different shapes: {first.shape}, {second.shape}")
    return float(np.abs(first - second).sum() / 2)


def shuffled_pitches(tokens: NDArray[np.integer], seed: int = 0) -> NDArray[np.int64]:
    """Each melody's pitches in random order, in its own rhythm: [N, T]."""
    shuffled = checked_tokens(tokens)
    generator = np.random.Generator(np.random.PCG64(seed))
    for melody in shuffled:
        struck = melody < REST
        melody[struck] = generator.permutation(melody[struck])
    return shuffled


def separation(first: Reals, second: Reals) -> float:
    """How far a measure tells two sets of melodies apart: 0.5 (not at all) to 1 (entirely).

    The probability that a melody of one set lies above one of the other, or below, whichever is larger; ties
    count half (area under the ROC curve, which is Mann and Whitney's U over the number of pairs).
    NaN values are left out; NaN where nothing is left.
    """
    a, b = first[~np.isnan(first)], second[~np.isnan(second)]
    if not a.size or not b.size:
        return float("nan")
    ordered = np.sort(b)
    below, not_above = np.searchsorted(ordered, a, "left"), np.searchsorted(ordered, a, "right")
    area = float((below + not_above).mean() / (2 * b.size))
    return max(area, 1 - area)


def _shares(counts: list[int]) -> Reals:
    total = sum(counts)
    return np.asarray(counts, np.float64) / total if total else np.full(len(counts), np.nan)
