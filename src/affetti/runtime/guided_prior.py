"""The prior asked with and without the emotion: classifier-free guidance (Ho and Salimans, 2022).

Shapes: B pieces.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from affetti.runtime.emotion_weights import Conditions, one_hot
from affetti.runtime.piano_steps import Floats, PianoSteps
from affetti.tokens.elements import Integers

Array = NDArray[Any]


class GuidedPrior:
    """A prior that knows the emotion of every bar of B pieces.

    It is asked twice, with and without the emotion, and what it says is its answer without, plus so many times the
    difference. Where that is once everywhere it is asked once.
    """

    def __init__(
        self, networks: PianoSteps, conditions: Conditions, strength: float, *, is_guided: bool | None = None
    ) -> None:
        self.networks, self.conditions, self.strength = networks, conditions, np.float32(strength)
        guided = (self.strength * conditions.strengths != 1).any()
        self.is_guided = bool(guided) if is_guided is None else is_guided
        self.told = conditions.at(np.zeros(len(conditions.weights), np.int64))
        self.none = one_hot([0] * len(conditions.weights))
        self.steps = networks.prior(self._twice(self.told.weights, self.none))

    def reach(self, bars: Integers) -> None:
        """From the next step on each piece is in this bar [B], counted from 0."""
        if self.conditions.change:
            self.told = self.conditions.at(bars)
            self.steps.feel(self._twice(self.told.weights, self.none))

    def step(self, previous: Integers) -> Floats:
        """As `PriorSteps.step`."""
        return self._combined(self.steps.step(self._twice(previous, previous)))

    def book(self, chosen: Integers) -> Floats:
        """As `PriorSteps.book`."""
        return self._combined(self.steps.book(self._twice(chosen, chosen)))

    def reborn(self, row: int, bar: int, books: int) -> tuple["GuidedPrior", Floats]:
        """A prior of one piece alone that begins it with the emotion of this bar; what it says of the first codebook of
        its first step, [1, K + 1].
        """
        told = self.conditions.at(np.full(len(self.none), bar))
        own = Conditions(told.weights[row, None, None], told.strengths[row, None, None], np.ones((1, 1), np.bool_))
        prior = GuidedPrior(self.networks, own, float(self.strength), is_guided=self.is_guided)
        return prior, prior.step(np.zeros((1, books), np.int64))

    def adopt(self, row: int, other: "GuidedPrior") -> None:
        """Let one piece go on from where the piece of another prior has come to."""
        self.steps.adopt(row, other.steps, 0)
        if self.is_guided:
            self.steps.adopt(row + len(self.none), other.steps, 1)

    def _twice(self, with_emotion: Array, without: Array) -> Array:
        return np.concatenate([with_emotion, without]) if self.is_guided else with_emotion

    def _combined(self, logits: Floats) -> Floats:
        if not self.is_guided:
            return logits
        with_emotion, without = np.split(logits, 2)
        combined: Floats = without + (self.strength * self.told.strengths)[:, None] * (with_emotion - without)
        return combined
