"""Fitting one ear of a recogniser: its experts, and the temperature that makes its probabilities mean what they say.

Shapes: N pieces, F features.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from affetti.emotion import Quadrant
from affetti.recogniser.config import ModelConfig, TrainingConfig
from affetti.recogniser.experts import Floats, Forest, Linear, fit_forest, fit_linear

Reals = NDArray[np.float64]

SIGNS: Reals = np.asarray([[q.valence_sign for q in Quadrant], [q.arousal_sign for q in Quadrant]], np.float64)
"""[2, 4] of valence and arousal in Q1 to Q4."""

_TEMPERATURES = np.geomspace(0.2, 5.0, 200)


@dataclass(frozen=True, slots=True, eq=False)
class FittedEar:
    """Experts and the temperature of their mean."""

    experts: tuple[Forest | Linear, ...]
    temperature: float = 1.0

    def probabilities(self, x: Floats) -> Reals:
        """[N, 4] of features [N, F]."""
        return softmax(self.log_likelihoods(x) / self.temperature)

    def log_likelihoods(self, x: Floats) -> Reals:
        """[N, 4], up to a constant for each piece: the mean over experts."""
        likelihoods: Reals = np.mean([_combined(expert.scores(x)) for expert in self.experts], axis=0)
        return likelihoods


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What one ear learns from: each piece in every rendition."""

    features: tuple[Floats, ...]
    """Of each rendition [N, F]."""
    quadrants: NDArray[np.int8]
    """[N] 1-4."""

    def __getitem__(self, chosen: NDArray[np.bool_]) -> "Lesson":
        return Lesson(tuple(rows[chosen] for rows in self.features), self.quadrants[chosen])


def fit_ear(
    lesson: Lesson, folds: NDArray[np.int64], model: ModelConfig, training: TrainingConfig, seed: int
) -> FittedEar:
    """An ear fitted to all pieces. Its temperature is the one that is best for experts fitted, for each of `folds` [N],
    to the other folds.
    """
    held_out, quadrants = [], []
    for fold in np.unique(folds):
        ear = _fit(lesson[folds != fold], model, training, seed)
        for rows in lesson[folds == fold].features:
            held_out.append(ear.log_likelihoods(rows))
            quadrants.append(lesson.quadrants[folds == fold])
    temperature = best_temperature(np.concatenate(held_out), np.concatenate(quadrants))
    return replace(_fit(lesson, model, training, seed), temperature=temperature)


def best_temperature(log_likelihoods: Reals, quadrants: NDArray[np.int8]) -> float:
    """The temperature by which log-likelihoods [N, 4], divided, give the quadrants [N] the greatest probability
    (Guo et al., On Calibration of Modern Neural Networks, ICML 2017).
    """
    right = np.arange(len(quadrants)), quadrants - 1
    losses = [-np.log(softmax(log_likelihoods / one)[right] + 1e-12).mean() for one in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def softmax(x: Reals) -> Reals:
    """Over the last axis."""
    raised = np.exp(x - x.max(axis=-1, keepdims=True))
    shares: Reals = raised / raised.sum(axis=-1, keepdims=True)
    return shares


def _fit(lesson: Lesson, model: ModelConfig, training: TrainingConfig, seed: int) -> FittedEar:
    x = np.concatenate(lesson.features)
    quadrants = np.tile(lesson.quadrants, len(lesson.features))
    experts: list[Forest | Linear] = []
    if "trees" in model.experts:
        experts.append(fit_forest(x, quadrants, training, seed))
    if "logistic" in model.experts:
        experts.append(fit_linear(x, quadrants, training))
    return FittedEar(tuple(experts))


def _combined(scores: Reals) -> Reals:
    """Log-likelihoods [N, 4] of the quadrants from an expert's scores [N, 6]: what it says of the quadrants and what it
    says of the axes count alike.
    """
    quadrants = np.log(softmax(scores[:, :4]))
    axes = sum(-np.logaddexp(0, -scores[:, 4 + axis, None] * SIGNS[axis]) for axis in (0, 1))
    combined: Reals = (quadrants + axes) / 2
    return combined
