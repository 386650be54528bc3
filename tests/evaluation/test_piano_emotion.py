from types import SimpleNamespace
from typing import Any

import numpy as np

from affetti.analysis.features import FEATURE_NAMES, Ear
from affetti.evaluation.piano_collections import Collection
from affetti.evaluation.piano_emotion import Heard, hear
from affetti.piece import Note, Piece, Track
from tests.evaluation.tiny_pieces import piano_piece


class Listener:
    """Hears in loud notes Q2 and in soft ones Q3."""

    config = SimpleNamespace(songs=SimpleNamespace(has_learned=lambda corpus, song: False))

    def quadrant_probabilities(self, features: np.ndarray, ear: Ear = "full") -> np.ndarray:
        loud = features[:, [FEATURE_NAMES.index("velocity_mean")]] > 63
        return np.where(loud, [0.2, 0.6, 0.1, 0.1], [0.1, 0.2, 0.4, 0.3])


LISTENER: Any = Listener()


def test_shares_by_hand() -> None:
    heard = Heard(
        np.asarray([1, 2, 3, 4]),
        np.asarray(
            [
                [0.4, 0.3, 0.2, 0.1],  # right in all
                [0.4, 0.3, 0.2, 0.1],  # aroused, but not unpleasant
                [0.1, 0.2, 0.3, 0.4],  # calm, by a hair unpleasant: 0.5 is on neither side
                [0.1, 0.45, 0.2, 0.25],  # Q2 is the most probable, and aroused as well as unpleasant is likelier
            ]
        ),
    )
    assert heard.quadrants.tolist() == [1, 1, 4, 2]
    assert heard.four_way == 0.25
    assert heard.arousal == 0.75
    assert heard.valence == 0.5
    assert heard.confusion.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]]


def test_a_recogniser_hears_the_pieces_with_a_quadrant() -> None:
    pieces = Collection.of_pieces("some", [piano_piece(q) for q in (2, 0, 3, 1)], [2, 0, 3, 1])
    heard = hear(LISTENER, pieces)
    assert heard.asked.tolist() == [2, 3, 1]
    assert heard.quadrants.tolist() == [2, 3, 2]
    without = hear(LISTENER, pieces, "without_velocity")
    assert without.quadrants.tolist() == [2, 2, 2]  # all at 64


def test_nothing_is_heard_in_nothing() -> None:
    heard = hear(LISTENER, Collection.of_pieces("none", [piano_piece(0)], [0]))
    assert np.isnan([heard.four_way, heard.arousal, heard.valence]).all()
    assert heard.confusion.sum() == 0


def test_pieces_off_the_grid_are_put_on_it() -> None:
    piece = Piece(480, (Track(tuple(Note(480 * n + 7 * (n % 2), 60 + n, 400, 77) for n in range(16))),))
    collection = Collection.of_pieces("played", [piece], [1])
    assert len(collection) == 1
    assert collection.music[0].pitches.tolist() == [60 + n for n in range(16)]
    assert collection.pieces[0].ticks_per_quarter == 480


def test_first_bars() -> None:
    collection = Collection.of_pieces("some", [piano_piece(1, bars=6)], [1])
    assert [len(one.bar_steps) for one in collection.first_bars(4)] == [4]
    assert [len(one.bar_steps) for one in collection.first_bars(8)] == [6]


def test_element_counts_by_quadrant() -> None:
    collection = Collection.of_pieces("some", [piano_piece(q) for q in (1, 1, 3)], [1, 1, 3])
    notes = [counts[3] for counts in collection.element_counts.counts[3]]
    assert notes[0] == notes[1] + notes[3]
    assert (notes[2], notes[4]) == (0, 0)
    assert collection.pitch_measures.shape == (3, 6)
