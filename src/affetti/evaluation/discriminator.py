"""Judges that tell real piano music from music made wrong, trained on songs that no generator has learned from.

They hear notes (pitches, steps, lengths), not loudness and not what words say of chords, in excerpts of at most EXCERPT
bars on the grid, as words write them; everything that they are given has that form. What they hear are the measures of
`musical_sanity` without those of the ending, `continuity`, and how expected everything is (`transitions`) by the real
songs. Gradient boosting (Friedman, Annals of Statistics 29, 2001) tells real excerpts from their `corruptions`: judges
of order know what disorder does to notes, judges of the whole what it is when bars are of different songs.

Songs are cross-fitted: they fall into FOLDS folds, and there is a judge for each that knows nothing of its songs. A
held-out excerpt is judged by the one that does not know it; anything else by all of them. The judges accept as real
what lies above the score that a given share of the real excerpts reaches.

Shapes: N excerpts, D = FOLDS judges, F features, E trees, V nodes of a tree.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from affetti.corpora.prepared_pieces import METADATA, Columns, PreparedPieces, write_columns
from affetti.errors import InputError
from affetti.evaluation.continuity import continuity
from affetti.evaluation.corruptions import CORRUPTIONS, PATCHWORKS, Corruption, in_4_4
from affetti.evaluation.grid_notes import Booleans, GridNotes
from affetti.evaluation.musical_sanity import MEASURES_OF_BARS, sanity
from affetti.evaluation.transitions import STREAMS, Counts, Transitions
from affetti.files import data_home
from affetti.tokens.compound_word import GridMusic, read_words
from affetti.tokens.elements import Integers, Reals
from affetti.tokens.excerpts import excerpt, excerpts

EXCERPT, SHORTEST = 16, 8
"""Bars of an excerpt, and of the shortest that is cut from a longer piece."""
FOLDS = 5
ACCEPTED = 0.97
"""The share of real excerpts that are to be accepted, out of fold."""
VERSION = "1"
"""Of the method: judges that were kept by another one are trained anew."""

_WINDOWS = 2
"""Further excerpts of a piece, from any bar and of any length, for training only."""
_MOST_OF_A_SONG = 3
"""Excerpts of a piece of another corpus."""
_VERSIONS = 2
"""Of each corruption of each excerpt."""
_TARGET_WEIGHT = 3.0
"""Of an excerpt of the corpus that counts, by one of another."""
_TREES: dict[str, Any] = {
    "n_estimators": 300,
    "max_depth": 5,
    "learning_rate": 0.06,
    "max_features": 20,
    "subsample": 0.5,
    "min_samples_leaf": 20,
    "init": "zero",
}

_TABLES = ("contexts", "followed")

Kind = Literal["order", "whole"]


@dataclass(frozen=True, slots=True, eq=False)
class Songs:
    """Real excerpts and the song of each, named "CORPUS:SONG"."""

    music: tuple[GridMusic, ...]
    songs: tuple[str, ...]

    def described(self) -> dict[str, list[int]]:
        """Of each corpus, how many excerpts of how many songs there are."""
        corpora = [song.partition(":")[0] for song in self.songs]
        songs = [song.partition(":")[0] for song in sorted(set(self.songs))]
        return {corpus: [corpora.count(corpus), songs.count(corpus)] for corpus in dict.fromkeys(corpora)}

    @classmethod
    def held_out(cls, pieces: PreparedPieces, most: int | None = None) -> "Songs":
        """Excerpts of the validation and test songs of a corpus that are mostly in 4/4; at most so many of a piece."""
        music: list[GridMusic] = []
        songs: list[str] = []
        for index in np.flatnonzero((pieces.splits > 0) & pieces.are_mostly_4_4).tolist():
            words = pieces.piece(index)
            cut = excerpts(read_words(words.words, words.bar_steps), EXCERPT, SHORTEST)
            # From the middle: beginnings and endings would be more than their share.
            cut = cut if most is None else cut[max(0, (len(cut) - most) // 2) :][:most]
            music += cut
            songs += [f"{pieces.origin.corpus}:{pieces.song_names[int(pieces.songs[index])]}"] * len(cut)
        return cls(tuple(music), tuple(songs))


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Boosted trees of D judges as arrays: from node 0 down, left where a feature is at most the threshold."""

    features: Integers
    """[D, E, V] the feature that a node asks for; -1 at a leaf."""
    thresholds: Reals
    """[D, E, V]"""
    children: Integers
    """[D, E, V, 2]"""
    values: Reals
    """[D, E, V] what a leaf adds to the score."""

    def scores(self, judge: int, features: Reals) -> Reals:
        """[N] the log-odds that excerpts with these features [N, F], none missing, are real."""
        asked, limits, children = self.features[judge], self.thresholds[judge], self.children[judge]
        trees = np.arange(len(asked))
        nodes = np.zeros((len(features), len(asked)), np.int64)
        while True:
            columns = asked[trees, nodes]
            if (columns < 0).all():
                return np.asarray(self.values[judge][trees, nodes].sum(axis=1))
            right = np.take_along_axis(features, np.maximum(columns, 0), axis=1) > limits[trees, nodes]
            nodes = np.where(columns < 0, nodes, children[trees, nodes, right.astype(np.int64)])


@dataclass(frozen=True, slots=True, eq=False)
class Discriminator:
    """D judges, and how they judged what was held out from each."""

    transitions: Transitions
    typical: Reals
    """[D, F] stands for a feature that an excerpt has not."""
    forest: Forest
    threshold: float
    """The score from which an excerpt is taken for real."""
    held_out: Mapping[str, Reals]
    """Out of fold: scores of the real excerpts ("real") and of each corruption of them."""
    learned: Mapping[str, Sequence[int]]
    """By corpus, how many real excerpts of how many songs the judges were trained on."""

    @property
    def held_out_shares(self) -> dict[str, float]:
        """Out of fold, the share that is taken for real: of real excerpts and of each corruption."""
        return {name: float((scores >= self.threshold).mean()) for name, scores in self.held_out.items()}

    def scores(self, music: Sequence[GridMusic]) -> Reals:
        """[D, N] log-odds of the excerpts' being real, by each judge. Raises ValueError for none."""
        notes = GridNotes.of(music)
        heard = _heard(notes)
        rows = []
        for judge in range(len(self.typical)):
            expected = self.transitions.likelihoods(notes, np.full(len(notes), judge))
            rows.append(self.forest.scores(judge, _filled(np.hstack([heard, expected]), self.typical[judge])))
        return np.stack(rows)

    def taken_for_real(self, music: Sequence[GridMusic]) -> Reals:
        """[N] the share of judges that take each excerpt for real. Raises ValueError for none."""
        return np.asarray((self.scores(music) >= self.threshold).mean(axis=0))


def train_discriminator(
    target: Songs,
    others: Sequence[Songs] = (),
    corruptions: Mapping[str, Corruption] = CORRUPTIONS,
    *,
    seed: int = 0,
) -> Discriminator:
    """Judges trained on real excerpts of the corpus that counts, by which the threshold is set, and of others, and on
    all their corruptions.

    Raises InputError for too few songs, or where scikit-learn is not installed.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    if len(set(target.songs)) < FOLDS:
        raise InputError(f"{len(set(target.songs))} songs held out: the judges need {FOLDS} at least")
    windows = _windows(target, random)
    real = _joined([target, windows, *others])
    folds = _folds(target, others, real, random)
    music, kinds = list(real.music), [np.zeros(len(real.music), np.int64)]
    for number, corrupt in enumerate(corruptions.values(), start=1):
        for _ in range(_VERSIONS):
            music += [corrupt(one, random) for one in real.music]
            kinds.append(np.full(len(real.music), number))
    kind = np.concatenate(kinds)
    copies = len(kinds)
    fold = np.tile(folds, copies)
    number_of = np.tile(np.arange(len(real.music)), copies)
    weights = np.where(number_of < len(target.music) + len(windows.music), _TARGET_WEIGHT, 1.0)
    weights[kind == 0] *= weights[kind > 0].sum() / weights[kind == 0].sum()
    notes = GridNotes.of(music)
    transitions = Transitions.learned(GridNotes.of(real.music), folds)
    features = np.hstack([_heard(notes), transitions.likelihoods(notes, fold)])
    typical, trees, scores = [], [], np.zeros(len(music))
    for judge in range(FOLDS):
        learned = fold != judge
        typical.append(_medians(features[learned]))
        filled = _filled(features, typical[-1])
        trees.append(_boosted(filled[learned], kind[learned] == 0, weights[learned], seed))
        scores[~learned] = _stacked(trees[-1:]).scores(0, filled[~learned])
    tested = number_of < len(target.music)
    held_out = {name: scores[tested & (kind == n)] for n, name in enumerate(("real", *corruptions))}
    return Discriminator(
        transitions,
        np.stack(typical),
        _stacked(trees),
        float(np.quantile(held_out["real"], 1 - ACCEPTED, method="lower")),
        held_out,
        real.described(),
    )


def _windows(target: Songs, random: np.random.Generator) -> Songs:
    """Of each excerpt that is long enough, some parts of it."""
    music, songs = [], []
    for one, song in zip(target.music, target.songs, strict=True):
        total = len(one.bar_steps)
        for _ in range(_WINDOWS if total > SHORTEST else 0):
            bars = int(random.integers(SHORTEST, total))
            part = excerpt(one, int(random.integers(0, total - bars + 1)), bars)
            if len(part.steps):
                music.append(part)
                songs.append(song)
    return Songs(tuple(music), tuple(songs))


def _joined(parts: Sequence[Songs]) -> Songs:
    return Songs(tuple(m for part in parts for m in part.music), tuple(s for part in parts for s in part.songs))


def _folds(target: Songs, others: Sequence[Songs], real: Songs, random: np.random.Generator) -> Integers:
    """[real] the fold of each excerpt: every corpus's songs are dealt out evenly."""
    fold_of: dict[str, int] = {}
    for part in (target, *others):
        songs = sorted(set(part.songs) - set(fold_of))
        fold_of |= {songs[place]: number % FOLDS for number, place in enumerate(random.permutation(len(songs)))}
    return np.asarray([fold_of[song] for song in real.songs])


def _heard(notes: GridNotes) -> Reals:
    """What is heard in excerpts without knowing other music."""
    return np.hstack([sanity(notes, MEASURES_OF_BARS), continuity(notes)])


def _medians(features: Reals) -> Reals:
    """[F] of what is not missing; 0 where all is."""
    ranked = np.sort(features, axis=0)  # what is missing comes last
    known = (~np.isnan(features)).sum(axis=0)
    middle = ranked[np.maximum(known - 1, 0) // 2, np.arange(features.shape[1])]
    return np.where(known > 0, middle, 0.0)


def _filled(features: Reals, typical: Reals) -> Reals:
    # As 32-bit floats, which the trees were grown on.
    return np.where(np.isnan(features), typical, features).astype(np.float32).astype(np.float64)


def _boosted(features: Reals, is_real: Booleans, weights: Reals, seed: int) -> list[Any]:
    """The trees of one judge."""
    try:
        from sklearn.ensemble import GradientBoostingClassifier
    except ModuleNotFoundError as error:
        raise InputError("judging needs scikit-learn: pip install 'affetti[train]'") from error
    model = GradientBoostingClassifier(**_TREES, random_state=seed).fit(features, is_real, weights)
    return [one.tree_ for one in model.estimators_[:, 0]]


def _stacked(judges: Sequence[Sequence[Any]]) -> Forest:
    """Trees as arrays, filled up to the size of the largest."""
    nodes = max(tree.node_count for trees in judges for tree in trees)
    shape = (len(judges), len(judges[0]), nodes)
    forest = Forest(np.full(shape, -1), np.zeros(shape), np.zeros((*shape, 2), np.int64), np.zeros(shape))
    for judge, trees in enumerate(judges):
        for number, tree in enumerate(trees):
            own = (judge, number, slice(tree.node_count))
            forest.features[own] = np.where(tree.children_left < 0, -1, tree.feature)
            forest.thresholds[own] = tree.threshold
            forest.children[own] = np.stack([tree.children_left, tree.children_right], axis=1)
            forest.values[own] = _TREES["learning_rate"] * tree.value[:, 0, 0]
    return forest


# ---- kept judges


def kept_discriminator(
    target: PreparedPieces, others: Sequence[PreparedPieces] = (), kind: Kind = "order", *, seed: int = 0
) -> Discriminator:
    """Judges trained on the validation and test songs of corpora: kept ones, where the same were trained before.

    kind: "order" tells real pieces from CORRUPTIONS of them, "whole" from PATCHWORKS of several. They are kept in
    $AFFETTI_HOME/judges. Raises InputError where `train_discriminator` does.
    """
    said = [VERSION, kind, str(seed), *(one.sha256() for one in (target, *others))]
    path = data_home() / "judges" / f"{hashlib.sha256(' '.join(said).encode()).hexdigest()[:16]}.safetensors"
    if not path.is_file():
        songs = Songs.held_out(target)
        pool = in_4_4(songs.music)
        wrong = CORRUPTIONS if kind == "order" else {name: make(pool) for name, make in PATCHWORKS.items()}
        more = [Songs.held_out(one, _MOST_OF_A_SONG) for one in others]
        write_discriminator(path, train_discriminator(songs, more, wrong, seed=seed))
    return read_discriminator(path)  # always what is kept, to the last bit


def write_discriminator(path: Path, judges: Discriminator) -> None:
    """Write judges as safetensors."""
    columns: Columns = {"typical": judges.typical}
    columns |= {f"forest.{field.name}": getattr(judges.forest, field.name) for field in fields(Forest)}
    for name, table in judges.transitions.tables.items():
        for order, pair in enumerate(table):
            for kind, counts in zip(_TABLES, pair, strict=True):
                columns[f"transitions.{name}.{order}.{kind}.numbers"] = counts.numbers
                columns[f"transitions.{name}.{order}.{kind}.times"] = counts.times.astype(np.int32)
    columns |= {f"held out.{name}": scores for name, scores in judges.held_out.items()}
    content = {
        "threshold": judges.threshold,
        "learned": dict(judges.learned),
        "held_out": list(judges.held_out),
        "orders": {name: len(table) for name, table in judges.transitions.tables.items()},
    }
    write_columns(path, columns, content)


def read_discriminator(path: Path) -> Discriminator:
    """Judges that `write_discriminator` wrote. Raises InputError for another file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stored:
            columns = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  (it is no dictionary)
            content = json.loads((stored.metadata() or {})[METADATA])
        tables = {
            name: tuple(
                (_read_counts(columns, name, order, "contexts"), _read_counts(columns, name, order, "followed"))
                for order in range(content["orders"][name])
            )
            for name in STREAMS
        }
        return Discriminator(
            Transitions(tables),
            columns["typical"],
            Forest(*(columns[f"forest.{field.name}"] for field in fields(Forest))),
            float(content["threshold"]),
            {name: columns[f"held out.{name}"] for name in content["held_out"]},
            content["learned"],
        )
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} holds no judges ({error}); delete it") from error


def _read_counts(columns: Columns, name: str, order: int, kind: str) -> Counts:
    found = (columns[f"transitions.{name}.{order}.{kind}.{what}"] for what in ("numbers", "times"))
    return Counts(*found)
