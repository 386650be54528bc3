"""The recogniser of emotion in piano pieces: features to the probabilities of the quadrants, with ONNX Runtime.

Shapes: N pieces, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.features import EARS, FEATURE_NAMES, GROUPS, Ear, piece_features
from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.piece import Piece
from affetti.runtime.recogniser_config import RecogniserConfig
from affetti.runtime.weights import PIANO_READER_WEIGHTS, Graph, RecogniserWeights, find_weights

Reals = NDArray[np.float64]

_VALENCE, _AROUSAL = (
    np.asarray([getattr(quadrant, f"{axis}_sign") for quadrant in Quadrant]) for axis in ("valence", "arousal")
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """What the recogniser hears in a piece."""

    emotion: Emotion
    """Valence and arousal as expected signs: -1 certainly negative, 0 undecided, 1 certainly positive."""
    probabilities: tuple[float, float, float, float]
    """Of Q1 to Q4, calibrated on songs held out; they sum to 1."""
    features: tuple[tuple[str, float, float], ...]
    """All features, those that decided most first: name, value, and by how many times (as a natural logarithm) the
    quadrant heard is more probable than if the feature had the value that is typical of the corpus."""
    groups: tuple[tuple[str, float], ...]
    """The same for all features of a group together (analysis.features.GROUPS): loudness, mode … Features of a group
    resemble each other, so one alone decides less than it seems to mean."""

    @property
    def quadrant(self) -> Quadrant:
        """The most probable quadrant; where valence and arousal are both unsure it may not be the one they lie in."""
        return Quadrant(1 + int(np.argmax(self.probabilities)))

    @property
    def confidence(self) -> float:
        """The probability of that quadrant: 0.25-1."""
        return max(self.probabilities)


class Recogniser:
    """Weights that hear emotion in piano pieces."""

    def __init__(self, weights: RecogniserWeights) -> None:
        self.weights = weights
        missing = [name for name in weights.config.features if name not in FEATURE_NAMES]
        if missing:
            raise InputError(f"{weights.folder}: there is no feature {missing[0][:60]!r}")
        self._columns = [FEATURE_NAMES.index(name) for name in weights.config.features]

    @property
    def config(self) -> RecogniserConfig:
        """What the weights say of themselves."""
        return self.weights.config

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights, hexadecimal."""
        return self.weights.sha256

    def read(self, pieces: Sequence[Piece], ear: Ear = "full") -> list[Recognised]:
        """What is heard in each piece, by an ear that has learned to do without what it does not hear.

        Raises InputError for a piece without pitched notes, or too long to be heard.
        """
        return [self._read(piece_features(piece, ear), ear) for piece in pieces]

    def quadrant_probabilities(self, features: Reals, ear: Ear = "full") -> Reals:
        """Probabilities of Q1 to Q4 [N, 4] of pieces with these features [N, F], as `piece_features` gives them for
        the same ear (all of FEATURE_NAMES). Raises InputError where the weights are damaged.
        """
        return self._probabilities(features[:, self._columns], ear)

    def _read(self, features: Reals, ear: Ear) -> Recognised:
        own = features[self._columns]
        typical = np.asarray(self.config.typical)
        groups = {name: np.isin(self.config.features, names) for name, (names, _) in GROUPS.items()}
        # The piece, then the piece with each of its features made typical in turn, then with each group of them.
        made_typical = np.vstack([np.zeros((1, len(own)), bool), np.eye(len(own), dtype=bool), *groups.values()])
        probabilities = self._probabilities(np.where(made_typical, typical, own), ear)
        logarithms = np.log(probabilities[:, int(probabilities[0].argmax())])
        contributions = logarithms[0] - logarithms[1:]
        of_groups = zip(groups, contributions[len(own) :].tolist(), strict=True)
        order = np.argsort(-np.abs(contributions[: len(own)]), kind="stable")
        first, second, third, fourth = probabilities[0].tolist()
        return Recognised(
            expected_emotions(probabilities[:1])[0],
            (first, second, third, fourth),
            tuple((self.config.features[at], float(own[at]), float(contributions[at])) for at in order.tolist()),
            tuple(sorted(of_groups, key=lambda group: -abs(group[1]))),
        )

    def _probabilities(self, features: Reals, ear: Ear) -> Reals:
        """[N, 4] of features [N, F] in the order of the weights, none 0 so that logarithms can be taken."""
        (found,) = self._graphs[ear].run(["probabilities"], {"features": features.astype(np.float32)})
        if not np.isfinite(found).all():
            raise InputError(f"{self.weights.folder}: damaged weights, which give no probabilities")
        probabilities: Reals = np.maximum(found.astype(np.float64), 1e-6)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities

    @cached_property
    def _graphs(self) -> "_Graphs":
        return _Graphs(self.weights)


class _Graphs(dict[Ear, Graph]):
    """The graph of each ear, loaded when it is first listened with."""

    def __init__(self, weights: RecogniserWeights) -> None:
        super().__init__()
        self._weights = weights

    def __missing__(self, ear: Ear) -> Graph:
        if ear not in EARS:
            raise ValueError(f"no ear {ear!r}; there are {', '.join(EARS)}")
        self[ear] = self._weights.graph(ear)
        return self[ear]


def expected_emotions(probabilities: Reals) -> list[Emotion]:
    """The expected signs of valence and arousal where the quadrants have these probabilities [N, 4]."""
    points = np.stack([probabilities @ _VALENCE, probabilities @ _AROUSAL], axis=1).clip(-1, 1)
    return [Emotion(valence, arousal) for valence, arousal in points.tolist()]


def load_recogniser(weights: str | Path = PIANO_READER_WEIGHTS) -> Recogniser:
    """The recogniser of shipped weights or a weights folder. Raises InputError where there is none."""
    found = find_weights(weights)
    if not isinstance(found, RecogniserWeights):
        raise InputError(f"{found.folder}: weights of {found.config.system}, which hear no piano pieces")
    return Recogniser(found)
