"""The recogniser's report: how often it is right about songs that it does not know, and what its verdict needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.features import Ear
from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_pieces import PreparedPieces, load_pieces
from affetti.emotion import Quadrant
from affetti.evaluation.piano_emotion import EAR_NAMES, Heard
from affetti.evaluation.recognition import (
    CONDITIONS,
    STRETCH_BARS,
    Advance,
    Rated,
    Unheard,
    calibration_error,
    clip_features,
    hear_rated,
    hear_unheard,
)
from affetti.evaluation.report import Table, number, percent, plain
from affetti.runtime.recogniser import Recogniser

RATED_CORPUS = "vgmidi_pieces"


@dataclass(frozen=True, slots=True, eq=False)
class RecogniserReport:
    """Everything measured of one recogniser."""

    name: str
    weights_hash: str
    corpus: str
    unheard: tuple[Unheard, ...]
    rated: dict[Ear, Rated]
    """By ear; empty where RATED_CORPUS is not prepared."""

    def tables(self) -> list[Table]:
        """The report as tables."""
        tables = [table for unheard in self.unheard for table in (_accuracy_table(unheard), _confusion_table(unheard))]
        return tables + ([_rated_table(self)] if self.rated else [])

    def remarks(self) -> list[str]:
        """What the reader must know besides the tables."""
        remarks = [f"{self.name}: weights {self.weights_hash}"]
        if not self.unheard:
            remarks.append(
                f"These weights have learned from every song of {self.corpus}: evaluate a run with folds to see how "
                "well they hear songs that they do not know."
            )
        if not self.rated:
            remarks.append(f"{RATED_CORPUS} is not prepared: nothing is compared with listeners' curves.")
        return remarks

    def document(self) -> dict[str, Any]:
        """All figures for machines. Shares are 0-1, null is where there is no figure."""
        figures: dict[str, Any] = plain(
            {
                "name": self.name,
                "weights_hash": self.weights_hash,
                "corpus": self.corpus,
                "unheard": {
                    unheard.title: {name: _figures(heard) for name, heard in unheard.by_condition.items()}
                    for unheard in self.unheard
                },
                "rated_corpus": RATED_CORPUS,
                "rated": {
                    ear: dict(zip(("stretches", "pieces", "within_pieces"), rated.correlations(), strict=True))
                    for ear, rated in self.rated.items()
                },
            }
        )
        return figures


def measure(recogniser: Recogniser, folds: Sequence[Recogniser], advance: Advance) -> RecogniserReport:
    """The report of a recogniser, and of those that learned without one fold each of its songs.

    `advance` is called with 1 after each of `pieces_to_hear` pieces. Raises InputError where the corpus that they
    learned from is not prepared.
    """
    config = recogniser.config
    corpus = load_pieces(config.trained_on)
    labelled = np.flatnonzero(corpus.quadrants > 0)
    features = clip_features(corpus, labelled.tolist(), advance)
    quadrants = corpus.quadrants[labelled]
    unheard = []
    if folds:
        listeners = []
        for fold in folds:
            songs = fold.config.songs
            held_out = _of_songs(corpus, songs.has_in_part) & ~_of_songs(corpus, songs.has_learned)
            listeners.append((fold, held_out[labelled]))
        unheard.append(hear_unheard(f"clips held out, {len(folds)} folds by song", listeners, features, quadrants))
    others = ~_of_songs(corpus, config.songs.has_in_part)[labelled]
    if others.any():
        unheard.append(hear_unheard("clips of the other songs", [(recogniser, others)], features, quadrants))
    rated = _rated_corpus()
    heard = hear_rated(recogniser, rated, advance) if rated is not None else {}
    return RecogniserReport(config.name, recogniser.weights_hash, config.trained_on, tuple(unheard), heard)


def pieces_to_hear(recogniser: Recogniser) -> int:
    """How many pieces `measure` works through. Raises InputError where the corpus is not prepared."""
    rated = _rated_corpus()
    labelled = int((load_pieces(recogniser.config.trained_on).quadrants > 0).sum())
    return labelled + (len(rated) if rated is not None else 0)


def _rated_corpus() -> PreparedPieces | None:
    return load_pieces(RATED_CORPUS) if prepared_path(RATED_CORPUS).is_file() else None


def _of_songs(corpus: PreparedPieces, is_one: Callable[[str, str], bool]) -> NDArray[np.bool_]:
    """[N] whether each piece is of such a song; `is_one` is asked with a corpus and a song of it."""
    by_song = np.asarray([is_one(corpus.origin.corpus, name) for name in corpus.song_names])
    chosen: NDArray[np.bool_] = by_song[corpus.songs]
    return chosen


def _figures(heard: Heard) -> dict[str, Any]:
    return {
        "clips": len(heard.asked),
        "four_way": heard.four_way,
        "arousal": heard.arousal,
        "valence": heard.valence,
        "confidence": heard.probabilities.max(axis=1).mean(),
        "calibration_error": calibration_error(heard),
        "confusion": heard.confusion,
    }


def _accuracy_table(unheard: Unheard) -> Table:
    rows = []
    for name, heard in unheard.by_condition.items():
        shares = [percent(share) for share in (heard.four_way, heard.arousal, heard.valence)]
        confidence = percent(float(heard.probabilities.max(axis=1).mean()))
        rows.append((name, f"{len(heard.asked):,}", *shares, confidence, percent(calibration_error(heard))))
    return Table(
        f"Right about {unheard.title}",
        ("clips", "number", "quadrant", "arousal", "valence", "mean confidence", "calibration error"),
        tuple(rows),
        "Equally loud, at one tempo: heard by the ear that has learned without the same. Shuffled pitches and random "
        "notes keep the clip's label: what is right about them needs no music, only density, loudness, register and "
        "which pitches there are.",
    )


def _confusion_table(unheard: Unheard) -> Table:
    heard = unheard.by_condition[CONDITIONS[0].name]
    names = [f"{quadrant.name} {quadrant.label}" for quadrant in Quadrant]
    rows = tuple(
        (name, *(str(count) for count in row)) for name, row in zip(names, heard.confusion.tolist(), strict=True)
    )
    return Table(f"Confusion: {unheard.title}, as played", ("label", *(f"heard as {name}" for name in names)), rows)


def _rated_table(report: RecogniserReport) -> Table:
    rows = []
    for ear, rated in report.rated.items():
        stretches, pieces, within = rated.correlations().tolist()
        for axis, what in enumerate(("valence", "arousal")):
            rows.append((what, EAR_NAMES[ear], *(number(one[axis]) for one in (stretches, pieces, within))))
    first = next(iter(report.rated.values()))
    return Table(
        f"Correlation with the medians of listeners ({RATED_CORPUS})",
        ("axis", "heard", "stretches", "means of pieces", "within pieces"),
        tuple(sorted(rows, key=lambda row: row[0], reverse=True)),
        f"Pearson's r over {len(first.pieces):,} stretches of {STRETCH_BARS} bars of {len(set(first.pieces.tolist()))} "
        "pieces of game music, a corpus that nothing was learned from. Within pieces: what is left of both when the "
        "piece's mean is taken away.",
    )
