"""Table 3 of the CVAE-EmoReg paper: pitch measures of generated melodies beside the training set's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis import pitch
from affetti.analysis.pitch import Integers, Reals
from affetti.evaluation import emoreg_paper
from affetti.tokens.melody_notes import checked_quadrants, checked_tokens, pitch_counts

PITCH_MEASURES = ("pitch range", "different pitches", "notes in C major", "notes in c minor")
"""The rows of Table 3; the columns are the emotions e1..e4."""

TARGET_CELLS = 14
"""Cells that the project asks of its default model; the report says how often real melodies reach so many."""

BooleanCells = NDArray[np.bool_]
_TIE = 1e-9  # two printed figures equally far from a third differ by less than this in floating point


@dataclass(frozen=True, slots=True)
class PitchTable:
    """Mean and standard deviation of each measure and emotion, both [4, 4] (PITCH_MEASURES × e1..e4).

    Range in semitones, pitches as a number, scales as shares 0-1. `count` [4] is the number of melodies per
    emotion, `silent` how many have no note: they count 0 in the first two rows and are not in the scale rows.
    The deviation divides by the count, not by one less: that is what reproduces the paper's training column.
    """

    mean: Reals
    deviation: Reals
    count: Integers
    silent: int


@dataclass(frozen=True, slots=True)
class CellsNearer:
    """In how many of Table 3's 16 cells a mean is nearer to the training mean than the paper's models' means.

    Strictly nearer; the paper's figures are taken as printed, with two decimals.
    """

    than_base: int
    than_emoreg: int
    than_both: int


PAPER_BASE = PitchTable(emoreg_paper.BASE_MEAN, emoreg_paper.BASE_DEVIATION, np.full(4, 20), 0)
PAPER_EMOREG = PitchTable(emoreg_paper.EMOREG_MEAN, emoreg_paper.EMOREG_DEVIATION, np.full(4, 20), 0)
PAPER_TRAINING = PitchTable(
    emoreg_paper.TRAINING_MEAN, emoreg_paper.TRAINING_DEVIATION, np.asarray((80, 79, 93, 92)), 0
)


def pitch_measures(tokens: NDArray[np.integer]) -> Reals:
    """Table 3's four measures of each melody [N, T]: [4, N], scale shares NaN for a melody without notes."""
    counts = pitch_counts(tokens)
    return np.stack(
        [
            pitch.pitch_range(counts).astype(np.float64),
            pitch.pitches_used(counts).astype(np.float64),
            pitch.in_scale_rate(counts, 0, "major"),
            pitch.in_scale_rate(counts, 0, "minor"),
        ]
    )


def pitch_table(tokens: NDArray[np.integer], quadrants: NDArray[np.integer]) -> PitchTable:
    """Table 3's column for melodies [N, T] of emotions 1-4 [N]; NaN for an emotion without melodies.

    Raises ValueError for tokens or quadrants that are none.
    """
    return _table_of(pitch_measures(tokens), checked_quadrants(quadrants, len(tokens)))


def _table_of(values: Reals, labels: Integers) -> PitchTable:
    mean, deviation = np.full((4, 4), np.nan), np.full((4, 4), np.nan)
    for emotion in range(4):
        chosen = values[:, labels == emotion + 1]
        for row, measure in enumerate(chosen):
            if (known := measure[~np.isnan(measure)]).size:
                mean[row, emotion], deviation[row, emotion] = known.mean(), known.std()
    return PitchTable(mean, deviation, np.bincount(labels, minlength=5)[1:], int(np.isnan(values[2]).sum()))


def nearer_cells(ours: Reals, theirs: Reals, target: Reals) -> BooleanCells:
    """Where `ours` is strictly nearer to `target` than `theirs`, cell by cell; NaN is never nearer."""
    if not ours.shape == theirs.shape == target.shape:
        raise ValueError(f"tables of different shapes: {ours.shape}, {theirs.shape}, {target.shape}")
    cells: BooleanCells = np.abs(ours - target) < np.abs(theirs - target) - _TIE
    return cells


def cells_nearer(ours: Reals, target: Reals) -> CellsNearer:
    """How many of the 16 cells of `ours` [4, 4] are nearer to `target` than the paper's two models."""
    base = nearer_cells(ours, emoreg_paper.BASE_MEAN, target)
    emoreg = nearer_cells(ours, emoreg_paper.EMOREG_MEAN, target)
    return CellsNearer(int(base.sum()), int(emoreg.sum()), int((base & emoreg).sum()))


def first_of_each(quadrants: NDArray[np.integer], each: int) -> Integers:
    """Indices of the first `each` melodies of every emotion, ascending. Raises ValueError for fewer."""
    labels = np.asarray(quadrants)
    chosen = [np.flatnonzero(labels == emotion)[:each] for emotion in (1, 2, 3, 4)]
    if min(len(rows) for rows in chosen) < each:
        raise ValueError(f"fewer than {each} melodies of some emotion")
    return np.sort(np.concatenate(chosen))


def cells_nearer_by_real_draws(
    tokens: NDArray[np.integer],
    quadrants: NDArray[np.integer],
    *,
    each: int,
    draws: int = 200,
    seed: int = 0,
) -> Integers:
    """Cells in which `each` real melodies per emotion, drawn at random, beat the paper's models: [draws, 3].

    Columns: nearer than CVAE-Base, than CVAE-EmoReg, than both.
    Drawn with replacement, so this is a model that has learnt the training distribution exactly: what noise
    leaves of it at this sample size is the ceiling to read a model's own count by.
    Raises ValueError where an emotion has no melody.
    """
    labels = checked_quadrants(quadrants, len(checked_tokens(tokens)))
    first_of_each(labels, 1)
    values = pitch_measures(tokens)
    target = _table_of(values, labels).mean
    generator = np.random.Generator(np.random.PCG64(seed))
    cells = np.zeros((draws, 3), np.int64)
    for draw in range(draws):
        rows = np.concatenate([generator.choice(np.flatnonzero(labels == e), each) for e in (1, 2, 3, 4)])
        nearer = cells_nearer(_table_of(values[:, rows], labels[rows]).mean, target)
        cells[draw] = nearer.than_base, nearer.than_emoreg, nearer.than_both
    return cells
