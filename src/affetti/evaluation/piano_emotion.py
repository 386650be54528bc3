"""The emotion that a recogniser hears in pieces, beside the one that was asked for.

What it hears is no measure of quality: it leans on loudness, density and mode, so notes in any order may be heard as
asked. Therefore it listens in three ways (analysis.features.EARS), and to shuffled music as well.
"""

from dataclasses import dataclass

import numpy as np

from affetti.analysis.features import Ear, piece_features
from affetti.emotion import Quadrant
from affetti.evaluation.piano_collections import Collection
from affetti.runtime.recogniser import Recogniser
from affetti.tokens.elements import Integers, Reals

EVALUATION_WEIGHTS = "piano_recogniser_evaluation"
"""The shipped recogniser for reported figures: nothing is chosen or trained by what it hears."""

EAR_NAMES: dict[Ear, str] = {
    "full": "as it is",
    "without_velocity": "all notes equally loud",
    "without_tempo": "all at one tempo",
}

_AROUSED = np.asarray([quadrant.arousal_sign > 0 for quadrant in Quadrant])
_PLEASANT = np.asarray([quadrant.valence_sign > 0 for quadrant in Quadrant])


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What is heard in N pieces that have a quadrant."""

    asked: Integers
    """[N] 1-4"""
    probabilities: Reals
    """[N, 4] of Q1 to Q4"""

    @property
    def quadrants(self) -> Integers:
        """[N] the most probable one, 1-4."""
        return np.asarray(1 + self.probabilities.argmax(axis=1))

    @property
    def four_way(self) -> float:
        """The share of pieces heard in the quadrant asked for; NaN without pieces, as the next two."""
        return _share(self.quadrants == self.asked)

    @property
    def arousal(self) -> float:
        """The share of pieces whose arousal is on the side asked for."""
        return self._side(_AROUSED)

    @property
    def valence(self) -> float:
        """The share of pieces whose valence is on the side asked for."""
        return self._side(_PLEASANT)

    @property
    def confusion(self) -> Integers:
        """[4, 4] pieces, by the quadrant asked for and the one heard."""
        pairs = (self.asked - 1) * 4 + self.quadrants - 1
        return np.bincount(pairs, minlength=16).reshape(4, 4)

    def _side(self, positive: np.ndarray) -> float:
        heard = self.probabilities @ positive.astype(np.float64) > 0.5
        return _share(heard == positive[self.asked - 1])


def hear(recogniser: Recogniser, collection: Collection, ear: Ear = "full") -> Heard:
    """What a recogniser hears in the pieces of a collection that have a quadrant."""
    chosen = np.flatnonzero(collection.quadrants > 0)
    features = [piece_features(collection.pieces[index], ear) for index in chosen.tolist()]
    probabilities = recogniser.quadrant_probabilities(np.stack(features), ear) if features else np.zeros((0, 4))
    return Heard(collection.quadrants[chosen], probabilities)


def _share(right: np.ndarray) -> float:
    return float(right.mean()) if right.size else float("nan")
