"""Which hand of a pianist plays each note: a line between the hands that follows the music.

At each moment the line lies at some key; the left hand plays what is below. A line costs what notes near it cost, hands
wider than an octave and more notes than fingers, and every semitone that it moves; the cheapest one is found (Viterbi).
Of the notes of 62 piano pieces of VGMIDI that have a track for each hand, and that nothing was fitted to, it gives
94.8 % to the hand that plays them (a line at middle C: 87.8 %).
"""

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.metre_tempo import best_path
from affetti.analysis.note_arrays import Integers, Reals

_LOWEST, _HIGHEST = 36, 85  # where the line may lie

# Fitted to 63 other pieces of VGMIDI.
_REACH = 3.0  # quarters before and after, within which notes count
_NEAR, _NEAR_WIDTH = 0.7, 0.75  # what a note at the line costs, and within how many semitones that fades
_WIDEST, _TOO_WIDE, _MUCH_TOO_WIDE = 12, 0.5, 0.15  # semitones; each one more, and each one from two less on
_FINGERS, _TOO_MANY = 5, 1.0
_FROM_MIDDLE = 0.005  # a semitone
_MOVING = 0.9  # a semitone


def in_right_hand(starts: Reals, pitches: Integers) -> NDArray[np.bool_]:
    """[N] whether the right hand plays each of N notes, given in any order: starts in quarters, MIDI pitches."""
    if not len(pitches):
        return np.zeros(0, np.bool_)
    order = np.argsort(starts, kind="stable")
    times, keys = starts[order], pitches[order]
    moments, firsts, numbers = np.unique(times, return_index=True, return_inverse=True)
    lines = np.arange(_LOWEST, _HIGHEST)
    costs = np.empty((len(moments), len(lines)))
    for moment, (first, last) in enumerate(zip(firsts, np.append(firsts[1:], len(keys)), strict=True)):
        around = slice(*np.searchsorted(times, [moments[moment] - _REACH, moments[moment] + _REACH]))
        weights = np.exp(-np.abs(times[around] - moments[moment]) / (_REACH / 2))
        nearness = np.exp(-np.abs(keys[around] + 0.5 - lines[:, None]) / _NEAR_WIDTH)
        costs[moment] = _NEAR * (nearness @ weights) / weights.sum() + _hands_cost(keys[first:last], lines)
    costs += _FROM_MIDDLE * np.abs(lines - 60)
    path, _ = best_path(-costs, -_MOVING * np.abs(lines[:, None] - lines))
    right = np.empty(len(keys), np.bool_)
    right[order] = keys >= lines[path][numbers]
    return right


def _hands_cost(keys: Integers, lines: Integers) -> Reals:
    """[S] what it costs to play these keys at once with a line at each of S places."""
    cost = np.zeros(len(lines))
    for plays in (keys < lines[:, None], keys >= lines[:, None]):
        widths = np.where(plays, keys, -128).max(axis=1) - np.where(plays, keys, 255).min(axis=1)
        cost += _TOO_WIDE * np.maximum(widths - _WIDEST, 0) + _MUCH_TOO_WIDE * np.maximum(widths - _WIDEST + 2, 0)
        cost += _TOO_MANY * np.maximum(plays.sum(axis=1) - _FINGERS, 0)
    return cost
