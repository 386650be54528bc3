"""The pitched notes of a piece as arrays, in seconds and in ticks, and the tempo map between the two."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.piece import DEFAULT_BPM, Piece

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class NoteArrays:
    """N notes sorted by start, then pitch; drums are left out."""

    start_ticks: Integers
    end_ticks: Integers
    start_seconds: Reals
    end_seconds: Reals
    pitches: Integers
    """0-127, 60 = middle C."""
    velocities: Integers
    """1-127."""

    def __len__(self) -> int:
        return len(self.pitches)


@dataclass(frozen=True, slots=True, eq=False)
class TempoMap:
    """The tempo of a piece as breakpoints between ticks and seconds; the last tempo goes on for ever."""

    ticks: Reals
    """[S], strictly increasing from 0."""
    seconds: Reals
    """[S], the time of each breakpoint."""
    seconds_per_tick: Reals
    """[S], from each breakpoint on."""

    def seconds_at(self, ticks: Integers | Reals) -> Reals:
        """Times in seconds of any ticks."""
        at = np.maximum(np.searchsorted(self.ticks, ticks, side="right") - 1, 0)
        seconds: Reals = self.seconds[at] + (ticks - self.ticks[at]) * self.seconds_per_tick[at]
        return seconds

    def ticks_at(self, seconds: Reals) -> Reals:
        """Ticks, with fractions, of any times in seconds."""
        at = np.maximum(np.searchsorted(self.seconds, seconds, side="right") - 1, 0)
        ticks: Reals = self.ticks[at] + (seconds - self.seconds[at]) / self.seconds_per_tick[at]
        return ticks


def tempo_map(piece: Piece) -> TempoMap:
    """The tempo map of a piece; 120 quarters per minute where it gives none."""
    tempos = {0: DEFAULT_BPM} | {tempo.start_ticks: tempo.quarters_per_minute for tempo in piece.tempos}
    ticks = np.asarray(sorted(tempos), np.float64)
    seconds_per_tick = np.asarray([60.0 / (tempos[int(tick)] * piece.ticks_per_quarter) for tick in ticks])
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * seconds_per_tick[:-1])])
    return TempoMap(ticks, seconds, seconds_per_tick)


def note_arrays(piece: Piece) -> NoteArrays:
    """The pitched notes of a piece as arrays."""
    columns = np.asarray(
        [(note.start_ticks, note.pitch, note.end_ticks, note.velocity) for note in piece.notes], np.int64
    ).reshape(-1, 4)
    start, pitches, end, velocities = columns.T.copy()
    times = tempo_map(piece)
    return NoteArrays(start, end, times.seconds_at(start), times.seconds_at(end), pitches, velocities)
