"""Trained piano systems as what is measured of their latents: pieces to latents, and latents with the true words to
what the decoder finds likeliest.

Shapes: N pieces, T words, L latent numbers, E = 7 elements.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from affetti.evaluation.reconstruction import Reader, alike
from affetti.tokens.elements import ELEMENTS, Integers
from affetti.tokens.grammar import Words

if TYPE_CHECKING:
    from affetti.runtime.piano_model import PianoModel

Floats = NDArray[np.float32]
Codes = Literal["shared", "per_element", "none"]
"""Whether a latent vector is one code, one code for each element's block, or no code but a Gaussian's mean."""


class LatentSystem(Protocol):
    """A trained VQ-VAE or VAE whose latent vector is made of a block for each element."""

    name: str
    weights_hash: str
    is_test_model: bool
    codes: Codes

    def latents(self, words: NDArray[np.integer]) -> Floats:
        """The latents [T, L] of a piece [T, 7] that the decoder is given."""
        ...

    def predict(self, words: Sequence[Words], latents: Sequence[Floats], emotions: Integers) -> list[Integers]:
        """The likeliest value of each element in each word of N pieces, [N] of [T, E], where the decoder is told these
        latents, the true words before and, but for the type's own, the true type. emotions: quadrants 1-4 or 0.
        """
        ...


class ExportedSystem:
    """A weights folder, computed by ONNX Runtime."""

    def __init__(self, name: str, model: "PianoModel") -> None:
        self.name, self.model = name, model
        self.weights_hash, self.is_test_model = model.weights_hash, model.config.is_test_model
        self.codes: Codes = model.config.model.codebook

    def latents(self, words: NDArray[np.integer]) -> Floats:
        """The latents [T, L] of a piece: those of its codes."""
        return self.model.codebook.look_up(self.model.codes(words))

    def predict(self, words: Sequence[Words], latents: Sequence[Floats], emotions: Integers) -> list[Integers]:
        """As the protocol says, word by word in batches."""
        found = [np.zeros((len(own), len(ELEMENTS)), np.int64) for own in words]
        for rows in alike(words):
            reader = Reader(self.model, [words[row] for row in rows], [latents[row] for row in rows], emotions[rows])
            for number in range(reader.longest):
                _, logits = reader.step(number)
                likeliest = np.stack([one.argmax(axis=1) for one in logits], axis=1)
                for row, own in zip(reader.reading(number), likeliest, strict=True):
                    found[rows[row]][number] = own
        return found
