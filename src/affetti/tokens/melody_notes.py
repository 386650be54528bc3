"""The notes of many melodies at once, as flat arrays: what profiles and measures are computed from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.pitch import PITCHES, Integers, Reals
from affetti.tokens.melody import HOLD, REST


@dataclass(frozen=True, slots=True)
class MelodyNotes:
    """K notes of N melodies of T sixteenths, sorted by melody, then start.

    `melody` [K] is a note's row, `pitch` [K] its MIDI number, `start` and `length` [K] are sixteenths.
    """

    melodies: int
    steps: int
    melody: Integers
    pitch: Integers
    start: Integers
    length: Integers

    def per_melody(self, weights: NDArray[np.generic] | None = None) -> Reals:
        """The sum of `weights` [K] over each melody's notes (1 for each note where it is None): [N]."""
        return np.bincount(self.melody, weights, minlength=self.melodies).astype(np.float64)

    def intervals(self) -> tuple[Integers, Integers]:
        """Semitones from each note to the next of the same melody (rests between them or not) and its melody.

        Two arrays [K - melodies that have notes]; positive is upwards.
        """
        same = self.melody[1:] == self.melody[:-1]
        return np.diff(self.pitch)[same], self.melody[1:][same]


def known_mean(values: Reals) -> float:
    """The mean of the values that are there (NaN means there is none); NaN without any."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def checked_tokens(tokens: NDArray[np.integer]) -> Integers:
    """`tokens` as int64 [N, T]. Raises ValueError for another shape or kind, or a value outside 0-129."""
    array = np.asarray(tokens)
    if array.ndim != 2 or array.shape[1] == 0 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"melodies are integers [N, T], not {array.dtype} {list(array.shape)}")
    if array.size and not (array.min() >= 0 and array.max() <= HOLD):
        raise ValueError(f"tokens lie in 0-{HOLD}; found {int(array.min())} to {int(array.max())}")
    return array.astype(np.int64)


def checked_quadrants(quadrants: NDArray[np.integer], count: int) -> Integers:
    """`quadrants` as int64 [count], each 1-4. Raises ValueError for another shape or value."""
    array = np.asarray(quadrants)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"quadrants are {count} integers, not {array.dtype} {list(array.shape)}")
    if array.size and not (array.min() >= 1 and array.max() <= 4):
        raise ValueError(f"quadrants lie in 1-4; found {int(array.min())} to {int(array.max())}")
    return array.astype(np.int64)


def notes_of(tokens: NDArray[np.integer]) -> MelodyNotes:
    """The notes that melody tokens [N, T] write down, as `affetti.tokens.melody.decode` reads them.

    A HOLD with nothing to hold is a rest. Raises ValueError for tokens that are none.
    """
    array = checked_tokens(tokens)
    count, steps = array.shape
    # A melody's first step always starts something, so that no note is held into the next melody.
    starts = np.flatnonzero((array != HOLD) | (np.arange(steps) == 0))
    lengths = np.diff(np.append(starts, array.size))
    values = array.reshape(-1)[starts]
    sounding = values < REST
    melody, start = np.divmod(starts[sounding], steps)
    return MelodyNotes(count, steps, melody, values[sounding], start, lengths[sounding])


def pitch_counts(tokens: NDArray[np.integer]) -> Integers:
    """How often each pitch is struck in each melody of `tokens` [N, T]: [N, 128]."""
    notes = notes_of(tokens)
    cells = np.bincount(notes.melody * PITCHES + notes.pitch, minlength=notes.melodies * PITCHES)
    return cells.reshape(notes.melodies, PITCHES)
