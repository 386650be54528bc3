"""A small prepared corpus and recipes for it: what the tests of batches and training share."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_pieces import Origin, PreparedPieces, joined, with_labels
from affetti.corpora.preparing import prepare_piece
from affetti.training.recipe import MuserRecipe
from tests.evaluation.tiny_pieces import piano_piece

TINY_MODEL = {
    "embedding_sizes": [8] * 7,
    "emotion_embedding_size": 8,
    "encoder_layers": 1,
    "encoder_width": 16,
    "decoder_layers": 1,
    "decoder_width": 16,
    "heads": 2,
    "latent_block": 4,
    "codes": 16,
}
TINY_PRIOR = {"layers": 1, "width": 16, "heads": 2}


def practice_pieces(bars: Sequence[int], splits: Sequence[int] | None = None) -> PreparedPieces:
    """Pieces of so many bars in 4/4, their emotions in turn 1, 2, 3, 4, 0; all to train on without `splits`."""
    count = len(bars)
    quadrants = [(number + 1) % 5 for number in range(count)]
    pieces = [
        piano_piece(quadrant, number % 7, length)
        for number, (quadrant, length) in enumerate(zip(quadrants, bars, strict=True))
    ]
    labels = {
        "quadrants": np.asarray(quadrants, np.int8),
        "emotions": np.full((count, 2), np.nan, np.float32),
        "songs": np.arange(count, dtype=np.int32),
        "splits": np.zeros(count, np.int8) if splits is None else np.asarray(splits, np.int8),
    }
    names = [str(number) for number in range(count)]
    return with_labels(
        joined([prepare_piece(piece) for piece in pieces]), labels, Origin("practice", "1", "CC0", "1"), names, names
    )


def prepare_practice(name: str = "practice") -> PreparedPieces:
    """Put ten pieces of one to four bars to train on and four to measure on where training looks for them."""
    pieces = practice_pieces([1, 2, 3, 4, 2, 3, 1, 4, 3, 2, 2, 3, 1, 4], [0] * 10 + [1] * 4)
    pieces = replace(pieces, origin=replace(pieces.origin, corpus=name))
    pieces.save(prepared_path(name))
    return pieces


def practice_recipe(
    *, phases: Sequence[str] = ("vqvae", "prior"), preset: str = "muser_small", **changes: object
) -> MuserRecipe:
    """A recipe for the practice corpus that trains in a second; its phases are named by their parts."""
    training = {"epochs": 3, "threads": 1, "max_words": 64, "batch_pieces": 4, "batch_words": 256, "warmup_steps": 2}
    content = {
        "system": "muser",
        "name": "practice",
        "preset": preset,
        "model": TINY_MODEL,
        "prior": TINY_PRIOR,
        "training": training,
        "prior_training": training,
        "phases": [{"part": part, "corpora": ["practice"]} for part in phases],
        "is_test_model": True,
    }
    return MuserRecipe.model_validate(content | changes)


def silent(stage: str, epoch: int, epochs: int, loss: float) -> None:
    """Progress that nobody watches."""
