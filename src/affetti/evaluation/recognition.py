"""How well a recogniser hears clips of songs that it has not learned from, as they are and made to sound otherwise, and
music of another kind that listeners rated while it played.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.features import EARS, Ear, piece_features
from affetti.analysis.note_arrays import Reals
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.evaluation.corruptions import Random, random_notes, shuffled_pitches
from affetti.evaluation.piano_emotion import Heard
from affetti.piece import Piece
from affetti.runtime.recogniser import Recogniser, expected_emotions
from affetti.runtime.renditions import rendition
from affetti.tokens.compound_word import TICKS_PER_STEP, GridMusic, piece_of, read_words
from affetti.tokens.excerpts import excerpt

STRETCH_BARS = 8
"""Bars of the stretches in which what is heard is compared with listeners' curves."""
_BINS = 10

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Condition:
    """One way in which clips are made to sound and listened to."""

    name: str
    make: Callable[[PreparedPieces, int], Piece]
    ear: Ear = "full"


def _corrupted(corrupt: Callable[[GridMusic, Random], GridMusic]) -> Callable[[PreparedPieces, int], Piece]:
    def make(pieces: PreparedPieces, index: int) -> Piece:
        words = pieces.piece(index)
        music = read_words(words.words, words.bar_steps)
        return piece_of(corrupt(music, np.random.default_rng([0, index])), TICKS_PER_STEP)

    return make


CONDITIONS = (
    Condition("as played", lambda pieces, index: rendition(pieces, index, "played")),
    Condition("on the grid", lambda pieces, index: rendition(pieces, index, "on the grid")),
    Condition(
        "on the grid, all notes equally loud",
        lambda pieces, index: rendition(pieces, index, "on the grid"),
        "without_velocity",
    ),
    Condition(
        "on the grid, all at one tempo", lambda pieces, index: rendition(pieces, index, "on the grid"), "without_tempo"
    ),
    Condition("on the grid, pitches shuffled in time", _corrupted(shuffled_pitches)),
    Condition("random notes of the same clips", _corrupted(random_notes)),
)
"""Those made of noise say how much of a verdict needs no music."""


@dataclass(frozen=True, slots=True, eq=False)
class Unheard:
    """What is heard in clips whose songs the recogniser has not learned from, by the condition's name."""

    title: str
    by_condition: dict[str, Heard]


@dataclass(frozen=True, slots=True, eq=False)
class Rated:
    """What an ear hears in N stretches of pieces, and what listeners did."""

    heard: Reals
    """[N, 2] valence and arousal, -1 to 1"""
    rated: Reals
    """[N, 2]"""
    pieces: NDArray[np.int64]
    """[N] which piece each is of."""

    def correlations(self) -> Reals:
        """[3, 2] Pearson's correlation of valence and arousal: over all stretches, of the means of pieces, and of what
        is left of the stretches when these are taken away. NaN where there is nothing to compare.
        """
        _, group = np.unique(self.pieces, return_inverse=True)
        counts = np.bincount(group)
        rows = []
        for axis in (0, 1):
            heard, rated = self.heard[:, axis], self.rated[:, axis]
            of_pieces = [np.bincount(group, values) / counts for values in (heard, rated)]
            within = [values - means[group] for values, means in zip((heard, rated), of_pieces, strict=True)]
            rows.append([_pearson(heard, rated), _pearson(*of_pieces), _pearson(*within)])
        return np.asarray(rows).T


def clip_features(pieces: PreparedPieces, indices: Sequence[int], advance: Advance) -> dict[str, Reals]:
    """The features [N, F] of these pieces in every condition; `advance` is called with 1 after each piece."""
    found: dict[str, list[Reals]] = {condition.name: [] for condition in CONDITIONS}
    for index in indices:
        for condition in CONDITIONS:
            found[condition.name].append(piece_features(condition.make(pieces, index), condition.ear))
        advance(1)
    return {name: np.stack(rows) for name, rows in found.items()}


def hear_unheard(
    title: str,
    recognisers: Sequence[tuple[Recogniser, NDArray[np.bool_]]],
    features: dict[str, Reals],
    quadrants: NDArray[np.int8],
) -> Unheard:
    """What recognisers hear in clips with these features and quadrants [N], each in those of its mask [N]."""
    heard = {}
    for condition in CONDITIONS:
        asked, found = [], []
        for recogniser, chosen in recognisers:
            asked.append(quadrants[chosen].astype(np.int64))
            found.append(recogniser.quadrant_probabilities(features[condition.name][chosen], condition.ear))
        heard[condition.name] = Heard(np.concatenate(asked), np.concatenate(found))
    return Unheard(title, heard)


def calibration_error(heard: Heard) -> float:
    """Expected calibration error: between how sure the recogniser is and how often it is right, in ten bins of
    confidence, weighted by how many clips lie in each. 0-1 (Guo et al., ICML 2017).
    """
    confidence = heard.probabilities.max(axis=1)
    right = heard.quadrants == heard.asked
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    return float(np.abs(np.bincount(bins, confidence - right)).sum() / len(right))


def hear_rated(recogniser: Recogniser, pieces: PreparedPieces, advance: Advance) -> dict[Ear, Rated]:
    """What each ear hears in stretches of pieces whose bars listeners rated; `advance` is called with 1 after each."""
    rated, of_piece = [], []
    features: dict[Ear, list[Reals]] = {ear: [] for ear in EARS}
    for index in range(len(pieces)):
        words = pieces.piece(index)
        music = read_words(words.words, words.bar_steps)
        bars = pieces.bar_emotions[pieces.bar_offsets[index] : pieces.bar_offsets[index + 1]].astype(np.float64)
        for first in range(0, len(bars), STRETCH_BARS):
            count = min(STRETCH_BARS, len(bars) - first)
            stretch = excerpt(music, first, count)
            if not len(stretch.steps) or np.isnan(bars[first : first + count]).any() or 2 * count < STRETCH_BARS:
                continue
            piece = piece_of(stretch, TICKS_PER_STEP)
            for ear in EARS:
                features[ear].append(piece_features(piece, ear))
            rated.append(bars[first : first + count].mean(axis=0))
            of_piece.append(index)
        advance(1)
    if not rated:
        return {}
    return {
        ear: Rated(
            np.asarray(
                [
                    (emotion.valence, emotion.arousal)
                    for emotion in expected_emotions(recogniser.quadrant_probabilities(np.stack(rows), ear))
                ]
            ),
            np.stack(rated),
            np.asarray(of_piece),
        )
        for ear, rows in features.items()
    }


def _pearson(a: Reals, b: Reals) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 1e-9 else float("nan")
