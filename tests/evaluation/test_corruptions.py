import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.evaluation.corruptions import (
    CORRUPTIONS,
    bars_of_others,
    far_apart,
    half_of_another,
    in_4_4,
    permuted_onsets,
    random_notes,
    shuffled_pitches,
    wrong_notes,
)
from affetti.tokens.compound_word import GridMusic, read_words, write_words
from affetti.tokens.grammar import check
from tests.evaluation.grids import music, song

SONG = song(3)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@st.composite
def pieces(draw: st.DrawFn) -> GridMusic:
    places = draw(st.lists(st.tuples(st.integers(0, 47), st.integers(21, 108)), min_size=1, max_size=60, unique=True))
    return music([(step, pitch, draw(st.integers(1, 16))) for step, pitch in places], bars=3)


@given(pieces(), st.sampled_from(sorted(CORRUPTIONS)), st.integers(0, 2**32 - 1))
def test_corrupted_pieces_are_pieces(piece: GridMusic, name: str, seed: int) -> None:
    made = CORRUPTIONS[name](piece, random(seed))
    words = write_words(made)
    assert check(words.words, words.bar_steps) == []
    assert len(made.steps) <= len(piece.steps)
    assert len(made.bar_steps) <= len(piece.bar_steps)
    assert ((made.steps + made.durations) <= piece.bar_starts[-1]).all()
    again = CORRUPTIONS[name](piece, random(seed))
    assert (made.steps.tolist(), made.pitches.tolist()) == (again.steps.tolist(), again.pitches.tolist())


def test_shuffling_keeps_rhythm_and_pitches() -> None:
    made = shuffled_pitches(SONG, random())
    assert made.steps.tolist() == SONG.steps.tolist()
    assert sorted(made.pitches % 12) == sorted(SONG.pitches % 12)  # of two on one key one moves by octaves
    assert made.pitches.tolist() != SONG.pitches.tolist()


def test_permuting_keeps_what_is_struck_together() -> None:
    made = permuted_onsets(SONG, random())

    def chords(piece: GridMusic) -> list[tuple[int, ...]]:
        return sorted(tuple(piece.pitches[piece.steps == step].tolist()) for step in np.unique(piece.steps))

    assert np.unique(made.steps).tolist() == np.unique(SONG.steps).tolist()
    assert chords(made) == chords(SONG)
    assert made.pitches.tolist() != SONG.pitches.tolist()


def test_wrong_notes_are_a_share_moved_a_little() -> None:
    tune = music([(2 * n, 60 + 5 * (n % 3), 1) for n in range(40)], bars=5)
    made = wrong_notes(tune, random(), share=0.25)
    moved = made.pitches - tune.pitches
    assert np.count_nonzero(moved) == 10
    assert set(np.abs(moved[moved != 0]).tolist()) <= {1, 2}
    low = music([(0, 21, 1), (1, 108, 1)])
    assert {(wrong_notes(low, random(seed), share=1).pitches - low.pitches).tolist()[0] > 0 for seed in range(9)} == {
        True
    }


def test_random_notes_are_of_the_piece() -> None:
    made = random_notes(SONG, random())
    assert len(made.steps) == pytest.approx(len(SONG.steps), rel=0.05)
    assert set((made.pitches % 12).tolist()) <= set((SONG.pitches % 12).tolist())
    assert len(np.unique(made.steps)) > len(np.unique(SONG.steps))


def test_a_patchwork_has_whole_bars_of_others() -> None:
    pool = [song(seed) for seed in (5, 6, 7)]
    made = bars_of_others(pool)(SONG, random())
    bars = {tuple(bar) for one in pool for bar in _pitches_of_bars(one)}
    assert {tuple(bar) for bar in _pitches_of_bars(made)} <= bars
    assert len(made.bar_steps) == len(SONG.bar_steps)
    half = half_of_another(pool[:1])(SONG, random())
    assert _pitches_of_bars(half) == _pitches_of_bars(SONG)[:5] + _pitches_of_bars(pool[0])[:5]
    assert in_4_4([SONG, music([(0, 60, 1)], steps=12)]) == [SONG]


def test_parts_far_apart() -> None:
    other = song(8, bars=12)
    made = far_apart(SONG, other, 2, random())
    assert _pitches_of_bars(made) == _pitches_of_bars(SONG)[2:4] + _pitches_of_bars(other)[9:11]
    assert len(far_apart(SONG, SONG, 8, random()).bar_steps) == 8 + 3  # it is over


def test_a_patchwork_of_silence_is_the_piece_itself() -> None:
    late = music([(16, 60, 1)], bars=2)
    assert any(bars_of_others([late])(SONG, random(seed)) is not SONG for seed in range(3))
    one_bar = music([(0, 60, 1)])
    assert {bars_of_others([late])(one_bar, random(seed)) is one_bar for seed in range(9)} == {True, False}


def _pitches_of_bars(piece: GridMusic) -> list[list[int]]:
    lines = piece.bar_starts
    return [
        piece.pitches[(piece.steps >= start) & (piece.steps < end)].tolist()
        for start, end in itertools.pairwise(lines.tolist())
    ]


def test_corrupted_words_say_no_chord() -> None:
    for corrupt in CORRUPTIONS.values():
        words = write_words(corrupt(SONG, random()))
        assert read_words(words.words, words.bar_steps).chords.tolist() == [2]
