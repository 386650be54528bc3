"""A tiny labelled corpus and a recipe for it: what the tests of the recogniser share."""

import numpy as np

from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_pieces import Origin, PreparedPieces, joined, with_labels
from affetti.corpora.preparing import prepare_piece
from affetti.training.recipe import RecogniserRecipe
from tests.evaluation.tiny_pieces import piano_piece

KEYS = 3
"""In which the pieces of each quadrant are; those in one key are the same."""


def prepare_tiny_emopia(per_quadrant: int = 12) -> PreparedPieces:
    """Put pieces whose quadrant is easy to hear where training looks for "emopia", each of a song of its own."""
    quadrants = [1, 2, 3, 4] * per_quadrant
    made = {(q, key): prepare_piece(piano_piece(q, key, bars=2)) for q in (1, 2, 3, 4) for key in range(KEYS)}
    labels = {
        "quadrants": np.asarray(quadrants, np.int8),
        "emotions": np.full((len(quadrants), 2), np.nan, np.float32),
        "songs": np.arange(len(quadrants), dtype=np.int32),
        "splits": np.zeros(len(quadrants), np.int8),
    }
    columns = joined([made[quadrant, number // 4 % KEYS] for number, quadrant in enumerate(quadrants)])
    names = [f"{number}.mid" for number in range(len(quadrants))]
    songs = [f"song {number}" for number in range(len(quadrants))]
    pieces = with_labels(columns, labels, Origin("emopia", "1", "CC0", "test"), names, songs)
    pieces.save(prepared_path("emopia"))
    return pieces


def tiny_recipe(**changes: object) -> RecogniserRecipe:
    """A recipe that trains in a second or two."""
    content = {
        "system": "recogniser",
        "name": "tiny",
        "preset": "piano_recogniser",
        "corpus": "emopia",
        "training": {"rounds": 5, "calibration_folds": 2},
    }
    return RecogniserRecipe.model_validate(content | changes)


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
