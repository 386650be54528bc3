"""What a transfer changed and what it kept: the seven elements before and after, and how much content is left."""

from dataclasses import dataclass

import numpy as np

from affetti.analysis.chords import CHORD_TONES
from affetti.piece import CHORD_QUALITIES
from affetti.runtime.transfer_alignment import changes, in_force_at, right_hand
from affetti.tokens.compound_word import GridMusic
from affetti.tokens.elements import (
    FIRST_TEMPO,
    NO_CHORD_VALUE,
    TEMPOS,
    Integers,
    Reals,
    velocity_centres,
)

_MINOR_THIRD = 3

SUMMARIES: dict[str, str] = {
    "tempo": "quarters a minute, mean over time",
    "chord": "share of the time with a minor third in the chord",
    "bar_beat": "positions struck in a bar, mean",
    "type": "notes struck together, mean",
    "pitch": "MIDI number, mean",
    "duration": "sixteenths, mean",
    "velocity": "MIDI velocity, mean",
}
"""Element -> the one number that stands for it in a report."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of one piece is in another with the same bars; each 0-1, 1 for the piece itself."""

    pitch_classes: float
    """Cosine between how much each pitch class is struck, a note counting by the root of its length."""
    onsets: float
    """F1 of the notes' places (bar and position, as often as notes are there), whatever their pitch."""
    contour: float
    """Of the steps from one note of the upper line (the highest that the right hand strikes) to the next, the share
    that the other upper line takes in the same direction (up, down, level) between the same times. Of pitches in any
    order about 0.3."""

    @property
    def mean(self) -> float:
        """Of the three."""
        return (self.pitch_classes + self.onsets + self.contour) / 3


def element_means(music: GridMusic) -> dict[str, float]:
    """The number that stands for each element, see SUMMARIES, in the order of a word."""
    total = int(music.bar_starts[-1])
    tempos = TEMPOS[in_force_at(music.tempo_steps, music.tempos, total) - FIRST_TEMPO]
    chords = in_force_at(music.chord_steps, music.chords, total)
    moments = len(np.unique(music.steps))
    return {
        "tempo": float(len(tempos) / np.sum(1 / tempos)),
        "chord": float(_has_minor_third()[chords].mean()),
        "bar_beat": moments / len(music.bar_steps),
        "type": len(music.steps) / moments,
        "pitch": float(music.pitches.mean()),
        "duration": float(music.durations.mean()),
        "velocity": float(velocity_centres(music.velocities).mean()),
    }


def kept(before: GridMusic, after: GridMusic) -> Kept:
    """How much of the one is in the other."""
    return Kept(_pitch_classes_kept(before, after), _onsets_kept(before, after), _contour_kept(before, after))


def differing(before: GridMusic, after: GridMusic) -> tuple[str, ...]:
    """The elements whose values differ anywhere, in the order of a word.

    bar_beat: the positions struck, type: how many notes at each of them in turn; of pitch, duration and velocity the
    values of the notes in their order.
    """
    together, other_together = (np.unique(one.steps, return_counts=True) for one in (before, after))
    same = {
        "tempo": _same_changes(before.tempo_steps, before.tempos, after.tempo_steps, after.tempos),
        "chord": _same_changes(before.chord_steps, before.chords, after.chord_steps, after.chords),
        "bar_beat": np.array_equal(together[0], other_together[0]),
        "type": np.array_equal(together[1], other_together[1]),
        "pitch": np.array_equal(before.pitches, after.pitches),
        "duration": np.array_equal(before.durations, after.durations),
        "velocity": np.array_equal(before.velocities, after.velocities),
    }
    return tuple(name for name, alike in same.items() if not alike)


def _same_changes(steps: Integers, values: Integers, other_steps: Integers, other_values: Integers) -> bool:
    total = 1 + int(max(steps[-1], other_steps[-1]))
    first, second = (changes(in_force_at(*one, total)) for one in ((steps, values), (other_steps, other_values)))
    return all(np.array_equal(*pair) for pair in zip(first, second, strict=True))


def _has_minor_third() -> Reals:
    """By value of the chord element, 1 where the chord has a minor third."""
    of_quality = [float(_MINOR_THIRD in CHORD_TONES[quality]) for quality in CHORD_QUALITIES]
    return np.asarray([0.0] * (NO_CHORD_VALUE + 1) + of_quality * 12)


def _pitch_classes_kept(before: GridMusic, after: GridMusic) -> float:
    first, second = (np.bincount(one.pitches % 12, np.sqrt(one.durations), minlength=12) for one in (before, after))
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def _onsets_kept(before: GridMusic, after: GridMusic) -> float:
    total = int(before.bar_starts[-1])
    first, second = (np.bincount(one.steps, minlength=total) for one in (before, after))
    return float(2 * np.minimum(first, second).sum() / (first.sum() + second.sum()))


def _contour_kept(before: GridMusic, after: GridMusic) -> float:
    (steps, tune), (other_steps, other) = _upper_line(before), _upper_line(after)
    if len(steps) < 2:
        return 1.0
    latest = np.maximum(np.searchsorted(other_steps, steps, side="right") - 1, 0)
    return float((np.sign(np.diff(tune)) == np.sign(np.diff(other[latest]))).mean())


def _upper_line(music: GridMusic) -> tuple[Integers, Integers]:
    """Steps and pitches of the highest notes where the right hand strikes; of all highest notes if it never does."""
    lasts = np.append(np.flatnonzero(np.diff(music.steps)), len(music.steps) - 1)
    is_right = right_hand(music)[lasts]
    line = lasts[is_right] if is_right.any() else lasts
    return music.steps[line], music.pitches[line]
