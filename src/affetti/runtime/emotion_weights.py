"""What the piano networks are told of the emotion: a weight for each of the five that they have learned.

They have learned none (0) and the four quadrants (1-4), one embedding each. A quadrant is told by the weight 1 of its
own. A point of the plane is told by weights of all four, as near as it is to their corners (bilinear), so that the
middle is a quarter of each. A condition beyond the edge of the plane (`plane_calibration`) has the weights of the edge,
and the emotion is asked for as many times as strongly (`PianoSampling.strength`).

Shapes: B pieces, N bars.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.emotion import Emotion, Quadrant
from affetti.runtime.emotion_path import EmotionPath, Wanted
from affetti.runtime.plane_calibration import PlaneCalibration, told_for
from affetti.tokens.elements import Integers

EMOTIONS = 5
"""No emotion (0) and the quadrants 1-4."""

Floats = NDArray[np.float32]


def one_hot(emotions: Sequence[int] | Integers) -> Floats:
    """The weights [B, 5] of emotions as training labels them, 0-4."""
    return np.eye(EMOTIONS, dtype=np.float32)[np.asarray(emotions, np.int64)]


def mixture(valence: float, arousal: float) -> tuple[Floats, float]:
    """The weights [5] of a condition, and how many times as strongly it is asked for: 1 within the plane."""
    beyond = max(1.0, abs(valence), abs(arousal))
    valence, arousal = valence / beyond, arousal / beyond
    shares = [(1 + one.valence_sign * valence) * (1 + one.arousal_sign * arousal) / 4 for one in Quadrant]
    return np.asarray([0.0, *shares], np.float32), beyond


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """What B pieces are told in each of N bars; the last of them stands for all bars that follow."""

    weights: Floats
    """[B, N, 5]"""
    strengths: Floats
    """[B, N] by how much the strength of sampling is multiplied."""
    begins: NDArray[np.bool_]
    """[B, N] the bars that begin a section (`EmotionPath.sections`)."""

    @classmethod
    def of_labels(cls, emotions: Sequence[int]) -> "Conditions":
        """One emotion, 0-4, for each whole piece."""
        weights = one_hot(emotions)[:, None]
        return cls(weights, np.ones(weights.shape[:2], np.float32), np.ones(weights.shape[:2], np.bool_))

    @classmethod
    def of_wanted(cls, wanted: Sequence[Wanted], calibration: PlaneCalibration | None = None) -> "Conditions":
        """What is told for what is asked; paths are of the same number of bars, and nothing else stands beside them."""
        told = [[_told(emotion, calibration) for emotion in _emotions(one)] for one in wanted]
        weights = np.asarray([[of_bar for of_bar, _ in bars] for bars in told], np.float32)
        strengths = np.asarray([[strength for _, strength in bars] for bars in told], np.float32)
        begins = np.zeros(strengths.shape, np.bool_)
        for row, one in enumerate(wanted):
            bars = [section.bars for section in one.sections] if isinstance(one, EmotionPath) else []
            begins[row, np.cumsum([0, *bars[:-1]])] = True
        return cls(weights, strengths, begins)

    @property
    def change(self) -> bool:
        """Whether anything changes while a piece goes on."""
        return bool(self.weights.shape[1] > 1)

    def at(self, bars: Integers) -> "Told":
        """What each piece is told in its bar [B], counted from 0."""
        rows, within = np.arange(len(bars)), np.minimum(bars, self.weights.shape[1] - 1)
        return Told(self.weights[rows, within], self.strengths[rows, within])


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What B pieces are told at one step."""

    weights: Floats
    """[B, 5]"""
    strengths: Floats
    """[B]"""


def _emotions(wanted: Wanted) -> tuple[Quadrant | Emotion, ...]:
    return wanted.of_bars if isinstance(wanted, EmotionPath) else (wanted,)


def _told(emotion: Quadrant | Emotion, calibration: PlaneCalibration | None) -> tuple[Floats, float]:
    if isinstance(emotion, Quadrant):
        return one_hot([emotion])[0], 1.0
    (told,) = told_for(np.array([[emotion.valence, emotion.arousal]]), calibration)
    return mixture(*told)
