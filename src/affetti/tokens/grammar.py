"""The grammar of compound words: what is a piece and what is not, checked after the fact or enforced word by word.

A piece is a sequence of words [T, 7] (columns as in `elements.ELEMENTS`) together with the length of each of its bars:

- A bar begins with a Bar word: metrical, and it always says the tempo and the chord in force at the bar line, so that
  a bar can be read alone, cropped or swapped.
- Position words (metrical) follow in strictly increasing order, before the end of the bar. Their tempo and chord are
  "continue" or differ from the one in force; at position 0 they continue what the Bar word said. Where both continue,
  a note follows.
- Note words follow a position word, with strictly increasing pitch.
- Fields that a type does not use are 0. An empty bar is a Bar word alone, but the last bar has a note: silence after
  the last note is no part of a piece.
- The end word comes last and only there.

One music has one spelling: `compound_word.encode` writes exactly these sequences. The only thing the grammar does not
ask is that a note ends before its pitch is struck again; `compound_word.decode` cuts such notes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.metrical_grid import MAX_BARS
from affetti.tokens.elements import (
    BAR,
    BAR_BEAT,
    CHORD,
    CONTINUE,
    DURATION,
    ELEMENTS,
    END,
    FIRST_POSITION,
    FIRST_TEMPO,
    MAX_STEPS,
    METRICAL,
    NO_CHORD_VALUE,
    NOTE,
    PADDING,
    PITCH,
    SIZES,
    TEMPO,
    TYPE,
    VELOCITY,
    Integers,
)

Words = NDArray[np.uint8]
"""Compound words, shape [T, 7]."""
Flags = NDArray[np.bool_]

_USED: Flags = np.zeros((SIZES[TYPE], len(SIZES)), np.bool_)
_USED[1:, TYPE] = True
_USED[METRICAL, [TEMPO, CHORD, BAR_BEAT]] = True
_USED[NOTE, [PITCH, DURATION, VELOCITY]] = True


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with the word of number `word` (from 0)."""

    word: int
    rule: str

    def __str__(self) -> str:
        return f"word {self.word}: {self.rule}"


def check(words: NDArray[np.integer], bar_steps: NDArray[np.integer] | None = None) -> list[Violation]:
    """Everything in `words` [T, 7] that the grammar forbids, in the order of the words: nothing for a piece.

    bar_steps: sixteenths of each bar, [M]; 16 in all of them where it is None. Values beyond an element's table are
    reported alone, for nothing else can be said then. Raises ValueError for another shape or numbers that are not
    whole.
    """
    array = np.asarray(words)
    if array.ndim != 2 or array.shape[1] != len(SIZES) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"words are integers [T, {len(SIZES)}], not {array.dtype} {list(array.shape)}")
    if not len(array):
        return [Violation(0, "there are no words")]
    beyond = (array < 0) | (array >= np.asarray(SIZES))
    if beyond.any():
        return [
            Violation(int(word), f"{ELEMENTS[column].name} {array[word, column]} is outside its table")
            for word, column in np.argwhere(beyond)
        ]
    columns = np.ascontiguousarray(array.T, np.int64)
    bars = columns[BAR_BEAT] == BAR
    count = int(bars.sum())
    lengths = np.full(count, MAX_STEPS) if bar_steps is None else np.asarray(bar_steps, np.int64)
    found = [
        Violation(int(word), rule)
        for rule, wrong in {
            **_wrong_types(columns),
            **_wrong_order(columns, lengths),
            **_wrong_changes(columns),
        }.items()
        for word in np.flatnonzero(wrong)
    ]
    last = len(array) - 1
    if len(lengths) != count:
        found.append(Violation(last, f"{count} bars, but the lengths of {len(lengths)}"))
    elif lengths.size and not 1 <= lengths.min() <= lengths.max() <= MAX_STEPS:
        found.append(Violation(0, f"a bar has 1 to {MAX_STEPS} sixteenths, not {lengths.min()} to {lengths.max()}"))
    if count > MAX_BARS:
        found.append(Violation(int(np.flatnonzero(bars)[MAX_BARS]), f"more than {MAX_BARS:,} bars"))
    return sorted(found, key=lambda violation: violation.word)


def _wrong_types(columns: Integers) -> dict[str, Flags]:
    """Rules on words of their own: for each the words [T] that break it."""
    types = columns[TYPE]
    used = _USED[types].T
    ends = types == END
    at_end = np.arange(len(types)) == len(types) - 1
    return {
        "padding is no word": types == PADDING,
        "a field that the type uses is missing": (used & (columns == 0)).any(axis=0),
        "a field that the type does not use is set": (~used & (columns != 0)).any(axis=0) & (types != PADDING),
        "the end comes before the last word": ends & ~at_end,
        "the last word is not the end": ~ends & at_end,
    }


def _wrong_order(columns: Integers, bar_steps: Integers) -> dict[str, Flags]:
    """Rules on the order of words within bars: for each the words [T] that break it."""
    types, places, pitches = columns[TYPE], columns[BAR_BEAT], columns[PITCH]
    metrical, notes = types == METRICAL, types == NOTE
    bars = metrical & (places == BAR)
    positions = metrical & (places >= FIRST_POSITION)
    bar_numbers = np.cumsum(bars) - 1
    after_note = np.append(False, notes[:-1])
    before = _latest(metrical, places)  # BAR where a bar has only begun, 0 before the first
    steps = np.append(bar_steps, MAX_STEPS)[np.clip(bar_numbers, 0, len(bar_steps))]
    falling = after_note & (pitches <= np.append(0, pitches[:-1]))
    last_bar = np.zeros(len(types), np.bool_)
    if bars.any() and not (notes & (bar_numbers == bar_numbers[-1])).any():
        last_bar[-1] = True
    return {
        "a piece begins with a bar": (np.arange(len(types)) == 0) & ~bars,
        "a position that is not after the one before it": positions & (before > 0) & (places <= before),
        "a position beyond the end of its bar": positions & (places - FIRST_POSITION >= steps),
        "a note without a position": notes & (before < FIRST_POSITION),
        "a pitch that is not above the one before it": notes & falling,
        "the last bar has no note": last_bar,
    }


def _wrong_changes(columns: Integers) -> dict[str, Flags]:
    """Rules on tempo and chord: for each the words [T] that break it."""
    types, places = columns[TYPE], columns[BAR_BEAT]
    metrical, notes = types == METRICAL, types == NOTE
    positions = metrical & (places >= FIRST_POSITION)
    before_note = np.append(notes[1:], False)
    found = {
        "a bar that does not say its tempo and chord": metrical
        & (places == BAR)
        & ((columns[TEMPO] == CONTINUE) | (columns[CHORD] == CONTINUE)),
        "tempo and chord continue, but no note follows": positions
        & (columns[TEMPO] == CONTINUE)
        & (columns[CHORD] == CONTINUE)
        & ~before_note,
    }
    for column in (TEMPO, CHORD):
        values = columns[column]
        said = metrical & (values > CONTINUE)
        name = ELEMENTS[column].name
        found[f"a {name} at position 0, where the bar has said it"] = said & (places == FIRST_POSITION)
        found[f"a {name} that is in force already"] = (
            said & (places > FIRST_POSITION) & (values == _latest(said, values))
        )
    return found


def _latest(where: Flags, values: Integers) -> Integers:
    """Of each word the value of the last earlier word that has one: [T], 0 where there is none."""
    numbers = np.arange(1, len(values) + 1)
    latest = np.append(0, np.maximum.accumulate(np.where(where, numbers, 0))[:-1])
    values_before: Integers = np.append(0, values)[latest]
    return values_before


# ---- masks: tables with a row for each state, so that a step costs a few look-ups however many pieces there are


def _rows_above(size: int, first: int) -> Flags:
    """[size, size]: in row v what lies above v and is at least `first`."""
    values = np.arange(size)
    return np.asarray((values > values[:, None]) & (values >= first))


def _bar_beat_rows() -> Flags:
    """[2, 17, 17, 18]: whether a bar may begin, the first position left (16: none), sixteenths of the bar."""
    rows = np.zeros((2, MAX_STEPS + 1, MAX_STEPS + 1, SIZES[BAR_BEAT]), np.bool_)
    rows[1, ..., BAR] = True
    positions = np.arange(MAX_STEPS)
    left = positions >= np.arange(MAX_STEPS + 1)[:, None, None]
    inside = positions < np.arange(MAX_STEPS + 1)[None, :, None]
    rows[..., FIRST_POSITION:] = left & inside
    return rows


def _change_rows(size: int, first: int) -> Flags:
    """[4, size, size]: no metrical word, Bar, position 0 or a later one; the value in force."""
    rows = np.zeros((4, size, size), np.bool_)
    rows[0, :, 0] = True
    rows[1, :, first:] = True
    rows[2, :, CONTINUE] = True
    rows[3, :, CONTINUE:] = ~np.eye(size, dtype=np.bool_)[:, CONTINUE:]
    rows[3, :, CONTINUE] = True
    return rows


def _note_rows(size: int) -> Flags:
    """[2, size]: no note, a note."""
    rows = np.zeros((2, size), np.bool_)
    rows[0, 0] = True
    rows[1, 1:] = True
    return rows


_BAR_BEATS = np.concatenate([_bar_beat_rows().reshape(-1, SIZES[BAR_BEAT]), _note_rows(SIZES[BAR_BEAT])[:1]])
_TEMPO_CHANGES = _change_rows(SIZES[TEMPO], FIRST_TEMPO).reshape(-1, SIZES[TEMPO])
_CHORD_CHANGES = _change_rows(SIZES[CHORD], NO_CHORD_VALUE).reshape(-1, SIZES[CHORD])
_PLACE_KIND = np.asarray([0, 1, 2, *[3] * (MAX_STEPS - 1)])
_HIGHEST = SIZES[PITCH] - 1
_PITCHES = np.concatenate([_rows_above(SIZES[PITCH], 1), _note_rows(SIZES[PITCH])[:1]])
_DURATIONS = _note_rows(SIZES[DURATION])
_VELOCITIES = _note_rows(SIZES[VELOCITY])
_IS_NOTE = np.asarray([0, 0, 0, 1])
_BLOCKED_BY_PLACE = np.asarray([0, _HIGHEST, *[0] * MAX_STEPS])  # after a Bar word no pitch is left to a note


class GrammarState:
    """Where each of N pieces stands that are written word by word, and what may come next.

    For each word: `type_mask`, draw the types, `bar_beat_mask` and the masks of a note with them, then `tempo_mask`
    and `chord_mask` with the bar-beats drawn, then `advance`. What the masks allow is a piece: there is always a next
    word, and whatever is drawn `check` finds nothing in it once every piece has ended. After its end word a piece has
    padding (all zeros).

    min_bars, max_bars: bars at which a piece may and must end, one number or [N]; for exactly so many give both.
    bar_steps: sixteenths of each bar, [N, max_bars] or [1, max_bars]; None: 16 everywhere. Raises ValueError for
    limits that do not go together.
    """

    def __init__(
        self,
        pieces: int,
        *,
        min_bars: int | Integers = 1,
        max_bars: int | Integers = MAX_BARS,
        bar_steps: NDArray[np.integer] | None = None,
    ) -> None:
        self._min_bars = np.broadcast_to(np.asarray(min_bars, np.int64), pieces)
        self._max_bars = np.broadcast_to(np.asarray(max_bars, np.int64), pieces)
        if not ((self._min_bars >= 1) & (self._min_bars <= self._max_bars) & (self._max_bars <= MAX_BARS)).all():
            raise ValueError(f"a piece has 1 to {MAX_BARS:,} bars, and no fewer than its least at most")
        self._bar_steps = None if bar_steps is None else self._checked_bar_steps(np.asarray(bar_steps, np.int64))
        self._rows = np.arange(pieces)
        self._bars = np.zeros(pieces, np.int64)
        self._steps = np.full(pieces, MAX_STEPS)  # of the bar
        self._next_step = np.full(pieces, MAX_STEPS)  # the first position left in the bar
        self._tempo = np.zeros(pieces, np.int64)
        self._chord = np.zeros(pieces, np.int64)
        self._pitch = np.full(pieces, _HIGHEST)
        self._has_note = np.zeros(pieces, np.bool_)  # the bar has one
        self._needs_note = np.zeros(pieces, np.bool_)  # the position word says nothing else
        self._ended = np.zeros(pieces, np.bool_)

    def _checked_bar_steps(self, bar_steps: Integers) -> Integers:
        pieces, longest = len(self._max_bars), int(self._max_bars.max(initial=1))
        if bar_steps.ndim != 2 or bar_steps.shape[0] not in (1, pieces) or bar_steps.shape[1] < longest:
            raise ValueError(f"bar lengths are [{pieces} or 1, {longest}], not {list(bar_steps.shape)}")
        if not ((bar_steps >= 1) & (bar_steps <= MAX_STEPS)).all():
            raise ValueError(f"a bar has 1 to {MAX_STEPS} sixteenths")
        return np.broadcast_to(bar_steps, (pieces, bar_steps.shape[1]))

    @property
    def bars(self) -> Integers:
        """[N]: bars begun."""
        return self._bars

    @property
    def in_force(self) -> dict[int, Integers]:
        """By the columns of TEMPO and CHORD: what a word said last, [N], 0 before the first."""
        return {TEMPO: self._tempo, CHORD: self._chord}

    @property
    def ended(self) -> Flags:
        """[N]: the end word has been written."""
        return self._ended

    def type_mask(self) -> Flags:
        """[N, 4]: the types that the next word may have."""
        mask = np.empty((len(self._rows), SIZES[TYPE]), np.bool_)
        free = ~(self._ended | self._needs_note)
        mask[:, PADDING] = self._ended
        mask[:, END] = free & self._has_note & (self._bars >= self._min_bars)
        mask[:, METRICAL] = free & ((self._bars < self._max_bars) | (self._next_step < self._steps))
        mask[:, NOTE] = (self._pitch < _HIGHEST) & ~self._ended
        return mask

    def bar_beat_mask(self, types: Integers) -> Flags:
        """[N, 18]: the bar-beats of words of these types [N]."""
        room = self._bars < self._max_bars
        rows = (room * (MAX_STEPS + 1) + self._next_step) * (MAX_STEPS + 1) + self._steps
        return _BAR_BEATS.take(np.where(types == METRICAL, rows, len(_BAR_BEATS) - 1), axis=0)

    def tempo_mask(self, bar_beats: Integers) -> Flags:
        """[N, 56]: the tempos of words with these bar-beats [N] (0: no metrical word)."""
        return _TEMPO_CHANGES.take(_PLACE_KIND[bar_beats] * SIZES[TEMPO] + self._tempo, axis=0)

    def chord_mask(self, bar_beats: Integers) -> Flags:
        """[N, 135]: the chords of words with these bar-beats [N] (0: no metrical word)."""
        return _CHORD_CHANGES.take(_PLACE_KIND[bar_beats] * SIZES[CHORD] + self._chord, axis=0)

    def pitch_mask(self, types: Integers) -> Flags:
        """[N, 89]: the pitches of words of these types [N]."""
        return _PITCHES.take(np.where(types == NOTE, self._pitch, len(_PITCHES) - 1), axis=0)

    def duration_mask(self, types: Integers) -> Flags:
        """[N, 17]: the durations of words of these types [N]."""
        return _DURATIONS.take(_IS_NOTE[types], axis=0)

    def velocity_mask(self, types: Integers) -> Flags:
        """[N, 42]: the velocities of words of these types [N]."""
        return _VELOCITIES.take(_IS_NOTE[types], axis=0)

    def advance(self, words: NDArray[np.integer]) -> None:
        """Write the next word of each piece, [N, 7]: words that the masks allow (no others are looked for)."""
        tempo, chord, place, types, pitch, _, _ = words.T.astype(np.int64)
        begins = place == BAR
        metrical = place > 0
        self._bars = self._bars + begins
        if self._bar_steps is not None:
            self._steps = self._bar_steps[self._rows, np.maximum(self._bars - 1, 0)]
        self._next_step = np.where(metrical, place - BAR, self._next_step)  # 0 after a Bar word
        self._tempo = np.where(tempo > CONTINUE, tempo, self._tempo)
        self._chord = np.where(chord > CONTINUE, chord, self._chord)
        self._pitch = pitch + _BLOCKED_BY_PLACE[place]
        self._has_note = (self._has_note & ~begins) | (types == NOTE)
        self._needs_note = (place > BAR) & (tempo == CONTINUE) & (chord == CONTINUE)
        self._ended = self._ended | (types == END)
