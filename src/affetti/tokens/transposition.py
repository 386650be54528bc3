"""Words of pieces moved in key.

Nothing leaves the vocabulary: no note leaves the piano.

Shapes: B pieces, T words with padding.
"""

import numpy as np

from affetti.analysis.key import key_profiles
from affetti.piece import CHORD_QUALITIES
from affetti.tokens.elements import CHORD, DURATION, LOWEST_PITCH, NO_CHORD_VALUE, PITCH, SIZES, Integers
from affetti.tokens.grammar import Words

_FIRST_CHORD = NO_CHORD_VALUE + 1


def in_c(words: Words) -> Words:
    """Each piece in C major or A minor. A key is heard as in `analysis.key.estimate_key`.

    words: [B, T, 7], zero in padding; a copy comes back.
    """
    is_minor, tonics = np.divmod(_keys(words), 12)
    return transposed_nearest(words, -(tonics + 3 * is_minor))  # a minor key as the relative major key


def transposed_nearest(words: Words, semitones: Integers) -> Words:
    """Each piece moved by the interval of these pitch classes [B] that is nearest and keeps its notes on the piano.

    words: [B, T, 7], zero in padding; a copy comes back. One that reaches too far to be moved at all stays.
    """
    near = (semitones[:, None] + 6) % 12 - 6
    ways = np.concatenate([near, near - 12, near + 12], axis=1)
    lowest, highest = room(words[..., PITCH], 1, SIZES[PITCH] - 1)
    has_room = (ways >= lowest[:, None]) & (ways <= highest[:, None])
    nearest = np.argmin(np.abs(ways) + 100 * ~has_room, axis=1)[:, None]
    return transposed(words, np.take_along_axis(np.where(has_room, ways, 0), nearest, axis=1)[:, 0])


def transposed(words: Words, semitones: Integers) -> Words:
    """Notes and the roots of chords moved by so many semitones, [B]; words: [B, T, 7]."""
    moved = words.copy()
    moved[..., PITCH] = moved_values(words[..., PITCH], semitones, first=1)
    moved[..., CHORD] = _CHORDS[semitones[:, None] % 12, words[..., CHORD]]
    return moved


def moved_values(column: Words, by: Integers, *, first: int) -> Integers:
    """Values from `first` on moved, those below it left."""
    values = column.astype(np.int64)
    return np.where(values >= first, values + by[:, None], values)


def room(column: Words, first: int, last: int) -> tuple[Integers, Integers]:
    """How far each piece's values (those from `first` on) can move down (0 or less) and up (0 or more), [B] both."""
    values = column.astype(np.int64)
    said = values >= first
    lowest = np.where(said, values, last).min(axis=1)
    highest = np.where(said, values, first).max(axis=1)
    return np.minimum(first - lowest, 0), np.maximum(last - highest, 0)


def _keys(words: Words) -> Integers:
    """[B] the number of each piece's key, of the rows of `key_profiles`; words: [B, T, 7]."""
    pitches = words[..., PITCH].astype(np.int64)
    lengths = np.sqrt(words[..., DURATION].astype(np.float64)) * (pitches > 0)
    classes = (pitches - 1 + LOWEST_PITCH) % 12 + 12 * np.arange(len(words))[:, None]
    heard = np.bincount(classes.ravel(), lengths.ravel(), minlength=12 * len(words)).reshape(-1, 12)
    found: Integers = np.argmax(heard @ key_profiles().T, axis=1)
    return found


def _chord_table() -> Words:
    """[12, 135]: each chord's value after so many semitones."""
    table = np.tile(np.arange(SIZES[CHORD]), (12, 1))
    roots, qualities = np.divmod(np.arange(SIZES[CHORD] - _FIRST_CHORD), len(CHORD_QUALITIES))
    for semitones in range(12):
        table[semitones, _FIRST_CHORD:] = _FIRST_CHORD + (roots + semitones) % 12 * len(CHORD_QUALITIES) + qualities
    return table.astype(np.uint8)


_CHORDS = _chord_table()
