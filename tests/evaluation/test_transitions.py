import numpy as np
import pytest

from affetti.evaluation import transitions
from affetti.evaluation.grid_notes import GridNotes
from affetti.evaluation.transitions import STREAMS, Counts, Transitions
from tests.evaluation.grids import music, song


def test_counts_leave_a_fold_out() -> None:
    counts = Counts.of(np.asarray([7, 7, 3, 7]), np.asarray([0, 1, 1, 1]), 2)
    assert counts.numbers.tolist() == [3, 7]
    assert counts.times.tolist() == [[0, 1], [1, 2]]
    assert counts.look_up(np.asarray([7, 7, 3, 5]), np.asarray([0, 1, 1, 0])).tolist() == [2, 1, 0, 0]
    assert Counts.of(np.zeros(0, np.int64), np.zeros(0, np.int64), 1).look_up(np.asarray([1]), np.asarray([0])) == [0]


def test_intervals_and_what_was_before_them() -> None:
    events = STREAMS["top line"](GridNotes.of([music([(0, 60, 2), (4, 62, 2), (8, 61, 2)]), music([(0, 60, 2)])]))
    assert (events.symbols - 13).tolist() == [2, -1]
    assert (events.contexts[0] - 13).tolist() == [14, 2]  # none is 27
    assert events.by_piece.tolist() == [0, 0]


def test_rhythm_says_which_sixteenths_are_struck() -> None:
    events = STREAMS["rhythm"](GridNotes.of([music([(0, 60, 1), (2, 60, 1), (7, 60, 1), (16, 60, 1)], bars=2)]))
    assert events.symbols.tolist() == [0b101, 0b1000, 0, 0, 1, 0, 0, 0]
    assert events.contexts[0].tolist() == [16] * 4 + [0b101, 0b1000, 0, 0]  # a bar before
    assert events.contexts[1].tolist() == [0, 1, 2, 3] * 2
    assert events.contexts[2].tolist() == [16, 0b101, 0b1000, 0, 0, 1, 0, 0]


def test_sonorities_are_above_the_lowest_note() -> None:
    events = STREAMS["sonorities"](GridNotes.of([music([(0, 60, 4), (0, 64, 4), (0, 67, 4), (4, 62, 4)])]))
    assert events.symbols.tolist() == [(1 << 3) + (1 << 6), 0]


def test_every_stream_stays_within_its_size() -> None:
    notes = GridNotes.of([song(1), song(2, bars=3), music([(0, 60, 1)]), music([(13, 21, 3), (13, 108, 1)], steps=14)])
    for stream in STREAMS.values():
        events = stream(notes)
        assert ((events.symbols >= 0) & (events.symbols < events.size)).all()
        assert all(((context >= 0) & (context < 4095)).all() for context in events.contexts)
        assert all(len(one) == len(events.symbols) for one in (events.by_piece, *events.contexts))


def test_likelihoods_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "STREAMS", {"top line": STREAMS["top line"]})
    # Steps up by one semitone, five times; another piece, in another fold, goes up by two.
    up = music([(2 * n, 60 + n, 1) for n in range(6)])
    other = music([(2 * n, 60 + 2 * n, 1) for n in range(3)])
    notes = GridNotes.of([up, other])
    learned = Transitions.learned(notes, np.asarray([0, 1]))
    likelihood, surprises = learned.likelihoods(GridNotes.of([music([(0, 60, 1), (2, 61, 1)])]), np.asarray([1]))[0]
    alone = (5 + 2 / 27) / (5 + 2)  # of five intervals all are this one
    at_first = (1 + 2 * alone) / (1 + 2)  # and so is the one that began the piece
    assert likelihood == pytest.approx(np.log((1 + 2 * at_first) / (1 + 2)))
    assert surprises == 0
    unknown = learned.likelihoods(GridNotes.of([music([(0, 60, 1), (2, 61, 1)])]), np.asarray([0]))[0]
    assert unknown[0] < np.log(0.02)
    assert unknown[1] == 1
    assert np.isnan(learned.likelihoods(GridNotes.of([music([(0, 60, 1)])]), np.asarray([0]))).all()


def test_songs_are_more_expected_than_shuffled_ones() -> None:
    from affetti.evaluation.corruptions import shuffled_pitches

    songs = GridNotes.of([song(seed) for seed in range(6)])
    learned = Transitions.learned(songs, np.arange(6))
    fresh = [song(seed) for seed in range(10, 13)]
    shuffled = [shuffled_pitches(one, np.random.default_rng(1)) for one in fresh]
    real, wrong = (learned.likelihoods(GridNotes.of(one), np.zeros(3, np.int64)) for one in (fresh, shuffled))
    first = 2 * np.asarray([list(STREAMS).index(name) for name in ("top line", "bass", "sonorities")])
    assert (real[:, first] > wrong[:, first]).all()
