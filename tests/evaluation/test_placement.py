import numpy as np
import pytest

from affetti.emotion import Quadrant
from affetti.evaluation.emoreg_paper import PLACEMENT
from affetti.evaluation.placement import placement, pooled

CORNERS = np.asarray([[1, 1], [-1, 1], [-1, -1], [1, -1]], float)


def test_each_quadrant_in_its_place() -> None:
    found = placement(CORNERS, np.asarray([1, 2, 3, 4]))
    assert found.confusion.tolist() == np.eye(4).tolist()
    assert found.accuracies.tolist() == [1, 1, 1, 1]
    assert found.mean == 1


def test_confusion_by_hand() -> None:
    positions = np.asarray([[1, 1], [-1, 1], [1, 2], [0.1, -0.1], [-3, -3]])
    found = placement(positions, np.asarray([1, 1, 1, 1, 3]))
    assert found.confusion.tolist() == [[2, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert found.accuracies[[0, 2]].tolist() == [0.5, 1.0]
    assert np.isnan(found.accuracies[[1, 3]]).all()
    assert found.mean == 0.75  # of the two emotions that have examples, not of the five examples


def test_an_axis_counts_to_its_positive_side_as_in_emotion() -> None:
    found = placement(np.zeros((1, 2)), np.asarray([int(Quadrant.Q1)]))
    assert found.mean == 1


def test_further_latent_dimensions_are_ignored() -> None:
    wide = np.hstack([CORNERS, np.full((4, 3), np.nan)])
    assert placement(wide, np.asarray([1, 2, 3, 4])).mean == 1


def test_random_positions_give_a_quarter() -> None:
    random = np.random.default_rng(0)
    found = placement(random.normal(size=(20_000, 2)), random.integers(1, 5, 20_000))
    assert found.mean == pytest.approx(0.25, abs=0.01)


def test_pooling_adds_examples() -> None:
    one, other = placement(CORNERS[:1], np.asarray([1])), placement(CORNERS[1:2], np.asarray([1]))
    assert pooled([one, other]).accuracies[0] == 0.5


@pytest.mark.parametrize(
    ("positions", "labels"),
    [
        (np.zeros((2, 1)), [1, 1]),
        (np.zeros(2), [1, 1]),
        (np.full((2, 2), np.nan), [1, 1]),
        (np.zeros((2, 2)), [1]),
        (np.zeros((2, 2)), [0, 1]),
    ],
    ids=["one column", "one axis", "not a number", "labels missing", "unlabelled"],
)
def test_bad_input_is_a_value_error(positions: np.ndarray, labels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"positions|quadrants"):
        placement(positions, np.asarray(labels))


def test_nothing_to_pool_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="no placements"):
        pooled([])


def test_the_papers_means_are_those_it_prints() -> None:
    assert [round(float(np.mean(values)), 2) for values in PLACEMENT.values()] == [0.23, 0.88]
