"""Which elements can be exchanged, what their exchange leaves as it is, and the exchange itself, on the grid."""

from collections.abc import Sequence

import numpy as np

from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.runtime.emotion_elements import AUTO_ELEMENTS
from affetti.runtime.transfer_alignment import Alignment, chosen_bars
from affetti.runtime.transfer_harmony import exchange_chords, exchange_pitch
from affetti.runtime.transfer_rhythm import exchange_rhythm
from affetti.runtime.transfer_values import Arranged, exchange_duration, exchange_tempo, exchange_velocity
from affetti.tokens.compound_word import GridMusic
from affetti.tokens.elements import ELEMENTS

NAMES: tuple[str, ...] = tuple(element.name for element in ELEMENTS)
AUTO = "auto"
ALL = "all"
STRETCHED = frozenset({"tempo", "velocity", "duration"})
"""Elements that are shaped over a whole piece; see `transfer_alignment`."""

_OF_NOTES = ("tempo", "bar_beat", "type", "velocity")
EXACT: dict[str, tuple[str, ...]] = {
    "tempo": tuple(name for name in NAMES if name != "tempo"),
    "chord": _OF_NOTES,
    "bar_beat": ("tempo", "chord", "type", "pitch", "velocity"),
    "type": ("tempo", "chord", "bar_beat"),
    "pitch": _OF_NOTES,
    "duration": tuple(name for name in NAMES if name != "duration"),
    "velocity": tuple(name for name in NAMES if name != "velocity"),
}
"""Element -> those that its exchange leaves exactly as they are (`transfer_measures.differing` says what that means).

Where pitches or places move, durations stay as well, but for notes whose key is struck again while they sound.
"""


def parse_elements(elements: str | Sequence[str]) -> tuple[str, ...]:
    """Names of elements in the order of a word, from a list or from text joined by commas; () for "auto".

    "bar-beat" is "bar_beat". Raises InputError for an unknown or for no element.
    """
    names = elements.split(",") if isinstance(elements, str) else list(elements)
    names = [name.strip().lower().replace("-", "_") for name in names]
    if names == [AUTO]:
        return ()
    if names == [ALL]:
        return NAMES
    if unknown := [name for name in names if name not in NAMES]:
        known = ", ".join(NAMES)
        raise InputError(f"unknown element {unknown[0][:40]!r}; use {known}; or auto, or all")
    if not names:
        raise InputError("no elements to transfer")
    return tuple(name for name in NAMES if name in names)


def auto_elements(of: Quadrant, to: Quadrant) -> tuple[str, ...]:
    """The elements that carry the axes on which two quadrants differ, both axes where they are one."""
    differ = {"arousal": of.arousal_sign != to.arousal_sign, "valence": of.valence_sign != to.valence_sign}
    chosen = {name for axis, names in AUTO_ELEMENTS.items() if differ[axis] or of == to for name in names}
    return tuple(name for name in NAMES if name in chosen)


def exact_elements(elements: Sequence[str]) -> tuple[str, ...]:
    """The elements that an exchange of these leaves exactly as they are."""
    return tuple(name for name in NAMES if name not in elements and all(name in EXACT[one] for one in elements))


def exchange(
    source: GridMusic, reference: GridMusic, elements: Sequence[str], strength: float = 1.0, seed: int = 0
) -> Arranged:
    """The source with these elements of the reference; its bars stay.

    What cannot be had by halves (chord, bar_beat, type) is exchanged in the share `strength` of the bars.
    """
    arranged = Arranged(source, np.arange(len(source.steps)))
    alignment = Alignment.of(source, reference, stretched=set(elements) <= STRETCHED)
    bars = chosen_bars(len(source.bar_steps), strength, seed)
    named = set(elements)
    if named & {"bar_beat", "type"}:
        arranged = exchange_rhythm(arranged, alignment, bars, positions="bar_beat" in named, sizes="type" in named)
    if "chord" in named:
        arranged = exchange_chords(arranged, alignment, bars)
    if "pitch" in named:
        arranged = exchange_pitch(arranged, alignment, strength, mode="chord" not in named)
    if "duration" in named:
        arranged = exchange_duration(arranged, alignment, strength)
    if "velocity" in named:
        arranged = exchange_velocity(arranged, alignment, strength)
    if "tempo" in named:
        arranged = exchange_tempo(arranged, alignment, strength)
    return arranged
