"""The pieces of a prepared corpus as music, played and on the grid, and their features.

What models compose comes from words and lies on the grid, so a recogniser must hear both alike: it learns from both.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from affetti.analysis.features import EARS, FEATURE_NAMES, Ear, piece_features
from affetti.analysis.note_arrays import Reals
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.piece import Piece
from affetti.tokens.compound_word import decode
from affetti.tokens.expression import perform

Rendition = Literal["played", "on the grid"]
RENDITIONS: tuple[Rendition, ...] = ("played", "on the grid")


def rendition(pieces: PreparedPieces, index: int, kind: Rendition) -> Piece:
    """Piece `index` as it was played, to a millisecond, or as its words alone say it."""
    words = pieces.piece(index)
    if kind == "played":
        return perform(words, pieces.expression(index))
    return decode(words.words, words.bar_steps)


def corpus_features(
    pieces: PreparedPieces, indices: Sequence[int], progress: Callable[[int], None] = lambda done: None
) -> dict[tuple[Ear, Rendition], Reals]:
    """The features [N, F] of these pieces for every ear, in both renditions. progress: called with 1 after each."""
    found = {(ear, kind): np.empty((len(indices), len(FEATURE_NAMES))) for ear in EARS for kind in RENDITIONS}
    for row, index in enumerate(indices):
        for kind in RENDITIONS:
            piece = rendition(pieces, index, kind)
            for ear in EARS:
                found[ear, kind][row] = piece_features(piece, ear)
        progress(1)
    return found
