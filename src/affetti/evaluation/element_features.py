"""What one element alone says of a piece, as a few numbers: what a classifier is given that may know nothing else.

Besides the seven elements there is a part of two: only places in the bar and types together set how many notes there
are.
"""

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.note_arrays import Reals
from affetti.piece import CHORD_QUALITIES
from affetti.tokens.elements import (
    BAR,
    BAR_BEAT,
    CHORD,
    DURATION,
    ELEMENTS,
    FIRST_POSITION,
    FIRST_TEMPO,
    FIRST_VALUES,
    LOWEST_PITCH,
    MAX_STEPS,
    NO_CHORD_VALUE,
    NOTE,
    PITCH,
    TEMPO,
    TEMPOS,
    TYPE,
    VELOCITY,
    Integers,
    velocity_centres,
)

MOST_TOGETHER = 8
"""Notes struck together that are told apart; more count as so many."""

_MINOR = tuple(CHORD_QUALITIES.index(name) for name in ("min", "min7", "dim", "hdim7", "dim7"))

Part = tuple[int, ...]
"""One element, or several that are taken together."""

AMOUNTS: dict[Part, str] = {
    (TEMPO,): "quarters a minute",
    (CHORD,): "share of chords with a minor third",
    (BAR_BEAT,): "places in a bar where something is struck",
    (TYPE,): "notes struck together",
    (PITCH,): "MIDI number of a note",
    (DURATION,): "sixteenths of a note",
    (VELOCITY,): "MIDI velocity of a note",
    (BAR_BEAT, TYPE): "notes in a bar",
}
"""What `amount` says of each part: the one number that a listener would ask for first."""

PARTS: tuple[Part, ...] = tuple(AMOUNTS)
"""The parts of a piece that are looked at by themselves: the elements in their order, then those of several."""

PART_NAMES: tuple[str, ...] = tuple(
    " + ".join(ELEMENTS[element].name.replace("_", "-") for element in part) for part in PARTS
)


def amount(words: NDArray[np.integer], part: Part) -> float:
    """The mean over a piece [T, 7] of what AMOUNTS names; NaN for a piece that never says the element."""
    if part == (BAR_BEAT, TYPE):
        is_note, is_bar = (np.asarray(words)[:, column] == value for column, value in ((TYPE, NOTE), (BAR_BEAT, BAR)))
        return float(is_note.sum() / max(is_bar.sum(), 1))
    (element,) = part
    values = _said(words, element)
    if not len(values):
        return float("nan")
    if element == CHORD:
        qualities = _qualities(values)
        return float(np.isin(qualities[qualities >= 0], _MINOR).mean()) if (qualities >= 0).any() else float("nan")
    if element == BAR_BEAT:
        return float((values >= FIRST_POSITION).sum() / max((values == BAR).sum(), 1))
    if element == TYPE:
        return float(_together(words).mean())
    return float(_amounts(values, element).mean())


def features(words: NDArray[np.integer], part: Part, tonic: int) -> Reals:
    """What the values of a part of a piece [T, 7] say of it [F], nothing but these values being looked at.

    tonic: 0-11, to which pitches are related; it is heard in the pitches.
    """
    return np.concatenate([_features(words, element, tonic) for element in part])


def _features(words: NDArray[np.integer], element: int, tonic: int) -> Reals:
    values = _said(words, element)
    if element == CHORD:
        qualities = _qualities(values)
        roots = (values[values > NO_CHORD_VALUE] - NO_CHORD_VALUE - 1) // len(CHORD_QUALITIES)
        steps = np.diff(roots) % 12
        changes = len(values) / max(int((np.asarray(words)[:, BAR_BEAT] == BAR).sum()), 1)
        return np.concatenate([_shares(qualities + 1, len(CHORD_QUALITIES) + 1), _shares(steps, 12), [changes]])
    if element == BAR_BEAT:
        places = values[values >= FIRST_POSITION] - FIRST_POSITION
        return np.append(_shares(places, MAX_STEPS), len(places) / max((values == BAR).sum(), 1))
    if element == TYPE:
        together = _together(words)
        return np.append(_shares(np.minimum(together, MOST_TOGETHER) - 1, MOST_TOGETHER), together.mean())
    amounts = _amounts(values, element)
    spread = np.asarray([amounts.mean(), amounts.std(), *np.quantile(amounts, (0.1, 0.5, 0.9))])
    if element == DURATION:
        return np.concatenate([spread, _shares(values - 1, MAX_STEPS)])
    if element == PITCH:
        return np.concatenate([spread, _shares((amounts.astype(np.int64) - tonic) % 12, 12)])
    return spread


def _said(words: NDArray[np.integer], element: int) -> Integers:
    column = np.asarray(words, np.int64)[:, element]
    return column[column >= FIRST_VALUES[element]]


def _amounts(values: Integers, element: int) -> Reals:
    if element == TEMPO:
        return TEMPOS[values - FIRST_TEMPO]
    if element == PITCH:
        return (values + LOWEST_PITCH - 1).astype(np.float64)
    if element == VELOCITY:
        return velocity_centres(values).astype(np.float64)
    return values.astype(np.float64)


def _qualities(values: Integers) -> Integers:
    """Numbers of chord qualities, -1 for no chord."""
    return np.where(values > NO_CHORD_VALUE, (values - NO_CHORD_VALUE - 1) % len(CHORD_QUALITIES), -1)


def _together(words: NDArray[np.integer]) -> Integers:
    """How many notes are struck at each place where any are."""
    is_note = np.asarray(words)[:, TYPE] == NOTE
    counts = np.bincount(np.cumsum(~is_note)[is_note])
    return counts[counts > 0]


def _shares(numbers: Integers, size: int) -> Reals:
    counts = np.bincount(numbers, minlength=size)
    return np.asarray(counts / max(counts.sum(), 1))
