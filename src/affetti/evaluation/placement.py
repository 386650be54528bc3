"""Placement accuracy in the latent quadrants: Table 2 of the CVAE-EmoReg paper."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.pitch import Integers, Reals
from affetti.emotion import Quadrant
from affetti.tokens.melody_notes import checked_quadrants, known_mean


@dataclass(frozen=True, slots=True)
class Placement:
    """Where examples of each emotion lie: `confusion` [4, 4] counts examples.

    Rows are the label Q1..Q4, columns the quadrant of Russell's plane in which the example's position lies.
    """

    confusion: Integers

    @property
    def accuracies(self) -> Reals:
        """D_1..D_4 [4], 0-1: the share of each label's examples that lie in its quadrant; NaN without any."""
        examples = self.confusion.sum(axis=1)
        shares: Reals = np.divide(np.diag(self.confusion), examples, np.full(4, np.nan), where=examples > 0)
        return shares

    @property
    def mean(self) -> float:
        """The mean of D_1..D_4, 0-1, as in the paper; random quadrants give 0.25. NaN without examples."""
        return known_mean(self.accuracies)


def placement(positions: NDArray[np.floating], quadrants: NDArray[np.integer]) -> Placement:
    """Table 2's D_i = PQ_i / PT_i: which quadrant the examples of each emotion lie in.

    positions: [n, L], column 0 valence, column 1 arousal, further ones ignored; quadrants: labels 1-4 [n].
    A position on an axis counts to its positive side, as in `Emotion.quadrant` (the paper does not say).
    Raises ValueError for other shapes, values that are no numbers, or labels outside 1-4.
    """
    points = np.asarray(positions)
    if points.ndim != 2 or points.shape[1] < 2:
        raise ValueError(f"positions are [n, 2] or wider, not {list(points.shape)}")
    if not np.isfinite(points[:, :2]).all():
        raise ValueError("positions must be finite numbers")
    labels = checked_quadrants(quadrants, len(points))
    # A table [valence >= 0, arousal >= 0], so that the quadrants' numbering stays in one place (emotion.py).
    table = np.asarray([[Quadrant.of_signs(v, a) for a in (-1, 1)] for v in (-1, 1)])
    found = table[(points[:, 0] >= 0).astype(int), (points[:, 1] >= 0).astype(int)]
    cells = np.bincount((labels - 1) * 4 + found - 1, minlength=16)
    return Placement(cells.reshape(4, 4))


def pooled(placements: Sequence[Placement]) -> Placement:
    """All examples of several placements together. Raises ValueError for none."""
    if not placements:
        raise ValueError("no placements to pool")
    return Placement(np.sum([one.confusion for one in placements], axis=0))
