"""Any piece on the grid of sixteenths: what compound words can say of it, and a report of what that cost.

Onsets go to the nearest sixteenth of the piece's metrical grid; the notes of one chord, which hands never strike at
exactly the same time, go there together. Lengths are rounded as lengths, so that equally long notes stay equal. Of
notes that come to lie on one key and step the loudest is kept, of equally loud ones the longest. Pitches beyond a
piano's keyboard are left out, never moved. Triplets have no place of their own in sixteenths: the report says how many
there are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.chords import estimate_chords
from affetti.analysis.metrical_grid import MAX_BARS, MetricalGrid, between_beats, metrical_grid
from affetti.analysis.note_arrays import NoteArrays, note_arrays, tempo_map
from affetti.errors import InputError
from affetti.piece import Piece
from affetti.tokens.compound_word import TICKS_PER_STEP, GridMusic, cut_at_restrikes, piece_of
from affetti.tokens.elements import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    MAX_STEPS,
    NO_CHORD_VALUE,
    STEPS_PER_QUARTER,
    Integers,
    Reals,
    chord_value,
    tempo_values,
    velocity_values,
)
from affetti.tokens.expression import Expression, measure_expression

# Notes of a chord follow each other within about 30 ms (Palmer, J. Exp. Psychol. 15, 1989), at no tempo by more than
# a quarter of a sixteenth; what is spread wider than half a sixteenth altogether is a broken chord or a run.
# Of onsets within 30 ms of each other in EMOPIA 0.2 % would be torn apart by rounding, and 0.03 % are with this.
_CHORD_SECONDS = 0.03
_CHORD_STEPS = 0.25
_CHORD_SPREAD_STEPS = 0.5

_TRIPLET_STEPS = 0.1  # within this of a triplet, so at least 0.23 from every sixteenth
_SIMPLE_BEAT = 4


@dataclass(frozen=True, slots=True)
class QuantisationReport:
    """What became of the notes of a piece; times in sixteenths."""

    notes_in: int
    notes_kept: int
    merged: int
    """Left out because a louder or longer note has the same pitch and step."""
    out_of_range: int
    """Left out because a piano has no such key."""
    shortened: int
    """Kept, but longer than a word can say or struck again while sounding."""
    onset_error_mean: float
    onset_error_95: float
    """Distance from the grid of the kept notes: mean and 95th percentile."""
    triplet_share: float
    """Share of the kept notes that lie on a triplet of the beat and on no sixteenth; 0-1.

    Of onsets without any grid 20 % do so by chance; a beat of a compound metre has no triplets.
    """
    bars: int
    tempo_median: float
    """Quarters per minute, of the bars as played."""
    is_tracked: bool
    confidence: float
    """Of the grid, see `MetricalGrid`."""


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """A piece on the grid, what `compound_word.encode` can write; what it lacks; what it cost."""

    piece: Piece
    expression: Expression
    report: QuantisationReport


@dataclass(frozen=True, slots=True, eq=False)
class _Notes:
    """K notes on the grid in the order of words, and where each lies in the arrays of the piece."""

    numbers: Integers
    steps: Integers
    pitches: Integers
    durations: Integers
    exact_steps: Reals
    exact_durations: Reals


def quantise(piece: Piece, grid: MetricalGrid | None = None) -> Quantised:
    """A piece on the grid of sixteenths, by `metrical_grid(piece)` where no grid is given.

    Bars are those of the grid up to the last that has a note. Tempo is that of each bar where the grid was tracked, of
    each beat where it is the file's own; chords are the piece's, or else estimated for each beat.

    Raises InputError for a piece without notes between MIDI 21 and 108, and where `metrical_grid` does.
    """
    notes = note_arrays(piece)
    in_range = (notes.pitches >= LOWEST_PITCH) & (notes.pitches <= HIGHEST_PITCH)
    if not in_range.any():
        raise InputError(f"no notes on the keys of a piano (MIDI {LOWEST_PITCH}-{HIGHEST_PITCH})")
    if grid is None:
        grid = metrical_grid(piece)
    on_grid = _notes_on_grid(notes, np.flatnonzero(in_range), grid)
    bar_steps = _bars_until(int(on_grid.steps[-1]), grid)
    end = int(bar_steps.sum())
    seconds = tempo_map(piece).seconds_at(grid.beat_ticks)
    music = GridMusic(
        bar_steps,
        on_grid.steps,
        on_grid.pitches,
        on_grid.durations,
        velocity_values(notes.velocities[on_grid.numbers]),
        *_until(end, *_tempos(grid, seconds)),
        *_until(end, *_chords(piece, notes, grid)),
    )
    starts = between_beats(notes.start_seconds[on_grid.numbers], seconds, grid.beat_steps)
    ends = between_beats(notes.end_seconds[on_grid.numbers], seconds, grid.beat_steps)
    expression = measure_expression(
        music, starts, ends - starts, notes.velocities[on_grid.numbers], seconds, grid.beat_steps
    )
    return Quantised(
        piece_of(music, TICKS_PER_STEP), expression, _report(notes, in_range, on_grid, music, grid, seconds)
    )


def _notes_on_grid(notes: NoteArrays, numbers: Integers, grid: MetricalGrid) -> _Notes:
    """The notes of these numbers on the grid: one for each key and step, none longer than a word can say."""
    exact = grid.steps_at(notes.start_ticks[numbers])
    exact_durations = grid.steps_at(notes.end_ticks[numbers]) - exact
    steps = _nearest_steps(exact, notes.start_seconds[numbers])
    pitches = notes.pitches[numbers]
    best_first = np.lexsort((-exact_durations, -notes.velocities[numbers], pitches, steps))
    repeated = (np.diff(steps[best_first]) == 0) & (np.diff(pitches[best_first]) == 0)
    kept = best_first[np.append(True, ~repeated)]
    durations = np.clip(np.floor(exact_durations[kept] + 0.5), 1, MAX_STEPS).astype(np.int64)
    return _Notes(
        numbers[kept],
        steps[kept],
        pitches[kept],
        cut_at_restrikes(steps[kept], pitches[kept], durations),
        exact[kept],
        exact_durations[kept],
    )


def _nearest_steps(exact: Reals, seconds: Reals) -> Integers:
    """The sixteenth nearest to each onset [K], given in sixteenths and in seconds, sorted; chords go together."""
    apart = (np.diff(seconds) > _CHORD_SECONDS) | (np.diff(exact) > _CHORD_STEPS)
    firsts = np.append(0, np.flatnonzero(apart) + 1)
    sizes = np.diff(np.append(firsts, len(exact)))
    lasts = firsts + sizes - 1
    means = np.repeat(np.add.reduceat(exact, firsts) / sizes, sizes)
    spread = np.repeat(exact[lasts] - exact[firsts], sizes)
    steps = np.floor(np.where(spread <= _CHORD_SPREAD_STEPS, means, exact) + 0.5)
    return np.maximum(steps, 0).astype(np.int64)


def _bars_until(last_step: int, grid: MetricalGrid) -> Integers:
    """The sixteenths of each bar [M] of the grid up to the one in which `last_step` lies.

    A last note that is rounded up may begin one bar more than the grid has.
    """
    bar_steps = grid.bar_steps
    missing = last_step + 1 - int(bar_steps.sum())
    more = max(0, -(-missing // int(bar_steps[-1])))
    bar_steps = np.append(bar_steps, np.full(more, bar_steps[-1]))
    bars: Integers = bar_steps[: int(np.searchsorted(np.cumsum(bar_steps), last_step, side="right")) + 1]
    if len(bars) > MAX_BARS:
        raise InputError(f"more than {MAX_BARS:,} bars")
    return bars


def _tempos(grid: MetricalGrid, beat_seconds: Reals) -> tuple[Integers, Integers]:
    """Steps and values of the tempo of each bar, or of each beat where the grid is the file's own.

    A tracked beat is early or late by chance; a bar averages that out, and its rubato is kept as expression.
    """
    ends = np.append(grid.bar_beats, len(grid.beat_steps) - 1) if grid.is_tracked else np.arange(len(grid.beat_steps))
    steps = grid.beat_steps[ends]
    return steps[:-1], tempo_values(_speeds(steps, beat_seconds[ends]))


def _speeds(steps: Integers, seconds: Reals) -> Reals:
    """Quarters per minute between these steps and times."""
    speeds: Reals = np.diff(steps) / STEPS_PER_QUARTER * 60.0 / np.diff(seconds)
    return speeds


def _chords(piece: Piece, notes: NoteArrays, grid: MetricalGrid) -> tuple[Integers, Integers]:
    """Steps and values of the piece's chords, none before the first; or of those estimated for each beat."""
    if piece.chords:
        chords = sorted(piece.chords, key=lambda chord: chord.start_ticks)
        exact = grid.steps_at(np.asarray([chord.start_ticks for chord in chords]))
        steps = np.append(0, np.maximum(np.floor(exact + 0.5), 0).astype(np.int64))
        values = np.asarray([NO_CHORD_VALUE, *map(chord_value, chords)], np.int64)
        latest = np.append(np.diff(steps) > 0, True)  # of several at one step the last counts
        return steps[latest], values[latest]
    beats = len(grid.beat_steps) - 1
    numbers = estimate_chords(
        between_beats(notes.start_ticks, grid.beat_ticks, np.arange(beats + 1)),
        between_beats(notes.end_ticks, grid.beat_ticks, np.arange(beats + 1)),
        notes.pitches,
        notes.velocities,
        beats,
        np.isin(np.arange(beats), grid.bar_beats),
    )
    return grid.beat_steps[:-1], NO_CHORD_VALUE + numbers


def _until(end: int, steps: Integers, values: Integers) -> tuple[Integers, Integers]:
    """Those before step `end`."""
    return steps[steps < end], values[steps < end]


def _report(
    notes: NoteArrays,
    in_range: NDArray[np.bool_],
    on_grid: _Notes,
    music: GridMusic,
    grid: MetricalGrid,
    beat_seconds: Reals,
) -> QuantisationReport:
    errors = np.abs(on_grid.exact_steps - on_grid.steps)
    kept, possible = len(on_grid.steps), int(in_range.sum())
    bar_ends = np.append(grid.bar_beats, len(grid.beat_steps) - 1)
    speeds = _speeds(grid.beat_steps[bar_ends], beat_seconds[bar_ends])
    return QuantisationReport(
        notes_in=len(notes),
        notes_kept=kept,
        merged=possible - kept,
        out_of_range=len(notes) - possible,
        shortened=int((np.floor(on_grid.exact_durations + 0.5) > on_grid.durations).sum()),
        onset_error_mean=float(errors.mean()),
        onset_error_95=float(np.quantile(errors, 0.95)),
        triplet_share=_triplet_share(on_grid.exact_steps, grid),
        bars=len(music.bar_steps),
        tempo_median=float(np.median(speeds[: len(music.bar_steps)])),
        is_tracked=grid.is_tracked,
        confidence=grid.confidence,
    )


def _triplet_share(exact_steps: Reals, grid: MetricalGrid) -> float:
    """The share of onsets that lie clearly on a third or sixth of a beat of four sixteenths, and on no sixteenth."""
    beats = np.clip(np.searchsorted(grid.beat_steps, exact_steps, side="right") - 1, 0, len(grid.beat_steps) - 2)
    sixths = (exact_steps - grid.beat_steps[beats]) * (6 / _SIMPLE_BEAT)
    nearest = np.rint(sixths)
    on_triplet = np.abs(sixths - nearest) < _TRIPLET_STEPS * (6 / _SIMPLE_BEAT)
    # Of the sixths of a beat, only its start and its half are sixteenths as well.
    triplets = on_triplet & (nearest % 3 != 0) & (np.diff(grid.beat_steps)[beats] == _SIMPLE_BEAT)
    return float(triplets.mean())
