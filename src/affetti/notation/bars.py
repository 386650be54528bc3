"""A piece on a reader's grid: bars of whole sixteenths, and its notes in sixteenths."""

from bisect import bisect_right
from dataclasses import dataclass, replace

import numpy as np

from affetti.analysis.beats import MIN_ONSETS, moments_of
from affetti.analysis.metrical_grid import metrical_grid
from affetti.analysis.note_arrays import note_arrays
from affetti.errors import InputError
from affetti.piece import Piece, TimeSignature, Track
from affetti.tokens.quantisation import quantise

SIXTEENTHS_PER_QUARTER = 4
_SIXTEENTHS_PER_WHOLE = 16
_COMPOUND_BEAT = 6


@dataclass(frozen=True, slots=True, order=True)
class GridNote:
    """A note, times in sixteenths, at least one long."""

    start: int
    pitch: int
    end: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its first sixteenth, its length and beat in sixteenths, and its metre where that is new."""

    start: int
    length: int
    beat: int
    is_compound: bool
    new_metre: str | None

    @property
    def end(self) -> int:
        """The first sixteenth after it."""
        return self.start + self.length


def on_grid(piece: Piece) -> Piece:
    """A piece whose ticks are a grid that can be read: itself, or a performance quantised to sixteenths.

    A piece all of whose notes begin on sixteenths is left alone, and so is one that lies near enough to its own grid
    (`metrical_grid`) or is too short to hear another. Of a quantised one, all tracks are one piano's, and it has
    chords: its own or those heard. Raises InputError as `quantise` does.
    """
    starts = np.asarray([note.start_ticks for note in piece.notes], np.int64)
    is_exact = not (starts * SIXTEENTHS_PER_QUARTER % piece.ticks_per_quarter).any()
    if is_exact or moments_of(note_arrays(piece).start_seconds) < MIN_ONSETS:
        return piece
    grid = metrical_grid(piece)
    if not grid.is_tracked:
        return piece
    quantised = quantise(piece, grid).piece
    metres = quantised.time_signatures
    if int(np.diff(grid.beat_steps).max()) == _COMPOUND_BEAT:
        metres = tuple(TimeSignature(metre.start_ticks, 6, 8) if _is_three_four(metre) else metre for metre in metres)
    return replace(quantised, time_signatures=metres, key_signatures=piece.key_signatures)


def grid_notes(track: Track, ticks_per_quarter: int) -> list[GridNote]:
    """The notes of a track, times rounded to the nearest sixteenth; sorted."""
    scale = SIXTEENTHS_PER_QUARTER / ticks_per_quarter
    notes = []
    for note in track.notes:
        start = int(note.start_ticks * scale + 0.5)
        end = max(int(note.end_ticks * scale + 0.5), start + 1)
        notes.append(GridNote(start, note.pitch, end))
    return sorted(notes)


def bars_until(piece: Piece, end: int, *, limit: int) -> list[Bar]:
    """The bars up to a sixteenth. Raises InputError for more than `limit`, or uneven ones."""
    scale = SIXTEENTHS_PER_QUARTER / piece.ticks_per_quarter
    metres = sorted(piece.time_signatures, key=lambda metre: metre.start_ticks)
    starts = [int(metre.start_ticks * scale + 0.5) for metre in metres]
    bars: list[Bar] = []
    position, current = 0, ""
    while position < end:
        index = bisect_right(starts, position) - 1
        metre = metres[index] if index >= 0 else TimeSignature(0, 4, 4)
        name = f"{metre.numerator}/{metre.denominator}"
        length, remainder = divmod(metre.numerator * _SIXTEENTHS_PER_WHOLE, metre.denominator)
        if remainder:
            raise InputError(f"bars of {name} cannot be written in sixteenths")
        is_compound = metre.denominator >= 8 and metre.numerator > 3 and metre.numerator % 3 == 0
        beat = max(_SIXTEENTHS_PER_WHOLE // metre.denominator, 1) * (3 if is_compound else 1)
        bars.append(Bar(position, length, beat, is_compound, None if name == current else name))
        position, current = position + length, name
        if len(bars) > limit:
            raise InputError(f"more than {limit:,} bars: too long for a score")
    return bars


def _is_three_four(metre: TimeSignature) -> bool:
    return (metre.numerator, metre.denominator) == (3, 4)
