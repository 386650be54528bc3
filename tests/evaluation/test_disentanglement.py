import dataclasses

import numpy as np
import pytest

from affetti.errors import InputError
from affetti.evaluation.disentanglement import STEPS, Disentanglement, measure, pieces_to_measure
from affetti.tokens.elements import BAR_BEAT, PITCH, TEMPO, TYPE, VELOCITY
from tests.evaluation.made_systems import Diagonal
from tests.evaluation.tiny_pieces import tiny_pieces

PIECES = dataclasses.replace(tiny_pieces((1, 2, 3, 4) * 6), splits=np.asarray([0] * 16 + [1] * 4 + [2] * 4, np.int8))


@pytest.fixture(scope="module")
def diagonal() -> Disentanglement:
    steps: list[int] = []
    found = measure(Diagonal(), pieces_to_measure(PIECES), 0, steps.append)
    assert sum(steps) == STEPS
    return found


def test_every_block_knows_its_element(diagonal: Disentanglement) -> None:
    gains = diagonal.gains
    assert gains.shape == (8, 7)
    own = np.diag(gains)
    assert (own > 0.85).all()  # values that no training piece has are never guessed
    assert own[[TEMPO, TYPE, VELOCITY]].tolist() == [1, 1, 1]
    assert (gains[-1] > 0.75).all()


def test_blocks_that_are_silent_tell_the_type_alone(diagonal: Disentanglement) -> None:
    """Pitch is said by notes and bar-beat by metrical words, so neither tells of the other."""
    assert diagonal.gains[PITCH, BAR_BEAT] == 0
    assert diagonal.gains[BAR_BEAT, PITCH] == 0
    assert diagonal.gains[PITCH, TYPE] == 1
    assert diagonal.information[PITCH, BAR_BEAT] == 0
    assert diagonal.information_gaps[TYPE] == pytest.approx(0, abs=1e-9)


def test_emotions_are_told_by_the_blocks_that_carry_them(diagonal: Disentanglement) -> None:
    assert diagonal.emotions[VELOCITY]["quadrant"].accuracy == 1  # each quadrant has a loudness of its own
    assert diagonal.emotions[VELOCITY]["arousal"].accuracy == 1
    assert diagonal.emotions[-1]["quadrant"].accuracy == 1
    assert np.nanmin(diagonal.silhouettes["vectors"][VELOCITY]) > 0.9


def test_interventions_are_there(diagonal: Disentanglement) -> None:
    assert diagonal.interventions.pieces == 8
    assert (diagonal.interventions.changed[~np.eye(7, dtype=bool)] == 0).all()
    assert diagonal.interventions.followed[VELOCITY] == 1


def test_maps_are_of_all_pieces(diagonal: Disentanglement) -> None:
    assert {points.shape for found in diagonal.maps.values() for points in found} == {(24, 2)}
    assert all(len(found) == 8 for found in diagonal.maps.values())


def test_what_is_scored_is_held_out() -> None:
    pieces = pieces_to_measure(PIECES)
    assert pieces.is_held_out.tolist() == [False] * 16 + [True] * 8
    assert not set(pieces.songs[pieces.is_held_out]) & set(pieces.songs[~pieces.is_held_out])


def test_pieces_without_a_label_are_left_out() -> None:
    some = dataclasses.replace(PIECES, quadrants=np.asarray([0] * 4 + [1, 2, 3, 4] * 5, np.int8))
    assert len(pieces_to_measure(some)) == 20


def test_a_corpus_without_emotions_is_refused() -> None:
    none = dataclasses.replace(PIECES, quadrants=np.zeros(24, np.int8))
    with pytest.raises(InputError, match="no pieces of two emotions"):
        pieces_to_measure(none)
    with pytest.raises(InputError, match="validation and test"):
        pieces_to_measure(dataclasses.replace(PIECES, splits=np.zeros(24, np.int8)))
