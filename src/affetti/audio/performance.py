"""What a synthesiser plays: the notes of a piece in seconds, and how much of it there may be."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.note_arrays import tempo_map
from affetti.errors import InputError
from affetti.piece import Piece

SAMPLE_RATE = 44_100
"""Samples a second, of each of the two channels."""

MAX_SECONDS = 900.0
"""Of a piece: a quarter of an hour is mixed in 320 MB and written as 160 MB."""

MAX_NOTES = 50_000
"""Of a piece: 55 notes a second for that time."""

TAIL_SECONDS = 1.5
"""Sound after the end of the last note, until what rings is faded out."""

_SAME_MOMENT = 0.001  # seconds: of notes on one key that begin so near one is heard

Samples = NDArray[np.float32]
"""[2, S]: left and right, full scale at -1 and 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """N notes sorted by start, each [N]."""

    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    """Seconds. A note ends, at the latest, where its key of its instrument is struck again."""
    pitches: NDArray[np.int64]
    velocities: NDArray[np.int64]
    programs: NDArray[np.int64]
    """General MIDI programs 0-127; -1 for drums."""

    @property
    def samples(self) -> int:
        """How many samples of each channel it takes, tail included."""
        return round((float(self.ends.max()) + TAIL_SECONDS) * SAMPLE_RATE)


class Synthesiser(Protocol):
    """Plays performances."""

    name: str
    """What plays, for people."""

    def play(self, performance: Performance) -> Samples:
        """The sound of a performance, [2, performance.samples]. A loud one may go beyond full scale."""


def performance(piece: Piece) -> Performance:
    """The notes of a piece as they are played.

    Raises InputError for a piece without notes, over MAX_NOTES or over MAX_SECONDS.
    """
    rows = [
        (note.start_ticks, note.end_ticks, note.pitch, note.velocity, -1 if track.is_drum else track.program)
        for track in piece.tracks
        for note in track.notes
    ]
    if not rows:
        raise InputError("no notes: there is nothing to hear")
    if len(rows) > MAX_NOTES:
        raise InputError(f"{len(rows):,} notes; at most {MAX_NOTES:,} are made into sound")
    start_ticks, end_ticks, pitches, velocities, programs = np.asarray(sorted(rows), np.int64).T
    times = tempo_map(piece)
    starts, ends = (np.maximum(times.seconds_at(ticks), 0.0) for ticks in (start_ticks, end_ticks))
    if not ends.max() <= MAX_SECONDS:  # nor is what is no number
        raise InputError(f"{ends.max():,.0f} s of music; at most {MAX_SECONDS:,.0f} s are made into sound")
    order = np.lexsort((starts, pitches, programs))
    same = (np.diff(pitches[order]) == 0) & (np.diff(programs[order]) == 0)
    restrikes = np.where(same, starts[order][1:], np.inf)
    ends[order[:-1]] = np.minimum(ends[order[:-1]], restrikes)
    heard = np.ones(len(starts), np.bool_)
    heard[order[:-1]] = restrikes > starts[order[:-1]] + _SAME_MOMENT
    columns = (starts, np.maximum(ends, starts), pitches, velocities, programs)
    return Performance(*(column[heard] for column in columns))
