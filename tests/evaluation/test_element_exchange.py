import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from affetti.evaluation.element_exchange import partners, says
from affetti.tokens.elements import (
    BAR,
    BAR_BEAT,
    CHORD,
    CONTINUE,
    DURATION,
    END,
    FIRST_POSITION,
    METRICAL,
    NOTE,
    PITCH,
    TEMPO,
    TYPE,
    VELOCITY,
)
from tests.evaluation.tiny_pieces import tiny_pieces


def words_of(*bars: tuple[tuple[int, ...], ...], tempo: int = 10) -> np.ndarray:
    """Bars of chords, one at each position; a chord is the values of its pitches."""
    rows = []
    for bar in bars:
        rows.append({TYPE: METRICAL, BAR_BEAT: BAR, TEMPO: tempo, CHORD: 5})
        for position, chord in enumerate(bar):
            rows.append({TYPE: METRICAL, BAR_BEAT: FIRST_POSITION + position, TEMPO: CONTINUE, CHORD: CONTINUE})
            rows += [{TYPE: NOTE, PITCH: pitch, DURATION: 4, VELOCITY: 20} for pitch in chord]
    words = np.zeros((len(rows) + 1, 7), np.uint8)
    for word, row in zip(words, [*rows, {TYPE: END}], strict=True):
        for column, value in row.items():
            word[column] = value
    return words


def test_what_continues_or_is_ignored_says_nothing() -> None:
    words = words_of(((40, 44),))  # bar, position, two notes, end
    assert says(words, TEMPO).tolist() == [True, False, False, False, False]
    assert says(words, BAR_BEAT).tolist() == [True, True, False, False, False]
    assert says(words, TYPE).tolist() == [True, True, True, True, False]
    assert says(words, PITCH).tolist() == [False, False, True, True, False]


def test_bars_answer_to_bars_and_are_counted_round() -> None:
    own = words_of(((40,),), ((41,),), ((42,),))
    other = words_of(((50,),), ((51,),))
    taking, giving = partners(own, other, PITCH)
    assert own[taking, PITCH].tolist() == [40, 41, 42]
    assert other[giving, PITCH].tolist() == [50, 51, 50]


def test_within_a_bar_the_first_takes_from_the_first_and_the_last_from_the_last() -> None:
    own = words_of(((40,), (41,), (42,)))
    other = words_of(((50,), (51,), (52,), (53,), (54,)))
    assert other[partners(own, other, DURATION)[1], PITCH].tolist() == [50, 52, 54]
    assert own[partners(other, own, DURATION)[1], PITCH].tolist() == [40, 40, 41, 42, 42]  # 0.5 rounds to even, 1.5 too


def test_a_chord_takes_pitches_from_the_lowest_up() -> None:
    own = words_of(((40, 44), (47, 52)))
    other = words_of(((60,), (50,), (55,), (45,)))
    taking, giving = partners(own, other, PITCH)
    assert other[giving, PITCH].tolist() == [50, 60, 45, 55]
    assert taking.tolist() == [2, 3, 5, 6]
    assert other[partners(own, other, VELOCITY)[1], PITCH].tolist() == [60, 50, 55, 45]  # other elements in time


def test_bars_without_the_element_are_passed_over() -> None:
    own, other = words_of(((40,),), ((41,),)), words_of((), ((51,),))
    assert other[partners(own, other, PITCH)[1], PITCH].tolist() == [51, 51]
    assert [part.tolist() for part in partners(own, words_of(()), PITCH)] == [[], []]
    assert [part.tolist() for part in partners(words_of(()), own, PITCH)] == [[], []]


@given(st.integers(0, 6), st.integers(0, 7), st.integers(0, 7))
def test_every_word_that_says_it_takes_once_and_from_one_that_says_it(element: int, first: int, second: int) -> None:
    pieces = tiny_pieces()
    own, other = pieces.piece(first).words, pieces.piece(second).words
    taking, giving = partners(own, other, element)
    assert taking.tolist() == np.flatnonzero(says(own, element)).tolist()
    assert says(other, element)[giving].all()
    if first == second:
        assert own[giving, element].tolist() == own[taking, element].tolist()
