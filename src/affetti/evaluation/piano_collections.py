"""Piano pieces with emotions, from a model or from a corpus, in the one form in which both are measured: words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.evaluation.element_statistics import ElementCounts, count_elements, word_measures
from affetti.piece import Piece
from affetti.tokens.compound_word import (
    TICKS_PER_STEP,
    CompoundWords,
    GridMusic,
    encode,
    piece_of,
    read_words,
    write_words,
)
from affetti.tokens.elements import Integers, Reals
from affetti.tokens.excerpts import excerpt
from affetti.tokens.quantisation import quantise


@dataclass(frozen=True, eq=False)
class Collection:
    """N pieces."""

    name: str
    words: tuple[CompoundWords, ...]
    quadrants: Integers
    """[N] the quadrant that was asked for, or that listeners heard: 1-4; 0 for none."""

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def of_corpus(cls, name: str, pieces: PreparedPieces, chosen: NDArray[np.bool_]) -> "Collection":
        """Those pieces of a prepared corpus that are `chosen` [N]."""
        words = tuple(pieces.piece(index) for index in np.flatnonzero(chosen).tolist())
        return cls(name, words, pieces.quadrants[chosen].astype(np.int64))

    @classmethod
    def of_pieces(cls, name: str, pieces: Sequence[Piece], quadrants: Sequence[int]) -> "Collection":
        """Pieces as they are where they lie on the grid of words, else put on it.

        Raises InputError for a piece without notes.
        """
        return cls(name, tuple(_words(piece) for piece in pieces), np.asarray(quadrants, np.int64))

    @classmethod
    def of_music(cls, name: str, music: Sequence[GridMusic], quadrants: Integers) -> "Collection":
        """Music on the grid."""
        return cls(name, tuple(write_words(one) for one in music), quadrants)

    @cached_property
    def music(self) -> tuple[GridMusic, ...]:
        """What the words say. Raises InputError for words that are no piece."""
        return tuple(read_words(one.words, one.bar_steps) for one in self.words)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces that the words write down."""
        return tuple(piece_of(one, TICKS_PER_STEP) for one in self.music)

    @cached_property
    def pitch_measures(self) -> Reals:
        """[N, 6] PR, NPC, POLY, BPR, BNPC, BPOLY (corpus_report.MEASURES)."""
        return word_measures(self.words)

    @cached_property
    def element_counts(self) -> ElementCounts:
        """How often each value of each element occurs: in all pieces (set 0), and in those of Q1 to Q4."""
        words = np.concatenate([one.words for one in self.words])
        offsets = np.append(0, np.cumsum([len(one) for one in self.words]))
        members = [np.ones(len(self), bool), *(self.quadrants == quadrant for quadrant in (1, 2, 3, 4))]
        return count_elements(words, offsets, members)

    def first_bars(self, bars: int) -> list[GridMusic]:
        """Of each piece at most so many bars from its beginning; the whole piece where nothing is struck in them."""
        cut = [excerpt(one, 0, min(bars, len(one.bar_steps))) for one in self.music]
        return [part if len(part.steps) else one for part, one in zip(cut, self.music, strict=True)]


def _words(piece: Piece) -> CompoundWords:
    try:
        return encode(piece)
    except ValueError:
        return encode(quantise(piece).piece)
