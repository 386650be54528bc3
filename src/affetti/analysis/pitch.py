"""The pitch measures of the papers' tables, after MusPy (Dong et al., ISMIR 2020): of melodies, pieces and bars.

All but polyphony depend only on how often each pitch is struck, so they take pitch counts [N, 128]:
`tokens.melody_notes.pitch_counts` makes them from melody tokens, `strike_counts` from flat arrays of notes.

On the same notes equal to muspy 0.5.0, except where a docstring says otherwise. MusPy's reader hears one thing more
than `read_midi`: notes that are never released, until their track ends. Of 2,218 piano files (EMOPIA, VGMIDI, POP909)
14 have some, all in VGMIDI.
"""

from typing import Literal, NamedTuple

import numpy as np

from affetti.analysis.note_arrays import Integers as Integers  # as Integers: other modules take both names from here
from affetti.analysis.note_arrays import NoteArrays
from affetti.analysis.note_arrays import Reals as Reals

PITCHES = 128
SCALE_DEGREES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),  # the natural minor, as MusPy has it: a raised leading tone lies outside
}


class PieceMeasures(NamedTuple):
    """PR, NPC and POLY of one piece, and their per-bar versions BPR, BNPC and BPOLY (Ji & Yang, AAAI 2024)."""

    pitch_range: float
    """Semitones from the lowest to the highest note, 0-127; 0 without notes."""
    pitch_classes: float
    """Different pitch classes, 0-12; 0 without notes."""
    polyphony: float
    """Pitches that sound together while any sounds, 1 and up; NaN without notes."""
    bar_pitch_range: float
    """The mean over bars of the pitch range of a bar; NaN without notes, as the other two."""
    bar_pitch_classes: float
    bar_polyphony: float


def piece_measures(notes: NoteArrays, bar_ticks: Reals) -> PieceMeasures:
    """The measures of one piece whose M bars begin at `bar_ticks[:M]` and end at `bar_ticks[M]`: [M + 1], ascending.

    In a performance a note may come a little before the bar line that it belongs to: give the bar lines half a
    sixteenth early, so that it counts to the bar to which its start is rounded. See `measures_of_notes`.
    """
    return measures_of_notes(notes.start_ticks, notes.end_ticks, notes.pitches, bar_ticks)


def measures_of_notes(
    starts: Integers, ends: Integers, pitches: Integers, bar_lines: Reals | Integers
) -> PieceMeasures:
    """The measures of the notes of one piece as flat arrays [notes], times in any whole unit, with bar lines [M + 1].

    A bar is measured as if it were a piece that consists of the notes that start in it, at their full lengths, and
    the mean is over the bars in which a note starts. That is the rule of compound words, which stand in the bar where
    their note starts; how the paper's own figures treat notes held over a bar line is not known to us. Here they do
    not count in the next bar, so the polyphony per bar is as a rule lower than that of the piece.

    Notes before the first bar line and after the last count to the first and last bar.
    Raises ValueError where `bar_lines` are none, or for pitches outside 0-127.
    """
    if np.ndim(bar_lines) != 1 or len(bar_lines) < 2 or not (np.diff(bar_lines) > 0).all():
        raise ValueError("bar lines are [M + 1] times, M at least 1, each after the one before")
    bars = np.searchsorted(bar_lines[1:-1], starts, side="right")
    occupied, bar_groups = np.unique(bars, return_inverse=True)
    whole = _of_groups(starts, ends, pitches, np.zeros(len(pitches), np.int64), 1)
    by_bar = _of_groups(starts, ends, pitches, bar_groups, len(occupied))
    return PieceMeasures(*whole[:, 0].tolist(), *(_known_mean(measure) for measure in by_bar))


def _of_groups(starts: Integers, ends: Integers, pitches: Integers, groups: Integers, count: int) -> Reals:
    """Pitch range, pitch classes and polyphony of `count` groups of notes: [3, count]."""
    counts = strike_counts(pitches, groups, count)
    return np.stack([pitch_range(counts), pitch_classes_used(counts), polyphony(starts, ends, pitches, groups, count)])


def _known_mean(values: Reals) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def strike_counts(pitches: Integers, groups: Integers | None = None, count: int = 1) -> Integers:
    """How often each pitch is struck: [count, 128]. `groups` [notes] says which row a note counts to; without it, 0.

    Raises ValueError for pitches outside 0-127 or groups outside 0 to count - 1.
    """
    groups = _checked_groups(pitches, groups, count)
    counts: Integers = np.bincount(groups * PITCHES + pitches, minlength=count * PITCHES)
    return counts.reshape(count, PITCHES)


def pitch_range(counts: Integers) -> Integers:
    """Semitones from the lowest to the highest pitch: [N], 0-127, 0 where there is no note.

    MusPy gives -127 for a piece that has notes on drum tracks only; here that is 0 as well.
    """
    struck = _checked(counts) > 0
    lowest = struck.argmax(axis=1)
    highest = PITCHES - 1 - struck[:, ::-1].argmax(axis=1)
    spans: Integers = np.where(struck.any(axis=1), highest - lowest, 0)
    return spans


def pitches_used(counts: Integers) -> Integers:
    """The number of different pitches (MusPy's n_pitches_used): [N], 0-128."""
    used: Integers = np.count_nonzero(_checked(counts), axis=1)
    return used


def pitch_classes_used(counts: Integers) -> Integers:
    """The number of different pitch classes, octaves ignored (MusPy's n_pitch_classes_used): [N], 0-12."""
    used: Integers = np.count_nonzero(_class_counts(counts), axis=1)
    return used


def in_scale_rate(counts: Integers, root: int, mode: Literal["major", "minor"]) -> Reals:
    """The share of notes whose pitch class lies in a scale (MusPy's pitch_in_scale_rate): [N], 0-1.

    `root` is the tonic's pitch class, 0 (C) to 11; "minor" is the natural minor. NaN where there is no note.
    Raises ValueError for another root or mode.
    """
    if mode not in SCALE_DEGREES:
        raise ValueError(f"mode is {mode!r}; it is 'major' or 'minor'")
    if not 0 <= root <= 11:
        raise ValueError(f"root is {root}; it is a pitch class, 0-11")
    classes = _class_counts(counts)
    inside = classes[:, [(root + degree) % 12 for degree in SCALE_DEGREES[mode]]].sum(axis=1)
    notes = classes.sum(axis=1)
    rates: Reals = np.divide(inside, notes, np.full(len(notes), np.nan), where=notes > 0)
    return rates


def polyphony(
    starts: Integers, ends: Integers, pitches: Integers, groups: Integers | None = None, count: int = 1
) -> Reals:
    """The mean number of pitches that sound together while any sounds: [count], 1 and up.

    Of notes as flat arrays, times in any whole unit (ticks, sixteenths): `groups` says which of `count` pieces, or
    bars, each belongs to; without it, all to one. NaN where nothing sounds. MusPy's polyphony: a pitch that two notes
    hold at the same time counts once, a note of length 0 not at all. That of a melody is 1.
    Raises ValueError for pitches outside 0-127 or groups outside 0 to count - 1.
    """
    groups = _checked_groups(pitches, groups, count)
    any_pitch = np.bincount(groups, _newly_covered(starts, ends, groups), minlength=count)
    each_pitch = np.bincount(groups, _newly_covered(starts, ends, groups * PITCHES + pitches), minlength=count)
    sounding: Reals = np.divide(each_pitch, any_pitch, np.full(count, np.nan), where=any_pitch > 0)
    return sounding


def _newly_covered(starts: Integers, ends: Integers, groups: Integers) -> Integers:
    """For each note [notes], how much of it no note of its group that starts earlier has covered."""
    covered = np.zeros(len(starts), np.int64)
    if not len(starts):
        return covered
    order = np.lexsort((starts, groups))
    # Each group gets a stretch of time of its own, so that one running maximum of the ends serves all groups.
    first = int(starts.min())
    stretch = int(max(starts.max(), ends.max())) - first + 1
    begins = groups[order] * stretch + starts[order] - first
    finishes = np.maximum(groups[order] * stretch + ends[order] - first, begins)
    earlier = np.concatenate([[0], np.maximum.accumulate(finishes)[:-1]])
    covered[order] = np.maximum(finishes - np.maximum(begins, earlier), 0)
    return covered


def _checked_groups(pitches: Integers, groups: Integers | None, count: int) -> Integers:
    """The group of each note. Raises ValueError for groups or pitches that are none."""
    groups = np.zeros(len(pitches), np.int64) if groups is None else np.asarray(groups, np.int64)
    if len(pitches) and not (pitches.min() >= 0 and pitches.max() < PITCHES):
        raise ValueError(f"pitches are 0-{PITCHES - 1}")
    if len(groups) != len(pitches) or (len(groups) and not (groups.min() >= 0 and groups.max() < count)):
        raise ValueError(f"every note belongs to one of {count} groups, numbered from 0")
    return groups


def _class_counts(counts: Integers) -> Integers:
    """Pitch counts [N, 128] added up over octaves: [N, 12]."""
    padded = np.pad(_checked(counts), ((0, 0), (0, -PITCHES % 12)))
    classes: Integers = padded.reshape(len(padded), padded.shape[1] // 12, 12).sum(axis=1)
    return classes


def _checked(counts: Integers) -> Integers:
    array = np.asarray(counts)
    if array.ndim != 2 or array.shape[1] != PITCHES:
        raise ValueError(f"pitch counts are [N, {PITCHES}], not {list(array.shape)}")
    if array.size and array.min() < 0:
        raise ValueError("pitch counts are not negative")
    return array
