"""The pitch measures of the papers' tables, after MusPy (Dong et al., ISMIR 2020), for many melodies at once.

All but polyphony depend only on how often each pitch is struck, so they take pitch counts [N, 128]:
`tokens.melody_notes.pitch_counts` makes them from melody tokens, `piece_pitch_counts` from pieces. Equal to
muspy 0.5.0 except where a docstring says otherwise.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affetti.piece import Note, Piece

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

PITCHES = 128
SCALE_DEGREES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),  # the natural minor, as MusPy has it: a raised leading tone lies outside
}


def piece_pitch_counts(pieces: Iterable[Piece]) -> Integers:
    """How often each pitch is struck in each piece, drums left out: [N, 128]."""
    rows = [np.bincount([note.pitch for note in piece.notes], minlength=PITCHES) for piece in pieces]
    return np.asarray(rows, np.int64).reshape(-1, PITCHES)


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


def polyphony(piece: Piece) -> float:
    """The mean number of pitches that sound together while any sounds: 1 and up, NaN where there is no note.

    MusPy's polyphony: a pitch that two notes hold at the same time counts once, drums are left out. That of a
    melody is 1.
    """
    notes = piece.notes
    by_pitch: dict[int, list[Note]] = {}
    for note in notes:
        by_pitch.setdefault(note.pitch, []).append(note)
    sounding = _covered_ticks(notes)
    if sounding == 0:
        return float("nan")
    return sum(_covered_ticks(same) for same in by_pitch.values()) / sounding


def _covered_ticks(notes: Iterable[Note]) -> int:
    """Ticks in which at least one of `notes` (sorted by start) sounds."""
    covered = end = 0
    for note in notes:
        covered += max(0, note.end_ticks - max(end, note.start_ticks))
        end = max(end, note.end_ticks)
    return covered


def _class_counts(counts: Integers) -> Integers:
    """Pitch counts [N, 128] added up over octaves: [N, 12]."""
    padded = np.pad(_checked(counts), ((0, 0), (0, -PITCHES % 12)))
    classes: Integers = padded.reshape(len(counts), -1, 12).sum(axis=1)
    return classes


def _checked(counts: Integers) -> Integers:
    array = np.asarray(counts)
    if array.ndim != 2 or array.shape[1] != PITCHES:
        raise ValueError(f"pitch counts are [N, {PITCHES}], not {list(array.shape)}")
    if array.size and array.min() < 0:
        raise ValueError("pitch counts are not negative")
    return array
