"""A tiny melody corpus and training recipes for it: what the training, export and runtime tests share."""

import numpy as np

from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.tokens.melody import HOLD, PHRASE_STEPS
from affetti.training.recipe import EmoregRecipe

MAJOR = (60, 62, 64, 65, 67)
MINOR = (60, 62, 63, 65, 67)


def tiny_corpus(per_quadrant: int = 6) -> PreparedMelodies:
    """Melodies whose quadrant can be heard: busy or slow (arousal), major or minor third (valence)."""
    random = np.random.default_rng(5)
    tokens, quadrants = [], []
    for quadrant in (1, 2, 3, 4):
        scale = MAJOR if quadrant in (1, 4) else MINOR
        length = 4 if quadrant in (1, 2) else 8
        for _ in range(per_quadrant):
            melody = np.full(PHRASE_STEPS, HOLD, np.int16)
            melody[::length] = random.choice(scale, PHRASE_STEPS // length)
            melody[0] = scale[2]  # every melody has its third
            tokens.append(melody)
            quadrants.append(quadrant)
    count = len(tokens)
    tunes = np.arange(count, dtype=np.int32) // 2  # pairs of one quadrant, as if of one tune
    return PreparedMelodies(
        tuple(f"e{quadrant}/{number}.mid" for number, quadrant in enumerate(quadrants)),
        np.stack(tokens),
        np.asarray(quadrants, np.int8),
        tunes,
    )


def prepare_tiny_corpus() -> PreparedMelodies:
    """Put the tiny corpus where training looks for "musgenvae" (inside the test's own data folder)."""
    corpus = tiny_corpus()
    corpus.save(prepared_path("musgenvae"))
    return corpus


def tiny_recipe(preset: str = "emoreg_autoregressive", **changes: object) -> EmoregRecipe:
    """A recipe that trains in a second or two."""
    content = {
        "system": "emoreg",
        "name": "tiny",
        "preset": preset,
        "corpus": "musgenvae",
        "model": {"hidden_size": 16},
        "composing": {"calibration_pieces": 20},
        "training": {"epochs": 4, "checkpoint_every": 2, "snapshot_epochs": [0, 3], "batch_size": 8},
    }
    return EmoregRecipe.model_validate(content | changes)


def silent(stage: str, epoch: int, epochs: int, loss: float) -> None:
    """Progress that nobody watches."""
