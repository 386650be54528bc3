"""Pieces moved in key and tempo, as words: what they say is the same music a little higher, lower, faster or slower.

Emotions are heard in tempo, so it moves by a few hundredths at most; they are heard in mode and loudness, so a piece
keeps its intervals and velocities. Nothing leaves the vocabulary: a piece whose lowest note is the piano's lowest key
is not moved down.

Shapes: B pieces, T words with padding.
"""

from typing import Literal

import numpy as np

from affetti.tokens.elements import FIRST_TEMPO, PITCH, SIZES, TEMPO, Integers
from affetti.tokens.grammar import Words
from affetti.tokens.transposition import moved_values, room, transposed

Transposition = Literal["none", "random", "to_c"]
"""What is done to the key of training pieces: nothing, `augmented`, or `tokens.transposition.in_c`."""

LOWEST_TRANSPOSITION, HIGHEST_TRANSPOSITION = -5, 6
"""Semitones: every key once, none farther than it must be."""


def augmented(words: Words, random: np.random.Generator, *, transposition: bool = False, tempo_shift: int = 0) -> Words:
    """Each piece moved by random semitones and tempo values, each within what its own notes and tempos leave room for.

    words: [B, T, 7], zero in padding; a copy comes back. tempo_shift: the most values up or down.
    """
    if transposition:
        lowest, highest = room(words[..., PITCH], 1, SIZES[PITCH] - 1)
        lowest, highest = np.maximum(lowest, LOWEST_TRANSPOSITION), np.minimum(highest, HIGHEST_TRANSPOSITION)
        words = transposed(words, random.integers(lowest, highest, endpoint=True))
    if tempo_shift:
        lowest, highest = room(words[..., TEMPO], FIRST_TEMPO, SIZES[TEMPO] - 1)
        lowest, highest = np.maximum(lowest, -tempo_shift), np.minimum(highest, tempo_shift)
        words = faster(words, random.integers(lowest, highest, endpoint=True))
    return words


def faster(words: Words, values: Integers) -> Words:
    """Every tempo moved by so many values of its element, [B], which is one ratio; words: [B, T, 7]."""
    moved = words.copy()
    moved[..., TEMPO] = moved_values(words[..., TEMPO], values, first=FIRST_TEMPO)
    return moved
