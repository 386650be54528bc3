"""Whether what is asked for in the plane of emotion is what is heard: at points of it, and along paths through it.

Points are those of a grid, many pieces at each. They are composed three times: told the point itself, told what the
calibration makes of it, and so with the choice among drafts that composing makes. Paths have three segments at random
points.

Shapes: G places along an axis, P points of the grid (G²), n pieces a point, R paths, S segments of a path.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affetti.emotion import Emotion
from affetti.evaluation.emotion_elements import Estimate, bootstrapped
from affetti.evaluation.plane_systems import Advance, PlaneSystem
from affetti.runtime.emotion_path import EmotionPath, Segment
from affetti.tokens.elements import Integers, Reals

PLACES = 5
"""G: -1, -0.5, 0, 0.5, 1."""

SEGMENTS = 3
"""S"""

PATHS = 50
"""R"""

_MIDDLE = 1e-9
"""What is asked nearer to the middle of an axis has no side."""

WAYS = {
    "uncalibrated": "told the point itself",
    "calibrated": "told what the calibration makes of it",
    "composed": "and with a choice among drafts: as composed",
}


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What was asked and what was heard, in N pieces or segments; several that belong together are of one group."""

    asked: Reals
    """[N, 2]"""
    heard: Reals
    """[N, 2], NaN where nothing could be heard."""
    groups: Integers
    """[N] which piece each is of."""

    def correlation(self, axis: int) -> Estimate:
        """Pearson's, of an axis (0 valence, 1 arousal) asked and heard."""
        known = np.isfinite(self.heard[:, axis])
        x, y = self.asked[known, axis], self.heard[known, axis]
        moments = np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1)
        return bootstrapped(_pearson_of_moments, moments, self.groups[known], seed=0)

    def changes(self, axis: int) -> Estimate:
        """The correlation of what changes from each segment to the next of its piece, asked and heard."""
        follows = np.flatnonzero(np.diff(self.groups) == 0)
        steps = Asked(
            self.asked[follows + 1] - self.asked[follows],
            self.heard[follows + 1] - self.heard[follows],
            self.groups[follows],
        )
        return steps.correlation(axis)

    def right_sides(self, axis: int) -> Estimate:
        """The share of those asked off the middle of the axis that are heard on the side asked for."""
        counted = np.isfinite(self.heard[:, axis]) & (np.abs(self.asked[:, axis]) > _MIDDLE)
        right = self.asked[counted, axis] * self.heard[counted, axis] > 0
        moments = np.stack([np.ones(len(right)), right], axis=1)
        return bootstrapped(lambda sums: sums[:, 1] / sums[:, 0], moments, self.groups[counted], seed=0)

    def error(self, axis: int) -> float:
        """The mean distance, along the axis, of what is heard in a piece from what was asked."""
        return float(np.nanmean(np.abs(self.asked[:, axis] - self.heard[:, axis])))


@dataclass(frozen=True, slots=True, eq=False)
class OnGrid(Asked):
    """Pieces at the points of a grid, n at each, in the order of the points."""

    @property
    def means(self) -> Reals:
        """[G, G, 2] what is heard on the mean at each point; valence asked first."""
        places = np.linspace(-1, 1, PLACES)
        at = np.abs(self.asked[:, None, :] - places[:, None]).argmin(axis=1)  # [N, 2]
        means = np.full((PLACES, PLACES, 2), np.nan)
        for v in range(PLACES):
            for a in range(PLACES):
                means[v, a] = np.nanmean(self.heard[(at == (v, a)).all(axis=1)], axis=0)
        return means

    def curve(self, axis: int) -> Reals:
        """[G] what is heard of an axis on the mean where so much of it is asked, and anything of the other."""
        return np.asarray(self.means[..., axis].mean(axis=1 - axis))

    def bias(self, axis: int) -> float:
        """The mean distance of what is heard on the mean at a point from what is asked there."""
        places = np.linspace(-1, 1, PLACES)
        wanted = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1)
        return float(np.abs(self.means - wanted)[..., axis].mean())


@dataclass(frozen=True, slots=True, eq=False)
class PlaneMeasured:
    """Everything that was measured of one model."""

    name: str
    weights_hash: str
    is_test_model: bool
    has_calibration: bool
    ears: dict[str, str]
    bars: int
    """Of a piece at a point, and of a segment of a path."""
    pieces: int
    """At each point."""
    seed: int
    grids: dict[str, OnGrid]
    """By the names of WAYS."""
    paths: Asked
    """The segments of all paths, in order."""

    @property
    def segments(self) -> tuple[Reals, Reals]:
        """[R, S, 2] asked and heard."""
        return self.paths.asked.reshape(-1, SEGMENTS, 2), self.paths.heard.reshape(-1, SEGMENTS, 2)


def work(pieces: int, paths: int) -> int:
    """How many pieces `measure` composes of a model, a path counting as many as it has segments."""
    return len(WAYS) * PLACES**2 * pieces + SEGMENTS * paths


def measure(system: PlaneSystem, pieces: int, paths: int, seed: int, advance: Advance) -> PlaneMeasured:
    """Compose and listen. advance: called with how many of `work` were finished since the last time, in fractions."""
    places = np.linspace(-1, 1, PLACES)
    points = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2).repeat(pieces, axis=0)
    asked = [Emotion(*point) for point in points.tolist()]
    ways = {
        "uncalibrated": (system.calibrated(None), False),
        "calibrated": (system, False),
        "composed": (system, True),
    }
    grids = {}
    for name, (own, chosen) in ways.items():
        heard = system.hear(own.compose(asked, seed, advance, chosen=chosen), "reporting").mean(axis=1)
        grids[name] = OnGrid(points, heard, np.arange(len(points)))
    config = system.model.config
    return PlaneMeasured(
        system.name,
        system.model.weights_hash,
        bool(getattr(config, "is_test_model", False)),
        config.plane is not None,
        {str(ear): name for ear, name in system.ears.items()},
        system.bars,
        pieces,
        seed,
        grids,
        _along_paths(system, paths, seed, advance),
    )


def random_paths(count: int, bars: int, seed: int) -> list[EmotionPath]:
    """Paths of SEGMENTS segments of so many bars, each anywhere in the plane."""
    points = np.random.default_rng([seed, SEGMENTS]).uniform(-1, 1, (count, SEGMENTS, 2)).round(2)
    return [EmotionPath(tuple(Segment(Emotion(*point), bars) for point in path)) for path in points.tolist()]


def _along_paths(system: PlaneSystem, paths: int, seed: int, advance: Advance) -> Asked:
    wanted = random_paths(paths, system.bars, seed)
    composed = system.compose(wanted, seed, lambda done: advance(SEGMENTS * done), chosen=True)
    heard = system.hear(composed, "reporting")
    return Asked(_points(wanted), heard.reshape(-1, 2), np.arange(paths).repeat(SEGMENTS))


def _points(paths: Sequence[EmotionPath]) -> Reals:
    """[R * S, 2]"""
    emotions = [segment.emotion for path in paths for segment in path.segments]
    return np.asarray([(one.valence, one.arousal) for one in emotions if isinstance(one, Emotion)])


def _pearson_of_moments(sums: Reals) -> Reals:
    """[R] of sums [R, 6] of 1, x, y, x², y² and xy; NaN where one of them does not vary."""
    count, x, y, xx, yy, xy = sums.T
    spread = np.sqrt(np.maximum(count * xx - x**2, 0) * np.maximum(count * yy - y**2, 0))
    return np.asarray(np.where(spread > 1e-9, (count * xy - x * y) / spread, np.nan))
