import numpy as np
import pytest

from affetti.evaluation.block_interventions import intervene
from affetti.tokens.elements import PITCH, TEMPO, VELOCITY
from tests.evaluation.made_systems import Diagonal
from tests.evaluation.test_element_exchange import words_of
from tests.evaluation.tiny_pieces import tiny_pieces

PIECES = tiny_pieces()
WORDS = [np.asarray(PIECES.piece(index).words) for index in range(8)]
GIVERS = [4, 5, 6, 7, 0, 1, 2, 3]


def run(system: Diagonal, words: list[np.ndarray] = WORDS, givers: list[int] = GIVERS):
    steps: list[int] = []
    latents = [system.latents(own) for own in words]
    found = intervene(system, words, latents, np.ones(len(words), np.int64), givers, steps.append)
    assert steps == [1] * 8
    return found


def test_a_diagonal_decoder_gives_a_diagonal_matrix() -> None:
    found = run(Diagonal())
    assert found.pieces == 8
    own = np.eye(7, dtype=bool)
    assert (found.changed[~own] == 0).all()
    assert np.diag(found.changed).tolist() == pytest.approx(found.different.tolist())
    assert found.followed.tolist() == pytest.approx([1.0] * 7)
    assert found.different[TEMPO] == 1.0  # every piece and its giver have other tempos
    assert found.different[VELOCITY] == 1.0


def test_an_element_read_in_another_block_shows_there() -> None:
    reads = list(range(7))
    reads[PITCH] = VELOCITY
    found = run(Diagonal(reads))
    assert found.changed[PITCH, PITCH] == 0
    assert found.changed[VELOCITY, PITCH] == 1.0
    assert found.followed[PITCH] < 0.2


def test_pieces_exchanged_with_themselves_change_nothing() -> None:
    found = run(Diagonal(), givers=list(range(8)))
    assert (found.changed == 0).all()
    assert (found.different == 0).all()
    assert np.isnan(found.followed).all()


def test_by_hand() -> None:
    own, other = words_of(((40, 44), (47,))), words_of(((40,), (45,), (48,)))
    found = run(Diagonal(), [own, other], [1, 0])
    # 40, 44, 47 take 40, 45, 48; 40, 45, 48 take 40, 44, 47: of six notes four change.
    assert found.changed[PITCH, PITCH] == pytest.approx(4 / 6)
    assert found.different[PITCH] == pytest.approx(4 / 6)
    assert found.changed[TEMPO, TEMPO] == 0  # both have the same
