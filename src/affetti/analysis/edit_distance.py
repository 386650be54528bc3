"""How far apart two melodies are as sequences of pitches: edits per note, rhythm left out.

Used for novelty (how near a generated melody comes to its nearest training melody) and to find the tunes that
a corpus holds more than once.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Pitches = NDArray[np.int16]
"""The pitches of a melody's notes in the order in which they start, shape [notes]."""

PitchLists = Sequence[Sequence[int] | Pitches]

_MIDI_PITCHES = 128  # a token below it is a note's pitch, one from it on a rest or hold (tokens.melody)
_NO_PITCH = -1000  # equal to no pitch, also after a transposition


def pitch_sequences(tokens: NDArray[np.int16]) -> list[Pitches]:
    """The pitches of the notes that start in each melody of `tokens` [N, T]: N sequences, maybe empty."""
    return [melody[melody < _MIDI_PITCHES].astype(np.int16) for melody in tokens]


def normalized_pitch_distances(first: PitchLists, second: PitchLists | None = None) -> NDArray[np.float64]:
    """Levenshtein distance of each pair, divided by the longer sequence's length: float [N, M] in [0, 1].

    An edit inserts, deletes or replaces one pitch; all cost 1. 0 means the same pitches in the same order, 1
    that nothing can be kept. Two empty sequences are 0 apart, an empty and another 1. `second` is `first`
    where it is None.
    """
    others, lengths = _padded(first if second is None else second)
    distances = np.zeros((len(first), len(others)))
    for index, one in enumerate(first):
        edits = _edits_to_openings(np.asarray(one, np.int16), others)[np.arange(len(others)), lengths]
        distances[index] = edits / np.maximum(np.maximum(lengths, len(one)), 1)
    return distances


def opening_distances(sequences: PitchLists) -> NDArray[np.float64]:
    """How far the shorter of each pair is from an opening of the longer in any key: float [N, N], symmetric.

    The least Levenshtein distance between the shorter sequence and any opening of the longer one, divided by
    the shorter one's length, in [0, 1]. Tried are the transpositions in which one of the first two notes of
    each coincide, so a match that edits the first two notes of either is not found. An empty sequence is 1
    from all.
    """
    others, lengths = _padded(sequences)
    distances = np.ones((len(others), len(others)))
    for index, sequence in enumerate(sequences):
        one = np.asarray(sequence, np.int16)
        if not len(one):
            continue
        longer = np.flatnonzero(lengths >= len(one))
        openings = others[longer, : 2 * len(one)]
        beyond = np.arange(openings.shape[1] + 1) > lengths[longer, None]
        least = np.full(len(longer), len(one))
        for mine, theirs in ((0, 0), (0, 1), (1, 0), (1, 1)):
            if max(mine, theirs) < len(one):
                shifts = one[mine] - openings[:, theirs]
                edits = _edits_to_openings(one, openings + shifts[:, None])
                least = np.minimum(least, np.where(beyond, len(one), edits).min(axis=1))
        distances[index, longer] = distances[longer, index] = least / len(one)
    return distances


def _padded(sequences: PitchLists) -> tuple[Pitches, NDArray[np.int64]]:
    """The sequences as one array [M, longest], filled up with no pitch, and their lengths [M]."""
    lengths = np.asarray([len(one) for one in sequences], np.int64)
    padded = np.full((len(sequences), int(lengths.max(initial=0))), _NO_PITCH, np.int16)
    for index, one in enumerate(sequences):
        padded[index, : len(one)] = one
    return padded, lengths


def _edits_to_openings(one: Pitches, others: Pitches) -> NDArray[np.int32]:
    """Edits from `one` to the first 0, 1, … pitches of each row of `others` [M, longest]: [M, longest + 1].

    The usual table, all M of them at once and a row at a time: a cell is the least of "delete" and "replace",
    which look at the row above, and "insert", which looks at the cell to the left. The running minimum of
    (cell - column) does all inserts of a row in one step.
    """
    columns = np.arange(others.shape[1] + 1, dtype=np.int32)
    row = np.tile(columns, (len(others), 1))
    for pitch in one:
        replaced = row[:, :-1] + (others != pitch)
        row += 1  # delete
        np.minimum(row[:, 1:], replaced, out=row[:, 1:])
        row -= columns
        np.minimum.accumulate(row, axis=1, out=row)  # insert
        row += columns
    return row
