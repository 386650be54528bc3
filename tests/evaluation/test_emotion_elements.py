import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from affetti.analysis.features import FEATURE_NAMES
from affetti.evaluation.element_features import PART_NAMES, amount
from affetti.evaluation.emotion_elements import (
    EXCHANGE_STEPS,
    REAL_STEPS,
    CarriedElements,
    Estimate,
    Interventions,
    bootstrapped,
    carriers,
    givers_of,
    intervene,
    measure_carried,
    measure_real,
    side_of,
)
from affetti.evaluation.emotion_elements_report import EmotionElements
from affetti.tokens.elements import CHORD, PITCH, TYPE, VELOCITY
from tests.evaluation.tiny_pieces import tiny_pieces

PIECES = dataclasses.replace(
    tiny_pieces((1, 2, 3, 4) * 3), splits=np.asarray([0, 0, 0, 0] + [1] * 4 + [2] * 4, np.int8)
)


def test_sides() -> None:
    assert side_of(np.asarray([1, 2, 3, 4]), "arousal").tolist() == [1, 1, -1, -1]
    assert side_of(np.asarray([1, 2, 3, 4]), "valence").tolist() == [1, -1, -1, 1]


def test_an_interval_is_of_songs_and_not_of_pieces() -> None:
    moments = np.stack([np.repeat([0.0, 1.0], 500), np.ones(1000)], axis=1)

    def mean(sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]

    of_two = bootstrapped(mean, moments, np.repeat([7, 9], 500), 0)
    assert of_two == Estimate(0.5, 0.0, 1.0)  # a quarter of the draws has the one song twice
    of_many = bootstrapped(mean, moments, np.arange(1000), 0)
    assert of_many.value == 0.5
    assert 0.46 < of_many.low < 0.48
    assert 0.52 < of_many.high < 0.54
    assert bootstrapped(mean, moments, np.arange(1000), 0) == of_many
    assert np.isnan(bootstrapped(mean, moments[:0], np.zeros(0, int), 0)).all()


def test_givers_differ_in_the_axis_alone_and_are_of_another_song() -> None:
    quadrants, songs = np.tile([1, 2, 3, 4], 5), np.repeat(np.arange(10), 2)
    arousal, valence, like = (givers_of(quadrants, songs, axis, 0) for axis in ("arousal", "valence", None))
    assert quadrants[arousal].tolist() == [4, 3, 2, 1] * 5
    assert quadrants[valence].tolist() == [2, 1, 4, 3] * 5
    assert quadrants[like].tolist() == quadrants.tolist()
    assert all((songs[givers] != songs).all() for givers in (arousal, valence, like))
    alone = givers_of(np.asarray([1, 4, 4]), np.asarray([0, 0, 1]), "arousal", 0)
    assert alone.tolist() == [2, -1, 0]


def recogniser(knows: tuple[str, ...] = ()) -> SimpleNamespace:
    """Hears arousal in the first feature and valence in the second, each as the probability of the positive side."""

    def probabilities(table: np.ndarray) -> np.ndarray:
        high, positive = table[:, 0], table[:, 1]
        return np.stack(
            [high * positive, high * (1 - positive), (1 - high) * (1 - positive), (1 - high) * positive], axis=1
        )

    songs = SimpleNamespace(has_learned=lambda corpus, song: song in knows)
    return SimpleNamespace(config=SimpleNamespace(name="ear", songs=songs), quadrant_probabilities=probabilities)


def test_what_is_carried_by_hand() -> None:
    """Two pieces, of Q1 and Q4, and one of each that are like them."""
    before = np.asarray([[0.9, 0.9], [0.2, 0.9], [0.8, 0.9], [0.1, 0.9]])
    unchanged = (before,) * 8
    loudest = before.copy()
    loudest[0, 0], loudest[1, 0] = 0.3, 0.6
    after = (*unchanged[:VELOCITY], loudest, before)
    like = before.copy()
    like[0, 0] = 0.7  # disturbed by its own kind
    found = Interventions(
        "tiny",
        ("a", "b", "c", "d"),
        np.asarray([1, 4, 1, 4]),
        before,
        {"arousal": np.asarray([3, 2, 1, 0]), "valence": np.full(4, -1), None: np.asarray([2, 3, 0, 1])},
        {"arousal": after, "valence": unchanged, None: (*unchanged[:VELOCITY], like, before)},
    )
    carried = measure_carried(found, recogniser(), 0)
    assert carried.pieces == 4
    # Expected signs are 2p − 1. Piece 0: 0.3 for 0.7; piece 1: 0.6 for 0.2; the others stay.
    assert carried.moved["arousal"][VELOCITY].value == pytest.approx((0.8 + 0.8 + 0 + 0) / 4)
    assert carried.moved["arousal"][CHORD].value == 0
    assert carried.whole["arousal"].value == pytest.approx(2 * np.mean([0.8 - 0.1, 0.8 - 0.1, 0.9 - 0.2, 0.9 - 0.2]))
    assert carried.crossed["arousal"][VELOCITY].value == 0.5
    assert carried.disturbed["arousal"][VELOCITY].value == 0
    assert np.isnan(carried.moved["valence"][VELOCITY].value)
    fewer = measure_carried(found, recogniser(knows=("a", "b")), 0)
    assert fewer.pieces == 2
    assert fewer.moved["arousal"][VELOCITY].value == 0


def test_an_element_belongs_where_it_goes_the_greater_share_of_the_way() -> None:
    surely, unsure, none = Estimate(0.2, 0.1, 0.3), Estimate(0.3, -0.1, 0.5), Estimate(0.0, -0.1, 0.1)
    arousal, valence = [none] * 8, [none] * 8
    arousal[VELOCITY], valence[VELOCITY] = Estimate(0.5, 0.4, 0.6), surely  # 25 % of the way and 20 %
    arousal[PITCH], valence[PITCH] = surely, surely  # 10 % and 20 %
    arousal[CHORD], valence[CHORD] = surely, unsure
    arousal[TYPE], arousal[-1] = Estimate(0.1, 0.05, 0.2), Estimate(0.4, 0.3, 0.5)  # with bar-beat 20 %
    carried = CarriedElements(
        "ear",
        9,
        {"arousal": tuple(arousal), "valence": tuple(valence)},
        {"arousal": Estimate(2.0, 1.9, 2.1), "valence": Estimate(1.0, 0.9, 1.1)},
        {},
        {},
    )
    assert carriers(carried) == {"arousal": ("velocity", "bar_beat", "type", "chord"), "valence": ("pitch",)}


def test_real_pieces_and_interventions_of_a_tiny_corpus() -> None:
    steps: list[int] = []
    real = measure_real(PIECES, 0, steps.append)
    assert sum(steps) == REAL_STEPS
    assert (real.pieces, real.songs) == (12, 6)
    assert real.contrasts["arousal"][VELOCITY].positive > real.contrasts["arousal"][VELOCITY].negative
    assert real.contrasts["valence"][CHORD].negative == 1.0  # all minor
    assert real.contrasts["valence"][CHORD].positive == 0.0
    loud = np.asarray([amount(PIECES.piece(index).words, (VELOCITY,)) for index in range(12)])
    low, high = loud[2::4].tolist() + loud[3::4].tolist(), loud[0::4].tolist() + loud[1::4].tolist()
    deviation = np.sqrt((np.var(low, ddof=1) + np.var(high, ddof=1)) / 2)
    assert real.contrasts["arousal"][VELOCITY].difference.value == pytest.approx(
        (np.mean(high) - np.mean(low)) / deviation
    )
    assert real.alone["valence"][CHORD].value == 1.0
    assert real.alone["arousal"][VELOCITY].value == 1.0
    steps.clear()
    found = intervene(PIECES, 0, steps.append)
    assert sum(steps) == EXCHANGE_STEPS
    assert found.quadrants.tolist() == [1, 2, 3, 4] * 2
    assert found.before.shape == (8, len(FEATURE_NAMES))
    assert not np.array_equal(found.after["arousal"][VELOCITY], found.before)
    carried = measure_carried(found, recogniser(), 0)
    report = EmotionElements(real, carried, carried)
    assert [table.title for table in report.tables()] == [
        "What carries arousal",
        "Real music by arousal",
        "What carries valence",
        "Real music by valence",
    ]
    assert {row[0] for row in report.tables()[0].rows} == set(PART_NAMES)
    figures = report.document()
    assert figures["contrasts"]["valence"]["chord"]["means"] == [1.0, 0.0]
    assert set(figures["exchanged"]["ear"]["moved"]["arousal"]) == {row[0] for row in report.tables()[0].rows}
