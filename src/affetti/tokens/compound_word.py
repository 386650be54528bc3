"""Piano music as compound words (MusER's representation, AAAI 2024) and back, exactly.

A piece on the grid of sixteenths becomes one sequence of words [T, 7] as `grammar` describes it, and such a sequence
becomes that piece again: `decode(encode(piece)) == piece` for what `decode` writes, `encode(decode(words)) == words`
for every grammatical sequence whose notes do not overlap on one key. A performance is put on the grid first
(`quantisation`).

The published vocabulary knows no metre. Here the length of each bar in sixteenths is kept beside the words, so that
3/4, 7/8 and metre changes survive; in 4/4 all are 16. A metre is written from the length alone, in the longest of
quarters, eighths and sixteenths that fits: 16 is 4/4, 12 is 3/4 (6/8 as well), 14 is 7/8, 13 is 13/16.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.metrical_grid import MAX_BARS
from affetti.errors import InputError
from affetti.piece import DEFAULT_BPM, Note, Piece, Tempo, TimeSignature, Track
from affetti.tokens.elements import (
    BAR,
    BAR_BEAT,
    CHORD,
    CONTINUE,
    DURATION,
    END,
    FIRST_POSITION,
    FIRST_TEMPO,
    HIGHEST_PITCH,
    LOWEST_PITCH,
    MAX_STEPS,
    METRICAL,
    NO_CHORD_VALUE,
    NOTE,
    PITCH,
    SIZES,
    STEPS_PER_QUARTER,
    TEMPO,
    TEMPOS,
    TYPE,
    VELOCITY,
    Integers,
    Reals,
    chord_at,
    chord_value,
    tempo_values,
    velocity_centres,
    velocity_values,
)
from affetti.tokens.grammar import Words, check

TICKS_PER_STEP = 120
"""Of a decoded piece: 480 a quarter."""

_LOWEST_KEY = LOWEST_PITCH - 1  # MIDI number of pitch value 0


@dataclass(frozen=True, slots=True, eq=False)
class CompoundWords:
    """A piece as words: `words` [T, 7] uint8, the end word last; `bar_steps` [M] uint8, sixteenths of each bar."""

    words: Words
    bar_steps: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True, slots=True, eq=False)
class GridMusic:
    """What words say, as arrays: K notes in M bars, times in sixteenths from the first bar line.

    Notes are sorted by step, then pitch (the order of note words) and no two have both in common. Changes of tempo and
    chord (values of their elements) are sorted by step; there is one of each at step 0.
    """

    bar_steps: Integers
    steps: Integers
    pitches: Integers
    """MIDI numbers, 21-108."""
    durations: Integers
    """Sixteenths, 1-16."""
    velocities: Integers
    """Values of the element, 1-41."""
    tempo_steps: Integers
    tempos: Integers
    chord_steps: Integers
    chords: Integers

    @property
    def bar_starts(self) -> Integers:
        """[M + 1]: the step at which each bar begins, and the one at which the last ends."""
        starts: Integers = np.append(0, np.cumsum(self.bar_steps))
        return starts


def encode(piece: Piece) -> CompoundWords:
    """The words of a piece that lies on the grid: what `decode` or `quantise` gives, or anything as exact.

    Raises ValueError for what words cannot say (a time between sixteenths, a tempo or velocity between the values of
    its element, notes on one key that overlap, a bar longer than 16 sixteenths, changes after the last bar that has a
    note): `quantise` first. Raises InputError for a piece without notes or of more than 2,000 bars.
    """
    return write_words(_grid_music(piece))


def decode(words: NDArray[np.integer], bar_steps: NDArray[np.integer] | None = None) -> Piece:
    """The piece that words [T, 7] write down; bars of 16 sixteenths where `bar_steps` [M] does not say otherwise.

    480 ticks a quarter, one track "Piano"; tempo, metre and chord where they change (no chord at first needs no
    event). A note whose pitch is struck again while it sounds ends there. Raises InputError with the first thing that
    is ungrammatical.
    """
    return piece_of(read_words(words, bar_steps), TICKS_PER_STEP)


def read_words(words: NDArray[np.integer], bar_steps: NDArray[np.integer] | None = None) -> GridMusic:
    """What words [T, 7] say, as arrays. Raises InputError with the first thing that is ungrammatical."""
    if violations := check(words, bar_steps):
        raise InputError(f"not a piece in compound words: {violations[0]}")
    columns = np.ascontiguousarray(np.asarray(words).T, np.int64)
    places = columns[BAR_BEAT]
    begins = places == BAR
    count = int(begins.sum())
    lengths = np.full(count, MAX_STEPS) if bar_steps is None else np.asarray(bar_steps, np.int64)
    bar_starts = (np.cumsum(lengths) - lengths)[np.cumsum(begins) - 1]
    latest = np.maximum.accumulate(np.where(places > 0, np.arange(len(places)), 0))
    steps = bar_starts + np.maximum(places[latest] - FIRST_POSITION, 0)
    notes = columns[TYPE] == NOTE
    pitches = columns[PITCH][notes] + _LOWEST_KEY
    return GridMusic(
        lengths,
        steps[notes],
        pitches,
        cut_at_restrikes(steps[notes], pitches, columns[DURATION][notes]),
        columns[VELOCITY][notes],
        *_changes(steps, columns[TEMPO]),
        *_changes(steps, columns[CHORD]),
    )


def write_words(music: GridMusic) -> CompoundWords:
    """The words of music on the grid; `read_words` gives it back."""
    starts = music.bar_starts
    struck = np.zeros(starts[-1], np.bool_)
    struck[music.steps] = True
    tempos, tempo_changes = _in_force(music.tempo_steps, music.tempos, len(struck))
    chords, chord_changes = _in_force(music.chord_steps, music.chords, len(struck))
    changes = tempo_changes | chord_changes
    changes[starts[:-1]] = False  # the Bar word has said it
    tempo_changes[starts[:-1]] = chord_changes[starts[:-1]] = False
    positions = np.flatnonzero(struck | changes)
    bars = np.searchsorted(starts, positions, side="right") - 1
    counts = len(music.bar_steps), len(positions), len(music.steps)
    words = np.zeros((sum(counts) + 1, len(SIZES)), np.uint8)
    bar_words, position_words, note_words = np.split(words[:-1], np.cumsum(counts)[:-1])
    bar_words[:, BAR_BEAT] = BAR
    bar_words[:, TEMPO] = tempos[starts[:-1]]
    bar_words[:, CHORD] = chords[starts[:-1]]
    position_words[:, BAR_BEAT] = positions - starts[bars] + FIRST_POSITION
    position_words[:, TEMPO] = np.where(tempo_changes, tempos, CONTINUE)[positions]
    position_words[:, CHORD] = np.where(chord_changes, chords, CONTINUE)[positions]
    note_words[:, PITCH] = music.pitches - _LOWEST_KEY
    note_words[:, DURATION] = music.durations
    note_words[:, VELOCITY] = music.velocities
    words[:-1, TYPE] = np.repeat([METRICAL, METRICAL, NOTE], counts)
    words[-1, TYPE] = END
    # Stable: at one step the Bar word first, then the position word, then the notes as they are sorted already.
    order = np.argsort(np.concatenate([starts[:-1], positions, music.steps]), kind="stable")
    words[:-1] = words[:-1][order]
    return CompoundWords(words, music.bar_steps.astype(np.uint8))


def piece_of(music: GridMusic, ticks_per_step: int) -> Piece:
    """The piece in its canonical form: one track "Piano", tempo, metre and chord where they change."""
    columns = (
        music.steps * ticks_per_step,
        music.pitches,
        music.durations * ticks_per_step,
        velocity_centres(music.velocities),
    )
    notes = tuple(map(Note, *(column.tolist() for column in columns)))
    return Piece(
        ticks_per_step * STEPS_PER_QUARTER,
        (Track(notes, name="Piano"),),
        tempos=tuple(
            Tempo(step * ticks_per_step, float(TEMPOS[value - FIRST_TEMPO]))
            for step, value in _differing(music.tempo_steps, music.tempos, before=0)
        ),
        time_signatures=metres_of(music.bar_steps, ticks_per_step),
        chords=tuple(
            chord_at(step * ticks_per_step, value)
            for step, value in _differing(music.chord_steps, music.chords, before=NO_CHORD_VALUE)
        ),
    )


def metres_of(bar_steps: Integers, ticks_per_step: int) -> tuple[TimeSignature, ...]:
    """The time signatures of bars of so many sixteenths [M], where they change."""
    starts = (np.cumsum(bar_steps) - bar_steps) * ticks_per_step
    found = []
    for start, steps in _differing(starts, bar_steps, before=0):
        unit = 4 if steps % 4 == 0 else 2 if steps % 2 == 0 else 1
        found.append(TimeSignature(start, steps // unit, MAX_STEPS // unit))
    return tuple(found)


def cut_at_restrikes(steps: Integers, pitches: Integers, durations: Integers) -> Integers:
    """Durations [K] of notes that end, at the latest, where their pitch is struck again; [K], at least 1.

    All in sixteenths; no two notes have step and pitch in common.
    """
    order = np.lexsort((steps, pitches))
    same = pitches[order][1:] == pitches[order][:-1]
    until = np.where(same, np.diff(steps[order]), np.iinfo(np.int64).max)
    cut = durations.copy()
    cut[order[:-1]] = np.minimum(durations[order[:-1]], until)
    return cut


def _changes(steps: Integers, values: Integers) -> tuple[Integers, Integers]:
    """Steps and values of the words of a column [T] that change it."""
    said = np.flatnonzero(values > CONTINUE)
    changes = said[np.append(True, values[said][1:] != values[said][:-1])]
    return steps[changes], values[changes]


def _in_force(steps: Integers, values: Integers, total: int) -> tuple[Integers, NDArray[np.bool_]]:
    """At each of `total` steps the value in force, and whether it is another than at the step before."""
    in_force = values[np.searchsorted(steps, np.arange(total), side="right") - 1]
    return in_force, np.append(True, in_force[1:] != in_force[:-1])


def _differing(steps: Integers, values: Integers, *, before: int) -> Iterable[tuple[int, int]]:
    """(step, value) of those that differ from the one before, the first from `before`."""
    differ = values != np.append(before, values[:-1])
    return zip(steps[differ].tolist(), values[differ].tolist(), strict=True)


# ---- a piece that lies on the grid, as arrays


def _grid_music(piece: Piece) -> GridMusic:
    notes = [note for track in piece.tracks if not track.is_drum for note in track.notes]
    if not notes:
        raise InputError("no pitched notes: there is nothing to write in words")
    columns = np.asarray([(note.start_ticks, note.pitch, note.duration_ticks, note.velocity) for note in notes])
    steps = _exact_steps(columns[:, 0], piece, "a note")
    pitches = columns[:, 1]
    durations = _exact_steps(columns[:, 2], piece, "a note's length")
    velocities = velocity_values(columns[:, 3])
    order = np.lexsort((pitches, steps))
    steps, pitches, durations, velocities = (one[order] for one in (steps, pitches, durations, velocities))
    _require(pitches.min() >= LOWEST_PITCH and pitches.max() <= HIGHEST_PITCH, "a pitch outside 21-108")
    _require(durations.min() >= 1 and durations.max() <= MAX_STEPS, "a note that is not 1 to 16 sixteenths long")
    _require(bool((velocity_centres(velocities) == columns[order, 3]).all()), "a velocity between 4, 7 … 124")
    _require(not ((np.diff(steps) == 0) & (np.diff(pitches) == 0)).any(), "two notes on one key at once")
    _require(bool((cut_at_restrikes(steps, pitches, durations) == durations).all()), "notes on one key that overlap")
    bar_steps = _bar_steps(piece, int(steps[-1]))
    tempo_steps, speeds = _events(
        piece, "a tempo", [(tempo.start_ticks, tempo.quarters_per_minute) for tempo in piece.tempos], DEFAULT_BPM
    )
    tempos = tempo_values(speeds)
    _require(bool((np.abs(TEMPOS[tempos - FIRST_TEMPO] - speeds) < 1e-6).all()), "a tempo that is not in the table")
    chord_steps, chords = _events(
        piece, "a chord", [(chord.start_ticks, chord_value(chord)) for chord in piece.chords], NO_CHORD_VALUE
    )
    end = bar_steps.sum()
    _require(max(tempo_steps[-1], chord_steps[-1]) < end, "a change after the last bar that has a note")
    return GridMusic(
        bar_steps, steps, pitches, durations, velocities, tempo_steps, tempos, chord_steps, chords.astype(np.int64)
    )


def _bar_steps(piece: Piece, last_step: int) -> Integers:
    """The sixteenths of each bar [M] up to the one in which `last_step` lies."""
    metres = {metre.start_ticks: metre for metre in sorted(piece.time_signatures, key=lambda one: one.start_ticks)}
    metres = {0: TimeSignature(0, 4, 4)} | metres
    starts = _exact_steps(np.asarray(list(metres)), piece, "a time signature").tolist()
    _require(starts[-1] <= last_step, "a time signature after the last bar that has a note")
    bars: list[Integers] = []
    for metre, start, end in zip(metres.values(), starts, [*starts[1:], last_step + 1], strict=True):
        steps, rest = divmod(metre.numerator * MAX_STEPS, metre.denominator)
        _require(rest == 0 and 1 <= steps <= MAX_STEPS, f"a bar of {metre.numerator}/{metre.denominator}")
        count = -((start - end) // steps)
        _require(end > last_step or (end - start) % steps == 0, "a time signature that does not begin a bar")
        if sum(map(len, bars)) + count > MAX_BARS:
            raise InputError(f"more than {MAX_BARS:,} bars")
        bars.append(np.full(count, steps))
    return np.concatenate(bars)


def _events(piece: Piece, what: str, events: Sequence[tuple[int, float]], at_first: float) -> tuple[Integers, Reals]:
    """Steps and values of (ticks, value); of several at once the last counts, before the first `at_first` does."""
    latest = {0: at_first} | dict(sorted(events, key=lambda event: event[0]))
    return _exact_steps(np.asarray(list(latest)), piece, what), np.asarray(list(latest.values()), np.float64)


def _exact_steps(ticks: Integers, piece: Piece, what: str) -> Integers:
    """Ticks in sixteenths. Raises ValueError where one is not whole or negative."""
    steps, rest = np.divmod(ticks * STEPS_PER_QUARTER, piece.ticks_per_quarter)
    _require(not rest.any() and not (steps < 0).any(), f"{what} between the sixteenths")
    return steps


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"words cannot write {what}; quantise the piece first")
