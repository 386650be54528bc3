import numpy as np
import pytest

from affetti.evaluation.element_features import PARTS, amount, features
from affetti.piece import CHORD_QUALITIES
from affetti.tokens.elements import (
    BAR_BEAT,
    CHORD,
    DURATION,
    END,
    NO_CHORD_VALUE,
    PITCH,
    TEMPO,
    TYPE,
    VELOCITY,
    velocity_centres,
    velocity_values,
)
from tests.evaluation.test_element_exchange import words_of
from tests.evaluation.tiny_pieces import TEMPO_OF, VELOCITY_OF, tiny_pieces


@pytest.mark.parametrize("quadrant", [1, 2, 3, 4])
def test_amounts_of_pieces_known_beforehand(quadrant: int) -> None:
    words = tiny_pieces((quadrant,)).piece(0).words
    centre = velocity_centres(velocity_values(np.asarray([VELOCITY_OF[quadrant]])))[0]
    assert amount(words, (VELOCITY,)) == centre
    assert amount(words, (TEMPO,)) == pytest.approx(TEMPO_OF[quadrant])
    assert amount(words, (CHORD,)) == (1.0 if quadrant in (2, 3) else 0.0)
    struck = {1: 8, 2: 16, 3: 2, 4: 4}[quadrant]  # places in a bar
    assert amount(words, (BAR_BEAT,)) == struck
    assert amount(words, (TYPE,)) == pytest.approx((struck + 3) / struck)  # three notes more on the first of them


def test_amounts_by_hand() -> None:
    words = words_of(((40, 44), (47,)), ((40,),))
    assert amount(words, (PITCH,)) == pytest.approx((40 + 44 + 47 + 40) / 4 + 20)  # value 1 is MIDI 21
    assert amount(words, (DURATION,)) == 4
    assert amount(words, (BAR_BEAT,)) == pytest.approx(3 / 2)
    assert amount(words, (TYPE,)) == pytest.approx(4 / 3)
    assert amount(words, (BAR_BEAT, TYPE)) == 2


def test_a_piece_that_never_says_an_element_has_no_amount() -> None:
    end = np.zeros((1, 7), np.uint8)
    end[0, TYPE] = END
    assert all(np.isnan(amount(end, (part,))) for part in (TEMPO, CHORD, BAR_BEAT, PITCH, DURATION, VELOCITY))


def test_chords_are_told_by_quality_and_by_steps_of_their_roots() -> None:
    words = words_of(((40,),), ((40,),), ((40,),))
    bars = np.flatnonzero(words[:, CHORD])[::2]
    size = len(CHORD_QUALITIES)
    words[bars, CHORD] = [NO_CHORD_VALUE + 1, NO_CHORD_VALUE + 1 + 7 * size, NO_CHORD_VALUE + 1]  # C, G, C
    found = features(words, (CHORD,), 0)
    assert found[1] == 1.0  # all major
    assert found[size + 1 :][[7, 5]].tolist() == [0.5, 0.5]  # a fifth up, a fourth up
    assert found[-1] == 1.0  # one chord a bar
    assert np.array_equal(found, features(words, (CHORD,), 5))  # no other element is looked at


def test_pitches_are_related_to_the_tonic() -> None:
    words = words_of(((40, 44, 47),))  # MIDI 60, 64, 67
    assert np.flatnonzero(features(words, (PITCH,), 0)[5:]).tolist() == [0, 4, 7]
    assert np.flatnonzero(features(words, (PITCH,), 4)[5:]).tolist() == [0, 3, 8]


@pytest.mark.parametrize("part", PARTS)
def test_features_look_at_nothing_else(part: tuple[int, ...]) -> None:
    pieces = tiny_pieces()
    words = pieces.piece(0).words.copy()
    found = features(words, part, 0)
    assert np.isfinite(found).all()
    others = [column for column in (TEMPO, CHORD, PITCH, DURATION, VELOCITY) if column not in part]
    changed = words.copy()
    for column in others:
        spoken = changed[:, column] >= 2
        changed[spoken, column] = 2
    assert np.array_equal(features(changed, part, 0), found)
