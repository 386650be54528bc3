"""How often each value of the seven elements occurs in a corpus of compound words, and what that comes to.

Everything is computed from counts per value, so a quantile or a violin of a million words costs nothing more. What
is counted of tempo and chord is every word that says one, a bar line or a change; "continue" says none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.pitch import Integers, PieceMeasures, Reals, measures_of_notes
from affetti.piece import CHORD_QUALITIES
from affetti.tokens import elements
from affetti.tokens.compound_word import CompoundWords, read_words
from affetti.tokens.elements import BAR_BEAT, CHORD, DURATION, ELEMENTS, PITCH, TEMPO, TYPE, VELOCITY

ORDINAL = (TEMPO, PITCH, DURATION, VELOCITY)
"""The elements whose values are amounts; chord, bar-beat and type are names."""
UNITS = {TEMPO: "BPM", PITCH: "MIDI number", DURATION: "sixteenths", VELOCITY: "MIDI velocity"}

_FIRST_SAID = {
    TEMPO: elements.FIRST_TEMPO,
    CHORD: elements.NO_CHORD_VALUE,
    BAR_BEAT: elements.FIRST_POSITION,
    TYPE: elements.METRICAL,
    PITCH: 1,
    DURATION: 1,
    VELOCITY: 1,
}
"""The first value that counts: not "ignored" or "continue", nor the bar line among positions, nor the end."""

CHORD_KINDS = {
    "major third": ("maj", "7", "maj7", "aug"),
    "minor third": ("min", "min7", "dim", "hdim7", "dim7"),
    "no third": ("sus2", "sus4"),
}
"""What a chord's third makes it sound like."""


@dataclass(frozen=True, slots=True, eq=False)
class ElementCounts:
    """How often each value of each element occurs in each of C sets of pieces."""

    counts: tuple[Integers, ...]
    """Of each element, in the order of ELEMENTS: [C, size]."""

    def said(self, element: int) -> Integers:
        """The counts of one element without those of the values that say nothing: [C, size]."""
        counts = self.counts[element].copy()
        counts[:, : _FIRST_SAID[element]] = 0
        return counts

    def shares(self, element: int) -> Reals:
        """The counts that say something as shares of their sum: [C, size]; NaN for a set without any."""
        counts = self.said(element)
        total = counts.sum(axis=1, keepdims=True)
        shares: Reals = np.divide(counts, total, np.full(counts.shape, np.nan), where=total > 0)
        return shares

    def quality_shares(self) -> Reals:
        """Shares of the chord qualities, in the order of CHORD_QUALITIES, and of no chord: [C, 12]."""
        shares = self.shares(CHORD)
        by_root = shares[:, elements.NO_CHORD_VALUE + 1 :].reshape(len(shares), 12, len(CHORD_QUALITIES))
        return np.column_stack([by_root.sum(axis=1), shares[:, elements.NO_CHORD_VALUE]])

    def kind_shares(self) -> dict[str, Reals]:
        """Shares of chords with a major, a minor and no third, and of no chord, each [C]."""
        qualities = self.quality_shares()
        kinds = {
            kind: qualities[:, [CHORD_QUALITIES.index(name) for name in names]].sum(axis=1)
            for kind, names in CHORD_KINDS.items()
        }
        return kinds | {"no chord": qualities[:, -1]}

    def position_shares(self) -> Reals:
        """Shares of the 16 positions at which something happens after a bar line: [C, 16]."""
        return self.shares(BAR_BEAT)[:, elements.FIRST_POSITION :]


@dataclass(frozen=True, slots=True)
class Amounts:
    """One ordinal element in one set of pieces, in its unit (UNITS); NaN where it does not occur."""

    count: int
    mean: float
    deviation: float
    quantiles: tuple[float, float, float, float, float]
    """5 %, lower quartile, median, upper quartile, 95 %: each an amount that occurs."""


def count_elements(
    words: NDArray[np.uint8], word_offsets: Integers, sets: Sequence[NDArray[np.bool_]]
) -> ElementCounts:
    """Count the values in the words [T, 7] of N pieces, which begin at `word_offsets` [N + 1].

    sets: which pieces [N] belong to each of the C sets.
    """
    pieces = len(word_offsets) - 1
    piece = np.repeat(np.arange(pieces), np.diff(word_offsets))
    members = np.asarray(sets, np.int64).reshape(len(sets), pieces)
    counts = []
    for column, element in enumerate(ELEMENTS):
        by_piece = np.bincount(piece * element.size + words[:, column], minlength=pieces * element.size)
        counts.append(members @ by_piece.reshape(pieces, element.size))
    return ElementCounts(tuple(counts))


def amounts_of_values(element: int) -> Reals:
    """What each value of an ordinal element amounts to [size]; NaN where a value says none."""
    size = ELEMENTS[element].size
    amounts = np.full(size, np.nan)
    said = np.arange(_FIRST_SAID[element], size)
    if element == TEMPO:
        amounts[said] = elements.TEMPOS
    elif element == PITCH:
        amounts[said] = said + elements.LOWEST_PITCH - 1
    elif element == DURATION:
        amounts[said] = said
    elif element == VELOCITY:
        amounts[said] = elements.velocity_centres(said)
    else:
        raise ValueError(f"{ELEMENTS[element].name} has no amounts")
    return amounts


def summarise(counts: Integers, amounts: Reals) -> Amounts:
    """Mean, deviation and quantiles of amounts [size] that occur `counts` [size] times each."""
    known = ~np.isnan(amounts)
    counts, amounts = counts[known], amounts[known]
    total = int(counts.sum())
    if total == 0:
        nothing = float("nan")
        return Amounts(0, nothing, nothing, (nothing,) * 5)
    mean = float(counts @ amounts / total)
    deviation = float(np.sqrt(counts @ (amounts - mean) ** 2 / total))
    reached = np.searchsorted(np.cumsum(counts), np.asarray([0.05, 0.25, 0.5, 0.75, 0.95]) * total)
    low, lower, median, upper, high = amounts[reached].tolist()
    return Amounts(total, mean, deviation, (low, lower, median, upper, high))


def entropy(shares: Reals) -> float:
    """The entropy of one distribution [size] in bits: 0 where one value is all, log2(size) where all are equal."""
    if np.isnan(shares).any():
        return float("nan")
    occurring = shares[shares > 0]
    return float(-(occurring * np.log2(occurring)).sum()) + 0.0


def word_measures(pieces: Iterable[CompoundWords]) -> Reals:
    """PR, NPC, POLY and their per-bar versions of the words of N pieces: [N, 6], in the order of PieceMeasures.

    Raises InputError for words that are not grammatical.
    """
    rows = []
    for piece in pieces:
        music = read_words(piece.words, piece.bar_steps)
        rows.append(measures_of_notes(music.steps, music.steps + music.durations, music.pitches, music.bar_starts))
    return np.asarray(rows, np.float64).reshape(-1, len(PieceMeasures._fields))
