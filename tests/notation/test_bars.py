"""Which pieces are put on a grid, and the bars that are laid over them."""

import numpy as np
import pytest

from affetti.analysis.metrical_grid import MetricalGrid
from affetti.errors import InputError
from affetti.notation.bars import bars_until, grid_notes, on_grid
from affetti.piece import KeySignature, Note, Piece, TimeSignature, Track


def test_what_lies_on_sixteenths_is_left_alone() -> None:
    syncopated = Piece(480, (Track(tuple(Note(120 + 240 * number, 60, 120) for number in range(32))),))
    assert on_grid(syncopated) is syncopated
    few = Piece(480, (Track((Note(7, 60, 100), Note(333, 62, 100))),))
    assert on_grid(few) is few
    chords = Piece(480, (Track(tuple(Note(7 + 340 * (n // 4) + n % 4, 60 + n % 4, 100) for n in range(16))),))
    assert on_grid(chords) is chords  # four chords, each struck over some milliseconds


@pytest.mark.parametrize(("beat", "metre"), [(4, (3, 4)), (6, (6, 8))])
def test_a_performance_is_put_on_the_grid_that_is_heard(
    beat: int, metre: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve sixteenths of 100 ticks a bar, and notes some ticks away from them: three beats of four, or two of six."""
    beats = 4 * 12 // beat
    grid = MetricalGrid(
        np.arange(beats + 1) * beat * 100.0,
        np.arange(beats + 1) * beat,
        np.arange(0, beats, 12 // beat),
        is_tracked=True,
        confidence=1.0,
    )
    monkeypatch.setattr("affetti.notation.bars.metrical_grid", lambda piece: grid)
    steps = [0, 3, 6, 9, 12, 14, 16, 18, 24, 30, 36, 42]
    notes = tuple(Note(step * 100 + (7 * step) % 13 + 1, 60 + step % 5, 230) for step in steps)
    keys = (KeySignature(0, -1, False),)
    read = on_grid(Piece(480, (Track(notes[::2], name="a"), Track(notes[1::2])), key_signatures=keys))
    assert [note.start_ticks * 4 // read.ticks_per_quarter for note in read.notes] == steps
    assert [(one.numerator, one.denominator) for one in read.time_signatures] == [metre]
    assert read.key_signatures == keys
    assert len(read.tracks) == 1
    assert read.chords


def test_notes_are_at_least_a_sixteenth() -> None:
    track = Track((Note(0, 60, 1), Note(59, 62, 0), Note(61, 64, 400)))
    assert [(note.start, note.end) for note in grid_notes(track, 480)] == [(0, 1), (0, 1), (1, 4)]


def test_bars_change_their_metre_at_bar_lines() -> None:
    metres = (TimeSignature(0, 6, 8), TimeSignature(1500, 4, 4))
    piece = Piece(480, (Track((Note(0, 60, 1),)),), time_signatures=metres)
    bars = bars_until(piece, 40, limit=9)
    assert [(bar.start, bar.length, bar.beat, bar.new_metre) for bar in bars] == [
        (0, 12, 6, "6/8"),
        (12, 12, 6, None),
        (24, 16, 4, "4/4"),
    ]
    with pytest.raises(InputError, match="more than 2 bars"):
        bars_until(piece, 40, limit=2)
