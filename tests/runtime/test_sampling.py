import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from affetti.errors import InputError
from affetti.runtime.sampling import Sampling, draw, generators

LOGITS = np.log(np.array([[0.5, 0.3, 0.15, 0.05]], np.float32))


def frequencies(sampling: Sampling, draws: int = 20_000) -> np.ndarray:
    uniforms = np.random.default_rng(0).random(draws)
    drawn = draw(np.repeat(LOGITS, draws, axis=0), uniforms, sampling)
    return np.bincount(drawn, minlength=4) / draws


def test_draws_follow_the_likelihoods() -> None:
    np.testing.assert_allclose(frequencies(Sampling()), [0.5, 0.3, 0.15, 0.05], atol=0.02)


def test_temperature_by_hand() -> None:
    squares = np.array([0.5, 0.3, 0.15, 0.05]) ** 2  # temperature 0.5 squares likelihoods
    np.testing.assert_allclose(frequencies(Sampling(temperature=0.5)), squares / squares.sum(), atol=0.02)


def test_nucleus_keeps_the_likeliest_that_reach_it() -> None:
    np.testing.assert_allclose(frequencies(Sampling(nucleus=0.7)), [0.625, 0.375, 0, 0], atol=0.02)
    np.testing.assert_allclose(frequencies(Sampling(nucleus=0.01)), [1, 0, 0, 0])


def test_greedy_draws_nothing() -> None:
    assert frequencies(Sampling(greedy=True), 5).tolist() == [1, 0, 0, 0]


@given(
    arrays(np.float32, (4, 9), elements=st.floats(-50, 50, width=32)),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4),
    st.floats(0.05, 5),
    st.floats(0.01, 1),
    st.sets(st.integers(0, 8), max_size=8),
)
def test_a_forbidden_token_is_never_drawn(
    logits: np.ndarray, uniforms: list[float], temperature: float, nucleus: float, forbidden: set[int]
) -> None:
    logits[:, list(forbidden)] = -np.inf
    drawn = draw(logits, np.array(uniforms), Sampling(temperature, nucleus))
    assert not set(drawn.tolist()) & forbidden
    assert set(draw(logits, np.array(uniforms), Sampling(greedy=True)).tolist()).isdisjoint(forbidden)


@pytest.mark.parametrize(
    "bad", [{"temperature": 0.0}, {"temperature": float("nan")}, {"nucleus": 0.0}, {"nucleus": 1.1}]
)
def test_out_of_range(bad: dict[str, float]) -> None:
    with pytest.raises(InputError, match="between"):
        Sampling(**bad)


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_not_drawn(value: float, greedy: bool) -> None:
    with pytest.raises(InputError, match="no numbers"):
        draw(np.array([[0.0, value]], np.float32), np.zeros(1), Sampling(greedy=greedy))


def test_each_piece_has_its_own_randomness() -> None:
    alone = generators(7, [3])[0].random(4)
    among = generators(7, [2, 3, 4])[1].random(4)
    np.testing.assert_array_equal(alone, among)
    assert not np.array_equal(alone, generators(8, [3])[0].random(4))
