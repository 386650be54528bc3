"""Whether a piece is put together as music is: bars, tonality, voices, rhythm, ending, each as a number.

All of it is heard in the notes (pitches, steps, lengths), nothing in what words say of chords, and nothing in loudness.
A single number says little. What counts is where the pieces of one collection lie beside those of another, and that
pieces which were made wrong on purpose (`corruptions`) lie elsewhere (`distance`, `share_inside`).

Shapes as in `grid_notes`; F = len(MEASURES).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from affetti.analysis.chords import CHORD_TONES, CHORDS, chord_of
from affetti.analysis.key import key_profiles
from affetti.analysis.pitch import SCALE_DEGREES
from affetti.evaluation.grid_notes import BEATS_PER_BAR, Booleans, GridNotes, counts_of
from affetti.tokens.elements import MAX_STEPS, STEPS_PER_QUARTER, Integers, Reals
from affetti.tokens.melody_notes import known_mean

KEY_BARS = 4
"""Bars in the windows in which a key is heard."""
STEP, LEAP = 2, 7
"""Semitones: the widest step, and the widest interval that is no leap (a fifth)."""
PHRASE_GAP = 12
"""Sixteenths without a new note in the upper voice that end a phrase."""
LONG_NOTE = 8
"""Sixteenths from which the last note is a long one."""

_MINOR_SCALE = (*SCALE_DEGREES["minor"], 11)  # with the leading note, which music in minor raises as a rule
_BAND = (5, 95)


class Measure(NamedTuple):
    """One number of each piece."""

    name: str
    meaning: str
    of: Callable[[GridNotes], Reals]
    """[N]; NaN for a piece in which there is nothing to measure."""


# ---- bars


def _empty_bars(notes: GridNotes) -> Reals:
    struck = np.bincount(notes.bars, minlength=len(notes.bar_pieces)) > 0
    return notes.mean_by_piece(notes.bar_pieces, ~struck)


def _notes_per_bar(notes: GridNotes) -> Reals:
    bars = np.bincount(notes.bar_pieces, minlength=len(notes))
    return np.bincount(notes.by_piece, minlength=len(notes)) / bars


def _unevenness(notes: GridNotes) -> Reals:
    counts = np.bincount(notes.bars, minlength=len(notes.bar_pieces))
    mean = notes.mean_by_piece(notes.bar_pieces, counts)
    variance = notes.mean_by_piece(notes.bar_pieces, np.square(counts - mean[notes.bar_pieces]))
    return np.asarray(np.sqrt(variance) / mean)


def _repeated_bars(notes: GridNotes) -> Reals:
    return _against_earlier(notes, notes.positions * 128 + notes.pitches, lambda found: (found == 1).any(axis=1))


def _self_similarity(notes: GridNotes) -> Reals:
    content = notes.positions * 12 + notes.pitch_classes
    return _against_earlier(notes, content, lambda found: found.max(axis=1))


def _rhythm_similarity(notes: GridNotes) -> Reals:
    return _against_earlier(notes, notes.positions, lambda found: np.diagonal(found))


def _rhythm_return(notes: GridNotes) -> Reals:
    return _against_earlier(notes, notes.positions, lambda found: found.max(axis=1))


def _against_earlier(notes: GridNotes, content: Integers, summary: Callable[[Reals], Reals]) -> Reals:
    """[N] the mean over bars, from a piece's second on, of how like the bars before they are, as `summary` has it.

    content: [K] what each note counts as, any numbers. Two bars are as like as the share of their different numbers
    that both have. Bars in which nothing is struck are left out. `summary` gets [bars - 1, bars - 1]: row i is bar
    i + 1, column j bar j, and -1 where bar j is not earlier.
    """
    means = np.full(len(notes), np.nan)
    numbers, content = np.unique(content, return_inverse=True)
    first_notes = np.searchsorted(notes.by_piece, np.arange(len(notes) + 1))
    for piece in range(len(notes)):
        own = slice(first_notes[piece], first_notes[piece + 1])
        bars, rows = np.unique(notes.bars[own], return_inverse=True)
        if len(bars) < 2:
            continue
        struck = np.zeros((len(bars), len(numbers)), np.float32)
        struck[rows, content[own]] = 1
        struck = struck[:, struck.any(axis=0)]
        both = struck @ struck.T
        sizes = np.diagonal(both)
        alike = both / (sizes[:, None] + sizes - both)
        means[piece] = np.mean(summary(np.where(np.tri(len(bars), k=-1, dtype=bool), alike, -1)[1:, :-1]))
    return means


# ---- tonality


def keys_of(chroma: Reals) -> Integers:
    """[X] the key, 0-11 in major and 12 more in minor, for which pitch classes [X, 12] speak most."""
    return np.asarray(np.argmax(chroma @ key_profiles().T, axis=1))


def _key_stability(notes: GridNotes) -> Reals:
    piece_keys = keys_of(notes.chroma_of_pieces)
    sums = np.cumsum(np.concatenate([np.zeros((1, 12)), notes.chroma_of_bars]), axis=0)
    ends = np.arange(1, len(notes.bar_pieces) + 1)
    firsts = np.searchsorted(notes.bar_pieces, np.arange(len(notes)))
    begins = np.maximum(ends - KEY_BARS, firsts[notes.bar_pieces])
    # A piece shorter than a window is one window.
    lasts = np.append(firsts[1:], len(notes.bar_pieces))[notes.bar_pieces]
    whole = (ends - begins == KEY_BARS) | (ends == lasts)
    same = keys_of(sums[ends] - sums[begins]) == piece_keys[notes.bar_pieces]
    return notes.mean_by_piece(notes.bar_pieces[whole], same[whole])


def _scale_tones(notes: GridNotes) -> Reals:
    keys = keys_of(notes.chroma_of_pieces)[notes.by_piece]
    degrees = (notes.pitch_classes - keys) % 12
    inside = np.where(keys < 12, np.isin(degrees, SCALE_DEGREES["major"]), np.isin(degrees, _MINOR_SCALE))
    return notes.mean_by_piece(notes.by_piece, inside)


def _chord_tones(notes: GridNotes) -> Reals:
    chords = notes.heard_chords[notes.bars, notes.positions // STEPS_PER_QUARTER]
    inside = _tones_of_chords()[chords, notes.pitch_classes]
    known = chords > 0
    return notes.mean_by_piece(notes.by_piece[known], inside[known])


def _chord_changes(notes: GridNotes) -> Reals:
    changes = (np.diff(notes.heard_chords.reshape(-1)) != 0).astype(np.int64)
    owners = np.repeat(notes.bar_pieces, BEATS_PER_BAR)
    changes = np.append(0, changes * (np.diff(owners) == 0))
    return notes.mean_by_piece(owners, BEATS_PER_BAR * changes)


def _tones_of_chords() -> Reals:
    """[CHORDS, 12] whether a pitch class belongs to a chord."""
    tones = np.zeros((CHORDS, 12))
    for number in range(1, CHORDS):
        root, quality = chord_of(number) or (0, "")
        tones[number, [(root + tone) % 12 for tone in CHORD_TONES[quality]]] = 1
    return tones


def _sharp_dissonance(notes: GridNotes) -> Reals:
    return _interval_share(notes, (1,))


def _mild_dissonance(notes: GridNotes) -> Reals:
    return _interval_share(notes, (2, 6))


def _interval_share(notes: GridNotes, classes: tuple[int, ...]) -> Reals:
    """[N] of all pairs of different pitch classes that sound when a note is struck, those of these interval classes."""
    pairs = interval_classes(notes.chroma_of_moments > 0)
    owners = notes.moments.by_piece
    wanted = np.bincount(owners, pairs[:, [one - 1 for one in classes]].sum(axis=1), minlength=len(notes))
    total = np.bincount(owners, pairs.sum(axis=1), minlength=len(notes))
    return np.asarray(np.divide(wanted, total, np.full(len(notes), np.nan), where=total > 0))


def interval_classes(present: Booleans) -> Integers:
    """[X, 6] how many pairs of the pitch classes that are `present` [X, 12] lie each interval class (1-6) apart."""
    there = present.astype(np.int64)
    pairs = [(there * np.roll(there, -interval, axis=1)).sum(axis=1) for interval in range(1, 7)]
    pairs[5] //= 2  # a tritone is found from both its ends
    return np.stack(pairs, axis=1)


def _strangers(notes: GridNotes) -> Reals:
    """[N] the share of notes whose pitch class no other note has within a bar, while a neighbouring semitone is there.

    A wrong note stands out like this; so does a chromatic passing note.
    """
    counts = counts_of(notes.bars, notes.pitch_classes, len(notes.bar_pieces), 12)
    near = counts.copy()
    same = np.diff(notes.bar_pieces) == 0
    near[1:][same] += counts[:-1][same]
    near[:-1][same] += counts[1:][same]
    own = near[notes.bars, notes.pitch_classes]
    beside = near[notes.bars, (notes.pitch_classes + 1) % 12] + near[notes.bars, (notes.pitch_classes - 1) % 12]
    return notes.mean_by_piece(notes.by_piece, (own == 1) & (beside > 0))


# ---- voices


def melodic_intervals(notes: GridNotes, line: Integers) -> tuple[Integers, Integers]:
    """[X], [X] semitones between the notes of a voice that follow each other, and the piece of each.

    line: the moments at which the voice has a note, `top_line` or `bass_line`.
    """
    moments = notes.moments
    pitches = (moments.highest if line is notes.top_line else moments.lowest)[line]
    owners = moments.by_piece[line]
    same = np.diff(owners) == 0
    return np.diff(pitches)[same], owners[1:][same]


def _motion(line: str, low: int, high: int) -> Callable[[GridNotes], Reals]:
    def share(notes: GridNotes) -> Reals:
        semitones, owners = melodic_intervals(notes, notes.top_line if line == "top" else notes.bass_line)
        sizes = np.abs(semitones)
        return notes.mean_by_piece(owners, (sizes >= low) & (sizes <= high))

    return share


def _leaps_answered(notes: GridNotes) -> Reals:
    semitones, owners = melodic_intervals(notes, notes.top_line)
    follows = np.flatnonzero((np.diff(owners) == 0) & (np.abs(semitones[:-1]) > LEAP))
    turns = semitones[follows] * semitones[follows + 1] < 0
    return notes.mean_by_piece(owners[follows], turns)


def _phrase_bars(notes: GridNotes) -> Reals:
    times, owners = notes.moments.steps[notes.top_line], notes.moments.by_piece[notes.top_line]
    # The gap between two pieces ends a phrase as well.
    ends = np.append(np.diff(times) >= PHRASE_GAP, True)
    begins = np.append(True, ends[:-1])
    lengths = times[ends] - times[begins] + 1
    return notes.mean_by_piece(owners[ends], lengths / MAX_STEPS)


# ---- rhythm


def _on_places(steps: tuple[int, ...]) -> Callable[[GridNotes], Reals]:
    def share(notes: GridNotes) -> Reals:
        return notes.mean_by_piece(notes.moments.by_piece, np.isin(notes.moments.positions % STEPS_PER_QUARTER, steps))

    return share


def position_shares(notes: GridNotes) -> Reals:
    """[N, 16] of the moments of a piece, the share at each sixteenth of the bar."""
    counts = counts_of(notes.moments.by_piece, notes.moments.positions, len(notes), MAX_STEPS)
    shares: Reals = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _position_entropy(notes: GridNotes) -> Reals:
    shares = position_shares(notes)
    return np.asarray(-(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1))


def _notes_together(notes: GridNotes) -> Reals:
    return notes.mean_by_piece(notes.moments.by_piece, notes.moments.sizes)


def _note_length(notes: GridNotes) -> Reals:
    return notes.mean_by_piece(notes.by_piece, notes.durations)


def _same_gap(notes: GridNotes) -> Reals:
    gaps, owners = gaps_between_moments(notes)
    follows = np.flatnonzero(np.diff(owners) == 0)
    return notes.mean_by_piece(owners[follows], gaps[follows] == gaps[follows + 1])


def gaps_between_moments(notes: GridNotes) -> tuple[Integers, Integers]:
    """[X], [X] sixteenths from each moment of a piece to its next one, and the piece of each."""
    moments = notes.moments
    same = np.diff(moments.by_piece) == 0
    return np.diff(moments.steps)[same], moments.by_piece[1:][same]


def _silence(notes: GridNotes) -> Reals:
    """[N] the share of sixteenths at which nothing sounds."""
    ends = notes.steps + notes.durations
    reached = np.maximum.accumulate(np.append(0, ends[:-1]))
    covered = np.bincount(notes.by_piece, np.maximum(ends - np.maximum(notes.steps, reached), 0), minlength=len(notes))
    total = np.bincount(notes.bar_pieces, notes.bar_steps, minlength=len(notes))
    return np.asarray(1 - covered / total)


# ---- ending


def _last_moments(notes: GridNotes) -> Integers:
    """[N] the last moment of each piece."""
    return np.searchsorted(notes.moments.by_piece, np.arange(len(notes)), side="right") - 1


def _ends_on_tonic(notes: GridNotes) -> Reals:
    """[N] 1 where the lowest note that sounds at the last moment is the tonic of the piece's key."""
    moments, sounding = notes.sounding
    lowest = np.full(len(notes.moments.steps), 128)
    np.minimum.at(lowest, moments, notes.pitches[sounding])
    tonics = keys_of(notes.chroma_of_pieces) % 12
    return np.asarray(lowest[_last_moments(notes)] % 12 == tonics, np.float64)


def _ends_on_tonic_chord(notes: GridNotes) -> Reals:
    """[N] 1 where all that sounds at the last moment belongs to the tonic's triad."""
    keys = keys_of(notes.chroma_of_pieces)
    third = np.where(keys < 12, 4, 3)
    degrees = (np.arange(12) - keys[:, None]) % 12
    inside = (degrees == 0) | (degrees == third[:, None]) | (degrees == 7)
    sounds = notes.chroma_of_moments[_last_moments(notes)] > 0
    return np.asarray(~(sounds & ~inside).any(axis=1), np.float64)


def _ends_long(notes: GridNotes) -> Reals:
    """[N] 1 where a note that is struck at the last moment is LONG_NOTE or longer."""
    last = notes.moments.steps[_last_moments(notes)]
    long = (notes.steps == last[notes.by_piece]) & (notes.durations >= LONG_NOTE)
    return np.asarray(np.bincount(notes.by_piece, long, minlength=len(notes)) > 0, np.float64)


_QUARTER, _EIGHTH, _SIXTEENTHS = (0,), (STEPS_PER_QUARTER // 2,), (1, 3)

MEASURES_OF_BARS: tuple[Measure, ...] = (
    Measure("empty bars", "share of bars in which nothing is struck", _empty_bars),
    Measure("repeated bars", "share of bars with exactly the notes of an earlier one", _repeated_bars),
    Measure("self-similarity", "positions and pitch classes shared with the likest earlier bar", _self_similarity),
    Measure("rhythm, bar to bar", "onset positions shared with the bar before", _rhythm_similarity),
    Measure("rhythm, returning", "onset positions shared with the likest earlier bar", _rhythm_return),
    Measure("notes per bar", "mean", _notes_per_bar),
    Measure("unevenness", "deviation of the notes in a bar by their mean", _unevenness),
    Measure("key stability", f"share of windows of {KEY_BARS} bars in the key of the whole", _key_stability),
    Measure("scale tones", "share of notes in the scale of the key", _scale_tones),
    Measure("chord tones", "share of notes in the chord heard in their beat", _chord_tones),
    Measure("chord changes per bar", "mean", _chord_changes),
    Measure("sharp dissonance", "share of sounding pairs a semitone apart, octaves aside", _sharp_dissonance),
    Measure("mild dissonance", "share of sounding pairs a whole tone or tritone apart", _mild_dissonance),
    Measure("strangers", "share of notes alone on their pitch class, a semitone from others", _strangers),
    Measure("top line: repeats", "share of its intervals", _motion("top", 0, 0)),
    Measure("top line: steps", f"share of its intervals: up to {STEP} semitones", _motion("top", 1, STEP)),
    Measure("top line: leaps", f"share of its intervals: over {LEAP} semitones", _motion("top", LEAP + 1, 127)),
    Measure("leaps answered", "share of leaps after which the top line turns", _leaps_answered),
    Measure("bass: repeats", "share of its intervals", _motion("bass", 0, 0)),
    Measure("bass: steps", f"share of its intervals: up to {STEP} semitones", _motion("bass", 1, STEP)),
    Measure("bass: leaps", f"share of its intervals: over {LEAP} semitones", _motion("bass", LEAP + 1, 127)),
    Measure("phrase length", f"bars between gaps of {PHRASE_GAP} sixteenths in the top line", _phrase_bars),
    Measure("on quarters", "share of onsets", _on_places(_QUARTER)),
    Measure("on eighths", "share of onsets off the beat", _on_places(_EIGHTH)),
    Measure("on sixteenths", "share of onsets on the others", _on_places(_SIXTEENTHS)),
    Measure("grid entropy", "bits in the distribution over 16 positions", _position_entropy),
    Measure("even pace", "share of gaps between onsets as long as the gap before", _same_gap),
    Measure("notes together", "notes struck at an onset", _notes_together),
    Measure("note length", "mean, sixteenths", _note_length),
    Measure("silence", "share of time in which nothing sounds", _silence),
)
MEASURES_OF_ENDINGS: tuple[Measure, ...] = (
    Measure("ends on the tonic", "the last bass note", _ends_on_tonic),
    Measure("ends on the tonic's triad", "all that sounds at the last onset", _ends_on_tonic_chord),
    Measure("ends on a long note", f"{LONG_NOTE} sixteenths or more", _ends_long),
)
MEASURES = MEASURES_OF_BARS + MEASURES_OF_ENDINGS


def sanity(notes: GridNotes, measures: Sequence[Measure] = MEASURES) -> Reals:
    """[N, F] the measures of N pieces; NaN where a piece has nothing to be measured."""
    return np.stack([measure.of(notes) for measure in measures], axis=1)


# ---- one collection beside another


def distance(values: Reals, reference: Reals) -> float:
    """How far the values [N] of one collection lie from those of the reference [R], in deviations of the reference.

    Wasserstein's distance: the area between the two cumulative distributions. 0 where they are the same; NaN where
    either has no values, or the reference has but one.
    """
    first, second = np.sort(values[~np.isnan(values)]), np.sort(reference[~np.isnan(reference)])
    deviation = float(second.std()) if second.size else 0.0
    if not first.size or deviation == 0:
        return float("nan")
    edges = np.sort(np.concatenate([first, second]))
    below = [np.searchsorted(one, edges[:-1], side="right") / len(one) for one in (first, second)]
    return float(np.abs(below[0] - below[1]) @ np.diff(edges)) / deviation


def mean_distance(values: Reals, reference: Reals) -> float:
    """The mean over MEASURES of the distance of the pieces' values [N, F] from those of the reference [R, F]."""
    return known_mean(np.asarray([distance(values[:, c], reference[:, c]) for c in range(len(MEASURES))]))


def share_inside(values: Reals, reference: Reals) -> float:
    """The share of values [N] from the 5th to the 95th percentile of the reference [R]; NaN without either."""
    known, others = values[~np.isnan(values)], reference[~np.isnan(reference)]
    if not known.size or not others.size:
        return float("nan")
    low, high = np.percentile(others, _BAND)
    return float(((known >= low) & (known <= high)).mean())
