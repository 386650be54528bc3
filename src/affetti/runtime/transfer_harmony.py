"""Harmony, mode and register of a reference put on a source: pitches move, everything else stays.

`chord` re-harmonises. The two tonics are made one (a reference in A minor and a source in E♭ major meet in E♭ minor),
the reference's chords replace the source's, and the notes follow by the shortest way: what was a tone of the chord
becomes a tone of the new one, the bass keeps its part in it (root stays root), passing notes stay in the scale, long
ones do not rub against the chord. No note moves by more than a tritone, no two notes of a chord change places or meet.

`pitch` moves register and mode. Where the reference is in the other mode, the third, sixth and seventh degree (in the
order in which they darken or brighten least: seventh, third, sixth) are lowered or raised, and chord names follow; over
the dominant the leading tone stays. A hand that lies most of an octave or more from the reference's moves by octaves.

Pitch classes 0-11; K notes.
"""

from dataclasses import replace

import numpy as np

from affetti.analysis.chords import CHORD_TONES, CHORDS, chord_number, chord_of
from affetti.analysis.key import Key, estimate_key
from affetti.piece import CHORD_QUALITIES
from affetti.runtime.transfer_alignment import Alignment, Flags, Moments, changes, in_force_at, right_hand
from affetti.runtime.transfer_values import Arranged
from affetti.tokens.compound_word import TICKS_PER_STEP, GridMusic, cut_at_restrikes, piece_of
from affetti.tokens.elements import HIGHEST_PITCH, LOWEST_PITCH, NO_CHORD_VALUE, Integers, Reals

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_REACH = 6  # semitones: some pitch of every pitch class is in it
_MOVES = np.arange(-_REACH, _REACH + 1)

# What it costs, in semitones, that a note becomes what it was not; a small step more upward settles ties.
_OTHER_PART, _OTHER_PART_OF_BASS = 1.0, 8.0
_NO_CHORD_TONE, _NO_SCALE_TONE = 7.0, 12.0
_PASSING_TO_CHORD, _PASSING_TO_CHROMATIC, _CHROMATIC_STAYS = 0.7, 6.0, 2.0
_RUBBING, _LONG = 3.0, 3  # a note of so many sixteenths a semitone above a tone of the chord
_UPWARD = 0.05
_BEYOND = 1_000.0

_BEYOND_REGISTER = 3  # semitones that a hand, moved by an octave, may come to lie beyond the reference's

# Semitones above the tonic that differ between the modes, the least of them first: seventh, third, sixth.
_TO_MINOR = {11: 10, 4: 3, 9: 8}
_TO_MAJOR = {10: 11, 3: 4, 8: 9}


def key_of(music: GridMusic) -> Key:
    """The key heard in music on the grid."""
    return estimate_key(piece_of(music, TICKS_PER_STEP))


# ---- chord


def exchange_chords(arranged: Arranged, alignment: Alignment, bars: Flags) -> Arranged:
    """The chosen bars [M] take the reference's chords, moved to the source's tonic, and their notes follow."""
    music, reference = arranged.music, alignment.reference
    key, other_key = key_of(music), key_of(reference)
    own = in_force_at(music.chord_steps, music.chords, int(music.bar_starts[-1]))
    moved = _moved_chords(reference.chords, key.tonic - other_key.tonic)
    others = alignment.in_force(reference.chord_steps, moved)
    chosen = np.repeat(bars, music.bar_steps) & (others > NO_CHORD_VALUE)
    new = np.where(chosen, others, own)
    same_mode = key.is_minor == other_key.is_minor
    follows = chosen[music.steps] & ((new != own)[music.steps] | (not same_mode))
    costs = _costs(
        music, own[music.steps], new[music.steps], _scale(key), _scale(Key(key.tonic, other_key.is_minor)), follows
    )
    pitches = _assigned(music, costs)
    steps, chords = changes(new)
    return _with_pitches(arranged, pitches, steps, chords)


def _moved_chords(values: Integers, semitones: int) -> Integers:
    numbers = values - NO_CHORD_VALUE
    moved = 1 + (numbers - 1 + semitones * len(CHORD_QUALITIES)) % (CHORDS - 1)
    found: Integers = np.asarray(np.where(numbers == 0, values, NO_CHORD_VALUE + moved))
    return found


def _scale(key: Key) -> set[int]:
    return {(key.tonic + degree) % 12 for degree in (_MINOR if key.is_minor else _MAJOR)}


def _tones(value: int) -> tuple[int, ...]:
    """The pitch classes of a chord's value: root, third, fifth, seventh; none for no chord."""
    found = chord_of(value - NO_CHORD_VALUE)
    return () if found is None else tuple((found[0] + tone) % 12 for tone in CHORD_TONES[found[1]])


def _costs(
    music: GridMusic, own: Integers, new: Integers, scale: set[int], new_scale: set[int], follows: Flags
) -> Reals:
    """[K, moves] what each move of each note costs; a note that does not follow may not move."""
    lowest = np.zeros(len(music.steps), np.bool_)
    lowest[Moments.of(music).firsts] = True
    is_bass = lowest & ~right_hand(music)
    is_long = music.durations >= _LONG
    tables: dict[tuple[int, int, int, bool, bool], Reals] = {}
    costs = np.full((len(music.steps), len(_MOVES)), _BEYOND)
    costs[:, _REACH] = 0.0
    for note in np.flatnonzero(follows).tolist():
        pitch_class = int(music.pitches[note]) % 12
        state = (int(own[note]), int(new[note]), pitch_class, bool(is_bass[note]), bool(is_long[note]))
        if state not in tables:
            tables[state] = _costs_of_classes(*state, scale, new_scale)
        costs[note] = tables[state][(pitch_class + _MOVES) % 12]
    costs += np.abs(_MOVES) + _UPWARD * (_MOVES > 0)
    targets = music.pitches[:, None] + _MOVES
    costs[(targets < LOWEST_PITCH) | (targets > HIGHEST_PITCH)] = np.inf
    return costs


def _costs_of_classes(
    own: int, new: int, pitch_class: int, is_bass: bool, is_long: bool, scale: set[int], new_scale: set[int]
) -> Reals:
    """[12] what it costs that a note of this pitch class, over the chord `own`, becomes another over `new`."""
    own_tones, tones = _tones(own), _tones(new)
    costs = np.full(12, _NO_SCALE_TONE)
    if pitch_class in own_tones:
        part = own_tones.index(pitch_class)
        costs[list(new_scale)] = _NO_CHORD_TONE
        costs[list(tones)] = _OTHER_PART_OF_BASS if is_bass else _OTHER_PART
        if part < len(tones):
            costs[tones[part]] = 0.0
    elif pitch_class in scale:
        costs[:] = _PASSING_TO_CHROMATIC
        costs[list(new_scale)] = 0.0
        costs[list(tones)] = _PASSING_TO_CHORD
    else:
        costs[:] = _CHROMATIC_STAYS
        costs[list({*new_scale, *tones})] = _PASSING_TO_CHORD
    if is_long:
        costs[[(tone + 1) % 12 for tone in tones if (tone + 1) % 12 not in tones]] += _RUBBING
    return costs


def _assigned(music: GridMusic, costs: Reals) -> Integers:
    """[K] the cheapest pitches that keep the notes of each chord in their order, no two alike."""
    pitches: Integers = music.pitches + _MOVES[costs.argmin(axis=1)]
    moments = Moments.of(music)
    for first, size in zip(moments.firsts.tolist(), moments.sizes.tolist(), strict=True):
        own = slice(first, first + size)
        if size > 1 and (np.diff(pitches[own]) <= 0).any():
            pitches[own] = _in_order(music.pitches[own], costs[own])
    return pitches


def _in_order(pitches: Integers, costs: Reals) -> Integers:
    """The cheapest strictly increasing pitches of one chord [n], each within reach of its own."""
    targets = pitches[:, None] + _MOVES
    total, came_from = costs[0], []
    for note in range(1, len(pitches)):
        reachable = np.where(targets[note - 1][:, None] < targets[note], total[:, None], np.inf)
        came_from.append(reachable.argmin(axis=0))
        total = reachable.min(axis=0) + costs[note]
    at = [int(total.argmin())]
    for step in reversed(came_from):
        at.append(int(step[at[-1]]))
    return np.asarray([targets[note, move] for note, move in enumerate(reversed(at))])


def _with_pitches(arranged: Arranged, pitches: Integers, chord_steps: Integers, chords: Integers) -> Arranged:
    """The same notes at other pitches; one ends where its key is struck again."""
    music = arranged.music
    durations = cut_at_restrikes(music.steps, pitches, music.durations)
    moved = replace(music, pitches=pitches, durations=durations, chord_steps=chord_steps, chords=chords)
    return replace(arranged, music=moved)


# ---- pitch


def exchange_pitch(arranged: Arranged, alignment: Alignment, strength: float, *, mode: bool = True) -> Arranged:
    """The source in the reference's mode and register; with a strength below 1 fewer degrees and octaves.

    mode: false where the reference's chords have brought it already.
    """
    music, reference = arranged.music, alignment.reference
    key, other_key = key_of(music), key_of(reference)
    degrees = _degrees(key.is_minor, other_key.is_minor, strength) if mode else {}
    own = in_force_at(music.chord_steps, music.chords, int(music.bar_starts[-1]))
    pitches = _in_mode(music, own[music.steps], key.tonic, degrees)
    pitches = _in_register(replace(music, pitches=pitches), reference, strength)
    steps, chords = changes(np.asarray([_chord_in_mode(one, key.tonic, degrees) for one in music.chords.tolist()]))
    return _with_pitches(arranged, pitches, music.chord_steps[steps], chords)


def _degrees(is_minor: bool, to_minor: bool, strength: float) -> dict[int, int]:
    """Semitones above the tonic -> what they become: as many of the three as the strength has it."""
    if is_minor == to_minor:
        return {}
    degrees = _TO_MINOR if to_minor else _TO_MAJOR
    return dict(list(degrees.items())[: round(strength * len(degrees))])


def _in_mode(music: GridMusic, chords: Integers, tonic: int, degrees: dict[int, int]) -> Integers:
    """[K] pitches with degrees lowered or raised; chords: [K] in force at each note."""
    above = (music.pitches - tonic) % 12
    moves = np.zeros(12, np.int64)
    for degree, target in degrees.items():
        moves[degree] = target - degree
    moved = music.pitches + moves[above]
    if degrees.get(11) == 10:
        dominant = [chord_number((tonic + 7) % 12, quality) + NO_CHORD_VALUE for quality in ("maj", "7", "sus4")]
        moved = np.where((above == 11) & np.isin(chords, dominant), music.pitches, moved)
    # A note that would meet another one of its chord stays: that one is on a degree that does not move.
    places = music.steps * 128
    stays = (moved != music.pitches) & np.isin(places + moved, places + music.pitches)
    stays |= (moved < LOWEST_PITCH) | (moved > HIGHEST_PITCH)
    return np.where(stays, music.pitches, moved)


def _in_register(music: GridMusic, reference: GridMusic, strength: float) -> Integers:
    """[K] pitches with each hand moved by octaves towards the reference's median, hardly beyond it.

    Where the hands, moved apart, would meet on a key, the left hand's note stays an octave away from it.
    """
    hands, other_hands = right_hand(music), right_hand(reference)
    pitches = music.pitches.copy()
    for hand in (False, True):
        own, other = hands == hand, other_hands == hand
        if own.any() and other.any():
            apart = strength * float(np.median(reference.pitches[other]) - np.median(music.pitches[own]))
            pitches[own] += int(np.sign(apart)) * 12 * int((abs(apart) + _BEYOND_REGISTER) // 12)
    outside = (pitches < LOWEST_PITCH) | (pitches > HIGHEST_PITCH)
    pitches[outside] = music.pitches[outside]
    return _apart(music, pitches)


def _apart(music: GridMusic, pitches: Integers) -> Integers:
    """Pitches as they are moved; where two of a chord would meet or cross, all notes of that chord stay."""
    same_step = np.diff(music.steps) == 0
    crossing = same_step & (np.diff(pitches) <= 0)
    wrong = np.isin(music.steps, music.steps[1:][crossing])
    return np.where(wrong, music.pitches, pitches)


def _chord_in_mode(value: int, tonic: int, degrees: dict[int, int]) -> int:
    """A chord's value with its tones on other degrees; one whose tones make no chord that has a name stays."""
    found = chord_of(value - NO_CHORD_VALUE)
    if found is None or not degrees:
        return value
    if degrees.get(11) == 10 and (found[0] - tonic) % 12 == 7:
        return value
    tones = [(tonic + degrees.get(above, above)) % 12 for above in ((tone - tonic) % 12 for tone in _tones(value))]
    intervals = tuple((tone - tones[0]) % 12 for tone in tones)
    for name, known in CHORD_TONES.items():
        if known == intervals:
            return NO_CHORD_VALUE + chord_number(tones[0], name)
    return value
