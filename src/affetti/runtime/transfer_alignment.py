"""Which place of a reference answers to each place of a source: bar by bar, inside a bar by position and rank.

Bars are paired in one of two ways. What is shaped over a whole piece (tempo, loudness, articulation) is stretched:
source bar i of M takes reference bar i · R / M, so that the reference's beginning, climax and end lie where the source
has its own. What follows from bar to bar (harmony, rhythm, register) is repeated: source bar i takes reference bar
i mod R, so that progressions and patterns stay whole. With as many bars in both, the two are the same.

Inside a bar a sixteenth answers to the same sixteenth. Of a longer bar the last beats are left over; for what a
shorter bar has not, its last beat stands again: beats stay beats.

Shapes: M and R bars of source and reference, K notes.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.hands import in_right_hand
from affetti.tokens.compound_word import GridMusic
from affetti.tokens.elements import STEPS_PER_QUARTER, Integers

Flags = NDArray[np.bool_]

_OTHER_BAR = 1_000  # further away than any place of the same bar


@dataclass(frozen=True, eq=False)
class Alignment:
    """A reference laid under a source."""

    bar_starts: Integers
    """[M + 1] of the source, in sixteenths."""
    reference: GridMusic
    bars: Integers
    """[M] the reference's bar for each bar of the source."""

    @classmethod
    def of(cls, source: GridMusic, reference: GridMusic, *, stretched: bool) -> "Alignment":
        """stretched: the reference as a whole under the source as a whole, instead of again and again."""
        numbers = np.arange(len(source.bar_steps))
        count = len(reference.bar_steps)
        bars = numbers * count // len(numbers) if stretched else numbers % count
        return cls(source.bar_starts, reference, bars)

    def places(self, steps: Integers) -> Integers:
        """The step of the reference that answers to each step of the source."""
        bars = self.bars_of(steps)
        others = self.bars[bars]
        positions = answering(steps - self.bar_starts[bars], self.reference.bar_steps[others])
        return self.reference.bar_starts[others] + positions

    def bars_of(self, steps: Integers) -> Integers:
        """The source's bar in which each of its steps lies."""
        bars: Integers = np.searchsorted(self.bar_starts, steps, side="right") - 1
        return bars

    def in_force(self, steps: Integers, values: Integers) -> Integers:
        """At every step of the source, the value in force at its place in the reference.

        steps, values: changes in the reference, the first at step 0.
        """
        places = self.places(np.arange(self.bar_starts[-1]))
        found: Integers = values[np.searchsorted(steps, places, side="right") - 1]
        return found

    def notes(self, music: GridMusic) -> Integers:
        """[K] the reference's note for each note of `music`, which has the source's bars.

        It is struck at the nearest position in the reference's bar (in a silent bar: nearest of all) and has the same
        rank among those struck together: the highest for the highest, the lowest for the lowest, and those between in
        proportion. A note by itself takes the highest if the right hand plays it, else the lowest.
        """
        own, other = Moments.of(music), self.reference_moments
        nearest, _ = self._nearest(own.steps)
        moments = np.repeat(np.arange(len(own.steps)), own.sizes)
        ranks = np.arange(len(music.steps)) - own.firsts[moments]
        sizes, among = own.sizes[moments], other.sizes[nearest][moments]
        alone = np.where(right_hand(music), among - 1, 0)
        chosen = np.where(sizes > 1, np.rint(ranks * (among - 1) / np.maximum(sizes - 1, 1)), alone).astype(np.int64)
        found: Integers = other.firsts[nearest][moments] + chosen
        return found

    def moment_sizes(self, steps: Integers) -> Integers:
        """How many notes the reference strikes at the position nearest to each step; 0 in a bar without any."""
        nearest, is_inside = self._nearest(steps)
        sizes: Integers = np.where(is_inside, self.reference_moments.sizes[nearest], 0)
        return sizes

    def _nearest(self, steps: Integers) -> tuple[Integers, Flags]:
        """For each step of the source the reference's moment nearest to its place, in the bar that answers to it if
        that has any; and whether it has.
        """
        struck = self.reference_moments.steps
        struck_bars = np.searchsorted(self.reference.bar_starts, struck, side="right") - 1
        places, bars = self.places(steps), self.bars[self.bars_of(steps)]
        after = np.clip(np.searchsorted(struck, places), 0, len(struck) - 1)
        before = np.maximum(after - 1, 0)
        apart = [np.abs(struck[one] - places) + _OTHER_BAR * (struck_bars[one] != bars) for one in (before, after)]
        nearest = np.where(apart[1] < apart[0], after, before)
        return nearest, struck_bars[nearest] == bars

    @cached_property
    def reference_moments(self) -> "Moments":
        """What the reference strikes together."""
        return Moments.of(self.reference)


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """The notes struck together at H steps of a piece."""

    steps: Integers
    """[H]"""
    firsts: Integers
    """[H] the first, lowest note of each among the piece's notes."""
    sizes: Integers
    """[H]"""

    @classmethod
    def of(cls, music: GridMusic) -> "Moments":
        """What a piece strikes together."""
        steps, firsts, sizes = np.unique(music.steps, return_index=True, return_counts=True)
        return cls(steps, firsts, sizes)


def answering(positions: Integers, bar_steps: Integers | int) -> Integers:
    """The position in a bar of so many sixteenths that answers to each position in a bar of any length."""
    beat = np.minimum(bar_steps, STEPS_PER_QUARTER)
    beyond = bar_steps - beat + (positions - bar_steps) % beat
    return np.asarray(np.where(positions < bar_steps, positions, beyond))


def right_hand(music: GridMusic) -> Flags:
    """[K] whether the right hand plays each note; read-only."""
    return _right_hand(music.steps.astype(np.int64).tobytes(), music.pitches.astype(np.int64).tobytes())


@lru_cache(maxsize=64)  # an exchange asks several times of the same notes, and of a source with every candidate
def _right_hand(steps: bytes, pitches: bytes) -> Flags:
    found = in_right_hand(np.frombuffer(steps, np.int64) / STEPS_PER_QUARTER, np.frombuffer(pitches, np.int64))
    found.flags.writeable = False
    return found


def chosen_bars(bars: int, strength: float, seed: int) -> Flags:
    """[bars] which bars take what cannot be had by halves: the share `strength` of them, in an order drawn by `seed`.

    With the same seed a greater strength adds bars and leaves none out.
    """
    order = np.random.default_rng([seed, 1]).permutation(bars)
    chosen = np.zeros(bars, np.bool_)
    chosen[order[: round(strength * bars)]] = True
    return chosen


def changes(in_force: Integers) -> tuple[Integers, Integers]:
    """Steps and values at which what is in force at each step changes, step 0 among them."""
    at = np.flatnonzero(np.append(True, np.diff(in_force) != 0))
    return at, in_force[at]


def in_force_at(steps: Integers, values: Integers, total: int) -> Integers:
    """[total] the value in force at each step."""
    found: Integers = values[np.searchsorted(steps, np.arange(total), side="right") - 1]
    return found
