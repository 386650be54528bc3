"""Beats, downbeats and metre of a performance, from nothing but its onsets.

The steps, each in a file of its own: `metre_tempo` finds the two likeliest tempos at each moment, `metre_pulse` a
pulse along each, `metre_bars` compares metres laid on the pulses, their halves and their doubles, and places the
bars. What they know of music is in `metre_weights`. About 35 ms for a song of four minutes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.metre_bars import best_bars
from affetti.analysis.metre_steps import nearness
from affetti.analysis.onsets import Onsets
from affetti.errors import InputError

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

MIN_ONSETS = 8
"""Moments at which something starts: two bars of quarters; below that there is nothing to compare."""

MAX_SECONDS = 3_600.0
"""From the first onset to the last."""

MAX_NOTES = 50_000
"""Fourteen notes a second for an hour."""

_SAME_MOMENT = 0.03  # seconds: onsets this near are about one
_SHORTEST_NOTE = 0.01  # seconds
_BY_CHANCE = 0.25  # mean cosine of onsets' places between steps, where onsets are random and beats tracked in them


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """B beats of a performance: the first at or before its first onset, the last at or after its last."""

    seconds: Reals
    """[B], strictly increasing; the first may be negative."""
    beat_in_bar: Integers
    """[B], 0 = downbeat. A bar may break off early where the music does."""
    beats_per_bar: int
    """4 (4/4), 3 (3/4) or 2 (6/8, and 12/8 in bars half as long)."""
    steps_per_beat: int
    """Sixteenths in a beat: 4, or 6 in compound metre."""
    confidence: float
    """How near onsets lie to the steps: 0 no nearer than random ones, 1 on them."""


def moments_of(start_seconds: Reals) -> int:
    """At how many moments notes start; those that start nearly together count once."""
    return len(np.unique(np.rint(start_seconds / _SAME_MOMENT)))


def track_beats(
    start_seconds: Reals, pitches: Integers, velocities: Integers, end_seconds: Reals, *, bar_steps: int | None = None
) -> Beats:
    """The beats of N notes in any order: times in seconds, MIDI pitches, velocities 1-127, each [N].

    Beats lie on the onsets near them and are interpolated where there are none. Of POP909's songs, which it was tuned
    on (001-699), it finds the annotated metre and beat of nearly nine in ten; what is left is mostly a tempo twice
    or half the annotated one. See benchmarks/track_beats.py.

    bar_steps: where the sixteenths of a bar are known (16 for 4/4, 12 for 3/4 and 6/8), only such bars are looked for.

    Raises InputError for fewer than MIN_ONSETS onsets, over MAX_NOTES notes or over MAX_SECONDS; ValueError for arrays
    of different lengths or times that are not finite.
    """
    if not len(start_seconds) == len(pitches) == len(velocities) == len(end_seconds):
        raise ValueError("starts, pitches, velocities and ends are one value each per note")
    if not (np.isfinite(start_seconds).all() and np.isfinite(end_seconds).all()):
        raise ValueError("times are finite")
    if len(start_seconds) > MAX_NOTES:
        raise InputError(f"{len(start_seconds):,} notes: beats are tracked in {MAX_NOTES:,} at most")
    order = np.lexsort((pitches, start_seconds))
    starts = start_seconds[order]
    moments = moments_of(starts)
    if moments < MIN_ONSETS:
        raise InputError(f"{moments} onsets: beats are tracked in {MIN_ONSETS} at least")
    zero = float(starts[0])
    if starts[-1] - zero > MAX_SECONDS:
        raise InputError(f"{starts[-1] - zero:,.0f} s of music: beats are tracked in {MAX_SECONDS:,.0f} s at most")
    starts = starts - zero
    ends = np.maximum(end_seconds[order] - zero, starts + _SHORTEST_NOTE)
    onsets = Onsets(starts, ends, pitches[order], velocities[order])
    bars = best_bars(onsets, bar_steps)
    near = nearness(bars.seconds, bars.metre.steps, onsets)
    confidence = min(1.0, max(0.0, (near - _BY_CHANCE) / (1 - _BY_CHANCE)))
    return Beats(bars.seconds + zero, bars.beat_in_bar, bars.metre.beats, bars.metre.steps, confidence)
