"""What the networks are told for an emotion, a point of the plane or a path."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from affetti.emotion import Emotion, Quadrant
from affetti.runtime.emotion_path import parse_path
from affetti.runtime.emotion_weights import Conditions, mixture, one_hot
from affetti.runtime.plane_calibration import FARTHEST, PlaneCalibration, told_for

within = st.floats(-1, 1)


def table(conditions: object) -> PlaneCalibration:
    return PlaneCalibration.model_validate({"heard_by": "nobody", "pieces": 1, "conditions": conditions})


STRETCHED = table([[(-2, -2), (-2, 2)], [(2, -2), (2, 2)]])


@pytest.mark.parametrize("quadrant", Quadrant)
def test_a_corner_is_its_quadrant(quadrant: Quadrant) -> None:
    weights, strength = mixture(quadrant.valence_sign, quadrant.arousal_sign)
    np.testing.assert_array_equal(weights, one_hot([quadrant])[0])
    assert strength == 1
    weights, strength = mixture(2 * quadrant.valence_sign, 2 * quadrant.arousal_sign)
    np.testing.assert_array_equal(weights, one_hot([quadrant])[0])
    assert strength == 2


@given(within, within)
def test_weights_are_shares_whose_mean_is_the_point(valence: float, arousal: float) -> None:
    weights, strength = mixture(valence, arousal)
    assert strength == 1
    assert weights[0] == 0
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    for axis, value in (("valence_sign", valence), ("arousal_sign", arousal)):
        signs = [getattr(quadrant, axis) for quadrant in Quadrant]
        assert float(weights[1:] @ signs) == pytest.approx(value, abs=1e-6)


def test_the_middle_and_an_edge() -> None:
    assert mixture(0, 0)[0].tolist() == [0, 0.25, 0.25, 0.25, 0.25]
    weights, strength = mixture(1.5, 0)  # beyond the edge between happy and calm
    assert (weights.tolist(), strength) == ([0, 0.5, 0, 0, 0.5], 1.5)


def test_conditions_follow_a_path_and_stay_where_it_ends() -> None:
    conditions = Conditions.of_wanted([parse_path("happy:1,sad:2"), parse_path("-1/-1:2,0/0:1")])
    assert conditions.change
    assert conditions.weights.shape == (2, 3, 5)
    told = conditions.at(np.array([0, 1]))
    np.testing.assert_array_equal(told.weights, one_hot([1, 3]))
    later = conditions.at(np.array([2, 40]))
    assert later.weights.tolist() == [[0, 0, 0, 1, 0], [0, 0.25, 0.25, 0.25, 0.25]]
    assert not Conditions.of_wanted([Quadrant.Q2, Emotion(0.5, 0.5)]).change


def test_a_calibration_is_for_points_alone() -> None:
    point, quadrant = (Conditions.of_wanted([one], STRETCHED) for one in (Emotion(1, 1), Quadrant.Q1))
    np.testing.assert_array_equal(point.weights, quadrant.weights)
    assert (point.strengths.item(), quadrant.strengths.item()) == (2, 1)


@given(within, within)
def test_between_the_places_of_a_table_lines_are_drawn(valence: float, arousal: float) -> None:
    (told,) = told_for(np.array([[valence, arousal]]), STRETCHED)
    assert told.tolist() == pytest.approx([2 * valence, 2 * arousal], abs=1e-9)
    plain = np.array([[valence, arousal]])
    assert told_for(plain, None) is plain


def test_a_table_by_hand() -> None:
    places = [[(v * v * np.sign(v), a + v / 2) for a in (-1, 0, 1)] for v in (-1, 0, 1)]
    calibration = table(places)
    for v in (-1, 0, 1):
        for a in (-1, 0, 1):
            (told,) = calibration.told(np.array([[v, a]], np.float64))
            assert told.tolist() == [v * v * np.sign(v), a + v / 2]
    (told,) = calibration.told(np.array([[0.5, -0.5]]))
    assert told.tolist() == [0.5, -0.25]


@pytest.mark.parametrize(
    "conditions",
    [
        [[(0, 0)]],
        [[(0, 0), (0, 0)], [(0, 0)]],
        [[(0, 0), (0, 0)], [(0, 0), (0, FARTHEST + 0.1)]],
        [[(0, 0), (0, 0)], [(0, 0), (0, float("nan"))]],
        [[(0, 0), (0, 0)], [(0, 0), (0, 0, 0)]],
    ],
)
def test_what_is_no_table(conditions: object) -> None:
    with pytest.raises(ValidationError):
        table(conditions)
