"""How much of the notes of real pieces is in others, compared place by place.

Where a note is, is said by the number of its bar and its position in it. So a bar that is not 4/4 in the real piece and
is in the other, as in all that the piano system writes, does not shift those after it.

Shapes: T words of a piece, K notes, M bars.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affetti.tokens.elements import (
    BAR,
    BAR_BEAT,
    CHORD,
    DURATION,
    FIRST_POSITION,
    MAX_STEPS,
    NOTE,
    PITCH,
    TEMPO,
    TYPE,
    VELOCITY,
    Integers,
)
from affetti.tokens.grammar import Words

_PITCHES = 128
"""More than there are, so that a place and a pitch make one number."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much two collections share."""

    shared: int
    written: int
    real: int

    @property
    def precision(self) -> float:
        """Of what was written, the share that is real."""
        return self.shared / max(self.written, 1)

    @property
    def recall(self) -> float:
        """Of what is real, the share that was written."""
        return self.shared / max(self.real, 1)

    @property
    def f1(self) -> float:
        """Their harmonic mean, 0-1."""
        return 2 * self.shared / max(self.written + self.real, 1)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like real pieces others are, all of them together."""

    notes: Overlap
    """Of the same pitch, in the same place."""
    onsets: Overlap
    """Notes in the same place, whatever their pitch."""
    pitches: Overlap
    """Notes of the same pitch in the same bar, wherever in it."""
    durations: float
    """Of the notes shared, the share of the same duration; NaN where none are shared, as in the next."""
    velocities: float
    tempos: float
    """Of the real bars, the share that begin in the same tempo; a bar that is not there is none."""
    chords: float
    bars: tuple[int, int]
    """Written and real."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What words say."""

    bars: Integers
    """[K] of each note, from 0."""
    positions: Integers
    """[K] sixteenths from the bar line."""
    pitches: Integers
    """[K] values of the element; so are the next two."""
    durations: Integers
    velocities: Integers
    tempos: Integers
    """[M] with which each bar begins."""
    chords: Integers

    @property
    def places(self) -> Integers:
        """[K] of bar and position one number."""
        return self.bars * MAX_STEPS + self.positions


def content(words: Words) -> Content:
    """What grammatical words [T, 7] say, which may break off anywhere."""
    columns = words.T.astype(np.int64)
    begins, notes = columns[BAR_BEAT] == BAR, columns[TYPE] == NOTE
    latest = np.maximum.accumulate(np.where(columns[BAR_BEAT] > 0, np.arange(len(words)), 0))
    return Content(
        bars=(np.cumsum(begins) - 1)[notes],
        positions=columns[BAR_BEAT][latest][notes] - FIRST_POSITION,
        pitches=columns[PITCH][notes],
        durations=columns[DURATION][notes],
        velocities=columns[VELOCITY][notes],
        tempos=columns[TEMPO][begins],
        chords=columns[CHORD][begins],
    )


def likeness(written: Sequence[Content], real: Sequence[Content]) -> Likeness:
    """How like the real pieces those of the same number are."""
    notes, onsets, pitches = overlaps = np.zeros((3, 3), np.int64)
    durations = velocities = tempos = chords = 0
    for own, other in zip(written, real, strict=True):
        own_notes, other_notes = (one.places * _PITCHES + one.pitches for one in (own, other))
        pairs = (
            (own_notes, other_notes),
            (own.places, other.places),
            (own.bars * _PITCHES + own.pitches, other.bars * _PITCHES + other.pitches),
        )
        overlaps += [[shared(*pair), len(pair[0]), len(pair[1])] for pair in pairs]
        _, mine, others = np.intersect1d(own_notes, other_notes, return_indices=True)
        durations += int(np.count_nonzero(own.durations[mine] == other.durations[others]))
        velocities += int(np.count_nonzero(own.velocities[mine] == other.velocities[others]))
        bars = min(len(own.tempos), len(other.tempos))
        tempos += int(np.count_nonzero(own.tempos[:bars] == other.tempos[:bars]))
        chords += int(np.count_nonzero(own.chords[:bars] == other.chords[:bars]))
    found = int(notes[0])
    real_bars = sum(len(other.tempos) for other in real)
    return Likeness(
        notes=Overlap(*notes.tolist()),
        onsets=Overlap(*onsets.tolist()),
        pitches=Overlap(*pitches.tolist()),
        durations=durations / found if found else float("nan"),
        velocities=velocities / found if found else float("nan"),
        tempos=tempos / max(real_bars, 1),
        chords=chords / max(real_bars, 1),
        bars=(sum(len(own.tempos) for own in written), real_bars),
    )


def shared(first: Integers, second: Integers) -> int:
    """How many of one collection of numbers can be paired with equal ones of another."""
    _, numbers = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = int(numbers.max(initial=0)) + 1
    mine, others = (np.bincount(part, minlength=size) for part in np.split(numbers, [len(first)]))
    return int(np.minimum(mine, others).sum())
