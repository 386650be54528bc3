"""How like music is to itself a little later, and how what is struck follows the metre: what disorder takes away first.

Shapes as in `grid_notes`.
"""

import numpy as np

from affetti.analysis.pitch import SCALE_DEGREES
from affetti.evaluation.grid_notes import Booleans, GridNotes, counts_of
from affetti.evaluation.musical_sanity import interval_classes
from affetti.tokens.elements import MAX_STEPS, STEPS_PER_QUARTER, Integers, Reals

LAGS = (1, 2, 4, 8, 16, 32)
"""Sixteenths: from the next one to two bars later."""
_LEAST_DEVIATION = 0.5
"""Where a piece varies less than this, its differences are measured by this."""
_BITS = np.asarray([number.bit_count() for number in range(4096)])


def continuity(notes: GridNotes) -> Reals:
    """[N, 80] of each lag how much moments so far apart differ or share, how moments on the beat differ from others,
    the interval classes of what sounds and of what is struck together, and how far pitch classes keep to a few; NaN
    where a piece has nothing to measure.
    """
    columns = [*_at_a_distance(notes), *_by_metre(notes), *_intervals(notes), *_choice_of_classes(notes)]
    return np.stack(columns, axis=1)


def _at_a_distance(notes: GridNotes) -> list[Reals]:
    moments = notes.moments
    at = np.full(int(moments.steps[-1]) + max(LAGS) + 1, -1)
    at[moments.steps] = np.arange(len(moments.steps))
    struck, sounding = _masks(_struck_classes(notes)), _masks(notes.chroma_of_moments > 0)
    differing = [(values, _deviations(notes, values)) for values in (moments.lowest, moments.highest, moments.sizes)]
    columns = []
    for lag in LAGS:
        first = np.flatnonzero(at[moments.steps + lag] >= 0)
        second = at[moments.steps[first] + lag]
        same = moments.by_piece[first] == moments.by_piece[second]
        first, second = first[same], second[same]
        owners = moments.by_piece[first]
        columns += [
            notes.mean_by_piece(owners, np.abs(values[first] - values[second]) / deviations[owners])
            for values, deviations in differing
        ]
        columns += [
            notes.mean_by_piece(owners, _BITS[masks[first] & masks[second]] / _BITS[masks[first] | masks[second]])
            for masks in (struck, sounding)
        ]
        columns += [
            notes.mean_by_piece(owners, values[first] == values[second]) for values in (moments.lowest, moments.highest)
        ]
    return columns


def _by_metre(notes: GridNotes) -> list[Reals]:
    moments = notes.moments
    in_bass = np.zeros(len(moments.steps), np.int64)
    in_bass[notes.bass_line] = 1
    accents = [moments.positions % every == 0 for every in (STEPS_PER_QUARTER, 2 * STEPS_PER_QUARTER, MAX_STEPS)]
    return [
        (_mean_where(notes, accented, values) - _mean_where(notes, ~accented, values)) / _deviations(notes, values)
        for values in (in_bass, moments.sizes, moments.lowest, moments.highest)
        for accented in accents
    ]


def _intervals(notes: GridNotes) -> list[Reals]:
    owners = notes.moments.by_piece
    columns = []
    for present in (notes.chroma_of_moments > 0, _struck_classes(notes)):
        pairs = interval_classes(present)
        total = np.bincount(owners, pairs.sum(axis=1), minlength=len(notes))
        for interval in pairs.T:
            found = np.bincount(owners, interval, minlength=len(notes))
            columns.append(np.divide(found, total, np.full(len(notes), np.nan), where=total > 0))
    return columns


def _choice_of_classes(notes: GridNotes) -> list[Reals]:
    """The shares of the pitch classes, the most frequent first; and those in the best diatonic scale, of the piece, and
    of each bar.
    """
    of_pieces, of_bars = (_shares(chroma) for chroma in (notes.chroma_of_pieces, notes.chroma_of_bars))
    ranked = -np.sort(-of_pieces, axis=1)
    scales = np.stack([np.roll(np.isin(np.arange(12), SCALE_DEGREES["major"]), tonic) for tonic in range(12)])
    best_of_pieces, best_of_bars = ((shares @ scales.T).max(axis=1) for shares in (of_pieces, of_bars))
    struck = best_of_bars > 0
    return [*ranked.T, best_of_pieces, notes.mean_by_piece(notes.bar_pieces[struck], best_of_bars[struck])]


def _shares(weights: Reals) -> Reals:
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9))


def _struck_classes(notes: GridNotes) -> Booleans:
    """[H, 12] which pitch classes are struck."""
    moments = np.searchsorted(notes.moments.steps, notes.steps)
    return np.asarray(counts_of(moments, notes.pitch_classes, len(notes.moments.steps), 12) > 0)


def _masks(present: Booleans) -> Integers:
    """[H] pitch classes [H, 12] as one number each."""
    return np.asarray(present @ (1 << np.arange(12)))


def _deviations(notes: GridNotes, values: Integers) -> Reals:
    """[N] the standard deviation of numbers [H], at least _LEAST_DEVIATION."""
    owners = notes.moments.by_piece
    variance = notes.mean_by_piece(owners, np.square(values - notes.mean_by_piece(owners, values)[owners]))
    return np.asarray(np.maximum(np.sqrt(variance), _LEAST_DEVIATION))


def _mean_where(notes: GridNotes, chosen: Booleans, values: Integers) -> Reals:
    return notes.mean_by_piece(notes.moments.by_piece[chosen], values[chosen])
