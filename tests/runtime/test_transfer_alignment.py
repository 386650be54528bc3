import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.runtime.transfer_alignment import Alignment, answering, chosen_bars
from affetti.tokens.compound_word import GridMusic
from tests.runtime.grid_music import grid_music


def aligned(source: GridMusic, reference: GridMusic, *, stretched: bool = False) -> Alignment:
    return Alignment.of(source, reference, stretched=stretched)


def bars_of_one_note(bars: int, steps: int = 16) -> GridMusic:
    return grid_music([(steps * bar, 60, 4, 20) for bar in range(bars)], bar_steps=[steps] * bars)


@pytest.mark.parametrize(
    ("source", "reference", "repeated", "stretched"),
    [
        (4, 4, [0, 1, 2, 3], [0, 1, 2, 3]),
        (5, 2, [0, 1, 0, 1, 0], [0, 0, 0, 1, 1]),
        (2, 5, [0, 1], [0, 2]),
    ],
)
def test_bars(source: int, reference: int, repeated: list[int], stretched: list[int]) -> None:
    pieces = bars_of_one_note(source), bars_of_one_note(reference)
    assert aligned(*pieces).bars.tolist() == repeated
    assert aligned(*pieces, stretched=True).bars.tolist() == stretched


def test_beats_answer_to_beats_in_bars_of_other_lengths() -> None:
    shorter = aligned(bars_of_one_note(2, steps=12), bars_of_one_note(2, steps=16))
    assert shorter.places(np.asarray([0, 3, 11, 12, 16])).tolist() == [0, 3, 11, 16, 20]
    longer = aligned(bars_of_one_note(2, steps=16), bars_of_one_note(2, steps=12))
    assert longer.places(np.asarray([0, 11, 12, 15, 16])).tolist() == [0, 11, 8, 11, 12]
    assert answering(np.arange(8), 3).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]


def test_what_is_in_force() -> None:
    source, reference = bars_of_one_note(4), bars_of_one_note(2)
    values = aligned(source, reference).in_force(np.asarray([0, 12, 16]), np.asarray([5, 6, 7]))
    assert values.tolist() == ([5] * 12 + [6] * 4 + [7] * 16) * 2


def test_notes_answer_by_position_and_rank() -> None:
    chord = [(0, pitch, 4, 20) for pitch in (40, 50, 60, 70)]
    reference = grid_music([*chord, (8, 45, 4, 20), (8, 75, 4, 20)])
    source = grid_music([(1, 48, 2, 20), (1, 80, 2, 20), (7, 36, 1, 20), (10, 84, 1, 20)])
    # Nearest to 1 is the chord at 0: its outer notes. Alone, the left hand's note takes the lowest, the right's the
    # highest.
    assert aligned(source, reference).notes(source).tolist() == [0, 3, 4, 5]
    three = grid_music([(0, pitch, 4, 20) for pitch in (41, 55, 71)])
    assert aligned(three, reference).notes(three).tolist() == [0, 2, 3]


def test_notes_answer_within_their_bar() -> None:
    """The last sixteenth is nearer to the next bar's first note than to anything in its own bar."""
    reference = grid_music([(0, 60, 4, 20), (16, 62, 4, 20)])
    source = grid_music([(15, 60, 1, 20), (16, 60, 1, 20)])
    assert aligned(source, reference).notes(source).tolist() == [0, 1]
    silent = grid_music([(16, 62, 4, 20)])
    assert aligned(source, silent).notes(source).tolist() == [0, 0]
    assert aligned(source, silent).moment_sizes(np.asarray([15, 16])).tolist() == [0, 1]


@given(bars=st.integers(1, 40), seed=st.integers(0, 99), first=st.floats(0, 1), second=st.floats(0, 1))
def test_a_greater_strength_adds_bars(bars: int, seed: int, first: float, second: float) -> None:
    less, more = (chosen_bars(bars, one, seed) for one in sorted((first, second)))
    assert (less <= more).all()
    assert more.sum() == round(max(first, second) * bars)
