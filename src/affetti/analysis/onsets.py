"""The onsets of a performance, and curves of how much begins at each moment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

LOW_PITCHES = 52
"""Pitches below it (E3) are the accompaniment's bass."""


@dataclass(frozen=True, slots=True, eq=False)
class Onsets:
    """N notes sorted by start; the first starts at 0 seconds."""

    starts: Reals
    ends: Reals
    """[N], each after its start."""
    pitches: Integers
    velocities: Integers

    @property
    def are_low(self) -> NDArray[np.bool_]:
        """Which notes are bass: [N]."""
        low: NDArray[np.bool_] = self.pitches < LOW_PITCHES
        return low


def onset_curve(places: Reals, weights: Reals, frames: int, kernel: Reals) -> Reals:
    """Weights at places (in frames from 0, with fractions) as a curve [frames], smoothed, then its square root.

    The root keeps a full chord from outweighing many single notes.
    """
    below = places.astype(np.int64)
    above = places - below
    curve = np.bincount(below, weights * (1 - above), frames + 1) + np.bincount(below + 1, weights * above, frames + 1)
    smooth: Reals = np.sqrt(np.convolve(curve[:frames], kernel, "same"))
    return smooth
