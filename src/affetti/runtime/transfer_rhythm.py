"""Rhythm and texture of a reference's bars put on a source, bar by bar, with the source's tune and harmony.

`bar_beat` alone moves what is struck to the positions of the reference's bar, by the shortest way and in the same
order: chords, notes, lengths and loudness stay as they are.

`type` alone leaves the positions and thins or fills the chords until they have as many notes as the reference's: the
tune (or, in the left hand, the bass) stays, and notes that are added are tones of the source's chord.

Both together set the source for the piano as the reference is set: of the reference's bar positions, chord sizes and
contour are kept, and its notes are replaced. Its upper line becomes the source's tune, all of it and in order, as near
in time as can be; where the reference has more notes, they are tones of the source's chord below the tune, as far from
it as the reference's figure goes; where it has fewer, the tune's others stay near their places. What is below becomes
tones of the source's chord in the source's register, the deepest ones its bass. New notes are as loud and long as the
source's nearest.

A bar in which either strikes nothing stays as it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from affetti.analysis.chords import CHORD_TONES, chord_of
from affetti.runtime.transfer_alignment import Alignment, Flags, Moments, answering, in_force_at, right_hand
from affetti.runtime.transfer_values import Arranged
from affetti.tokens.compound_word import GridMusic, cut_at_restrikes
from affetti.tokens.elements import HIGHEST_PITCH, LOWEST_PITCH, NO_CHORD_VALUE, Integers

_OFF_RHYTHM = 3  # sixteenths further that a chord goes to be in the reference's rhythm
_NEW_ROUND, _NEW_WIDE = 3, 14  # semitones between an added note and its neighbours, at least and at most
_BELOW_TUNE, _ABOVE_BASS = 5, 7  # where a note is added to one by itself
_MOST_ADDED = 4
_LEAP = 12  # semitones below the tune that a figure goes at most
_NEAR_BASS = 1  # semitones above a bar's deepest note that still count as its bass


class _Struck(NamedTuple):
    """A note of one bar."""

    position: int
    """Sixteenths from the bar line."""
    pitch: int
    number: int
    """Of the note in its piece."""
    is_right: bool


class _New(NamedTuple):
    """A note to be written."""

    position: int
    pitch: int
    duration: int
    velocity: int
    origin: int


@dataclass(frozen=True, eq=False)
class _Bar:
    """One bar of the source with the bar of the reference that answers to it."""

    music: GridMusic
    arranged: Arranged
    steps: int
    own: list[_Struck]
    others: list[_Struck]
    """As they answer to the source's positions."""
    chords: Integers
    """[steps] the source's chord in force."""

    def same(self, note: _Struck, position: int | None = None, duration: int | None = None) -> _New:
        """A note of the source, at its own position or another."""
        number = note.number
        return _New(
            note.position if position is None else position,
            note.pitch,
            int(self.music.durations[number]) if duration is None else duration,
            int(self.music.velocities[number]),
            int(self.arranged.origins[number]),
        )

    def like(self, note: _Struck, position: int, pitch: int, longest: int = 16) -> _New:
        """A new note, as loud and long as one of the source; that note itself where it is no other."""
        if (position, pitch) == (note.position, note.pitch):
            return self.same(note)
        duration = min(int(self.music.durations[note.number]), longest)
        return _New(position, pitch, duration, int(self.music.velocities[note.number]), -1)

    def chord_tones(self, position: int) -> set[int]:
        """The pitch classes of the source's chord, or, where it has none, of all that the bar strikes."""
        found = chord_of(int(self.chords[position]) - NO_CHORD_VALUE)
        if found is None:
            return {note.pitch % 12 for note in self.own}
        return {(found[0] + tone) % 12 for tone in CHORD_TONES[found[1]]}


def exchange_rhythm(arranged: Arranged, alignment: Alignment, bars: Flags, *, positions: bool, sizes: bool) -> Arranged:
    """The chosen bars [M] take the reference's positions, its chord sizes, or both."""
    music = arranged.music
    starts = music.bar_starts
    own, others = _by_bar(music), _by_bar(alignment.reference)
    chords = in_force_at(music.chord_steps, music.chords, int(starts[-1]))
    near = alignment.moment_sizes(Moments.of(music).steps) if sizes and not positions else np.zeros(0, np.int64)
    written: list[list[int]] = []
    moment = 0
    for number, notes in enumerate(own):
        length, start = int(music.bar_steps[number]), int(starts[number])
        other_bar = int(alignment.bars[number])
        fitted = _fitted(others[other_bar], length, int(alignment.reference.bar_steps[other_bar]))
        bar = _Bar(music, arranged, length, notes, fitted, chords[start : start + length])
        count = len({note.position for note in notes})
        of_bar, moment = near[moment : moment + count], moment + count
        if not (bars[number] and notes and fitted):
            new: Iterable[_New] = map(bar.same, notes)
        elif not sizes:
            new = _moved(bar)
        elif not positions:
            new = _resized(bar, of_bar.tolist())
        else:
            new = _set_anew(bar)
        unique = {(note.position, note.pitch): note for note in reversed(list(new))}  # of two on a key the first
        written += [[start + note.position, *note[1:]] for _, note in sorted(unique.items())]
    steps, pitches, durations, velocities, origins = np.asarray(written, np.int64).T.copy()
    durations = cut_at_restrikes(steps, pitches, durations)
    return Arranged(replace(music, steps=steps, pitches=pitches, durations=durations, velocities=velocities), origins)


def _by_bar(music: GridMusic) -> list[list[_Struck]]:
    """The notes of each bar."""
    starts = music.bar_starts
    bars = np.searchsorted(starts, music.steps, side="right") - 1
    found: list[list[_Struck]] = [[] for _ in music.bar_steps]
    columns = (bars, music.steps - starts[bars], music.pitches, right_hand(music))
    for number, (bar, *note) in enumerate(zip(*(one.tolist() for one in columns), strict=True)):
        position, pitch, is_right = note
        found[bar].append(_Struck(position, pitch, number, is_right))
    return found


def _fitted(notes: Sequence[_Struck], steps: int, other_steps: int) -> list[_Struck]:
    """A reference's bar of `other_steps` sixteenths in one of `steps`: what answers to each of its positions."""
    if steps == other_steps:
        return list(notes)
    answers = answering(np.arange(steps), other_steps).tolist()
    return [
        note._replace(position=position)
        for position, answer in enumerate(answers)
        for note in notes
        if note.position == answer
    ]


def _moments(notes: Sequence[_Struck]) -> dict[int, list[_Struck]]:
    """The notes at each position, from the lowest."""
    found: dict[int, list[_Struck]] = {}
    for note in notes:
        found.setdefault(note.position, []).append(note)
    return {position: sorted(found[position], key=lambda note: note.pitch) for position in sorted(found)}


# ---- bar_beat alone


def _moved(bar: _Bar) -> list[_New]:
    """The bar's chords, in their order, at positions that lie in the reference's rhythm where they can."""
    own = _moments(bar.own)
    places = _in_rhythm(list(own), {note.position for note in bar.others}, bar.steps)
    return [bar.same(note, place) for place, notes in zip(places, own.values(), strict=True) for note in notes]


def _in_rhythm(positions: Sequence[int], rhythm: set[int], steps: int) -> list[int]:
    """Positions in a bar, in their order, moved to those of a rhythm where that is not too far."""
    return _increasing(
        np.asarray(
            [
                [abs(place - position) + _OFF_RHYTHM * (place not in rhythm) for place in range(steps)]
                for position in positions
            ]
        )
    )


def _increasing(costs: Integers) -> list[int]:
    """The cheapest strictly increasing columns for the rows of costs [rows, columns ≥ rows]."""
    rows, columns = costs.shape
    best = np.full((rows + 1, columns + 1), np.inf)  # of the first rows in the first columns
    best[0] = 0.0
    for row in range(1, rows + 1):
        for column in range(row, columns + 1):
            best[row, column] = min(best[row, column - 1], best[row - 1, column - 1] + costs[row - 1, column - 1])
    found, column = [], columns
    for row in range(rows, 0, -1):
        while best[row, column] == best[row, column - 1]:
            column -= 1
        column -= 1
        found.append(column)
    return found[::-1]


# ---- type alone


def _resized(bar: _Bar, sizes: Sequence[int]) -> list[_New]:
    """The bar's chords with so many notes each; 0 leaves one as it is."""
    written = []
    for size, (position, notes) in zip(sizes, _moments(bar.own).items(), strict=True):
        if size == 0 or size == len(notes):
            written += [bar.same(note) for note in notes]
        elif size < len(notes):
            written += [bar.same(note) for note in _thinned(bar, notes, size)]
        else:
            written += [bar.same(note) for note in notes]
            written += _added(bar, position, notes, min(size - len(notes), _MOST_ADDED))
    return written


def _thinned(bar: _Bar, notes: list[_Struck], size: int) -> list[_Struck]:
    """The tune, then the bass, then the loudest."""
    loudest = sorted(notes[1:-1], key=lambda note: -int(bar.music.velocities[note.number]))
    by_weight = [notes[-1], notes[0], *loudest] if notes[-1].is_right else [notes[0], *loudest, notes[-1]]
    return by_weight[:size]


def _added(bar: _Bar, position: int, notes: list[_Struck], count: int) -> list[_New]:
    """Chord tones that fill a chord: between its outer notes, below a tune by itself, above a bass by itself."""
    lowest, highest = notes[0], notes[-1]
    tones = bar.chord_tones(position)
    if len(notes) > 1:
        middle = (lowest.pitch + highest.pitch) / 2
    else:
        middle = lowest.pitch - _BELOW_TUNE if lowest.is_right else lowest.pitch + _ABOVE_BASS
    top = highest.pitch if highest.is_right else highest.pitch + _NEW_WIDE
    pitches = [note.pitch for note in notes]
    near = sorted(range(lowest.pitch - _NEW_WIDE, top), key=lambda pitch: abs(pitch - middle))
    written: list[_New] = []
    for pitch in near:
        if len(written) == count:
            break
        is_free = min(abs(pitch - other) for other in pitches) >= _NEW_ROUND
        if is_free and pitch % 12 in tones and LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
            nearest = min(notes, key=lambda note: abs(note.pitch - pitch))
            written.append(bar.like(nearest, position, pitch))
            pitches.append(pitch)
    return written


# ---- both together


def _set_anew(bar: _Bar) -> list[_New]:
    """The reference's bar with the source's tune and chords."""
    own_tune, own_rest = _tune(bar.own)
    tune, rest = _tune(bar.others)
    upper = _with_tune(bar, tune, own_tune)
    return [*upper, *_accompanied(bar, rest, own_rest or own_tune, {note.position: note.pitch for note in upper})]


def _tune(notes: Sequence[_Struck]) -> tuple[list[_Struck], list[_Struck]]:
    """The highest note at each position at which the right hand plays (at all, if it does not), and all others."""
    tops = [chord[-1] for chord in _moments(notes).values()]
    tune = [note for note in tops if note.is_right] or tops
    numbers = {note.number for note in tune}
    return tune, [note for note in notes if note.number not in numbers]


def _with_tune(bar: _Bar, slots: list[_Struck], tune: list[_Struck]) -> list[_New]:
    """The source's tune at the positions of the reference's upper line."""
    if len(tune) > len(slots):
        places = _in_rhythm([note.position for note in tune], {slot.position for slot in slots}, bar.steps)
        return [bar.same(note, place) for note, place in zip(tune, places, strict=True)]
    costs = np.asarray([[abs(slot.position - note.position) for slot in slots] for note in tune])
    taken = dict(zip(_increasing(costs), tune, strict=True))
    written: list[_New] = []
    for number, slot in enumerate(slots):
        if number in taken:
            written.append(bar.same(taken[number], slot.position))
            continue
        # The figure goes on below the tune, as far away as the reference's is: the tune stays the upper line.
        last = max((one for one in taken if one < number), default=min(taken))
        pitch = taken[last].pitch
        wanted = pitch - min(abs(slot.pitch - slots[last].pitch), _LEAP)
        found = _nearest(wanted, bar.chord_tones(slot.position), below=pitch)
        new = pitch if found is None else found
        until = slots[number + 1].position if number + 1 < len(slots) else bar.steps
        written.append(bar.like(taken[last], slot.position, new, max(until - slot.position, 1)))
    return written


def _accompanied(bar: _Bar, slots: list[_Struck], notes: list[_Struck], tune: dict[int, int]) -> list[_New]:
    """The source's harmony in the figures of the reference's accompaniment; tune: pitch by position, to stay below."""
    if not slots:
        return []
    move = float(np.median([note.pitch for note in notes]) - np.median([slot.pitch for slot in slots]))
    deepest = min(slot.pitch for slot in slots)
    first = min(slot.position for slot in slots)
    written: list[_New] = []
    for position, chord in _moments(slots).items():
        struck = {note.pitch % 12 for note in notes if note.position == position}
        used: set[int] = {tune[position]} if position in tune else set()
        for place, slot in enumerate(chord):
            is_bass = place == 0 and (slot.pitch <= deepest + _NEAR_BASS or position == first)
            tones = {_bass(notes, position) % 12} if is_bass else bar.chord_tones(position)
            below = tune.get(position, HIGHEST_PITCH + 1)
            pitch = _nearest(slot.pitch + move, tones | struck, below=below, used=used)
            if pitch is None:
                continue
            used.add(pitch)
            nearest = min(notes, key=lambda note: 12 * abs(note.position - position) + abs(note.pitch - pitch))
            written.append(bar.like(nearest, position, pitch))
    return written


def _bass(notes: list[_Struck], position: int) -> int:
    """The source's deepest note at the latest position up to this one."""
    latest = max((note.position for note in notes if note.position <= position), default=notes[0].position)
    return min(note.pitch for note in notes if note.position == latest)


def _nearest(wanted: float, tones: set[int], below: int = HIGHEST_PITCH + 1, used: Iterable[int] = ()) -> int | None:
    """The pitch nearest to `wanted` among these tones, below a limit and not used; None where there is none."""
    free = [pitch for pitch in range(LOWEST_PITCH, below) if pitch % 12 in tones and pitch not in used]
    return min(free, key=lambda pitch: abs(pitch - wanted), default=None)
