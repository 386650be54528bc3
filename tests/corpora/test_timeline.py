"""Emotion over time and what falls to each bar."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.corpora.timeline import Timeline, bar_emotions

HALVES = Timeline(10.0, (-0.5, 0.5), (1.0, 0.0))


def test_bars_take_of_each_slice_what_lies_in_them() -> None:
    found = bar_emotions(HALVES, [0.0, 5.0, 10.0])
    assert found.tolist() == [[-0.5, 1.0], [0.5, 0.0]]
    assert found.dtype == np.float32
    np.testing.assert_allclose(bar_emotions(HALVES, [0.0, 4.0, 6.0, 9.0]), [[-0.5, 1], [0, 0.5], [0.5, 0]], atol=1e-6)


def test_bars_outside_take_the_nearest_slice() -> None:
    found = bar_emotions(HALVES, [-4.0, -1.0, 1.0, 11.0, 12.0, 30.0])
    np.testing.assert_allclose(found, [[-0.5, 1], [-0.5, 1], [0.0556, 0.4444], [0.5, 0], [0.5, 0]], atol=1e-3)


def test_without_a_timeline_nothing_is_known() -> None:
    assert np.isnan(bar_emotions(None, [0.0, 1.0, 2.0])).all()
    assert bar_emotions(None, [0.0, 1.0, 2.0]).shape == (2, 2)


curves = st.lists(st.floats(-1, 1), min_size=1, max_size=40)


@settings(deadline=None)
@given(curves, st.floats(0.5, 500), st.lists(st.floats(-10, 600), min_size=2, max_size=30, unique=True))
def test_every_bar_lies_between_the_extremes(values: list[float], seconds: float, times: list[float]) -> None:
    timeline = Timeline(seconds, tuple(values), tuple(values))
    found = bar_emotions(timeline, sorted(times))
    assert (found >= min(values) - 1e-5).all()
    assert (found <= max(values) + 1e-5).all()


@settings(deadline=None)
@given(curves)
def test_the_whole_piece_is_the_mean(values: list[float]) -> None:
    timeline = Timeline(7.0, tuple(values), tuple(values))
    np.testing.assert_allclose(bar_emotions(timeline, [0.0, 7.0])[0], timeline.mean, atol=1e-5)


@pytest.mark.parametrize(
    ("seconds", "valence", "arousal"),
    [
        (0.0, (0.0,), (0.0,)),
        (1.0, (), ()),
        (1.0, (2.0,), (0.0,)),
        (1.0, (float("nan"),), (0.0,)),
        (1.0, (0.0,), (0.0, 0.1)),
    ],
)
def test_what_is_no_timeline_is_refused(seconds: float, valence: tuple[float, ...], arousal: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"timeline|inhomogeneous"):
        Timeline(seconds, valence, arousal)
