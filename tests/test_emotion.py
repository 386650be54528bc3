"""Russell's plane: names, signs, middles, and what is refused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.emotion import Emotion, Quadrant, parse_quadrant
from affetti.errors import InputError

NAMES = {
    Quadrant.Q1: ["happy", "happiness", "joy", "Q1", "q1", "e1", "E1", "HAPPY", "  Happy\n"],
    Quadrant.Q2: ["angry", "anger", "tense", "Q2", "e2", "Angry"],
    Quadrant.Q3: ["sad", "sadness", "Q3", "e3", "SAD"],
    Quadrant.Q4: ["calm", "relaxed", "relaxation", "content", "contentment", "Q4", "e4"],
}


@pytest.mark.parametrize(("quadrant", "name"), [(q, name) for q, names in NAMES.items() for name in names])
def test_a_quadrant_goes_by_many_names(quadrant: Quadrant, name: str) -> None:
    assert parse_quadrant(name) is quadrant


@pytest.mark.parametrize("name", ["", "happpy", "Q5", "q0", "e", "1", "glücklich", "\x00", "sad, calm", "x" * 10_000])
def test_other_names_are_refused_in_one_short_line_that_lists_what_would_do(name: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse_quadrant(name)
    message = str(refusal.value)
    assert "\n" not in message
    assert len(message) < 250
    assert all(word in message for word in ("happy (Q1)", "angry (Q2)", "sad (Q3)", "calm (Q4)", "--valence"))


def test_quadrants_are_numbered_counter_clockwise_from_the_upper_right() -> None:
    signs = [(q.valence_sign, q.arousal_sign) for q in Quadrant]
    assert signs == [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    assert [q.label for q in Quadrant] == ["happy", "angry", "sad", "calm"]
    for valence, arousal in itertools.product((-1, 1), repeat=2):
        quadrant = Quadrant.of_signs(valence, arousal)
        assert (quadrant.valence_sign, quadrant.arousal_sign) == (valence, arousal)


@pytest.mark.parametrize("quadrant", Quadrant)
def test_the_middle_of_a_quadrant_lies_in_it(quadrant: Quadrant) -> None:
    middle = Emotion.of_quadrant(quadrant)
    assert abs(middle.valence) == abs(middle.arousal) == 0.5
    assert middle.quadrant is quadrant
    assert parse_quadrant(quadrant.label) is quadrant


UNIT = st.floats(-1, 1)


@given(UNIT, UNIT)
def test_every_point_of_the_plane_lies_in_the_quadrant_of_its_signs(valence: float, arousal: float) -> None:
    quadrant = Emotion(valence, arousal).quadrant
    assert valence * quadrant.valence_sign >= 0
    assert arousal * quadrant.arousal_sign >= 0


def test_an_axis_counts_to_its_positive_side() -> None:
    assert Emotion(0, 0).quadrant is Quadrant.Q1
    assert Emotion(-0.0, -1).quadrant is Quadrant.Q4


@pytest.mark.parametrize("value", [1.000001, -1.5, float("nan"), float("inf"), float("-inf")])
def test_points_beyond_the_plane_are_refused(value: float) -> None:
    with pytest.raises(InputError, match=r"valence is .*; it must be between -1 and 1"):
        Emotion(value, 0)
    with pytest.raises(InputError, match=r"arousal is .*; it must be between -1 and 1"):
        Emotion(0, value)


def test_an_emotion_reads_well() -> None:
    assert str(Emotion(0.8, -0.4)) == "valence +0.80, arousal -0.40 (Q4 calm)"
