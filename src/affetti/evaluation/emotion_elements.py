"""Which elements carry arousal, and which valence: asked of real music, and of music into which they were put.

- Real music: a classifier hears one element alone of pieces whose songs it does not know (`AloneHeard`), and one plain
  number of each element is compared between the two sides of an axis (`Contrast`).
- Interventions (`measure_carried`): held-out pieces are given one element of a piece on the other side of the axis, on
  the same side of the other axis, as `affetti transfer` exchanges it, and a recogniser says how far what it hears moved
  towards the giver's side. What it moves by when the giver is of the piece's own quadrant is taken off: any exchange
  disturbs a piece, and a disturbed piece is heard less surely.

Confidence intervals are of 95 %, by drawing songs anew (bootstrap), as pieces of a song resemble each other.

What is asked of elements is also asked of PARTS of several.

Shapes: N pieces, F features, T words.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.features import piece_features
from affetti.analysis.note_arrays import Reals
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.emotion import Quadrant
from affetti.evaluation.element_features import PARTS, Part, amount, features
from affetti.runtime.emotion_elements import AXES, Axis
from affetti.runtime.recogniser import Recogniser, expected_emotions
from affetti.runtime.transfer_exchange import exchange
from affetti.tokens.compound_word import TICKS_PER_STEP, GridMusic, piece_of, read_words
from affetti.tokens.elements import ELEMENTS, Integers

RESAMPLES = 1000
"""Draws of the songs behind each interval."""
FOLDS = 5
REAL_STEPS = len(AXES) * len(PARTS)
EXCHANGE_STEPS = 1 + (1 + len(AXES)) * len(PARTS)
"""Steps that `measure_real` and `intervene` tell `advance` of."""


class Estimate(NamedTuple):
    """A mean and its interval of 95 %; NaN where there is nothing to estimate it from."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """One plain number of an element (`element_features.AMOUNTS`) on the two sides of an axis."""

    negative: float
    """Its mean over pieces of low arousal or negative valence."""
    positive: float
    difference: Estimate
    """In standard deviations of the pieces of a side (Cohen's d); above 0: more on the positive side."""


@dataclass(frozen=True, slots=True, eq=False)
class RealElements:
    """What elements say in the pieces of a corpus, by axis and then in the order of PARTS."""

    corpus: str
    pieces: int
    songs: int
    alone: dict[Axis, tuple[Estimate, ...]]
    """Balanced accuracy of a classifier that is told one element alone: 0.5 by chance, 1 at best."""
    contrasts: dict[Axis, tuple[Contrast, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class CarriedElements:
    """How far exchanged elements move what is heard, by axis and then in the order of PARTS."""

    recogniser: str
    pieces: int
    moved: dict[Axis, tuple[Estimate, ...]]
    """Towards the giver's side, further than by a giver of the own quadrant; the whole axis is 2 long."""
    whole: dict[Axis, Estimate]
    """The same between the two givers as they are: what all elements together can do."""
    crossed: dict[Axis, tuple[Estimate, ...]]
    """Share of the pieces, of those heard on their own side before, that are heard on the other side after."""
    disturbed: dict[Axis, tuple[Estimate, ...]]
    """The same with a giver of the own quadrant: what the exchange does by itself."""


def side_of(quadrants: NDArray[np.integer], axis: Axis) -> Integers:
    """[N] +1 or -1: the side of the axis on which each quadrant 1-4 is."""
    signs = np.asarray([getattr(quadrant, f"{axis}_sign") for quadrant in Quadrant])
    return np.asarray(signs[np.asarray(quadrants, np.int64) - 1])


def bootstrapped(
    statistic: Callable[[Reals], Reals], moments: Reals, songs: NDArray[np.integer], seed: int
) -> Estimate:
    """A statistic of N pieces and its interval.

    moments: of each piece [N, K]; statistic: what sums of moments [R, K] come to, [R], NaN where they say nothing.
    """
    if not len(songs):
        return Estimate(float("nan"), float("nan"), float("nan"))
    _, numbers = np.unique(songs, return_inverse=True)
    of_songs = np.stack([np.bincount(numbers, column) for column in moments.T], axis=1).astype(np.float64)
    count = len(of_songs)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES) @ of_songs
    with np.errstate(divide="ignore", invalid="ignore"):
        values, whole = statistic(drawn), statistic(of_songs.sum(axis=0, keepdims=True))
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (np.nan, np.nan)
    return Estimate(float(whole[0]), float(low), float(high))


# ---- real music


def measure_real(corpus: PreparedPieces, seed: int, advance: Callable[[int], None]) -> RealElements:
    """What each element alone says of the emotion of a corpus's labelled pieces in 4/4."""
    chosen = np.flatnonzero((corpus.quadrants > 0) & corpus.are_mostly_4_4)
    words = [corpus.piece(index).words for index in chosen.tolist()]
    songs, quadrants = corpus.songs[chosen], corpus.quadrants[chosen]
    tonics = (corpus.keys[chosen] % 12).tolist()
    alone: dict[Axis, list[Estimate]] = {axis: [] for axis in AXES}
    contrasts: dict[Axis, list[Contrast]] = {axis: [] for axis in AXES}
    for part in PARTS:
        table = np.stack([features(own, part, tonic) for own, tonic in zip(words, tonics, strict=True)])
        amounts = np.asarray([amount(own, part) for own in words])
        for axis in AXES:
            sides = side_of(quadrants, axis)
            right = _heard_alone(table, sides, songs)
            alone[axis].append(_balanced(right, sides, songs, seed))
            contrasts[axis].append(_contrast(amounts, sides, songs, seed))
            advance(1)
    return RealElements(
        corpus.origin.corpus,
        len(chosen),
        len(np.unique(songs)),
        {axis: tuple(found) for axis, found in alone.items()},
        {axis: tuple(found) for axis, found in contrasts.items()},
    )


def _heard_alone(table: Reals, sides: Integers, songs: NDArray[np.integer]) -> NDArray[np.bool_]:
    """[N] whether a classifier that has learned from other songs tells the side of a piece by its features [N, F]."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = min(FOLDS, len(np.unique(songs)))
    right = np.zeros(len(table), np.bool_)
    if folds < 2:
        return right
    for learned, heard in GroupKFold(folds).split(table, groups=songs):
        if len(np.unique(sides[learned])) < 2:
            continue
        classifier = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.3, class_weight="balanced", max_iter=2000)
        ).fit(table[learned], sides[learned])
        right[heard] = classifier.predict(table[heard]) == sides[heard]
    return right


def _balanced(right: NDArray[np.bool_], sides: Integers, songs: NDArray[np.integer], seed: int) -> Estimate:
    """The mean of the shares that are right on either side."""
    high, low = sides > 0, sides < 0
    moments = np.stack([high & right, high, low & right, low], axis=1).astype(np.float64)
    return bootstrapped(lambda sums: (sums[:, 0] / sums[:, 1] + sums[:, 2] / sums[:, 3]) / 2, moments, songs, seed)


def _contrast(amounts: Reals, sides: Integers, songs: NDArray[np.integer], seed: int) -> Contrast:
    known = ~np.isnan(amounts)
    amounts, sides, songs = amounts[known], sides[known], songs[known]
    centre = float(amounts.mean()) if len(amounts) else 0.0  # differences do not depend on it, but their rounding does
    of_sides = [np.where(sides == side, 1.0, 0.0) for side in (-1, 1)]
    moments = np.stack([own * (amounts - centre) ** power for own in of_sides for power in range(3)], axis=1)

    def difference(sums: Reals) -> Reals:
        counts, totals, squares = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
        variances = (squares - totals**2 / counts) / (counts - 1)
        means = totals / counts
        deviation = np.sqrt(np.maximum(variances, 0).mean(axis=1))
        return np.where(deviation > 1e-9, (means[:, 1] - means[:, 0]) / deviation, np.nan)

    means = [float(amounts[sides == side].mean()) if (sides == side).any() else float("nan") for side in (-1, 1)]
    return Contrast(means[0], means[1], bootstrapped(difference, moments, songs, seed))


# ---- interventions


@dataclass(frozen=True, slots=True, eq=False)
class Interventions:
    """Held-out pieces with elements of others put into them, not listened to yet."""

    corpus: str
    songs: tuple[str, ...]
    """[N] names."""
    quadrants: Integers
    """[N] 1-4 of the pieces, before."""
    before: Reals
    """[N, F] features of the pieces as they are."""
    givers: dict[Axis | None, Integers]
    """[N] the number of the piece that each takes from, of another song; -1 where there is none. By the axis on whose
    other side the giver is; None: one of the own quadrant."""
    after: dict[Axis | None, tuple[Reals, ...]]
    """Of each part [N, F], features of the pieces with the giver's elements."""


def intervene(corpus: PreparedPieces, seed: int, advance: Callable[[int], None]) -> Interventions:
    """Exchange each element of a corpus's labelled pieces in 4/4 of held-out songs (validation and test)."""
    is_held_out = ~np.isin(np.arange(len(corpus)), corpus.split_indices("train"))
    indices = np.flatnonzero((corpus.quadrants > 0) & corpus.are_mostly_4_4 & is_held_out)
    pieces = [corpus.piece(index) for index in indices.tolist()]
    music = [read_words(piece.words, piece.bar_steps) for piece in pieces]
    quadrants, songs = corpus.quadrants[indices].astype(np.int64), corpus.songs[indices].astype(np.int64)

    def heard(some: Iterable[GridMusic]) -> Reals:
        found = [piece_features(piece_of(own, TICKS_PER_STEP), "full") for own in some]
        advance(1)
        return np.stack(found)

    def exchanged(givers: Integers, part: Part) -> Iterator[GridMusic]:
        names = [ELEMENTS[element].name for element in part]
        for own, giver in zip(music, givers.tolist(), strict=True):
            yield exchange(own, music[giver], names).music if giver >= 0 else own

    sides: tuple[Axis | None, ...] = (None, *AXES)
    givers = {axis: givers_of(quadrants, songs, axis, seed) for axis in sides}
    after = {axis: tuple(heard(exchanged(givers[axis], part)) for part in PARTS) for axis in sides}
    names = tuple(corpus.song_names[song] for song in songs.tolist())
    return Interventions(corpus.origin.corpus, names, quadrants, heard(music), givers, after)


def givers_of(quadrants: Integers, songs: Integers, axis: Axis | None, seed: int) -> Integers:
    """[N] for each piece the number of one of another song that differs from it in the side of this axis alone (None:
    in neither), drawn at random; -1 where there is none.
    """
    wanted = {one: side_of(quadrants, one) * (-1 if one == axis else 1) for one in AXES}
    random = np.random.default_rng(seed)
    givers = np.full(len(quadrants), -1)
    for piece in range(len(quadrants)):
        fits = songs != songs[piece]
        for one in AXES:
            fits &= side_of(quadrants, one) == wanted[one][piece]
        if fits.any():
            givers[piece] = random.choice(np.flatnonzero(fits))
    return givers


def measure_carried(found: Interventions, recogniser: Recogniser, seed: int) -> CarriedElements:
    """What a recogniser hears of those interventions whose piece is of a song that it has not learned from."""
    learned = recogniser.config.songs.has_learned
    unknown = np.asarray([not learned(found.corpus, song) for song in found.songs], np.bool_)
    _, numbers = np.unique(found.songs, return_inverse=True)
    found_by_axis = {axis: _carried(found, recogniser, axis, unknown, numbers, seed) for axis in AXES}
    whole = {axis: one[0] for axis, one in found_by_axis.items()}
    moved, crossed, disturbed = (
        {axis: tuple(row[column] for row in one[1]) for axis, one in found_by_axis.items()} for column in range(3)
    )
    return CarriedElements(recogniser.config.name, int(unknown.sum()), moved, whole, crossed, disturbed)


def _carried(
    found: Interventions, recogniser: Recogniser, axis: Axis, chosen: NDArray[np.bool_], songs: Integers, seed: int
) -> tuple[Estimate, list[tuple[Estimate, Estimate, Estimate]]]:
    """On one axis and of the chosen pieces [N]: the whole way, and of each part how far it moves, the share that
    crosses, and the share that crosses by a giver of the own quadrant.
    """
    rows = np.flatnonzero(chosen & (found.givers[axis] >= 0) & (found.givers[None] >= 0))
    sides, songs = side_of(found.quadrants[rows], axis), songs[rows]
    before = _heard(recogniser, found.before, axis)
    theirs, likes = (before[found.givers[of][rows]] for of in (axis, None))
    is_heard_so = before[rows] * sides > 0

    def crossing(after: Reals) -> Estimate:
        return _mean((after * sides < 0)[is_heard_so].astype(np.float64), songs[is_heard_so], seed)

    parts = []
    for opposite, like in zip(found.after[axis], found.after[None], strict=True):
        with_opposite, with_like = (_heard(recogniser, table, axis)[rows] for table in (opposite, like))
        moved = _mean(-sides * (with_opposite - with_like), songs, seed)
        parts.append((moved, crossing(with_opposite), crossing(with_like)))
    return _mean(-sides * (theirs - likes), songs, seed), parts


def carriers(found: CarriedElements) -> dict[Axis, tuple[str, ...]]:
    """The elements that carry each axis, those that move it most first.

    An element belongs to the axis on which it, or a part that it is of, moves what is heard by the greatest share of
    the way to the giver, of those on which its interval lies above 0; to none where there is no such axis.
    """
    best: dict[int, tuple[float, Axis]] = {}
    for axis in AXES:
        for part, moved in zip(PARTS, found.moved[axis], strict=True):
            if moved.low > 0 and found.whole[axis].value > 0:
                share = moved.value / found.whole[axis].value
                for element in part:
                    best[element] = max(best.get(element, (0.0, axis)), (share, axis))
    order = sorted(best, key=lambda element: (-best[element][0], element))
    return {axis: tuple(ELEMENTS[one].name for one in order if best[one][1] == axis) for axis in AXES}


def _mean(values: Reals, songs: Integers, seed: int) -> Estimate:
    moments = np.stack([values, np.ones(len(values))], axis=1)
    return bootstrapped(lambda sums: sums[:, 0] / sums[:, 1], moments, songs, seed)


def _heard(recogniser: Recogniser, table: Reals, axis: Axis) -> Reals:
    """[N] -1 to 1"""
    emotions = expected_emotions(recogniser.quadrant_probabilities(table))
    return np.asarray([getattr(emotion, axis) for emotion in emotions])
