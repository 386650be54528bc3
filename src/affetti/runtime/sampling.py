"""Drawing tokens from logits: temperature, nucleus, greedy; seeds that belong to one piece each.

Shapes: B rows (pieces), V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.errors import InputError

LOWEST, HIGHEST = 0.05, 5
"""Temperatures."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is drawn: likelihoods sharpened by `temperature` (below 1) or flattened (above), then only the
    likeliest tokens that together reach `nucleus` kept; `greedy` takes the likeliest and draws nothing.
    """

    temperature: float = 1.0
    nucleus: float = 1.0
    greedy: bool = False

    def __post_init__(self) -> None:
        if not LOWEST <= self.temperature <= HIGHEST:
            raise InputError(f"temperature is {self.temperature}; it must be between {LOWEST} and {HIGHEST}")
        if not 0.01 <= self.nucleus <= 1:
            raise InputError(f"nucleus is {self.nucleus}; it must be between 0.01 and 1")


@dataclass(frozen=True, slots=True)
class PianoSampling:
    """How a piano piece is drawn: the prior's codes, each element of a word, and how strongly the emotion is asked for.

    strength: of classifier-free guidance (Ho and Salimans, 2022) in the prior: its logits without an emotion, plus this
    many times the difference that the emotion makes. 1 is the prior as trained, and costs nothing.
    """

    codes: Sampling
    elements: tuple[Sampling, ...]
    """In the order of `tokens.elements.ELEMENTS`."""
    strength: float = 1.0

    def of_book(self, book: int, books: int) -> Sampling:
        """How the codes of one codebook are drawn. Where every element has its own, what an element will be is decided
        by its code, so what is said of the element holds as well: temperatures multiply, the smaller nucleus counts.
        """
        if books != len(self.elements):
            return self.codes
        element = self.elements[book]
        temperature = min(max(self.codes.temperature * element.temperature, LOWEST), HIGHEST)
        return Sampling(temperature, min(self.codes.nucleus, element.nucleus), self.codes.greedy)

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 10:
            raise InputError(f"strength is {self.strength}; it must be between 0 and 10")


def generators(seed: int, pieces: Sequence[int]) -> list[np.random.Generator]:
    """One random generator for each piece number: a piece sounds the same whatever is composed beside it."""
    return [np.random.default_rng([seed, piece]) for piece in pieces]


def draw(logits: NDArray[np.float32], uniforms: NDArray[np.float64], sampling: Sampling) -> NDArray[np.int64]:
    """One token index for each row of `logits` [B, V] (-inf: forbidden), decided by `uniforms` [B] in [0, 1).

    Raises InputError for logits that are no numbers, as damaged weights give.
    """
    if not (logits.max(axis=1) < np.inf).all():  # nor is what is no number
        raise InputError("these weights are damaged: their networks compute no numbers")
    if sampling.greedy:
        return np.asarray(logits.argmax(axis=1), np.int64)
    scaled = logits.astype(np.float64) / sampling.temperature
    likelihoods = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    likelihoods /= likelihoods.sum(axis=1, keepdims=True)
    order = np.argsort(-likelihoods, axis=1, kind="stable")
    ranked = np.take_along_axis(likelihoods, order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    ranked = np.where(before < sampling.nucleus, ranked, 0.0)  # the likeliest always stays: nothing is before it
    cumulative = np.cumsum(ranked, axis=1)
    chosen = (cumulative <= uniforms[:, None] * cumulative[:, -1:]).sum(axis=1)
    # Rounding can push the last step past the end, onto tokens that the nucleus left out.
    chosen = np.minimum(chosen, (ranked > 0).sum(axis=1) - 1)
    return np.asarray(np.take_along_axis(order, chosen[:, None], axis=1)[:, 0], np.int64)
