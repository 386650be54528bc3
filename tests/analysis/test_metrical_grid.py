"""The grid of a piece: its own where its notes lie on it, tracked where they do not."""

from pathlib import Path

import numpy as np
import pytest

from affetti.analysis.beats import MAX_NOTES
from affetti.analysis.metrical_grid import MetricalGrid, metrical_grid
from affetti.analysis.note_arrays import note_arrays
from affetti.errors import InputError
from affetti.midi import read_midi
from affetti.piece import Note, Piece, Tempo, TimeSignature, Track

STEP = 120  # ticks of a sixteenth


def score(steps: list[int], metres: tuple[TimeSignature, ...] = (), last: int = STEP) -> Piece:
    return Piece(4 * STEP, (Track(tuple(Note(step * STEP, 60 + step % 7, last) for step in steps)),), (), metres)


def performed(bars: int = 16, tempo: float = 83.0, seed: int = 0) -> Piece:
    """Four-four at a tempo that the file does not know: its ticks are those of 120 quarters per minute."""
    rng = np.random.default_rng(seed)
    notes = []
    for bar in range(bars):
        root = (60, 57, 65, 67)[bar % 4]
        for step, pitch, length in [(0, -24, 16), (0, 0, 4), (4, 4, 4), (8, 7, 4), (12, 4, 4), (0, 12, 6), (6, 14, 2)]:
            place = (bar * 16 + step) * 120.0 / tempo * STEP + rng.normal(0, 8) + 300
            notes.append(Note(max(0, round(place)), root + pitch, round(length * STEP * 120 / tempo)))
    return Piece(4 * STEP, (Track(tuple(notes)),), (Tempo(0, 120.0),), (TimeSignature(0, 4, 4),))


def check_sound(grid: MetricalGrid, piece: Piece) -> None:
    notes = note_arrays(piece)
    assert (np.diff(grid.beat_ticks) > 0).all()
    assert (np.diff(grid.beat_steps) > 0).all()
    assert grid.beat_steps[0] == grid.bar_beats[0] == 0
    assert grid.bar_steps.min() >= 1
    assert grid.bar_steps.max() <= 16
    assert grid.bar_steps.sum() == grid.beat_steps[-1]
    assert grid.steps_at(notes.start_ticks).min() > -0.5  # rounds to a step that is there
    assert grid.beat_ticks[-1] >= notes.end_ticks.max() - 1e-6
    assert np.allclose(grid.ticks_at(grid.steps_at(notes.start_ticks)), notes.start_ticks)
    assert 0 <= grid.confidence <= 1


@pytest.mark.parametrize(
    ("numerator", "denominator", "bars", "beat_steps"),
    [
        (4, 4, [16, 16], [4] * 8),
        (3, 4, [12, 12, 12], [4] * 9),
        (6, 8, [12, 12, 12], [6] * 6),
        (2, 2, [16, 16], [4] * 8),
        (5, 4, [12, 8, 12, 8], [4] * 10),
        (12, 8, [12, 12, 12, 12], [6] * 8),
        (9, 8, [12, 6, 12, 6], [6] * 6),
        (7, 8, [14, 14, 14], [4, 4, 4, 2] * 3),
        (3, 8, [6, 6, 6, 6, 6, 6], [6] * 6),
    ],
)
def test_a_score_keeps_its_own_bars(numerator: int, denominator: int, bars: list[int], beat_steps: list[int]) -> None:
    piece = score([0, 4, 8, 12, 16, 20, 24, 30], (TimeSignature(0, numerator, denominator),), last=2 * STEP)
    grid = metrical_grid(piece)
    check_sound(grid, piece)
    assert not grid.is_tracked
    assert grid.bar_steps.tolist() == bars
    assert np.diff(grid.beat_steps).tolist() == beat_steps
    assert np.array_equal(grid.beat_ticks, grid.beat_steps * STEP)
    assert grid.confidence == pytest.approx(1)


def test_metres_may_change_and_an_upbeat_is_a_short_bar() -> None:
    metres = (TimeSignature(0, 1, 4), TimeSignature(4 * STEP, 3, 4), TimeSignature(28 * STEP, 4, 4))
    piece = score([0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40], metres)
    grid = metrical_grid(piece)
    check_sound(grid, piece)
    assert grid.bar_steps.tolist() == [4, 12, 12, 16]


def test_without_a_metre_it_is_four_four() -> None:
    piece = score([0, 3, 4, 8, 12, 16])
    assert metrical_grid(piece).bar_steps.tolist() == [16, 16]
    assert metrical_grid(score([0], last=STEP)).bar_steps.tolist() == [16]


def test_triplets_lie_on_their_own_grid() -> None:
    notes = tuple(Note(number * 160, 60, 150) for number in range(24))
    piece = Piece(480, (Track(notes),))
    assert not metrical_grid(piece).is_tracked


def test_a_performance_is_tracked() -> None:
    piece = performed()
    grid = metrical_grid(piece)
    check_sound(grid, piece)
    assert grid.is_tracked
    assert set(grid.bar_steps.tolist()) == {16}
    steps = grid.steps_at(note_arrays(piece).start_ticks)
    assert np.abs(steps - np.rint(steps)).max() < 0.25
    beats = np.diff(grid.beat_ticks)
    assert np.median(beats) == pytest.approx(4 * STEP * 120 / 83, rel=0.01)


def test_a_score_is_tracked_when_asked() -> None:
    piece = score(list(range(0, 256, 2)))
    assert not metrical_grid(piece).is_tracked
    grid = metrical_grid(piece, force_tracking=True)
    check_sound(grid, piece)
    assert grid.is_tracked


def test_a_grid_whose_beats_lie_between_the_notes_is_not_believed() -> None:
    steps = np.arange(0, 256, 4) + 1
    assert metrical_grid(score(steps.tolist())).is_tracked


def test_what_has_no_grid_is_refused() -> None:
    with pytest.raises(InputError, match="no pitched notes"):
        metrical_grid(Piece(480, ()))
    with pytest.raises(InputError, match="onsets"):
        metrical_grid(Piece(480, (Track((Note(17, 60, 10), Note(393, 60, 10), Note(1111, 60, 10))),)))
    with pytest.raises(InputError, match="notes"):
        metrical_grid(Piece(480, (Track(tuple(Note(number % 97, 60, 10) for number in range(MAX_NOTES + 1))),)))
    with pytest.raises(InputError, match="2,000 bars"):
        metrical_grid(score([0, 16 * 2_001]))
    with pytest.raises(InputError, match="s of music"):
        metrical_grid(Piece(480, (Track(tuple(Note(number * 500_067, 60, 10) for number in range(10))),)))


@pytest.mark.corpus
def test_the_corpora_are_what_they_are(shared_data: Path) -> None:
    """EMOPIA's clips are performances, VGMIDI's whole pieces mostly scores."""

    def tracked(pattern: str, step: int) -> list[bool]:
        grids = []
        for path in sorted(shared_data.glob(pattern))[::step]:
            piece = read_midi(path)
            grid = metrical_grid(piece)
            check_sound(grid, piece)
            grids.append(grid.is_tracked)
        return grids

    assert np.mean(tracked("emopia/EMOPIA_1.0/midis/*.mid", 40)) > 0.95
    assert np.mean(tracked("vgmidi/labelled/midi/*.mid", 10)) < 0.4
