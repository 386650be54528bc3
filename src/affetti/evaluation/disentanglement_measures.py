"""How apart emotions lie in a latent space, and which of its blocks knows what: measures of arrays, no models.

Shapes: N pieces or words, D numbers of a vector, B blocks, E elements.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from affetti.emotion import Quadrant
from affetti.tokens.elements import Integers, Reals

PAIRS: tuple[tuple[Quadrant, Quadrant], ...] = tuple(combinations(Quadrant, 2))
"""The six pairs of quadrants, in order. Q1-Q4 and Q2-Q3 differ in arousal alone, Q1-Q2 and Q3-Q4 in valence alone."""

CLASSES = 20
"""Values into which a block and an attribute are sorted before their mutual information is counted."""


def silhouettes(points: NDArray[np.floating], quadrants: NDArray[np.integer]) -> tuple[float, ...]:
    """Of each of PAIRS the mean silhouette coefficient of the pieces of both [N, D], by Euclidean distance.

    Rousseeuw 1987: for a piece (b − a) / max(a, b), a and b being its mean distances to the others of its quadrant and
    to those of the other. -1 to 1; 0: the two lie in each other. NaN where a quadrant has fewer than two pieces.
    """
    from sklearn.metrics import silhouette_score

    found = []
    for pair in PAIRS:
        chosen = np.isin(quadrants, pair)
        labels = quadrants[chosen]
        counts = [int((labels == quadrant).sum()) for quadrant in pair]
        found.append(float(silhouette_score(points[chosen], labels)) if min(counts) > 1 else float("nan"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Probe:
    """How much a linear classifier tells from a vector."""

    accuracy: float
    """Share of held-out cases that it has right, 0-1; NaN without cases."""
    majority: float
    """The same for who always says the commonest value of the training cases."""

    @property
    def gain(self) -> float:
        """Share of what guessing has wrong that the classifier has right besides: 0 as guessing, 1 all right."""
        return (self.accuracy - self.majority) / (1 - self.majority) if self.majority < 1 else float("nan")


def linear_probe(
    learned: NDArray[np.floating], values: Integers, heard: NDArray[np.floating], truth: Integers
) -> Probe:
    """Multinomial logistic regression on standardised vectors: from [N, D] and values [N], scored on other ones."""
    if not len(truth) or not len(values):
        return Probe(float("nan"), float("nan"))
    numbers, counts = np.unique(values, return_counts=True)
    commonest = numbers[counts.argmax()]
    majority = float((truth == commonest).mean())
    centre, spread = learned.mean(axis=0), learned.std(axis=0)
    told = np.ptp(learned, axis=0) > 1e-6 * np.abs(learned).max()
    if len(numbers) < 2 or not told.any():
        return Probe(majority, majority)  # nothing to tell, or nothing to tell it by
    from sklearn.linear_model import LogisticRegression

    scaled = [(vectors[:, told] - centre[told]) / spread[told] for vectors in (learned, heard)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of not quite having converged: a hundred steps are enough for a probe
        classifier = LogisticRegression(C=10.0, max_iter=100).fit(scaled[0], values)
    return Probe(float((classifier.predict(scaled[1]) == truth).mean()), majority)


def sorted_blocks(learned: NDArray[np.floating], heard: NDArray[np.floating], seed: int) -> Integers:
    """The class 0 to CLASSES - 1 of each vector [N, D] of `heard`: the nearest of the means (k-means) of `learned`."""
    from sklearn.cluster import KMeans

    distinct = len(np.unique(learned, axis=0))
    if distinct < 2:
        return np.zeros(len(heard), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fewer distinct vectors than classes, to the last bit
        means = KMeans(min(CLASSES, distinct), n_init=1, random_state=seed).fit(learned.astype(np.float32))
    return np.asarray(means.predict(heard.astype(np.float32)), np.int64)


def sorted_values(values: Integers, *, is_amount: bool) -> Integers:
    """Values [N] in at most CLASSES classes: amounts in classes of like size, names as the commonest and the rest."""
    numbers, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(numbers) <= CLASSES:
        return np.asarray(inverse, np.int64)
    if is_amount:
        middle = np.cumsum(counts) - counts / 2
        return np.asarray(np.floor(middle * CLASSES / counts.sum())[inverse], np.int64)
    classes = np.full(len(numbers), CLASSES - 1)
    commonest = np.argsort(-counts, kind="stable")[: CLASSES - 1]
    classes[commonest] = np.arange(len(commonest))
    return np.asarray(classes[inverse], np.int64)


def entropy(classes: Integers) -> float:
    """Of classes [N], in nats."""
    shares = np.bincount(classes) / max(len(classes), 1)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum()) + 0.0


def mutual_information(first: Integers, second: Integers) -> float:
    """Of two classes [N] each, in nats, as counted: for few cases too high by about (a − 1)(b − 1) / 2N."""
    if not len(first):
        return 0.0
    pairs = first * (int(second.max()) + 1) + second
    return max(entropy(first) + entropy(second) - entropy(pairs), 0.0)


def information_gaps(information: Reals, entropies: Reals) -> Reals:
    """[E] MIG (Chen et al., NeurIPS 2018) with blocks for latent numbers: of each attribute the information [B, E] of
    the block that knows most less that of the next, as a share of the attribute's entropy [E]: 0-1. NaN where the
    attribute never varies.
    """
    ordered = np.sort(information, axis=0)
    return _shares(ordered[-1] - ordered[-2], entropies)


def own_gaps(information: Reals, entropies: Reals) -> Reals:
    """[E] the same from the attribute's own block to the best of the others; below 0 where another one knows more."""
    others = np.where(np.eye(len(information), dtype=bool), -np.inf, information).max(axis=0)
    return _shares(np.diag(information) - others, entropies)


def modularities(information: Reals) -> Reals:
    """[B] how far each block knows of one attribute alone, from information [B, E] (Ridgeway and Mozer, NeurIPS 2018):
    1 less the squared information on all others as a share of what it would be if it knew of all as much. 0-1; NaN for
    a block that knows nothing.
    """
    most = information.max(axis=1)
    rest = (information**2).sum(axis=1) - most**2
    return 1 - _shares(rest, most**2 * (information.shape[1] - 1))


def diagonal_and_rest(matrix: Reals) -> tuple[float, float]:
    """The mean of a square matrix's diagonal, and that of all else."""
    own = np.eye(len(matrix), dtype=bool)
    return float(np.nanmean(matrix[own])), float(np.nanmean(matrix[~own]))


def block_means(vectors: NDArray[np.floating], speaking: Sequence[NDArray[np.bool_]], width: int) -> Reals:
    """[B, width] the mean of each block of vectors [N, B·width] over the words in which it speaks; 0 for none."""
    blocks = np.asarray(vectors, np.float64).reshape(len(vectors), len(speaking), width)
    means = np.zeros((len(speaking), width))
    for block, chosen in enumerate(speaking):
        if chosen.any():
            means[block] = blocks[chosen, block].mean(axis=0)
    return means


def _shares(parts: Reals, wholes: Reals) -> Reals:
    nothing = np.full(np.shape(parts), np.nan)
    return np.asarray(np.divide(parts, wholes, out=nothing, where=np.asarray(wholes) > 1e-12))
