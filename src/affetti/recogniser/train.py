"""Training of the recogniser: the folds of a cross-validation by song, each exported, then the recogniser itself."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.features import EARS, FEATURE_NAMES, Ear
from affetti.corpora.prepared_pieces import PreparedPieces, load_pieces
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.recogniser.config import PRESETS, PresetConfig, feature_names
from affetti.recogniser.export import export_weights
from affetti.recogniser.fitting import FittedEar, Lesson, fit_ear
from affetti.runtime.recogniser_config import RecogniserConfig, Songs
from affetti.runtime.renditions import RENDITIONS, Rendition, corpus_features
from affetti.training.recipe import RecogniserRecipe, resolved
from affetti.training.run_folder import RunFolder

FEWEST = 2
"""Pieces of every quadrant without which nothing can be learned."""

Progress = Callable[[str, int, int], None]
"""Called with stage name, what of it is done, and all of it."""

Features = dict[tuple[Ear, Rendition], NDArray[np.float64]]
"""Of pieces [N, F], all of FEATURE_NAMES."""


def train(recipe: RecogniserRecipe, run: RunFolder, *, resume: bool, progress: Progress) -> str:
    """Run a recipe: its folds, exported to folds/K/weights, then the recogniser, exported to weights.

    The run folder's config.yaml is the recipe with everything the preset says written out. Returns the SHA-256 that
    names the exported weights. The same recipe, corpus and version of scikit-learn give the same bytes.

    Raises InputError for an unknown preset, values the configuration refuses, or a corpus that is not prepared or has
    too few labelled songs.
    """
    config = resolve(recipe)
    corpus = load_pieces(recipe.corpus)
    whole = Songs(part=config.model.part, fold_seed=recipe.fold_seed)
    parts = [(_without(fold, recipe.folds, whole), run.fold(fold)) for fold in range(recipe.folds)]
    parts.append((whole, run))
    for songs, _ in parts:
        _check(corpus, songs, config)
    run.start(recipe.model_copy(update=config.model_dump(mode="json")), {recipe.corpus: corpus.sha256()}, resume=resume)
    indices = _learned(corpus, whole)
    features = corpus_features(corpus, indices.tolist(), _counting("features", len(indices), progress))
    count = _counting("fitting", len(EARS) * len(parts), progress)
    weights_hash = ""
    for songs, place in parts:
        chosen = np.isin(indices, _learned(corpus, songs))
        learned = {heard: rows[chosen] for heard, rows in features.items()}
        ears = _fit_ears(corpus, songs, learned, config, recipe.seed, count)
        weights_hash = export_weights(place.weights, _describe(corpus, songs, learned, config, recipe), ears)
    return weights_hash


def resolve(recipe: RecogniserRecipe) -> PresetConfig:
    """The preset with the recipe's changes. Raises InputError for an unknown preset, key or value."""
    return resolved(recipe, PRESETS)


def _without(fold: int, folds: int, songs: Songs) -> Songs:
    """The songs without those of one fold."""
    return Songs(part=songs.part, folds=folds, fold=fold, fold_seed=songs.fold_seed)


def _learned(corpus: PreparedPieces, songs: Songs) -> NDArray[np.int64]:
    """The labelled pieces of songs that are learned from, in order."""
    by_song = np.asarray([songs.has_learned(corpus.origin.corpus, name) for name in corpus.song_names], np.bool_)
    return np.flatnonzero(by_song[corpus.songs] & (corpus.quadrants > 0))


def _calibration_folds(corpus: PreparedPieces, songs: Songs, folds: int) -> NDArray[np.int64]:
    """The calibration fold of each piece that is learned from, by song."""
    name = f"{corpus.origin.corpus} calibration"
    by_song = np.asarray([songs.fold_of(name, song, folds) for song in corpus.song_names])
    folded: NDArray[np.int64] = by_song[corpus.songs[_learned(corpus, songs)]]
    return folded


def _check(corpus: PreparedPieces, songs: Songs, config: PresetConfig) -> None:
    """Raise InputError where a quadrant has too few pieces, without one of the calibration folds."""
    quadrants = corpus.quadrants[_learned(corpus, songs)]
    folds = config.training.calibration_folds
    folded = _calibration_folds(corpus, songs, folds)
    for quadrant in Quadrant:
        count = min(int((quadrants[folded != fold] == quadrant).sum()) for fold in range(folds))
        if count < FEWEST:
            raise InputError(
                f"{corpus.origin.corpus} has too few songs: without a fold there are {count} pieces of {quadrant.name} "
                f"to learn from, and {FEWEST} are needed"
            )


def _fit_ears(
    corpus: PreparedPieces,
    songs: Songs,
    learned: Features,
    config: PresetConfig,
    seed: int,
    count: Callable[[int], None],
) -> dict[Ear, FittedEar]:
    """Every ear, fitted to the pieces with these features; `count` is called with 1 after each."""
    columns = [FEATURE_NAMES.index(name) for name in feature_names(config.model)]
    quadrants = corpus.quadrants[_learned(corpus, songs)]
    folded = _calibration_folds(corpus, songs, config.training.calibration_folds)
    ears = {}
    for ear in EARS:
        lesson = Lesson(tuple(learned[ear, kind][:, columns].astype(np.float32) for kind in RENDITIONS), quadrants)
        ears[ear] = fit_ear(lesson, folded, config.model, config.training, seed)
        count(1)
    return ears


def _describe(
    corpus: PreparedPieces, songs: Songs, learned: Features, config: PresetConfig, recipe: RecogniserRecipe
) -> RecogniserConfig:
    """config.json of a recogniser that has learned from pieces with these features."""
    names = feature_names(config.model)
    typical = np.median(np.concatenate([learned["full", kind] for kind in RENDITIONS]), axis=0)
    return RecogniserConfig(
        name=recipe.name,
        system=recipe.system,
        preset=recipe.preset,
        licence=corpus.origin.licence,
        trained_on=corpus.origin.corpus,
        songs=songs,
        features=names,
        typical=tuple(round(float(typical[FEATURE_NAMES.index(name)]), 5) for name in names),
    )


def _counting(stage: str, total: int, progress: Progress) -> Callable[[int], None]:
    """What tells `progress` of a stage, given the steps just done."""
    done = 0

    def advance(steps: int) -> None:
        nonlocal done
        done += steps
        progress(stage, done, total)

    return advance
