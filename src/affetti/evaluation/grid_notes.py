"""The notes of many pieces on the grid as flat arrays: what measures of them have in common.

Pieces lie behind each other on one line of sixteenths, so far apart that nothing reaches from one into the next. So a
measure is computed for all pieces in a few array operations, and `by_piece` says which piece a number belongs to.

Shapes: N pieces, M bars, K notes, H moments (steps at which a note is struck), S pairs of a moment and a note that
sounds then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.chords import estimate_chords
from affetti.tokens.compound_word import GridMusic
from affetti.tokens.elements import MAX_STEPS, STEPS_PER_QUARTER, Integers, Reals

BEATS_PER_BAR = MAX_STEPS // STEPS_PER_QUARTER
_APART = 2 * MAX_STEPS
"""Steps between two pieces: longer than any note."""

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class GridNotes:
    """The notes of N pieces, sorted by piece, step and pitch."""

    music: tuple[GridMusic, ...]
    """[N] the pieces themselves."""
    by_piece: Integers
    """[K] the piece of each note, from 0."""
    steps: Integers
    """[K] where it is struck, on the line of all pieces."""
    pitches: Integers
    """[K] MIDI numbers."""
    durations: Integers
    """[K] sixteenths."""
    bars: Integers
    """[K] the bar in which it is struck, counted through all pieces."""
    bar_pieces: Integers
    """[M] the piece of each bar."""
    bar_starts: Integers
    """[M] on the line of all pieces."""
    bar_steps: Integers
    """[M] sixteenths in each bar."""

    @classmethod
    def of(cls, pieces: Sequence[GridMusic]) -> "GridNotes":
        """The notes of these pieces. Raises ValueError for none."""
        if not pieces:
            raise ValueError("no pieces to measure")
        notes = [len(one.steps) for one in pieces]
        bars = [len(one.bar_steps) for one in pieces]
        lengths = np.asarray([int(one.bar_steps.sum()) for one in pieces])
        starts = np.cumsum(lengths + _APART) - lengths - _APART
        bar_starts = np.concatenate([start + one.bar_starts[:-1] for start, one in zip(starts, pieces, strict=True)])
        steps = np.concatenate([start + one.steps for start, one in zip(starts, pieces, strict=True)])
        return cls(
            tuple(pieces),
            np.repeat(np.arange(len(pieces)), notes),
            steps,
            np.concatenate([one.pitches for one in pieces]),
            np.concatenate([one.durations for one in pieces]),
            np.searchsorted(bar_starts, steps, side="right") - 1,
            np.repeat(np.arange(len(pieces)), bars),
            bar_starts,
            np.concatenate([one.bar_steps for one in pieces]),
        )

    def __len__(self) -> int:
        return len(self.music)

    @cached_property
    def positions(self) -> Integers:
        """[K] sixteenths from the bar line."""
        return self.steps - self.bar_starts[self.bars]

    @cached_property
    def pitch_classes(self) -> Integers:
        """[K] 0-11."""
        return self.pitches % 12

    @cached_property
    def moments(self) -> "Moments":
        """The steps at which notes are struck."""
        firsts = np.flatnonzero(np.append(True, np.diff(self.steps) > 0)) if len(self.steps) else np.zeros(0, np.int64)
        ends = np.append(firsts[1:], len(self.steps))
        return Moments(
            self.by_piece[firsts],
            self.steps[firsts],
            self.bars[firsts],
            self.positions[firsts],
            ends - firsts,
            self.pitches[firsts],
            self.pitches[ends - 1],
        )

    @cached_property
    def sounding(self) -> tuple[Integers, Integers]:
        """[S], [S] moments, and the notes that sound then, those that are struck and those that are held."""
        times = self.moments.steps
        first = np.searchsorted(times, self.steps)
        counts = np.searchsorted(times, self.steps + self.durations) - first
        notes = np.repeat(np.arange(len(self.steps)), counts)
        within = np.arange(len(notes)) - np.repeat(np.cumsum(counts) - counts, counts)
        return first[notes] + within, notes

    @cached_property
    def chroma_of_moments(self) -> Integers:
        """[H, 12] how many notes of each pitch class sound."""
        moments, notes = self.sounding
        return counts_of(moments, self.pitch_classes[notes], len(self.moments.steps), 12)

    @cached_property
    def top_line(self) -> Integers:
        """The moments [..] at which the highest note that sounds is struck: the upper voice as it is heard."""
        moments, notes = self.sounding
        highest = np.zeros(len(self.moments.steps), np.int64)
        np.maximum.at(highest, moments, self.pitches[notes])
        return np.flatnonzero(self.moments.highest == highest)

    @cached_property
    def bass_line(self) -> Integers:
        """The moments [..] at which the lowest note that sounds is struck."""
        moments, notes = self.sounding
        lowest = np.full(len(self.moments.steps), 128)
        np.minimum.at(lowest, moments, self.pitches[notes])
        return np.flatnonzero(self.moments.lowest == lowest)

    @cached_property
    def chroma_of_bars(self) -> Reals:
        """[M, 12] how much each pitch class is struck in a bar, a note counting by the root of its length."""
        return weights_of(self.bars, self.pitch_classes, len(self.bar_pieces), 12, np.sqrt(self.durations))

    @cached_property
    def chroma_of_pieces(self) -> Reals:
        """[N, 12] the same of whole pieces."""
        return weights_of(self.by_piece, self.pitch_classes, len(self), 12, np.sqrt(self.durations))

    @cached_property
    def heard_chords(self) -> Integers:
        """[M, 4] the chord heard in each beat of each bar, by its number (analysis.chords); 0 for none.

        Heard anew in the notes of every piece, whatever its words say, so that all pieces are treated alike.
        """
        found = np.zeros((len(self.bar_pieces), BEATS_PER_BAR), np.int64)
        first = 0
        for one in self.music:
            chords, beats = heard_chords(one)
            found.reshape(-1)[first * BEATS_PER_BAR + beats] = chords
            first += len(one.bar_steps)
        return found

    def mean_by_piece(self, owners: Integers, values: Reals | Integers | Booleans) -> Reals:
        """[N] the mean of values [X] that belong to the pieces `owners` [X]; NaN for a piece that has none."""
        sums = np.bincount(owners, values, minlength=len(self))
        counts = np.bincount(owners, minlength=len(self))
        means: Reals = np.divide(sums, counts, np.full(len(self), np.nan), where=counts > 0)
        return means


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """H steps at which something is struck."""

    by_piece: Integers
    steps: Integers
    bars: Integers
    positions: Integers
    sizes: Integers
    """[H] how many notes are struck."""
    lowest: Integers
    highest: Integers
    """[H] of those that are struck."""


def counts_of(rows: Integers, columns: Integers, row_count: int, column_count: int) -> Integers:
    """[rows, columns] how often each pair occurs."""
    counted: Integers = np.bincount(rows * column_count + columns, minlength=row_count * column_count)
    return counted.reshape(row_count, column_count)


def weights_of(rows: Integers, columns: Integers, row_count: int, column_count: int, weights: Reals) -> Reals:
    """[rows, columns] the sum of the weights of each pair."""
    summed = np.bincount(rows * column_count + columns, weights, minlength=row_count * column_count)
    return np.asarray(summed, np.float64).reshape(row_count, column_count)


def heard_chords(music: GridMusic) -> tuple[Integers, Integers]:
    """The chords heard in a piece, one for each beat [B], and where each beat is [B]: four times its bar, and the beat.

    A bar that is not a whole number of quarters ends with a shorter beat.
    """
    in_bar = [np.arange(0, steps, STEPS_PER_QUARTER) for steps in music.bar_steps.tolist()]
    beats = np.concatenate([start + one for start, one in zip(music.bar_starts[:-1], in_bar, strict=True)])
    places = np.concatenate([BEATS_PER_BAR * bar + one // STEPS_PER_QUARTER for bar, one in enumerate(in_bar)])
    lines = np.append(beats, music.bar_starts[-1])
    number = np.arange(len(lines))
    chords = estimate_chords(
        np.interp(music.steps, lines, number),
        np.interp(music.steps + music.durations, lines, number),
        music.pitches,
        np.ones(len(music.steps), np.int64),  # as loud as each other: loudness is no part of what is judged
        len(beats),
        places % BEATS_PER_BAR == 0,
    )
    return chords, places
