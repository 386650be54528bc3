"""How expected what comes next is: melody, bass, harmony, chords, rhythm and lengths, by what other music does there.

Each stream is a sequence of small numbers in which each has a context of up to three others. A model of a stream counts
what followed each context in the pieces that it learned from; what it has seen seldom it judges by the shorter context
(interpolation with a Dirichlet prior: MacKay and Peto, Natural Language Engineering 1, 1995). All streams are relative
to the key, the bass or the chord, so no key is more expected than another one.

Shapes as in `grid_notes`; X events of a stream.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from affetti.analysis.chords import CHORDS
from affetti.evaluation.grid_notes import BEATS_PER_BAR, GridNotes, counts_of
from affetti.evaluation.musical_sanity import gaps_between_moments, keys_of, melodic_intervals
from affetti.piece import CHORD_QUALITIES
from affetti.tokens.elements import MAX_STEPS, STEPS_PER_QUARTER, Integers, Reals

_WIDEST = 13
"""Semitones: a wider interval of a voice counts as one of so many."""
_TRUST = 2.0
"""A context seen so often counts as much as the shorter one does."""
_SURPRISING = 0.02
"""An event less likely than this is a surprise."""


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """X events of one stream."""

    by_piece: Integers
    """[X]"""
    symbols: Integers
    """[X], 0 to size - 1."""
    contexts: tuple[Integers, ...]
    """Each [X], below 4,096: that which tells most first."""
    size: int


def _top(notes: GridNotes) -> Events:
    """Intervals of the upper voice, after the two before."""
    return _intervals(notes, notes.top_line)


def _bass(notes: GridNotes) -> Events:
    """The same of the bass."""
    return _intervals(notes, notes.bass_line)


def _intervals(notes: GridNotes, line: Integers) -> Events:
    semitones, owners = melodic_intervals(notes, line)
    values = np.clip(semitones, -_WIDEST, _WIDEST) + _WIDEST
    size = 2 * _WIDEST + 1
    return Events(owners, values, (_before(values, owners, 1, size), _before(values, owners, 2, size)), size)


def _degrees(notes: GridNotes) -> Events:
    """Degrees of the upper voice in the key, by its mode and after the two before."""
    keys = keys_of(notes.chroma_of_pieces)
    line = notes.top_line
    owners = notes.moments.by_piece[line]
    values = (notes.moments.highest[line] - keys[owners]) % 12
    return Events(
        owners, values, (keys[owners] // 12, _before(values, owners, 1, 12), _before(values, owners, 2, 12)), 12
    )


def _all_degrees(notes: GridNotes) -> Events:
    """Degrees of all notes in the key, by its mode and the chord that is heard."""
    keys = keys_of(notes.chroma_of_pieces)
    chords = notes.heard_chords[notes.bars, notes.positions // STEPS_PER_QUARTER]
    values = (notes.pitches - keys[notes.by_piece]) % 12
    relative = np.where(chords > 0, 1 + (chords - 1 - len(CHORD_QUALITIES) * keys[notes.by_piece]) % (CHORDS - 1), 0)
    return Events(notes.by_piece, values, (keys[notes.by_piece] // 12, relative), 12)


def _harmony(notes: GridNotes) -> Events:
    """Each new chord as the motion of the root and its quality, by the quality before and the motion before."""
    chords = notes.heard_chords.reshape(-1)
    owners = np.repeat(notes.bar_pieces, BEATS_PER_BAR)
    kept = chords > 0
    chords, owners = chords[kept] - 1, owners[kept]
    changes = np.append(True, (np.diff(chords) != 0) | (np.diff(owners) != 0))
    chords, owners = chords[changes], owners[changes]
    roots, qualities = chords // len(CHORD_QUALITIES), chords % len(CHORD_QUALITIES)
    follows = np.flatnonzero(np.diff(owners) == 0) + 1
    motion = (roots[follows] - roots[follows - 1]) % 12
    before = qualities[follows - 1]
    motions = _before(motion, owners[follows], 1, 12)
    return Events(
        owners[follows],
        motion * len(CHORD_QUALITIES) + qualities[follows],
        (before, motions),
        12 * len(CHORD_QUALITIES),
    )


def _sonorities(notes: GridNotes) -> Events:
    """What sounds at each moment, as pitch classes above the lowest note; by whether it is on the beat."""
    moments, sounding = notes.sounding
    count = len(notes.moments.steps)
    lowest = np.full(count, 128)
    np.minimum.at(lowest, moments, notes.pitches[sounding])
    above = (notes.pitches[sounding] - lowest[moments]) % 12
    present = counts_of(moments, above, count, 12) > 0
    masks = present[:, 1:] @ (1 << np.arange(11))
    return Events(notes.moments.by_piece, masks, (notes.moments.positions % STEPS_PER_QUARTER == 0,), 2048)


def _rhythm(notes: GridNotes) -> Events:
    """Which sixteenths of each beat are struck, by the beat of the bar, the beat before, and this beat a bar before."""
    beats = notes.moments.bars * BEATS_PER_BAR + notes.moments.positions // STEPS_PER_QUARTER
    struck = np.bincount(
        beats,
        1 << (notes.moments.positions % STEPS_PER_QUARTER),
        minlength=len(notes.bar_pieces) * BEATS_PER_BAR,
    ).astype(np.int64)
    owners = np.repeat(notes.bar_pieces, BEATS_PER_BAR)
    there = np.arange(BEATS_PER_BAR) * STEPS_PER_QUARTER < notes.bar_steps[:, None]
    number = np.tile(np.arange(BEATS_PER_BAR), len(notes.bar_pieces))
    contexts = (_before(struck, owners, BEATS_PER_BAR, 16), number, _before(struck, owners, 1, 16))
    kept = there.reshape(-1)
    return Events(owners[kept], struck[kept], tuple(one[kept] for one in contexts), 16)


def _lengths(notes: GridNotes) -> Events:
    """How long notes are, by the time to the next moment, whether they are outer voices, and the place in the beat."""
    gaps = np.full(len(notes.moments.steps), MAX_STEPS + 1)
    inside = np.append(np.diff(notes.moments.by_piece) == 0, False)
    gaps[inside] = np.minimum(gaps_between_moments(notes)[0], MAX_STEPS)
    moment = np.searchsorted(notes.moments.steps, notes.steps)
    top = notes.pitches == notes.moments.highest[moment]
    bottom = notes.pitches == notes.moments.lowest[moment]
    return Events(notes.by_piece, notes.durations - 1, (gaps[moment], 2 * top + bottom, notes.positions % 4), MAX_STEPS)


STREAMS: dict[str, Callable[[GridNotes], Events]] = {
    "top line": _top,
    "bass": _bass,
    "degrees of the top line": _degrees,
    "degrees by chord": _all_degrees,
    "harmony": _harmony,
    "sonorities": _sonorities,
    "rhythm": _rhythm,
    "lengths": _lengths,
}


@dataclass(frozen=True, slots=True, eq=False)
class Transitions:
    """What followed what in the pieces that were learned from, counted by fold, so that any fold can be left out."""

    tables: Mapping[str, tuple[tuple["Counts", "Counts"], ...]]
    """Of each stream and number of contexts from none up: of the contexts, and of contexts with what followed."""

    @classmethod
    def learned(cls, notes: GridNotes, folds: Integers) -> "Transitions":
        """From these pieces, of which each belongs to a fold [N], numbered from 0."""
        tables = {}
        for name, make in STREAMS.items():
            events = make(notes)
            of_events, count = folds[events.by_piece], int(folds.max()) + 1
            tables[name] = tuple(
                (
                    Counts.of(contexts, of_events, count),
                    Counts.of(contexts * events.size + events.symbols, of_events, count),
                )
                for contexts in _keys(events)
            )
        return cls(tables)

    def likelihoods(self, notes: GridNotes, folds: Integers) -> Reals:
        """[N, 2 × streams] of each stream the mean log-likelihood of its events, and the share of surprises.

        folds: [N] the fold that each piece is not to know of. NaN where a piece has no events of a stream.
        """
        columns = []
        for name, make in STREAMS.items():
            events = make(notes)
            left_out = folds[events.by_piece]
            chance = np.full(len(events.symbols), 1 / events.size)
            for contexts, (seen, followed) in zip(_keys(events), self.tables[name], strict=True):
                times = seen.look_up(contexts, left_out)
                with_symbol = followed.look_up(contexts * events.size + events.symbols, left_out)
                chance = (with_symbol + _TRUST * chance) / (times + _TRUST)
            columns += [
                notes.mean_by_piece(events.by_piece, values) for values in (np.log(chance), chance < _SURPRISING)
            ]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How often each of U numbers occurs in each fold."""

    numbers: Integers
    """[U] ascending."""
    times: Integers
    """[U, folds]"""

    @classmethod
    def of(cls, numbers: Integers, folds: Integers, count: int) -> "Counts":
        """Of numbers [X] that belong to the folds [X]."""
        found, places = np.unique(numbers, return_inverse=True)
        return cls(found, counts_of(places, folds, len(found), count))

    def look_up(self, numbers: Integers, left_out: Integers) -> Integers:
        """How often each number [X] occurs outside the fold left out [X]."""
        if not len(self.numbers):
            return np.zeros(len(numbers), np.int64)
        at = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        times = self.times.sum(axis=1)[at] - self.times[at, left_out]
        return np.where(self.numbers[at] == numbers, times, 0)


def _keys(events: Events) -> list[Integers]:
    """Of no context, the first one, the first two … one number for each event."""
    keys = [np.zeros(len(events.symbols), np.int64)]
    for context in events.contexts:
        keys.append(keys[-1] * 4096 + context + 1)
    return keys


def _before(values: Integers, owners: Integers, back: int, none: int) -> Integers:
    """[X] the value so many places before in the same piece; `none` where there is none."""
    earlier = np.full(len(values), none)
    same = owners[back:] == owners[:-back]
    earlier[back:][same] = values[:-back][same]
    return earlier
