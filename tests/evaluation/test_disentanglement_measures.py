import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.evaluation.disentanglement_measures import (
    CLASSES,
    PAIRS,
    block_means,
    diagonal_and_rest,
    entropy,
    information_gaps,
    linear_probe,
    modularities,
    mutual_information,
    own_gaps,
    silhouettes,
    sorted_blocks,
    sorted_values,
)

LOG2 = float(np.log(2))


def test_silhouettes_by_hand() -> None:
    points = np.asarray([[0.0], [1.0], [4.0], [5.0]])
    # Of 0: own distance 1, to the others (4 + 5) / 2: (4.5 − 1) / 4.5; of 1: (3.5 − 1) / 3.5; the rest mirrored.
    found = silhouettes(points, np.asarray([1, 1, 4, 4]))
    assert found[PAIRS.index((1, 4))] == pytest.approx((3.5 / 4.5 + 2.5 / 3.5) / 2)
    assert np.isnan([value for pair, value in zip(PAIRS, found, strict=True) if pair != (1, 4)]).all()
    mixed = silhouettes(points, np.asarray([1, 4, 1, 4]))
    assert mixed[PAIRS.index((1, 4))] < 0


def test_mutual_information_of_known_variables() -> None:
    coin, other = np.asarray([0, 0, 1, 1]), np.asarray([0, 1, 0, 1])
    assert entropy(coin) == pytest.approx(LOG2)
    assert mutual_information(coin, coin) == pytest.approx(LOG2)
    assert mutual_information(coin, 1 - coin) == pytest.approx(LOG2)
    assert mutual_information(coin, other) == pytest.approx(0)
    four = 2 * coin + other
    assert mutual_information(four, coin) == pytest.approx(LOG2)
    # 3 of 4 alike: 2 log 2 less the entropy of the pairs (3/8, 1/8, 1/8, 3/8)
    near, far = np.asarray([0, 0, 0, 0, 1, 1, 1, 1]), np.asarray([0, 0, 0, 1, 1, 1, 1, 0])
    pairs = -2 * (3 / 8 * np.log(3 / 8) + 1 / 8 * np.log(1 / 8))
    assert mutual_information(near, far) == pytest.approx(2 * LOG2 - pairs)
    assert mutual_information(coin[:0], coin[:0]) == 0


def test_gaps_of_known_information() -> None:
    information = np.asarray([[LOG2, 0.0], [LOG2 / 4, LOG2 / 2], [0.0, LOG2]])[:2]
    entropies = np.full(2, LOG2)
    assert information_gaps(information, entropies).tolist() == pytest.approx([0.75, 0.5])
    assert own_gaps(information, entropies).tolist() == pytest.approx([0.75, 0.5])
    exchanged = information[::-1]
    assert information_gaps(exchanged, entropies).tolist() == pytest.approx([0.75, 0.5])  # whichever block it is
    assert own_gaps(exchanged, entropies).tolist() == pytest.approx([-0.75, -0.5])
    assert np.isnan(information_gaps(information, np.asarray([LOG2, 0.0]))).tolist() == [False, True]


def test_modularities_by_hand() -> None:
    found = modularities(np.asarray([[2.0, 0.0, 0.0], [1.0, 1.0, 1.0], [2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    assert found[:3].tolist() == pytest.approx([1.0, 0.0, 1 - 1 / 8])
    assert np.isnan(found[3])


def test_a_probe_learns_what_is_there_and_no_more() -> None:
    random = np.random.default_rng(0)
    values = random.integers(3, size=400)
    vectors = np.eye(3)[values] + 0.01 * random.standard_normal((400, 3))
    told = linear_probe(vectors[:200], values[:200], vectors[200:], values[200:])
    assert told.accuracy == 1
    assert told.gain == 1
    untold = linear_probe(
        random.standard_normal((200, 3)), values[:200], random.standard_normal((200, 3)), values[200:]
    )
    assert untold.gain < 0.15


def test_a_probe_without_anything_to_tell_by_guesses() -> None:
    learned, truth = np.asarray([5, 5, 7]), np.asarray([7, 5, 9, 5])
    found = linear_probe(np.ones((3, 2)), learned, np.ones((4, 2)), truth)
    assert (found.accuracy, found.majority, found.gain) == (0.5, 0.5, 0.0)
    alike = linear_probe(np.eye(3), np.full(3, 5), np.eye(3), np.full(3, 5))
    assert (alike.accuracy, alike.majority) == (1.0, 1.0)
    assert np.isnan(alike.gain)
    assert np.isnan(linear_probe(np.eye(3), learned, np.eye(3)[:0], learned[:0]).accuracy)


def test_blocks_are_sorted_by_what_was_learned() -> None:
    learned = np.repeat([[0.0, 0.0], [5.0, 5.0], [9.0, 0.0]], 4, axis=0)
    heard = np.asarray([[0.1, 0.0], [8.8, 0.1], [0.0, 0.2], [5.0, 4.0]])
    found = sorted_blocks(learned, heard, 0)
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 3
    assert sorted_blocks(np.ones((4, 2)), heard, 0).tolist() == [0, 0, 0, 0]


def test_values_are_sorted_into_classes() -> None:
    few = np.asarray([3, 9, 9, 3])
    assert sorted_values(few, is_amount=True).tolist() == [0, 1, 1, 0]
    many = np.repeat(np.arange(100), 2)
    amounts = sorted_values(many, is_amount=True)
    assert np.bincount(amounts).tolist() == [10] * CLASSES
    assert (np.diff(amounts) >= 0).all()
    names = sorted_values(np.concatenate([many, [50] * 3, [70] * 5]), is_amount=False)
    assert names[-1] == 0  # the commonest
    assert names[-6] == 1
    assert len(set(names.tolist())) == CLASSES


@given(st.lists(st.integers(0, 60), min_size=1, max_size=200), st.booleans())
def test_classes_are_of_the_values(values: list[int], is_amount: bool) -> None:
    found = sorted_values(np.asarray(values), is_amount=is_amount)
    assert 0 <= found.min() <= found.max() < CLASSES
    for value in set(values):
        assert len(set(found[np.asarray(values) == value].tolist())) == 1


def test_diagonal_and_rest() -> None:
    assert diagonal_and_rest(np.asarray([[1.0, 0.2], [0.4, 0.5]])) == pytest.approx((0.75, 0.3))


def test_block_means_are_of_the_words_in_which_a_block_speaks() -> None:
    vectors = np.asarray([[1.0, 2.0, 10.0, 20.0], [3.0, 4.0, 30.0, 40.0]])
    speaking = [np.asarray([True, True]), np.asarray([False, True])]
    assert block_means(vectors, speaking, 2).tolist() == [[2.0, 3.0], [30.0, 40.0]]
    assert block_means(vectors, [np.zeros(2, bool)] * 2, 2).tolist() == [[0.0, 0.0], [0.0, 0.0]]
