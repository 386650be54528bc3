"""Calibration of the plane: what to tell a model so that what is asked of it is heard.

    python -m affetti.evaluation.plane_fitting muser          # minutes; writes the table into the weights' config.json

Pieces are composed all over the plane and beyond its edge, told the place itself, without a choice among drafts. What
is heard in them is described by one curve for each axis that rises everywhere, a logistic one that also knows how the
two axes lean on each other. The table is its inverse: for each place asked the condition that is heard there, or
nearest to there, and no more exaggerated than that needs.

The ears are those that choose among drafts, never those that reports are written with (`plane_systems`).

Shapes: N pieces, K places along an axis.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affetti.emotion import Emotion
from affetti.errors import InputError
from affetti.evaluation.plane_systems import Advance, PlaneSystem, plane_system
from affetti.evaluation.soft_logistic import fit_logistic
from affetti.files import read_bounded, write_whole
from affetti.runtime.plane_calibration import PlaneCalibration
from affetti.runtime.weights import MAX_CONFIG_BYTES
from affetti.tokens.elements import Reals

SEED = 20_231_207
"""Of the pieces that are listened to while fitting; reports are written of others."""

PLACES = 9
"""K: along each axis of the table, -1 to 1."""

_GRID = 101
"""Conditions along each axis that are tried for a place."""

_RELUCTANCE = 0.02
"""How much nearer to what is asked it must be heard to tell something else by 1; both squared distances."""


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What is heard for what is told: for each axis a logistic curve that rises with its own coordinate."""

    coefficients: Reals
    """[2, 5] of valence and arousal: constant, own coordinate, the other one, its square, the product of both."""

    def heard(self, told: Reals) -> Reals:
        """Valence and arousal [N, 2] as expected signs, for conditions [N, 2]."""
        axes = [np.tanh(_terms(told, axis) @ self.coefficients[axis] / 2) for axis in (0, 1)]
        return np.stack(axes, axis=1)


def _terms(told: Reals, axis: int) -> Reals:
    own, other = told[:, axis], told[:, 1 - axis]
    return np.stack([np.ones(len(told)), own, other, other**2, own * other], axis=1)


def fit_response(told: Reals, heard: Reals) -> Response:
    """The response to conditions [N, 2] that were heard [N, 2]; what is NaN is left out.

    An axis that would fall anywhere within the conditions is described without the product. Raises InputError for one
    that does not rise at all: nothing can be calibrated there.
    """
    found = []
    for axis, name in enumerate(("valence", "arousal")):
        known = np.isfinite(heard[:, axis])
        terms, shares = _terms(told[known], axis), (1 + heard[known, axis]) / 2
        coefficients = fit_logistic(terms, shares)
        if coefficients[1] <= abs(coefficients[-1]) * np.abs(told).max():
            coefficients = np.append(fit_logistic(terms[:, :-1], shares), 0.0)
        if coefficients[1] <= 0:
            raise InputError(f"what is heard of {name} does not rise with what is told: there is nothing to calibrate")
        found.append(coefficients)
    return Response(np.stack(found))


def inverse(response: Response, farthest: float) -> Reals:
    """The conditions [K, K, 2] within -`farthest` to `farthest` that are heard nearest to the places of the table."""
    line = np.linspace(-farthest, farthest, _GRID)
    told = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    heard = response.heard(told)
    places = np.linspace(-1, 1, PLACES)
    asked = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2)
    missed = ((heard - asked[:, None]) ** 2).sum(axis=-1) + _RELUCTANCE * ((told - asked[:, None]) ** 2).sum(axis=-1)
    return np.asarray(told[missed.argmin(axis=1)].reshape(PLACES, PLACES, 2))


def even_points(count: int) -> Reals:
    """Points [count, 2] that fill -1 to 1 evenly in both directions: the R sequence (M. Roberts, 2018)."""
    root = 1.324717957244746  # of x³ = x + 1
    steps = np.arange(1, count + 1)[:, None] / np.array([root, root**2])
    return np.asarray(2 * ((0.5 + steps) % 1) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A calibration, and the response that it is the inverse of."""

    response: Response
    plane: PlaneCalibration


def fit(system: PlaneSystem, pieces: int, seed: int, advance: Advance) -> Fitted:
    """Listen to so many pieces and fit the calibration of a system. Raises InputError as `fit_response` does."""
    edge = system.farthest
    corners = tuple(tuple((v * edge, a * edge) for a in (-1, 1)) for v in (-1, 1))
    outwards = system.calibrated(PlaneCalibration(heard_by="none", pieces=1, conditions=corners))
    points = even_points(pieces)
    composed = outwards.compose([Emotion(*point) for point in points.tolist()], seed, advance, chosen=False)
    response = fit_response(edge * points, system.hear(composed, "choosing").mean(axis=1))
    table = np.round(inverse(response, edge), 3).tolist()
    plane = PlaneCalibration.model_validate(
        {
            "heard_by": system.ears["choosing"],
            "pieces": pieces,
            "listener": system.listener,
            "conditions": table,
        }
    )
    return Fitted(response, plane)


def write_plane(folder: Path, plane: PlaneCalibration | None) -> None:
    """Put a calibration into the config.json of a weights folder. With it the weights have another hash."""
    path = folder / "config.json"
    content = json.loads(read_bounded(path, max_bytes=MAX_CONFIG_BYTES))
    content["plane"] = None if plane is None else plane.model_dump(mode="json")
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode(), force=True)


def main() -> None:
    """The command."""
    import affetti
    from affetti.cli.output import progress

    parser = argparse.ArgumentParser(
        prog="python -m affetti.evaluation.plane_fitting", description=__doc__.split("\n")[0]
    )
    parser.add_argument("weights", help="shipped weights, or a weights folder: its config.json is written")
    parser.add_argument("--pieces", type=int, help="pieces to listen to (default: the system's)")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    try:
        system = plane_system(given.weights, affetti.load(given.weights))
        pieces = given.pieces or system.fitting_pieces
        with progress("composing", total=pieces) as advance:
            fitted = fit(system, pieces, given.seed, advance)
        write_plane(system.model.weights.folder, fitted.plane)
    except InputError as error:
        sys.exit(f"plane_fitting: {error}")
    for name, row in zip(("valence", "arousal"), fitted.response.coefficients, strict=True):
        print(f"{name}:", " ".join(f"{value:+.2f}" for value in row))
    corners = system.farthest * np.array([[-1.0, -1.0], [-1, 1], [1, -1], [1, 1]])
    print("heard at the farthest corners:", np.round(fitted.response.heard(corners), 2).tolist())


if __name__ == "__main__":
    main()
