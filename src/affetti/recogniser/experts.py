"""The two kinds of experts: boosted trees and logistic regression, fitted by scikit-learn, kept as plain arrays.

Each gives six scores for a piece: one for each quadrant, then the log-odds of positive valence and of high arousal. The
two axes are learned directly beside the quadrants because each has twice the pieces a quadrant has.

Shapes: N pieces, F features, M nodes of all trees, T trees.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.emotion import Quadrant
from affetti.recogniser.config import TrainingConfig

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

OUTPUTS = 6
"""Scores of an expert: Q1 to Q4, valence, arousal."""
CLIP = 3.0
"""Standard deviations beyond which a feature says no more to the logistic regression."""
_LEAF = np.float32(np.finfo(np.float32).max)  # no value is greater: a piece that came to a leaf stays there


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """The same number of trees for each output, those of the first output first."""

    roots: Integers
    """[T] the node that each tree begins with."""
    features: Integers
    """[M] the feature that each node asks for."""
    thresholds: Floats
    """[M] it goes to the first child where the feature is at most this, else to the second, which stands behind it."""
    children: Integers
    """[M] how far behind the node its first child stands; 0: it is a leaf."""
    values: Floats
    """[M] what a leaf says."""
    depth: int
    """Of the deepest tree."""

    def scores(self, x: Floats) -> NDArray[np.float64]:
        """[N, 6] of features [N, F]."""
        nodes = np.broadcast_to(self.roots, (len(x), len(self.roots)))
        for _ in range(self.depth):
            right = np.take_along_axis(x, self.features[nodes], axis=1) > self.thresholds[nodes]
            nodes = nodes + self.children[nodes] + right
        said = self.values[nodes].astype(np.float64).reshape(len(x), OUTPUTS, -1)
        scores: NDArray[np.float64] = said.sum(axis=2)
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Logistic regression on features that were centred, scaled and clipped."""

    centre: Floats
    """[F]"""
    scale: Floats
    """[F] standard deviations."""
    weights: Floats
    """[6, F]"""
    bias: Floats
    """[6]"""

    def scores(self, x: Floats) -> NDArray[np.float64]:
        """[N, 6] of features [N, F]."""
        standard = np.clip((x - self.centre) / self.scale, -CLIP, CLIP)
        scores: NDArray[np.float64] = (standard @ self.weights.T + self.bias).astype(np.float64)
        return scores


def fit_forest(x: Floats, quadrants: NDArray[np.int8], training: TrainingConfig, seed: int) -> Forest:
    """Boosted trees for features [N, F] and quadrants [N], 1-4, all of which occur."""
    from sklearn.ensemble import GradientBoostingClassifier

    trees = []
    for target in _targets(quadrants):
        fitted = GradientBoostingClassifier(
            n_estimators=training.rounds,
            max_depth=training.depth,
            learning_rate=training.learning_rate,
            subsample=training.subsample,
            max_features=min(training.features_per_split, x.shape[1]),
            init="zero",  # so that the trees are all that there is
            random_state=seed,
        ).fit(x, target)
        trees += [tree.tree_ for output in fitted.estimators_.T for tree in output]
    parts = [_breadth_first(tree, training.learning_rate) for tree in trees]
    sizes = np.asarray([len(part[0]) for part in parts])
    features, thresholds, children, values = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    depth = max(tree.max_depth for tree in trees)
    return Forest(np.cumsum(sizes) - sizes, features, thresholds, children, values, depth)


def fit_linear(x: Floats, quadrants: NDArray[np.int8], training: TrainingConfig) -> Linear:
    """Logistic regression for features [N, F] and quadrants [N], 1-4, all of which occur."""
    from sklearn.linear_model import LogisticRegression

    centre, scale = np.median(x, axis=0), x.std(axis=0) + np.float32(1e-6)
    standard = np.clip((x - centre) / scale, -CLIP, CLIP)
    fitted = [LogisticRegression(C=training.ridge, max_iter=1000).fit(standard, one) for one in _targets(quadrants)]
    weights = np.concatenate([one.coef_ for one in fitted]).astype(np.float32)
    bias = np.concatenate([one.intercept_ for one in fitted]).astype(np.float32)
    return Linear(centre, scale, weights, bias)


def _targets(quadrants: NDArray[np.int8]) -> tuple[NDArray[np.int64], ...]:
    """What is learned: the quadrant, whether valence is positive, whether arousal is high."""
    valence, arousal = (
        np.isin(quadrants, [quadrant for quadrant in Quadrant if getattr(quadrant, f"{axis}_sign") > 0])
        for axis in ("valence", "arousal")
    )
    return quadrants.astype(np.int64), valence.astype(np.int64), arousal.astype(np.int64)


def _breadth_first(tree: object, rate: float) -> tuple[Integers, Floats, Integers, Floats]:
    """Features, thresholds, children and values of scikit-learn's tree, its nodes so ordered that siblings meet."""
    left, right = tree.children_left, tree.children_right  # type: ignore[attr-defined]
    order, firsts = [0], []
    for node in order:  # grows as it goes
        firsts.append(len(order))
        if left[node] >= 0:
            order += [left[node], right[node]]
    is_leaf = left[order] < 0
    exact = tree.threshold[order]  # type: ignore[attr-defined]
    # Rounded down, so that a float32 is above the one where it is above the other.
    rounded = exact.astype(np.float32)
    rounded = np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return (
        np.where(is_leaf, 0, tree.feature[order]),  # type: ignore[attr-defined]
        np.where(is_leaf, _LEAF, rounded),
        np.where(is_leaf, 0, np.asarray(firsts) - np.arange(len(order))),
        (rate * tree.value[order, 0, 0]).astype(np.float32),  # type: ignore[attr-defined]
    )
