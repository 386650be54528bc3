"""Which bars return, and that their codes are those of the bars they repeat."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.emotion import Quadrant
from affetti.runtime.emotion_weights import Conditions
from affetti.runtime.piano_model import PianoModel
from affetti.runtime.piano_phrases import MOST_BARS, Returns, after_first_bar, returning_bars
from affetti.runtime.piano_sampling import Request, Seed, sample_words
from affetti.runtime.sampling import PianoSampling, Sampling
from affetti.tokens.compound_word import read_words
from affetti.tokens.elements import BAR, BAR_BEAT, ELEMENTS
from affetti.tokens.grammar import check
from tests.runtime.made_up_steps import MadeUp, made_up_codebook

PLAIN = PianoSampling(Sampling(), (Sampling(),) * len(ELEMENTS))


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        (15, "...............  "),
        (16, "....ab......ab.."),
        (18, "....ab......ab...."),
        (24, "....ab......ab......qr.."),
        (32, "........abcd............abcd...."),
    ],
)
def test_phrases_return_where_a_song_has_them(bars: int, expected: str) -> None:
    """A letter names the bar that is repeated: a is the first."""
    found = "".join("." if source < 0 else chr(ord("a") + source) for source in returning_bars(bars).tolist())
    assert found == expected.strip()


def test_the_last_phrase_of_a_long_piece_is_the_first_again() -> None:
    sources = returning_bars(64)
    assert sources[56:60].tolist() == [0, 1, 2, 3]
    assert sources[40:44].tolist() == [32, 33, 34, 35]  # C' is C
    assert (sources[48:56] < 0).all()  # D is new
    assert (sources[60:] < 0).all()  # and the piece closes in its own way


@pytest.mark.parametrize("seed", range(20))
def test_codes_of_returning_bars_are_those_they_repeat(seed: int) -> None:
    """Against a drawing in which every third step on average begins a bar."""
    random = np.random.default_rng(seed)
    sources = returning_bars(16)
    drawn = random.integers(0, 100, (2, 400, 3))
    begins_bar = random.random(100) < 0.3
    codes = drawn.copy()
    returns = Returns(2, sources, begins_bar, 1)
    for step in range(400):
        returns.apply(codes, step)
    for piece in range(2):
        starts = np.flatnonzero(begins_bar[codes[piece, :, 1]])
        assert returns.starts[piece] == starts.tolist()
        for bar, source in enumerate(sources):
            here, there = (slice(starts[one], starts[one + 1]) for one in (bar, max(source, 0)))
            if source >= 0:
                np.testing.assert_array_equal(codes[piece, here], codes[piece, there])
        free = np.flatnonzero((codes[piece] == drawn[piece]).all(1))
        assert set(range(starts[4])) <= set(free.tolist())  # the first phrase is as drawn


def test_a_bar_before_the_first_never_returns() -> None:
    found = after_first_bar(returning_bars(16))
    assert found.tolist() == [-1, -1, -1, -1, -1, 1, 2, -1, -1, -1, -1, -1, -1, 1, 2, -1, -1]
    assert (after_first_bar(returning_bars(8)) < 0).all()


def test_a_song_is_what_comes_after_its_first_bar(piano_weights: Path) -> None:
    """Free pieces that begin with the same random numbers are the same up to where the first phrase returns."""
    model = PianoModel.load(piano_weights)
    (song,), (free,) = (
        model.sample_words([Quadrant.Q1], bars=bars, seed=4, form=form) for bars, form in ((16, "song"), (17, "free"))
    )
    lines = np.flatnonzero(free[:, BAR_BEAT] == BAR)
    first_phrase = free[lines[1] : lines[5]]
    np.testing.assert_array_equal(song[: len(first_phrase)], first_phrase)
    assert (song[:, BAR_BEAT] == BAR).sum() == 16


def test_the_longest_piece_is_no_song(piano_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def sampled(steps: object, codebook: object, request: Request, *others: object) -> list:
        asked.append(request.song_form)
        raise RuntimeError

    monkeypatch.setattr("affetti.runtime.piano_model.sample_words", sampled)
    for bars in (3, 4, MOST_BARS, MOST_BARS + 1):
        with pytest.raises(RuntimeError):
            PianoModel.load(piano_weights).sample_words([Quadrant.Q1], bars=bars, form="song")
    assert asked == [False, True, True, False]


def test_nothing_returns_without_sources() -> None:
    drawn = np.random.default_rng(0).integers(0, 9, (1, 50, 7))
    codes = drawn.copy()
    returns = Returns(1, returning_bars(8), np.ones(9, np.bool_), 2)
    for step in range(50):
        returns.apply(codes, step)
    np.testing.assert_array_equal(codes, drawn)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 20), st.integers(1, 18), st.sampled_from([0.1, 0.6]))
def test_a_song_closes_with_a_chord_of_one_bar(seed: int, spread: float, bars: int, bar_share: float) -> None:
    """Whatever the networks say."""
    request = Request(PLAIN, bars, song_form=True)
    codebook, seeds = made_up_codebook(bar_share), [Seed(seed, 0), Seed(seed, 1)]
    for words in sample_words(
        MadeUp(seed, spread), codebook, request, Conditions.of_labels([1, 2]), seeds, lambda _: None
    ):
        assert check(words) == []
        music = read_words(words)
        assert len(music.bar_steps) == bars
        last = music.steps >= 16 * (bars - 1)
        assert set(music.steps[last]) == {16 * (bars - 1)}
        assert set(music.durations[last]) == {16}
