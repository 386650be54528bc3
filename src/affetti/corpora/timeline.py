"""Emotion that changes while a piece plays, and what of it falls to each bar."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Timeline:
    """Valence and arousal in equal slices of a piece's playing time."""

    seconds: float
    """The time that all slices take together, from the start of the file."""
    valence: tuple[float, ...]
    """One value a slice, each -1 to 1."""
    arousal: tuple[float, ...]

    def __post_init__(self) -> None:
        values = np.asarray((self.valence, self.arousal), np.float64)
        if not self.valence or not (self.seconds > 0 and np.isfinite(values).all() and (np.abs(values) <= 1).all()):
            raise ValueError("a timeline takes time and has valence and arousal in [-1, 1]")

    @property
    def mean(self) -> tuple[float, float]:
        """Valence and arousal over the whole piece."""
        return float(np.mean(self.valence)), float(np.mean(self.arousal))


def bar_emotions(timeline: Timeline | None, bar_seconds: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float32]:
    """The mean valence and arousal while each bar sounds: [M, 2], NaN without a timeline.

    `bar_seconds` [M + 1] are the times at which bars begin, and at which the last ends. Slices and bars need not
    meet: a bar takes of each slice what lies in it. A bar outside the timeline takes the slice nearest to it.
    """
    times = np.asarray(bar_seconds, np.float64)
    if timeline is None:
        return np.full((len(times) - 1, 2), np.nan, np.float32)
    slices = len(timeline.valence)
    edges = np.linspace(0.0, timeline.seconds, slices + 1)
    values = np.asarray((timeline.valence, timeline.arousal), np.float64).T
    begins, ends = (np.clip(part, 0.0, timeline.seconds) for part in (times[:-1], times[1:]))
    middles = np.clip((times[:-1] + times[1:]) / 2, 0.0, timeline.seconds)
    nearest = values[np.minimum((middles / timeline.seconds * slices).astype(np.int64), slices - 1)]
    sums = np.concatenate([np.zeros((1, 2)), np.cumsum(values * timeline.seconds / slices, axis=0)])
    lengths = ends - begins
    means = [
        (np.interp(ends, edges, sums[:, axis]) - np.interp(begins, edges, sums[:, axis])) / np.maximum(lengths, 1e-9)
        for axis in range(2)
    ]
    inside = (lengths > 1e-6)[:, None]
    return np.where(inside, np.stack(means, axis=1), nearest).clip(-1, 1).astype(np.float32)
