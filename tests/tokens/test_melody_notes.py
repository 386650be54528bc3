import numpy as np
import pytest

from affetti.tokens.melody import HOLD, REST, decode
from affetti.tokens.melody_notes import checked_quadrants, notes_of


def test_notes_of_two_melodies() -> None:
    tokens = np.asarray([[60, HOLD, 62, REST], [HOLD, REST, HOLD, 64]])
    notes = notes_of(tokens)
    assert notes.melody.tolist() == [0, 0, 1]
    assert notes.pitch.tolist() == [60, 62, 64]
    assert notes.start.tolist() == [0, 2, 3]
    assert notes.length.tolist() == [2, 1, 1]
    assert notes.per_melody().tolist() == [2, 1]


def test_a_note_is_not_held_into_the_next_melody() -> None:
    assert notes_of(np.asarray([[60, HOLD], [HOLD, HOLD]])).length.tolist() == [2]


def test_notes_are_those_that_decode_writes() -> None:
    random = np.random.default_rng(3)
    tokens = random.choice([60, 62, 67, REST, HOLD, HOLD, HOLD], (50, 64))
    notes = notes_of(tokens)
    for row, melody in enumerate(tokens):
        own = notes.melody == row
        written = [(note.start_ticks // 120, note.pitch, note.duration_ticks // 120) for note in decode(melody).notes]
        found = zip(notes.start[own].tolist(), notes.pitch[own].tolist(), notes.length[own].tolist(), strict=True)
        assert written == list(found)


def test_intervals_stay_within_a_melody() -> None:
    intervals, melody = notes_of(np.asarray([[60, REST, 64, 62], [50, HOLD, HOLD, 51]])).intervals()
    assert intervals.tolist() == [4, -2, 1]
    assert melody.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "tokens",
    [np.zeros(64, int), np.zeros((2, 0), int), np.zeros((2, 4)), np.full((1, 4), 130), np.full((1, 4), -1)],
    ids=["one axis", "no steps", "floats", "too high", "negative"],
)
def test_tokens_that_are_none_are_refused(tokens: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"0-129|integers"):
        notes_of(tokens)


@pytest.mark.parametrize("quadrants", [[0, 1], [1, 5], [1], [1.0, 2.0]])
def test_quadrants_that_are_none_are_refused(quadrants: list[float]) -> None:
    with pytest.raises(ValueError, match="quadrants"):
        checked_quadrants(np.asarray(quadrants), 2)
