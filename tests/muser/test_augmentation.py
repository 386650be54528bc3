"""A piece moved in words is the same piece moved in notes, and never leaves the vocabulary."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.muser.augmentation import augmented, faster
from affetti.piece import Piece
from affetti.tokens.compound_word import decode, encode
from affetti.tokens.elements import FIRST_TEMPO, PITCH, SIZES, TEMPO, TEMPOS, TYPE
from affetti.tokens.grammar import check
from tests.tokens.samples import grid_pieces, sampled_words


def _batch(*pieces: np.ndarray) -> np.ndarray:
    words = np.zeros((len(pieces), max(map(len, pieces)) + 2, len(SIZES)), np.uint8)
    for row, piece in zip(words, pieces, strict=True):
        row[: len(piece)] = piece
    return words


@given(grid_pieces(), st.integers(-2, 2))
@settings(max_examples=50, deadline=None)
def test_a_faster_piece_has_every_tempo_moved_by_one_ratio(piece: Piece, values: int) -> None:
    words = encode(piece)
    moved = faster(_batch(words.words), np.asarray([values]))[0, : len(words)]
    tempos = words.words[:, TEMPO].astype(int)
    said = tempos >= FIRST_TEMPO
    if (tempos[said] + values).min() < FIRST_TEMPO or (tempos[said] + values).max() >= SIZES[TEMPO]:
        return
    slow, fast = (decode(one, words.bar_steps) for one in (words.words, moved))
    assert replace(fast, tempos=()) == replace(slow, tempos=())
    for one, other in zip(slow.tempos, fast.tempos, strict=True):
        steps = np.searchsorted(TEMPOS, [one.quarters_per_minute, other.quarters_per_minute])
        assert steps[1] - steps[0] == values


def test_a_tempo_value_is_within_four_per_cent() -> None:
    """So that the two values that a recipe may allow change a tempo by less than eight."""
    assert (TEMPOS[1:] / TEMPOS[:-1]).max() < 1.04
    assert (TEMPOS[2:] / TEMPOS[:-2]).max() < 1.08


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_nothing_leaves_the_vocabulary_and_velocities_stay(seed: int) -> None:
    """Sampled words reach the outer keys and tempos."""
    random = np.random.default_rng(seed)
    pieces = [one.words for one in sampled_words(random, max_bars=2)]
    batch = _batch(*pieces)
    moved = augmented(batch, random, transposition=True, tempo_shift=2)
    for before, after in zip(pieces, moved, strict=True):
        after = after[: len(before)]
        assert not check(after)
        assert (after[:, TYPE:][:, [0, 2, 3]] == before[:, TYPE:][:, [0, 2, 3]]).all()  # type, duration, velocity
        by = np.unique((after[:, PITCH].astype(int) - before[:, PITCH])[before[:, PITCH] > 0])
        assert len(by) <= 1
        assert ((by >= -5) & (by <= 6)).all()


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"), [(60, 72, range(-5, 7)), (21, 60, range(7)), (23, 106, range(-2, 3))]
)
def test_all_the_room_is_used(lowest: int, highest: int, expected: range) -> None:
    words = np.zeros((400, 2, len(SIZES)), np.uint8)
    words[:, 0, PITCH], words[:, 1, PITCH] = lowest - 20, highest - 20
    moved = augmented(words, np.random.default_rng(0), transposition=True)
    assert set((moved[:, 0, PITCH].astype(int) - words[:, 0, PITCH]).tolist()) == set(expected)


def test_nothing_asked_for_changes_nothing() -> None:
    words = np.ones((2, 3, len(SIZES)), np.uint8)
    assert (augmented(words, np.random.default_rng(0)) == words).all()
