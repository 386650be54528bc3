"""The one ordered table of the seven elements of a compound word: names, sizes, and what every value means.

A compound word is one value per element, in the order of ELEMENTS; 0 means "ignored" in all of them. Sizes, with the
published ones (MusER, AAAI 2024) where ours differ:

| element | size | published | values from 1 on |
|---|---|---|---|
| tempo | 56 | | continue, then 54 tempos in equal ratios from 32 to 224 quarters a minute |
| chord | 135 | | continue, none, then 12 roots of 11 qualities each |
| bar-beat | 18 | | the bar line, then 16 positions in sixteenths from the bar line |
| type | 4 | | end, metrical, note |
| pitch | 89 | 87 (MIDI 22-107) | MIDI 21-108: every key of a piano, so that no note of one has to be dropped or bent |
| duration | 17 | 18 | 1 to 16 sixteenths: no value is kept for a note without length, which nobody hears |
| velocity | 42 | | 41 bins of three velocities, named after their middle: 4, 7 … 124 |
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.chords import CHORDS, chord_number, chord_of
from affetti.piece import PITCH_CLASS_NAMES, Chord

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

TEMPO, CHORD, BAR_BEAT, TYPE, PITCH, DURATION, VELOCITY = range(7)
"""The columns of a word."""

IGNORE = 0
CONTINUE = 1
"""Of tempo and chord: what was in force stays so."""
FIRST_TEMPO = 2
NO_CHORD_VALUE = 2
"""The chord of number n in `analysis.chords` has this value + n."""
BAR = 1
FIRST_POSITION = 2
PADDING, END, METRICAL, NOTE = range(4)
"""The values of the type."""

MAX_STEPS = 16
"""Sixteenths of the longest bar and of the longest note."""
STEPS_PER_QUARTER = 4
LOWEST_PITCH, HIGHEST_PITCH = 21, 108
"""The outer keys of a piano, as MIDI numbers."""

_TEMPOS = 54
_LOWEST_TEMPO, _HIGHEST_TEMPO = 32.0, 224.0
_VELOCITIES = 41
_VELOCITIES_PER_BIN = 3

TEMPOS: Reals = np.round(np.geomspace(_LOWEST_TEMPO, _HIGHEST_TEMPO, _TEMPOS), 1)
"""[54] quarters a minute of tempo values 2, 3 …: 3.7 % apart, about the least change of tempo that is noticed.

To a tenth, so that MIDI's whole microseconds give back the same number. The default of 120 is one of them.
"""
_TEMPO_BOUNDS: Reals = np.sqrt(TEMPOS[1:] * TEMPOS[:-1])


def tempo_values(quarters_per_minute: Reals) -> Integers:
    """The values (2-55) of the tempos nearest in ratio; what is slower or faster than all gets the first or last."""
    return FIRST_TEMPO + np.searchsorted(_TEMPO_BOUNDS, quarters_per_minute, side="right")


def velocity_values(velocities: NDArray[np.integer]) -> Integers:
    """The values (1-41) of MIDI velocities: value k holds 3k to 3k + 2, the first and last also what lies beyond."""
    return np.clip(np.asarray(velocities, np.int64) // _VELOCITIES_PER_BIN, 1, _VELOCITIES)


def velocity_centres(values: NDArray[np.integer]) -> Integers:
    """The MIDI velocities 4, 7 … 124 in the middle of velocity values 1-41."""
    return np.asarray(values, np.int64) * _VELOCITIES_PER_BIN + 1


def chord_value(chord: Chord) -> int:
    """The value (2-134) of a chord."""
    if chord.root is None or chord.quality is None:
        return NO_CHORD_VALUE
    return NO_CHORD_VALUE + chord_number(chord.root, chord.quality)


def chord_at(start_ticks: int, value: int) -> Chord:
    """The chord of a value (2-134) from a tick on. Raises ValueError for a value that is no chord."""
    return Chord(start_ticks, *(chord_of(value - NO_CHORD_VALUE) or ()))


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a compound word: its name and what each of its values is called, from 0 on."""

    name: str
    labels: tuple[str, ...]

    @property
    def size(self) -> int:
        """The number of values, 0 (ignored) among them."""
        return len(self.labels)

    def label(self, value: int) -> str:
        """What a value means: "96 BPM", "F#:min7", "position 3/16", "A4". Raises IndexError beyond the table."""
        if value < 0:
            raise IndexError(f"{self.name} has no value {value}")
        return self.labels[value]


def _pitch_name(pitch: int) -> str:
    return f"{PITCH_CLASS_NAMES[pitch % 12]}{pitch // 12 - 1}"


ELEMENTS: tuple[Element, ...] = (
    Element("tempo", ("ignored", "continue", *(f"{tempo:g} BPM" for tempo in TEMPOS))),
    Element("chord", ("ignored", "continue", *(chord_at(0, NO_CHORD_VALUE + n).name for n in range(CHORDS)))),
    Element("bar_beat", ("ignored", "Bar", *(f"position {step}/16" for step in range(MAX_STEPS)))),
    Element("type", ("padding", "end", "metrical", "note")),
    Element("pitch", ("ignored", *(_pitch_name(pitch) for pitch in range(LOWEST_PITCH, HIGHEST_PITCH + 1)))),
    Element("duration", ("ignored", *(f"{steps}/16" for steps in range(1, MAX_STEPS + 1)))),
    Element("velocity", ("ignored", *(str(3 * value + 1) for value in range(1, _VELOCITIES + 1)))),
)
"""In the paper's order, which is that of a word's columns."""

SIZES: tuple[int, ...] = tuple(element.size for element in ELEMENTS)
"""56, 135, 18, 4, 89, 17, 42."""

FIRST_VALUES: tuple[int, ...] = (FIRST_TEMPO, NO_CHORD_VALUE, 1, 1, 1, 1, 1)
"""From which value on each element says something; below, it is ignored or goes on with what was."""
