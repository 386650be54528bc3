"""Tempo, velocity and duration of a reference put on a source: nothing else of the source changes.

Each source place or note takes the value that the reference has in the place that answers to it
(`transfer_alignment`). With a strength between 0 and 1 it goes that part of the way, in the element's own measure:
tempo and duration in ratios, velocity in differences.
"""

from dataclasses import dataclass, replace

import numpy as np

from affetti.runtime.transfer_alignment import Alignment, changes, in_force_at
from affetti.tokens.compound_word import GridMusic, cut_at_restrikes
from affetti.tokens.elements import Integers


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """Music on the grid, and what its notes are of the source's."""

    music: GridMusic
    origins: Integers
    """[K] the number of the source's note that each was, whatever has changed of it; -1 for a new one."""


def exchange_tempo(arranged: Arranged, alignment: Alignment, strength: float) -> Arranged:
    """Bar lines and beats take the reference's tempo."""
    music, reference = arranged.music, alignment.reference
    own = in_force_at(music.tempo_steps, music.tempos, int(music.bar_starts[-1]))
    others = alignment.in_force(reference.tempo_steps, reference.tempos)
    # Values of the tempo lie in equal ratios: between two values is between the tempos' logarithms.
    steps, tempos = changes(_between(own, others, strength))
    return replace(arranged, music=replace(music, tempo_steps=steps, tempos=tempos))


def exchange_velocity(arranged: Arranged, alignment: Alignment, strength: float) -> Arranged:
    """Each note takes the loudness of the reference's note that answers to it."""
    music = arranged.music
    others = alignment.reference.velocities[alignment.notes(music)]
    return replace(arranged, music=replace(music, velocities=_between(music.velocities, others, strength)))


def exchange_duration(arranged: Arranged, alignment: Alignment, strength: float) -> Arranged:
    """Each note takes the length of the reference's note that answers to it; it ends where its key is struck again."""
    music = arranged.music
    others = alignment.reference.durations[alignment.notes(music)]
    lengths = np.exp2((1 - strength) * np.log2(music.durations) + strength * np.log2(others))
    durations = cut_at_restrikes(music.steps, music.pitches, np.rint(lengths).astype(np.int64))
    return replace(arranged, music=replace(music, durations=durations))


def _between(own: Integers, others: Integers, strength: float) -> Integers:
    return np.rint(own + strength * (others - own)).astype(np.int64)
