"""The notes of a piece as they are heard, and small measures of them: what musical features are made of."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.key import key_profiles
from affetti.analysis.note_arrays import Integers, Reals

TOGETHER = 0.035
"""Seconds between notes that are one onset: notes of a chord follow each other within about 30 ms (Palmer, 1989)."""
LONGEST = 2.0
"""Seconds of the longest note: what a word can say at 120 quarters a minute; a piano's tone has about faded by then."""
FRAME = 0.1
"""Seconds between the moments at which it is looked what sounds together."""
WINDOW = 4.0
"""Seconds of a stretch, about two bars."""
MIDDLE = 60
"""Middle C: what lies below is roughly the left hand's."""


@dataclass(frozen=True, eq=False)
class HeardNotes:
    """N notes in seconds from the first onset, sorted by start, then pitch, and what is derived from them."""

    starts: Reals
    ends: Reals
    """At most LONGEST after the start."""
    pitches: Integers
    velocities: Reals

    @cached_property
    def seconds(self) -> float:
        """From the first onset to the last end."""
        return max(float(self.ends.max()), 0.5)

    @cached_property
    def events(self) -> Integers:
        """[N] the number of the onset that each note is part of: notes that begin together are one."""
        return np.append(0, np.cumsum(np.diff(self.starts) > TOGETHER))

    @cached_property
    def firsts(self) -> Integers:
        """[events] the first note of each onset."""
        return np.flatnonzero(np.append(1, np.diff(self.events)))

    @cached_property
    def onsets(self) -> Reals:
        """[events] when each onset begins."""
        return self.starts[self.firsts]

    @cached_property
    def intervals(self) -> Reals:
        """[events - 1, at least 1] seconds between onsets, up to 4; those of one onset alone its length."""
        gaps = np.diff(self.onsets)
        return np.minimum(gaps, 4.0) if len(gaps) else np.asarray([self.seconds])

    @cached_property
    def top(self) -> Integers:
        """[events] the highest pitch of each onset."""
        return np.maximum.reduceat(self.pitches, self.firsts)

    @cached_property
    def bottom(self) -> Integers:
        """[events] the lowest pitch of each onset."""
        return np.minimum.reduceat(self.pitches, self.firsts)

    @cached_property
    def frames(self) -> NDArray[np.bool_]:
        """[frames, 128] which pitches sound at each moment."""
        count = int(self.seconds / FRAME) + 1
        first = np.ceil(self.starts / FRAME).astype(np.int64)
        last = np.maximum(np.ceil(self.ends / FRAME).astype(np.int64), first + 1)
        changes = np.zeros((count + 2, 128), np.int64)
        np.add.at(changes, (np.minimum(first, count), self.pitches), 1)
        np.add.at(changes, (np.minimum(last, count), self.pitches), -1)
        sounding: NDArray[np.bool_] = np.cumsum(changes, axis=0)[:count] > 0
        return sounding

    @cached_property
    def classes(self) -> Reals:
        """[frames, 12] whether each pitch class sounds at each moment."""
        octaves = np.pad(self.frames, ((0, 0), (0, 4))).reshape(-1, 11, 12)
        present: NDArray[np.bool_] = np.logical_or.reduce(octaves, axis=1)
        return present.astype(np.float64)

    @cached_property
    def profile(self) -> Reals:
        """[12] how much each pitch class is heard: square roots of durations, which sum to 1."""
        return class_profile(self.pitches, self.ends - self.starts)

    @cached_property
    def key(self) -> int:
        """0-11 major, 12-23 minor: the key for which the profile speaks most."""
        return int(np.argmax(key_profiles() @ self.profile))

    @cached_property
    def windows(self) -> Integers:
        """[N] which stretch of WINDOW seconds each note begins in."""
        return (self.starts / WINDOW).astype(np.int64)


def class_profile(pitches: Integers, lengths: Reals) -> Reals:
    """[12] how much each pitch class is heard: square roots of lengths; they sum to 1."""
    heard = np.bincount(pitches % 12, np.sqrt(lengths), minlength=12)
    profile: Reals = heard / max(heard.sum(), 1e-9)
    return profile


def window_means(values: Reals, windows: Integers) -> Reals:
    """The mean of the values of each window that has some."""
    counts = np.bincount(windows)
    means: Reals = np.bincount(windows, values)[counts > 0] / counts[counts > 0]
    return means


def high_over_low(values: Reals, pitches: Integers) -> float:
    """The mean of the notes from middle C on less that of those below; 0 where one of them is missing."""
    high = pitches >= MIDDLE
    return float(values[high].mean() - values[~high].mean()) if 0 < high.sum() < len(high) else 0.0


def mean_or(values: NDArray[np.generic], otherwise: float) -> float:
    """The mean, `otherwise` without values."""
    return float(values.mean()) if len(values) else otherwise


def correlation(values: Reals, others: Reals | Integers) -> float:
    """Pearson's, -1 to 1; 0 where one of them does not vary."""
    a, b = values - values.mean(), others - others.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 1e-9 else 0.0


def entropy(values: Integers) -> float:
    """Bits of the distribution of whole numbers; 0 without any."""
    _, counts = np.unique(values, return_counts=True)
    return entropy_of_shares(counts / max(counts.sum(), 1))


def entropy_of_shares(shares: Reals) -> float:
    """Bits of shares that sum to 1."""
    known = shares[shares > 0]
    return float(-(known * np.log2(known)).sum())
