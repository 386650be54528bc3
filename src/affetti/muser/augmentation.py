"""Pieces moved in key and tempo, as words: what they say is the same music a little higher, lower, faster or slower.

Emotions are heard in tempo, so it moves by a few hundredths at most; they are heard in mode and loudness, so a piece
keeps its intervals and velocities. Nothing leaves the vocabulary: a piece whose lowest note is the piano's lowest key
is not moved down.

Shapes: B pieces, T words with padding.
"""

import numpy as np
from numpy.typing import NDArray

from affetti.piece import CHORD_QUALITIES
from affetti.tokens.elements import CHORD, FIRST_TEMPO, NO_CHORD_VALUE, PITCH, SIZES, TEMPO

Integers = NDArray[np.int64]
ByteWords = NDArray[np.uint8]

LOWEST_TRANSPOSITION, HIGHEST_TRANSPOSITION = -5, 6
"""Semitones: every key once, none farther than it must be."""

_FIRST_CHORD = NO_CHORD_VALUE + 1


def augmented(
    words: ByteWords, random: np.random.Generator, *, transposition: bool = False, tempo_shift: int = 0
) -> ByteWords:
    """Each piece moved by random semitones and tempo values, each within what its own notes and tempos leave room for.

    words: [B, T, 7], zero in padding; a copy comes back. tempo_shift: the most values up or down.
    """
    if transposition:
        lowest, highest = _room(words[..., PITCH], 1, SIZES[PITCH] - 1)
        lowest, highest = np.maximum(lowest, LOWEST_TRANSPOSITION), np.minimum(highest, HIGHEST_TRANSPOSITION)
        words = transposed(words, random.integers(lowest, highest, endpoint=True))
    if tempo_shift:
        lowest, highest = _room(words[..., TEMPO], FIRST_TEMPO, SIZES[TEMPO] - 1)
        lowest, highest = np.maximum(lowest, -tempo_shift), np.minimum(highest, tempo_shift)
        words = faster(words, random.integers(lowest, highest, endpoint=True))
    return words


def transposed(words: ByteWords, semitones: Integers) -> ByteWords:
    """Notes and the roots of chords moved by so many semitones, [B]; words: [B, T, 7]."""
    moved = words.copy()
    moved[..., PITCH] = _moved(words[..., PITCH], semitones, first=1)
    moved[..., CHORD] = _CHORDS[semitones[:, None] % 12, words[..., CHORD]]
    return moved


def faster(words: ByteWords, values: Integers) -> ByteWords:
    """Every tempo moved by so many values of its element, [B], which is one ratio; words: [B, T, 7]."""
    moved = words.copy()
    moved[..., TEMPO] = _moved(words[..., TEMPO], values, first=FIRST_TEMPO)
    return moved


def _moved(column: ByteWords, by: Integers, *, first: int) -> Integers:
    """Values from `first` on moved, those below it left."""
    values = column.astype(np.int64)
    return np.where(values >= first, values + by[:, None], values)


def _room(column: ByteWords, first: int, last: int) -> tuple[Integers, Integers]:
    """How far each piece's values (those from `first` on) can move down (0 or less) and up (0 or more), [B] both."""
    values = column.astype(np.int64)
    said = values >= first
    lowest = np.where(said, values, last).min(axis=1)
    highest = np.where(said, values, first).max(axis=1)
    return np.minimum(first - lowest, 0), np.maximum(last - highest, 0)


def _chord_table() -> ByteWords:
    """[12, 135]: each chord's value after so many semitones."""
    table = np.tile(np.arange(SIZES[CHORD]), (12, 1))
    roots, qualities = np.divmod(np.arange(SIZES[CHORD] - _FIRST_CHORD), len(CHORD_QUALITIES))
    for semitones in range(12):
        table[semitones, _FIRST_CHORD:] = _FIRST_CHORD + (roots + semitones) % 12 * len(CHORD_QUALITIES) + qualities
    return table.astype(np.uint8)


_CHORDS = _chord_table()
