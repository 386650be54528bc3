"""The staves of a track and the voices of a staff: which notes a reader would put under one stem, and how long.

A melody is written as it is. Hands on a piano are not: how long they hold keys is not what a reader wants to see, so
chords are cut where the next one of their voice begins, and what nearly lasts until then does.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from affetti.analysis.hands import in_right_hand
from affetti.notation.bars import SIXTEENTHS_PER_QUARTER, GridNote

_MIN_SHARE_OF_HAND = 0.05  # fewer notes across the line are one hand's excursion, not another hand
_HELD = 2  # sixteenths beyond another onset: less is legato
_WORTH_A_VOICE = 4  # sixteenths beyond the first onset under it: less is cut
_STEP = 2  # semitones: what follows so near goes on in the same voice
_MOST_RINGING = 0.5
_GAP_SHARE, _LONGEST_GAP = 4, 4  # not written: rests up to a fourth of the time until the next onset, and a quarter


@dataclass(frozen=True, slots=True)
class VoiceChord:
    """Pitches that start together; an empty chord is a rest. Times in sixteenths."""

    start: int
    end: int
    pitches: tuple[int, ...]


Voice = list[VoiceChord]
"""In order, none overlapping the next; what lies between is silence."""


@dataclass(frozen=True, slots=True)
class Staff:
    """One or two voices; the second sounds under held notes of the first, nearer to the other hand."""

    voices: tuple[Voice, ...]
    is_left: bool = False


def staves_of(notes: list[GridNote]) -> list[Staff]:
    """The staves of a track: one for a single voice or hand, else the right hand's and the left hand's."""
    if is_melody(notes):
        return [Staff((melody(notes),))]
    starts = np.asarray([note.start for note in notes]) / SIXTEENTHS_PER_QUARTER
    right = in_right_hand(starts, np.asarray([note.pitch for note in notes]))
    hands = [[note for note, plays in zip(notes, right == hand, strict=True) if plays] for hand in (True, False)]
    if min(map(len, hands)) < _MIN_SHARE_OF_HAND * len(notes):
        return [staff_of(notes, is_left=len(hands[1]) > len(hands[0]))]
    return [staff_of(hands[0], is_left=False), staff_of(hands[1], is_left=True)]


def is_melody(notes: list[GridNote]) -> bool:
    """Whether no two notes sound together."""
    return all(first.end <= second.start for first, second in pairwise(notes))


def melody(notes: list[GridNote]) -> Voice:
    """Notes that never sound together, exactly as they are."""
    return [VoiceChord(note.start, note.end, (note.pitch,)) for note in notes]


def staff_of(notes: list[GridNote], *, is_left: bool) -> Staff:
    """What one hand plays, as one voice or, where it holds notes above or below others, as two.

    The held ones are the highest of a right hand, the lowest of a left hand. Where all notes ring on, as under a pedal,
    nothing is held.
    """
    if is_melody(notes):
        return Staff((melody(notes),), is_left)
    groups = _groups(notes)
    outer, inner = _held_apart(groups, -1 if is_left else 1)
    voices = [_voice(outer)]
    if inner:
        voices.append(_voice(inner))
    return Staff(tuple(voices), is_left)


def _groups(notes: list[GridNote]) -> list[list[GridNote]]:
    """Notes by start; of equal pitches that start together the longest."""
    groups: dict[int, dict[int, GridNote]] = {}
    for note in notes:
        group = groups.setdefault(note.start, {})
        if note.pitch not in group or group[note.pitch].end < note.end:
            group[note.pitch] = note
    return [list(groups[start].values()) for start in sorted(groups)]


def _held_apart(groups: list[list[GridNote]], outward: int) -> tuple[list[list[GridNote]], list[list[GridNote]]]:
    """The groups of the outer voice, in which notes may be held, and of the inner voice, which moves meanwhile.

    outward: 1 where the outer voice is the highest, -1 where it is the lowest.
    """
    outer: list[list[GridNote]] = []
    inner: list[list[GridNote]] = []
    number = 0
    while number < len(groups):
        first = groups[number]
        held = max(first, key=lambda note: outward * note.pitch)
        until = number + 1
        while until < len(groups) and _is_under(groups[until], held, outward):
            until += 1
        under = groups[number + 1 : until]
        following = groups[until][0].start if until < len(groups) else held.end
        if not under or held.end < under[0][0].start + _WORTH_A_VOICE or _ring_on(under, following):
            outer += [first, *under]
        else:
            released = [note for note in first if note.end <= under[0][0].start + 1 and note is not held]
            outer.append([note for note in first if note not in released])
            inner += [released, *under] if released else under
        number = until
    return outer, inner


def _is_under(group: list[GridNote], held: GridNote, outward: int) -> bool:
    """Whether all of a group lies inside a note that is held while it begins."""
    nearest = max(outward * note.pitch for note in group)
    return held.end >= group[0].start + _HELD and outward * held.pitch > nearest + _STEP


def _ring_on(groups: list[list[GridNote]], end: int) -> bool:
    """Whether most groups sound on when the next one begins; after the last that is at `end`."""
    nexts = [*(group[0].start for group in groups[1:]), end]
    ringing = [max(note.end for note in group) > start + 1 for group, start in zip(groups, nexts, strict=True)]
    return sum(ringing) > _MOST_RINGING * len(ringing)


def _voice(groups: list[list[GridNote]]) -> Voice:
    """Groups as chords, each at most until the next one begins, small gaps closed."""
    chords: Voice = []
    for group, following in zip(groups, [*groups[1:], None], strict=True):
        start = group[0].start
        end = _near_beat(start, max(note.end for note in group))
        end = max(end, start + 2 - start % 2)  # a sixteenth on an eighth, then nothing, was a short eighth
        if following is not None:
            until = following[0].start
            gap = min(max((until - start) // _GAP_SHARE, 1), _LONGEST_GAP)
            end = until if end >= until - gap else end
        chords.append(VoiceChord(start, end, tuple(sorted(note.pitch for note in group))))
    return chords


def _near_beat(start: int, end: int) -> int:
    """The end of a note, moved to a quarter of the bar where it is one sixteenth away."""
    moved = end + {1: -1, 3: 1}.get(end % SIXTEENTHS_PER_QUARTER, 0)
    return moved if moved - start >= 2 else end
