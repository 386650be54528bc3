"""Calibrations of systems whose response is known."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.emotion import Emotion
from affetti.errors import InputError
from affetti.evaluation.plane_fitting import PLACES, even_points, fit, fit_response, inverse, write_plane
from affetti.evaluation.plane_measures import measure
from affetti.evaluation.plane_systems import Advance
from affetti.evaluation.soft_logistic import fit_logistic
from affetti.runtime.emotion_path import EmotionPath
from affetti.runtime.plane_calibration import PlaneCalibration, told_for
from affetti.runtime.weights import find_weights


@dataclass(frozen=True)
class Crooked:
    """A system that is heard as more pleasant than it was told, the more so the more excited, and rarely as excited.

    Its pieces are what was told, one row for each segment.
    """

    plane: PlaneCalibration | None = None
    name: str = "crooked"
    bars: int = 4
    farthest: float = 2.0
    fitting_pieces: int = 100
    ears: Any = None
    listener: Any = None
    noise: float = 0.0

    @property
    def model(self) -> Any:
        return SimpleNamespace(weights_hash="0" * 64, config=SimpleNamespace(plane=self.plane))

    def calibrated(self, plane: PlaneCalibration | None) -> "Crooked":
        return Crooked(plane, ears={"choosing": "one", "reporting": "another"}, noise=self.noise)

    def compose(
        self, wanted: Sequence[Emotion] | Sequence[EmotionPath], seed: int, advance: Advance, *, chosen: bool
    ) -> list[np.ndarray]:
        advance(float(len(wanted)))
        each = [[one] if isinstance(one, Emotion) else [part.emotion for part in one.segments] for one in wanted]
        return [told_for(np.array([(e.valence, e.arousal) for e in one]), self.plane) for one in each]

    def hear(self, pieces: Sequence[np.ndarray], ear: str) -> np.ndarray:
        told = np.stack(pieces)
        told = told + self.noise * np.random.default_rng(0).standard_normal(told.shape)
        v, a = told[..., 0], told[..., 1]
        return np.tanh(np.stack([1.2 * v + 0.4 + 0.3 * a, 2.0 * a - 0.8 + 0.2 * v * a], axis=-1) / 2 * 2)


def crooked(noise: float = 0.0) -> Crooked:
    return Crooked(noise=noise).calibrated(None)


def silent(done: float) -> None:
    """Progress that nobody watches."""


def test_logistic_regression_finds_what_was_put_in() -> None:
    random = np.random.default_rng(0)
    inputs = np.column_stack([np.ones(400), random.standard_normal((400, 2))])
    wanted = np.array([0.5, -1.5, 2.0])
    shares = 1 / (1 + np.exp(-inputs @ wanted))
    np.testing.assert_allclose(fit_logistic(inputs, shares), wanted, atol=1e-3)
    certain = fit_logistic(inputs[:, :2], (inputs[:, 1] > 0).astype(float))  # separable: it stays finite
    assert np.isfinite(certain).all()
    assert certain[1] > 5


@pytest.mark.parametrize("count", [1, 7, 512])
def test_even_points_fill_the_plane(count: int) -> None:
    points = even_points(count)
    assert points.shape == (count, 2)
    assert (np.abs(points) <= 1).all()
    if count > 100:
        for axis in (0, 1):
            counts = np.histogram(points[:, axis], 8, (-1, 1))[0]
            assert counts.min() > 0.9 * count / 8


def test_a_response_is_found_and_inverted() -> None:
    told = 2 * even_points(400)
    response = fit_response(told, crooked().hear(list(told[:, None]), "choosing")[:, 0])
    np.testing.assert_allclose(response.coefficients[0], [0.8, 2.4, 0.6, 0, 0], atol=0.02)
    np.testing.assert_allclose(response.coefficients[1], [-1.6, 4.0, 0, 0, 0.4], atol=0.02)
    table = inverse(response, 2.0)
    places = np.linspace(-1, 1, PLACES)
    inner = table[1:-1, 1:-1].reshape(-1, 2)  # the edge can only be come near to
    asked = np.stack(np.meshgrid(places[1:-1], places[1:-1], indexing="ij"), axis=-1).reshape(-1, 2)
    assert np.abs(response.heard(inner) - asked).max() < 0.1
    for axis in (0, 1):  # more asked is more told
        assert (np.diff(table[..., axis], axis=axis) >= 0).all()


@given(st.floats(0.2, 6), st.floats(-1, 1), st.floats(-1, 1), st.floats(-0.3, 0.3))
def test_an_inverse_stays_within_what_may_be_told(slope: float, constant: float, other: float, product: float) -> None:
    told = 2 * even_points(64)
    logits = constant + slope * told + other * told[:, ::-1] + product * told * told[:, ::-1]
    table = inverse(fit_response(told, np.tanh(logits / 2)), 1.5)
    assert np.abs(table).max() <= 1.5


def test_what_does_not_rise_cannot_be_calibrated() -> None:
    told = even_points(100)
    with pytest.raises(InputError, match="valence does not rise"):
        fit_response(told, np.stack([-0.5 * told[:, 0], told[:, 1]], axis=1))
    with pytest.raises(InputError, match="arousal does not rise"):
        fit_response(told, np.stack([told[:, 0], -told[:, 1]], axis=1))


def test_what_could_not_be_heard_is_left_out() -> None:
    told = even_points(200)
    heard = np.tanh(told)
    missing = np.where(np.arange(200)[:, None] % 5 == 0, np.nan, heard)
    np.testing.assert_allclose(
        fit_response(told, missing).coefficients, fit_response(told, heard).coefficients, atol=0.02
    )


def test_after_calibration_what_is_asked_is_heard() -> None:
    fitted = fit(crooked(), 200, 0, silent)
    before, after = (measure(crooked().calibrated(plane), 1, 8, 0, silent) for plane in (None, fitted.plane))
    for axis in (0, 1):
        assert before.grids["calibrated"].bias(axis) > 0.2
        assert after.grids["calibrated"].bias(axis) < 0.06
        assert after.grids["uncalibrated"].bias(axis) == before.grids["uncalibrated"].bias(axis)
        assert after.paths.correlation(axis).value > 0.99
    assert (fitted.plane.heard_by, fitted.plane.pieces) == ("one", 200)


def test_a_calibration_is_put_into_the_weights(piano_weights: Path, tmp_path: Path) -> None:
    for file in piano_weights.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    before = find_weights(tmp_path)
    plane = fit(crooked(), 60, 0, silent).plane
    write_plane(tmp_path, plane)
    after = find_weights(tmp_path)
    assert after.config == before.config.model_copy(update={"plane": plane})
    assert after.sha256 != before.sha256
    write_plane(tmp_path, None)
    assert json.loads((tmp_path / "config.json").read_text())["plane"] is None
