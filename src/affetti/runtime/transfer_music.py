"""Pieces on the grid and back: what a transfer takes from, what it puts on, and how the result is played."""

from dataclasses import dataclass, replace

import numpy as np

from affetti.analysis.key import notated_key
from affetti.errors import InputError
from affetti.piece import KeySignature, Piece
from affetti.runtime.transfer_harmony import key_of
from affetti.runtime.transfer_values import Arranged
from affetti.tokens.compound_word import (
    TICKS_PER_STEP,
    CompoundWords,
    GridMusic,
    encode,
    piece_of,
    read_words,
    write_words,
)
from affetti.tokens.expression import Expression, perform
from affetti.tokens.quantisation import quantise


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A piece as a transfer sees it."""

    piece: Piece
    music: GridMusic
    expression: Expression
    notes_lost: int
    """Pitched notes of the piece that are not on the grid: merged, or beyond a piano's keys."""

    @classmethod
    def of(cls, piece: Piece, name: str = "the source") -> "Source":
        """Raises InputError, which begins with the name, for what `quantise` refuses."""
        try:
            found = quantise(piece)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        lost = found.report.notes_in - found.report.notes_kept
        return cls(piece, music_of(encode(found.piece)), found.expression, lost)

    @classmethod
    def of_words(cls, words: CompoundWords, expression: Expression) -> "Source":
        """A piece of a prepared corpus."""
        return cls(perform(words, expression), music_of(words), expression, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Where elements are taken from, and what it is called."""

    name: str
    music: GridMusic

    @classmethod
    def of(cls, piece: Piece, name: str = "the reference") -> "Reference":
        """Raises InputError, which begins with the name, for what `quantise` refuses."""
        return cls(name, Source.of(piece, name).music)

    @property
    def piece(self) -> Piece:
        """As the grid has it."""
        return piece_of(self.music, TICKS_PER_STEP)


def performed(source: Source, arranged: Arranged) -> Piece:
    """Music played with the source's expression: each note that has kept its place, length or loudness keeps what the
    grid left out of it, and the beats keep their rubato.
    """
    before, after, origins, played = source.music, arranged.music, arranged.origins, source.expression
    is_old = origins >= 0

    def kept_of(deviations: np.ndarray, own: np.ndarray, other: np.ndarray) -> np.ndarray:
        same = is_old & (own == other[origins])
        return np.where(same, deviations[origins], 0).astype(deviations.dtype)

    expression = Expression(
        kept_of(played.onset_steps, after.steps, before.steps),
        kept_of(played.duration_steps, after.durations, before.durations),
        kept_of(played.velocities, after.velocities, before.velocities),
        played.beat_steps,
        played.beat_stretches,
        played.start_seconds,
    )
    piece = perform(write_words(after), expression)
    key = notated_key(source.piece) if np.array_equal(before.pitches, after.pitches) else None
    key = key_of(after) if key is None else key
    return replace(piece, key_signatures=(KeySignature(0, key.sharps, key.is_minor),))


def music_of(words: CompoundWords) -> GridMusic:
    """What words say."""
    return read_words(words.words, words.bar_steps)
