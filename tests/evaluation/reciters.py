"""Models of the piano system that know what they read by heart: what reconstruction is measured with in tests."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.runtime.piano_config import OTHERS
from affetti.runtime.piano_model import PianoModel
from affetti.runtime.stored import SamplingDefaults
from affetti.tokens.elements import SIZES, TYPE


class Reciter(PianoModel):
    """Each code stands for one word of the corpus, and the decoder says that word again.

    misheard: an element whose value it takes for another one. skips: the number of a word that it leaves out.
    """

    def __init__(self, corpus: PreparedPieces, misheard: int | None = None, skips: int | None = None) -> None:
        self.vocabulary = np.unique(np.asarray(corpus.words, np.int64), axis=0)
        config = SimpleNamespace(
            name="reciter",
            system="muser",
            model=SimpleNamespace(codes=len(self.vocabulary) + 3),  # three never occur
            trained_on=("tiny",),
            is_test_model=True,
            codes=SamplingDefaults(),
            elements=(SamplingDefaults(),) * len(SIZES),
            strength=1.0,
        )
        weights: Any = SimpleNamespace(config=config, sha256="0" * 64)
        super().__init__(weights, self)  # type: ignore[arg-type]
        self.misheard, self.skips = misheard, skips
        self.latents = self.vocabulary.astype(np.float32)[None]
        if misheard is not None:
            values = self.latents[0, :, misheard]
            values[:] = np.where(values == 0, 0, np.where(values == SIZES[misheard] - 1, 1, values + 1))

    @property
    def codebook(self) -> Any:
        return self

    def codes(self, words: np.ndarray) -> np.ndarray:
        if self.skips is not None:
            words = np.concatenate([np.delete(words, self.skips, axis=0), words[-1:]])
        same = (words[:, None, :] == self.vocabulary).all(axis=-1)
        return same.argmax(axis=1)[:, None]

    def look_up(self, codes: np.ndarray) -> np.ndarray:
        return self.latents[0, codes[..., 0]]

    def decoder(self, emotions: np.ndarray) -> "_Recitation":
        return _Recitation(len(emotions))


class _Recitation:
    def __init__(self, rows: int) -> None:
        self.rows = rows

    def remember(self, row: int, latents: np.ndarray) -> None:
        assert row < self.rows

    def types(self, previous: np.ndarray, latents: np.ndarray) -> np.ndarray:
        assert len(previous) == len(latents) == self.rows
        self.said = latents.astype(int)
        return _certain(self.said[:, TYPE], SIZES[TYPE])

    def elements(self, types: np.ndarray) -> list[np.ndarray]:
        assert len(types) == self.rows
        return [_certain(self.said[:, column], SIZES[column]) for column in OTHERS]

    def keep(self, rows: np.ndarray) -> None:
        self.rows = len(rows)


def _certain(values: np.ndarray, size: int) -> np.ndarray:
    """Logits that leave hardly a doubt, [B, size]."""
    return (20.0 * (np.arange(size) == values[:, None])).astype(np.float32)
