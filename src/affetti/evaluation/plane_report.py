"""The report of what is asked for in the plane of emotion and what is heard: tables, JSON, remarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affetti.evaluation.emotion_elements import Estimate
from affetti.evaluation.emotion_trajectories import RATED, Movement, movement
from affetti.evaluation.plane_measures import PLACES, SEGMENTS, WAYS, PlaneMeasured
from affetti.evaluation.recognition import STRETCH_BARS, Rated
from affetti.evaluation.report import Table, number, percent, plain
from affetti.tokens.elements import Reals

AXES = ("valence", "arousal")


@dataclass(frozen=True, slots=True, eq=False)
class RealTrajectories:
    """Pieces whose emotion listeners followed, and what the reporting recogniser hears in them, where it hears such."""

    trajectories: Sequence[Reals]
    """R × [S, 2]"""
    rated: Rated | None


@dataclass(frozen=True, slots=True, eq=False)
class PlaneReport:
    """Models, one after another, and the real trajectories beside their paths."""

    models: Sequence[PlaneMeasured]
    real: RealTrajectories | None

    def tables(self) -> list[Table]:
        """All of it."""
        tables = []
        for one in self.models:
            tables += [_grid_table(one), _curve_table(one), _places_table(one)]
            if len(one.paths.asked):
                tables += [_paths_table(one, self.real)]
        if movements := self.movements():
            tables.append(_movement_table(movements))
        return tables

    def movements(self) -> dict[str, Movement]:
        """How real trajectories move, and the paths asked and heard, by what the table calls them."""
        found = {}
        if self.real is not None and self.real.trajectories:
            found[f"{RATED}, as listeners followed it"] = movement(self.real.trajectories)
        for one in self.models:
            asked, heard = one.segments
            whole = np.isfinite(heard).all(axis=(1, 2))
            if whole.any():
                found[f"{one.name}: paths asked"] = movement(list(asked))
                found[f"{one.name}: paths heard"] = movement(list(heard[whole]))
        return found

    def remarks(self) -> list[str]:
        """What the reader must know besides."""
        found = []
        for one in self.models:
            ears = one.ears
            found += [
                f"{one.name}: weights {one.weights_hash}",
                f"{one.pieces} pieces of {one.bars} bars at each of {PLACES**2} points, and "
                f"{len(one.paths.asked) // SEGMENTS} paths of {SEGMENTS} times {one.bars} bars, seed {one.seed}. "
                f"Heard by {ears['reporting']}; fitted and chosen by {ears['choosing']}.",
            ]
            if not one.has_calibration:
                found.append(f"{one.name} has no calibration: python -m affetti.evaluation.plane_fitting makes one.")
            if one.is_test_model:
                found.append(f"{one.name} is a test model of random weights: what it composes is no music.")
        if self.real is None:
            found.append(f"{RATED} is not prepared: no real trajectories to compare with (affetti corpus get vgmidi).")
        return found

    def document(self) -> dict[str, Any]:
        """All of it as JSON."""
        real = None
        if self.real is not None:
            rated = self.real.rated
            real = {"corpus": RATED, "stretch_bars": STRETCH_BARS} | {
                "recogniser_correlations": None if rated is None else rated.correlations()
            }
        document: dict[str, Any] = plain(
            {
                "models": {one.name: _model_document(one) for one in self.models},
                "real": real,
                "movement": {
                    name: {field: getattr(one, field) for field in Movement.__dataclass_fields__}
                    for name, one in self.movements().items()
                },
            }
        )
        return document


def estimate(one: Estimate, digits: int = 2) -> str:
    """A number and its interval: "0.81 (0.77 to 0.84)"."""
    return f"{number(one.value, digits)} ({number(one.low, digits)} to {number(one.high, digits)})"


def _grid_table(one: PlaneMeasured) -> Table:
    rows = []
    for way, title in WAYS.items():
        grid = one.grids[way]
        rows.append(
            (
                title,
                *(estimate(grid.correlation(axis)) for axis in (0, 1)),
                *(percent(grid.right_sides(axis).value) for axis in (0, 1)),
                *(number(grid.bias(axis)) for axis in (0, 1)),
                *(number(grid.error(axis)) for axis in (0, 1)),
            )
        )
    columns = [
        *(f"{axis}: correlation" for axis in AXES),
        *(f"{axis}: right side" for axis in AXES),
        *(f"{axis}: mean at a point misses by" for axis in AXES),
        *(f"{axis}: a piece misses by" for axis in AXES),
    ]
    note = (
        "Correlation of asked and heard over all pieces, with its interval of 95 %. A piece is heard on the right side "
        "if it is heard on the side of the middle on which it was asked to be. Distances are along the axis, -1 to 1."
    )
    return Table(f"{one.name}: asked and heard in the plane", ("pieces", *columns), tuple(rows), note)


def _curve_table(one: PlaneMeasured) -> Table:
    rows = []
    for axis, name in enumerate(AXES):
        for way, title in WAYS.items():
            rows.append((name, title, *(number(value) for value in one.grids[way].curve(axis))))
    places = tuple(f"asked {place:+.1f}" for place in np.linspace(-1, 1, PLACES))
    note = "What is heard of an axis on the mean, over all that was asked of the other. Ideal are the asked values."
    return Table(f"{one.name}: calibration curve", ("axis", "pieces", *places), tuple(rows), note)


def _places_table(one: PlaneMeasured) -> Table:
    means, places = one.grids["composed"].means, np.linspace(-1, 1, PLACES)
    rows = [
        (f"{places[a]:+.1f}", *(f"{number(means[v, a, 0])} / {number(means[v, a, 1])}" for v in range(PLACES)))
        for a in reversed(range(PLACES))
    ]
    columns = ("arousal asked", *(f"valence asked {place:+.1f}" for place in places))
    return Table(f"{one.name}: valence / arousal heard at each point, as composed", columns, tuple(rows))


def _paths_table(one: PlaneMeasured, real: RealTrajectories | None) -> Table:
    rows = [
        ("segments: asked and heard", *(estimate(one.paths.correlation(axis)) for axis in (0, 1))),
        ("from a segment to the next: asked and heard", *(estimate(one.paths.changes(axis)) for axis in (0, 1))),
        ("segments heard on the right side", *(percent(one.paths.right_sides(axis).value) for axis in (0, 1))),
    ]
    if real is not None and real.rated is not None and "piano" in one.ears["reporting"]:
        correlations = real.rated.correlations()
        rows += [
            (f"{RATED}: listeners and the same recogniser", *(number(value) for value in correlations[0])),
            (f"{RATED}: the same, within pieces", *(number(value) for value in correlations[2])),
        ]
    note = (
        f"{len(one.paths.asked) // SEGMENTS} paths of {SEGMENTS} points anywhere in the plane; interval of 95 %, paths "
        "drawn again. How well the recogniser follows real pieces says how well it can follow these."
    )
    return Table(f"{one.name}: along paths", ("correlation", *AXES), tuple(rows), note)


def _movement_table(movements: dict[str, Movement]) -> Table:
    rows = []
    for name, one in movements.items():
        for axis, axis_name in enumerate(AXES):
            values = [number(values[axis]) for values in (one.between, one.within, one.step)]
            rows.append(
                (name, axis_name, str(one.pieces), *values, percent(one.large_steps[axis]), number(one.quadrants))
            )
    columns = (
        "trajectories",
        "axis",
        "pieces",
        "between pieces",
        "within a piece",
        "step",
        "steps over 0.5",
        "quadrants",
    )
    note = (
        f"Stretches of {STRETCH_BARS} bars (melodies: 4). Standard deviation of the pieces' means, of a piece's "
        "stretches about its mean; mean distance from one stretch to the next; quadrants that a piece visits."
    )
    return Table("How emotion moves along a piece", columns, tuple(rows), note)


def _model_document(one: PlaneMeasured) -> dict[str, Any]:
    def of(measured: Any, names: Sequence[str]) -> dict[str, Any]:
        return {name: [_plain(getattr(measured, name)(axis)) for axis in (0, 1)] for name in names}

    return {
        "weights_hash": one.weights_hash,
        "has_calibration": one.has_calibration,
        "ears": one.ears,
        "bars": one.bars,
        "pieces": one.pieces,
        "seed": one.seed,
        "grid": {
            way: of(grid, ("correlation", "right_sides", "bias", "error", "curve")) | {"means": grid.means}
            for way, grid in one.grids.items()
        },
        "paths": {
            "asked": one.segments[0],
            "heard": one.segments[1],
            **(of(one.paths, ("correlation", "changes", "right_sides")) if len(one.paths.asked) else {}),
        },
    }


def _plain(value: Any) -> Any:
    return value._asdict() if isinstance(value, Estimate) else value
