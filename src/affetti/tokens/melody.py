"""Melodies as one token per sixteenth (MusPy's "pitch-based with hold"): what CVAE-EmoReg reads and writes.

A melody of four 4/4 bars is 64 tokens: a pitch 0-127 where a note starts, HOLD while it sounds, REST in
silence. A vocabulary keeps only the tokens that occur in a corpus (the paper: 29 pitches + rest + hold = 31).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.errors import InputError
from affetti.piece import DEFAULT_BPM, Note, Piece, Tempo, TimeSignature, Track

REST = 128
HOLD = 129
STEPS_PER_QUARTER = 4
STEPS_PER_BAR = 16
PHRASE_BARS = 4
PHRASE_STEPS = STEPS_PER_BAR * PHRASE_BARS

Tokens = NDArray[np.int16]
"""Token values 0-129, shape [T]."""


def encode(piece: Piece, steps: int = PHRASE_STEPS) -> Tokens:
    """The first `steps` sixteenths of a piece's melody as tokens, shape [steps]; short pieces end in rests.

    Starts and ends are rounded to the nearest sixteenth. Where notes overlap the highest that starts is kept
    and the earlier one ends. Raises InputError for a piece without pitched notes.
    """
    notes = piece.notes
    if not notes:
        raise InputError("no pitched notes: there is no melody to read")
    scale = STEPS_PER_QUARTER / piece.ticks_per_quarter
    tokens = np.full(steps, REST, np.int16)
    rounded = [(int(note.start_ticks * scale + 0.5), note.pitch, int(note.end_ticks * scale + 0.5)) for note in notes]
    for start, pitch, end in sorted(rounded):  # a higher note on the same step overwrites a lower one
        if start < steps:
            tokens[start:] = REST
            tokens[start] = pitch
            tokens[start + 1 : end] = HOLD
    return tokens


def decode(
    tokens: Iterable[int],
    *,
    quarters_per_minute: float = DEFAULT_BPM,
    velocity: int = 80,
    name: str = "melody",
    ticks_per_quarter: int = 480,
) -> Piece:
    """The piece that `tokens` write down. A HOLD with nothing to hold is a rest: all tokens are music.

    Raises ValueError for a token outside 0-129 or a grid without whole sixteenths.
    """
    if ticks_per_quarter % STEPS_PER_QUARTER:
        raise ValueError(f"{ticks_per_quarter} ticks per quarter cannot be divided into sixteenths")
    ticks_per_step = ticks_per_quarter // STEPS_PER_QUARTER
    notes: list[Note] = []
    start, pitch = 0, REST
    values = [int(token) for token in tokens]
    for step, token in enumerate([*values, REST]):
        if not 0 <= token <= HOLD:
            raise ValueError(f"token {token} at step {step} is outside 0-{HOLD}")
        if token == HOLD:
            continue
        if pitch != REST:
            notes.append(Note(start * ticks_per_step, pitch, (step - start) * ticks_per_step, velocity))
        start, pitch = step, token
    return Piece(
        ticks_per_quarter,
        (Track(tuple(notes), name=name),),
        tempos=(Tempo(0, quarters_per_minute),),
        time_signatures=(TimeSignature(0, 4, 4),),
    )


@dataclass(frozen=True, slots=True)
class MelodyVocabulary:
    """The token values a model knows, in ascending order; a token's index is its position."""

    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if list(self.values) != sorted(set(self.values)) or not {REST, HOLD} <= set(self.values):
            raise ValueError("a melody vocabulary is ascending, without repeats, and holds REST and HOLD")
        if self.values[0] < 0 or self.values[-1] > HOLD:
            raise ValueError(f"a melody vocabulary holds values 0-{HOLD}")

    @classmethod
    def of_corpus(cls, tokens: NDArray[np.int16]) -> "MelodyVocabulary":
        """The vocabulary of all token values in `tokens` (any shape), with REST and HOLD."""
        return cls(tuple(sorted({*np.unique(tokens).tolist(), REST, HOLD})))

    def __len__(self) -> int:
        return len(self.values)

    def indices(self, tokens: NDArray[np.int16]) -> NDArray[np.int64]:
        """Indices of token values, same shape. Raises InputError for a value the vocabulary does not hold."""
        table = np.asarray(self.values)
        indices = np.searchsorted(table, tokens).clip(max=len(table) - 1)
        unknown = np.asarray(tokens)[table[indices] != tokens]
        if unknown.size:
            raise InputError(f"pitch {int(unknown.flat[0])} is outside the model's vocabulary {self.range_text()}")
        return indices.astype(np.int64)

    def tokens(self, indices: NDArray[np.int64]) -> Tokens:
        """Token values of indices, same shape: the inverse of `indices`."""
        return np.asarray(self.values, np.int16)[indices]

    def nearest(self, tokens: Tokens) -> Tokens:
        """`tokens` with each unknown pitch moved by octaves into the vocabulary, else to the nearest."""
        known = set(self.values)
        pitches = np.asarray([value for value in self.values if value < REST])
        result = tokens.copy()
        for token in np.unique(tokens).tolist():
            if token not in known:
                same_class = pitches[pitches % 12 == token % 12]
                candidates = same_class if same_class.size else pitches
                result[tokens == token] = candidates[np.argmin(np.abs(candidates - token))]
        return result

    def range_text(self) -> str:
        """The pitches as text, for messages: "(29 pitches from 48 to 81)"."""
        pitches = [value for value in self.values if value < REST]
        if not pitches:
            return "(no pitches)"
        return f"({len(pitches)} pitches from {pitches[0]} to {pitches[-1]})"
