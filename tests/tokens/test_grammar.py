"""The grammar of compound words: the checker finds each violation, the masks permit none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.analysis.metrical_grid import MAX_BARS
from affetti.tokens.compound_word import CompoundWords
from affetti.tokens.elements import (
    BAR,
    BAR_BEAT,
    CHORD,
    DURATION,
    END,
    METRICAL,
    NOTE,
    PADDING,
    PITCH,
    SIZES,
    TEMPO,
    TYPE,
    VELOCITY,
)
from affetti.tokens.grammar import GrammarState, check
from tests.tokens.samples import sampled_words

# tempo, chord, bar-beat, type, pitch, duration, velocity
BAR_WORD = (30, 5, BAR, METRICAL, 0, 0, 0)
END_WORD = (0, 0, 0, END, 0, 0, 0)


def position(step: int, tempo: int = 1, chord: int = 1) -> tuple[int, ...]:
    return (tempo, chord, step + 2, METRICAL, 0, 0, 0)


def note(pitch: int = 40, duration: int = 4, velocity: int = 20) -> tuple[int, ...]:
    return (0, 0, 0, NOTE, pitch, duration, velocity)


GOOD = [BAR_WORD, position(0), note(), note(44), position(8, chord=6), BAR_WORD, position(3, 31, 6), note(), END_WORD]


def test_a_piece_has_no_violations() -> None:
    assert check(np.asarray(GOOD)) == []
    assert check(np.asarray(GOOD, np.uint8), np.asarray([9, 4], np.uint8)) == []


def changed(at: int, *words: tuple[int, ...], without: int = 1) -> list[tuple[int, ...]]:
    return [*GOOD[:at], *words, *GOOD[at + without :]]


@pytest.mark.parametrize(
    ("words", "violation"),
    [
        pytest.param([], "word 0: there are no words", id="none"),
        pytest.param(changed(3, note(89)), "word 3: pitch 89 is outside its table", id="table"),
        pytest.param(changed(3, note(-1)), "word 3: pitch -1 is outside its table", id="negative"),
        pytest.param(changed(4, (0,) * 7), "word 4: padding is no word", id="padding"),
        pytest.param(changed(3, note(44, 0)), "word 3: a field that the type uses is missing", id="missing"),
        pytest.param(
            changed(1, (1, 1, 2, METRICAL, 0, 0, 7)),
            "word 1: a field that the type does not use is set",
            id="unused field of a metrical word",
        ),
        pytest.param(
            changed(3, (2, 0, 0, NOTE, 44, 4, 4)),
            "word 3: a field that the type does not use is set",
            id="tempo of a note",
        ),
        pytest.param(
            changed(8, (0, 0, 0, END, 0, 0, 1)),
            "word 8: a field that the type does not use is set",
            id="end with a field",
        ),
        pytest.param(changed(4, END_WORD), "word 4: the end comes before the last word", id="end"),
        pytest.param(GOOD[:-1], "word 7: the last word is not the end", id="no end"),
        pytest.param(GOOD[1:], "word 0: a piece begins with a bar", id="no bar"),
        pytest.param([END_WORD], "word 0: a piece begins with a bar", id="only the end"),
        pytest.param(
            changed(4, position(0, chord=7), note()),
            "word 4: a position that is not after the one before it",
            id="order",
        ),
        pytest.param(changed(1, without=1), "word 1: a note without a position", id="no position"),
        pytest.param(changed(3, note(40)), "word 3: a pitch that is not above the one before it", id="pitch"),
        pytest.param(changed(7, without=1), "word 7: the last bar has no note", id="last bar"),
        pytest.param([BAR_WORD, END_WORD], "word 1: the last bar has no note", id="silence"),
        pytest.param(
            changed(5, (1, 5, BAR, METRICAL, 0, 0, 0)),
            "word 5: a bar that does not say its tempo and chord",
            id="bar tempo",
        ),
        pytest.param(
            changed(5, (30, 1, BAR, METRICAL, 0, 0, 0)),
            "word 5: a bar that does not say its tempo and chord",
            id="bar chord",
        ),
        pytest.param(changed(4, position(8)), "word 4: tempo and chord continue, but no note follows", id="idle"),
        pytest.param(
            changed(1, position(0, 31)), "word 1: a tempo at position 0, where the bar has said it", id="tempo 0"
        ),
        pytest.param(
            changed(1, position(0, 1, 6)), "word 1: a chord at position 0, where the bar has said it", id="chord 0"
        ),
        pytest.param(changed(6, position(3, 30, 6)), "word 6: a tempo that is in force already", id="tempo again"),
        pytest.param(changed(6, position(3, 31, 5)), "word 6: a chord that is in force already", id="chord again"),
        pytest.param(
            [*[BAR_WORD] * MAX_BARS, *GOOD], f"word {MAX_BARS}: more than {MAX_BARS:,} bars", id="too many bars"
        ),
    ],
)
def test_each_violation_is_found(words: list[tuple[int, ...]], violation: str) -> None:
    assert violation in [str(found) for found in check(np.asarray(words, np.int64).reshape(-1, 7))]


@pytest.mark.parametrize(
    ("bar_steps", "violation"),
    [
        ([8, 16], "word 4: a position beyond the end of its bar"),
        ([16, 3], "word 6: a position beyond the end of its bar"),
        ([16], "word 8: 2 bars, but the lengths of 1"),
        ([16, 16, 16], "word 8: 2 bars, but the lengths of 3"),
        ([16, 17], "word 0: a bar has 1 to 16 sixteenths, not 16 to 17"),
        ([0, 16], "word 0: a bar has 1 to 16 sixteenths, not 0 to 16"),
    ],
)
def test_words_that_do_not_fit_their_bars_are_found(bar_steps: list[int], violation: str) -> None:
    assert violation in [str(found) for found in check(np.asarray(GOOD), np.asarray(bar_steps))]


def test_violations_are_found_in_the_order_of_the_words() -> None:
    found = check(np.asarray(changed(1, position(0, 31)) + GOOD))
    assert [violation.word for violation in found] == sorted(violation.word for violation in found)
    assert len(found) > 1


@pytest.mark.parametrize(
    "words", [np.zeros(7, int), np.zeros((3, 6), int), np.zeros((3, 7))], ids=["one axis", "six columns", "floats"]
)
def test_arrays_that_are_no_words_are_refused(words: np.ndarray) -> None:
    with pytest.raises(ValueError, match="words are integers"):
        check(words)


# ---- masks

SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.booleans())
def test_whatever_is_drawn_through_the_masks_is_a_piece(random: np.random.Generator, any_metre: bool) -> None:
    bar_steps = random.integers(1, 17, (4, 6)) if any_metre else None
    least = random.integers(1, 7, 4)
    most = np.minimum(least + random.integers(0, 4, 4), 6)
    for row, piece in enumerate(sampled_words(random, bar_steps=bar_steps, min_bars=least, max_bars=most)):
        assert check(piece.words, piece.bar_steps) == []
        assert least[row] <= len(piece.bar_steps) <= most[row]


@pytest.mark.parametrize("bars", [1, 3, 16])
def test_an_exact_number_of_bars_can_be_asked_for(bars: int) -> None:
    found = sampled_words(np.random.default_rng(bars), 16, min_bars=bars, max_bars=bars)
    assert {len(piece.bar_steps) for piece in found} == {bars}


def permitted(piece: CompoundWords) -> bool:
    """Whether the masks, a word at a time, allow exactly these words."""
    bars = len(piece.bar_steps)
    state = GrammarState(1, min_bars=bars, max_bars=bars, bar_steps=piece.bar_steps[None])
    for word in piece.words[:, None].astype(np.int64):
        types, places = word[:, TYPE], word[:, BAR_BEAT]
        # A word is drawn element by element, so later masks are only defined where the earlier ones allow it.
        if state.ended[0] or not state.type_mask()[0, types[0]] or not state.bar_beat_mask(types)[0, places[0]]:
            return False
        masks = {
            TEMPO: state.tempo_mask(places),
            CHORD: state.chord_mask(places),
            PITCH: state.pitch_mask(types),
            DURATION: state.duration_mask(types),
            VELOCITY: state.velocity_mask(types),
        }
        if not all(mask[0, word[0, column]] for column, mask in masks.items()):
            return False
        state.advance(word)
    return bool(state.ended[0])


@settings(deadline=None, max_examples=300)
@given(SEEDS, st.data())
def test_the_checker_and_the_masks_draw_the_same_line(random: np.random.Generator, data: st.DataObject) -> None:
    (piece,) = sampled_words(random, 1, bar_steps=random.integers(1, 17, (1, 4)), max_bars=4)
    words = piece.words.copy()
    at = data.draw(st.integers(0, len(words) - 1))
    match data.draw(st.sampled_from(["value", "type", "left out", "repeated", "swapped", "as it was"])):
        case "value":
            column = data.draw(st.integers(0, 6))
            words[at, column] = data.draw(st.integers(0, 3) | st.integers(0, SIZES[column] - 1)) % SIZES[column]
        case "type":
            words[at, TYPE] = data.draw(st.integers(0, 3))
        case "left out":
            words = np.delete(words, at, axis=0)
        case "repeated":
            words = np.insert(words, at, words[at], axis=0)
        case "swapped":
            words[[at, at - 1]] = words[[at - 1, at]]
    mutated = CompoundWords(words, piece.bar_steps)
    assert permitted(mutated) == (check(words, piece.bar_steps) == [])


def test_fields_that_a_type_does_not_use_are_masked_to_0() -> None:
    state = GrammarState(3)
    types = np.asarray([PADDING, END, METRICAL])
    for mask in (state.pitch_mask(types), state.duration_mask(types), state.velocity_mask(types)):
        assert np.array_equal(mask, np.arange(mask.shape[1]) == np.zeros((3, 1)))
    types = np.asarray([PADDING, END, NOTE])
    none = np.zeros(3, np.int64)
    for mask in (state.bar_beat_mask(types), state.tempo_mask(none), state.chord_mask(none)):
        assert np.array_equal(mask, np.arange(mask.shape[1]) == np.zeros((3, 1)))


def test_a_piece_begins_with_a_bar_and_ends_in_padding() -> None:
    state = GrammarState(1, max_bars=1)
    assert np.flatnonzero(state.type_mask()).tolist() == [METRICAL]
    assert np.flatnonzero(state.bar_beat_mask(np.asarray([METRICAL]))).tolist() == [BAR]
    for word in [*GOOD[:4], END_WORD]:
        assert not state.ended.any()
        state.advance(np.asarray([word]))
    assert state.bars.tolist() == [1]
    assert state.ended.all()
    for _ in range(2):
        assert np.flatnonzero(state.type_mask()).tolist() == [PADDING]
        state.advance(np.zeros((1, 7), np.uint8))


def test_pieces_of_a_batch_do_not_disturb_each_other() -> None:
    random = np.random.default_rng(5)
    found = sampled_words(random, 3, max_bars=5)
    alone = [GrammarState(1, max_bars=5) for _ in found]
    together = GrammarState(3, max_bars=5)
    for at in range(max(map(len, found))):
        words = np.asarray([piece.words[at] if at < len(piece) else np.zeros(7) for piece in found], np.int64)
        assert np.array_equal(together.type_mask(), np.concatenate([state.type_mask() for state in alone]))
        for row, state in enumerate(alone):
            assert np.array_equal(
                together.chord_mask(words[:, BAR_BEAT])[row], state.chord_mask(words[row : row + 1, BAR_BEAT])[0]
            )
            state.advance(words[row : row + 1])
        together.advance(words)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"min_bars": 0}, "a piece has 1 to"),
        ({"min_bars": 3, "max_bars": 2}, "a piece has 1 to"),
        ({"max_bars": MAX_BARS + 1}, "a piece has 1 to"),
        ({"min_bars": np.asarray([1, 5]), "max_bars": np.asarray([4, 4])}, "a piece has 1 to"),
        ({"max_bars": 4, "bar_steps": np.full((2, 3), 16)}, "bar lengths are"),
        ({"max_bars": 4, "bar_steps": np.full((3, 4), 16)}, "bar lengths are"),
        ({"max_bars": 4, "bar_steps": np.full(4, 16)}, "bar lengths are"),
        ({"max_bars": 4, "bar_steps": np.full((2, 4), 17)}, "a bar has 1 to 16"),
    ],
)
def test_limits_that_do_not_go_together_are_refused(options: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        GrammarState(2, **options)
