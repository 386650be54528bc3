"""What happens at each step of a line of beats: the features by which metres are told apart."""

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.onsets import Onsets

Reals = NDArray[np.float64]

_NEAR = 0.1  # of a beat: an onset farther from a step does not move beats


def step_features(line: Reals, steps: int, onsets: Onsets) -> Reals:
    """Eight features [T, 8], each 0 to about 1, of each of the T steps that divide the beats of a line in seconds.

    Whether a note starts there, and a low one; the longest note and the longest low note in bars of four beats; the
    loudest note; how far the pitch classes of the beat, and of two beats, that follow differ from those before; how
    many notes end. Notes belong to the nearest step.
    """
    beats = np.arange(len(line)) * float(steps)
    places = np.interp(onsets.starts, line, beats)
    ends = np.interp(onsets.ends, line, beats)
    lengths = np.minimum((ends - places) / steps, 4)
    at = np.rint(places).astype(np.int64)
    total = (len(line) - 1) * steps + 1
    low = onsets.are_low
    struck = np.bincount(at, minlength=total) > 0
    longest, longest_low, loudest = np.zeros((3, total))
    np.maximum.at(longest, at, lengths / 4)
    np.maximum.at(longest_low, at[low], lengths[low] / 4)
    velocities = onsets.velocities
    np.maximum.at(loudest, at, np.clip((velocities - velocities.mean()) / (velocities.std() + 4) + 1, 0, 3) / 2)
    weights = np.where(low, 2.0, 1.0) * (0.3 + np.minimum(lengths, 2))
    classes = np.bincount(at * 12 + onsets.pitches % 12, weights, total * 12).reshape(total, 12)
    sums = np.concatenate([np.zeros((1, 12)), np.cumsum(classes, axis=0)])
    changes = [_change(sums, span) * struck for span in (steps, 2 * steps)]
    released = np.minimum(np.bincount(np.rint(ends).astype(np.int64), minlength=total), 6) / 6
    lowest = np.bincount(at[low], minlength=total) > 0
    return np.stack([struck, lowest, longest, longest_low, loudest, *changes, released], axis=1)


def _change(sums: Reals, span: int) -> Reals:
    """One minus the cosine between pitch classes in `span` steps before and from each step; sums [T + 1, 12]."""
    at = np.arange(len(sums) - 1)
    before = sums[at] - sums[np.maximum(at - span, 0)]
    after = sums[np.minimum(at + span, len(at))] - sums[at]
    norms = np.sqrt((before**2).sum(axis=1) * (after**2).sum(axis=1)) + 1e-3
    change: Reals = 1 - (before * after).sum(axis=1) / norms
    return change


def nearness(line: Reals, steps: int, onsets: Onsets) -> float:
    """How near onsets lie to the steps of a line of beats: the mean cosine of their phase, 1 on the steps."""
    places = np.interp(onsets.starts, line, np.arange(len(line)) * float(steps))
    return float(np.cos(2 * np.pi * places).mean())


def snapped(line: Reals, steps: int, onsets: Onsets) -> Reals:
    """A line of beats moved onto the onsets near them; a beat without one moves as the struck steps around it do."""
    beats = np.arange(len(line))
    places = np.interp(onsets.starts, line, beats * float(steps))
    at = np.rint(places)
    near = np.abs(places - at) < _NEAR * steps
    if not near.any():
        return line
    at, late = at[near].astype(np.int64), onsets.starts[near] - np.interp(at[near] / steps, beats, line)
    count, total = np.bincount(at), np.bincount(at, late)
    struck = np.flatnonzero(count)
    result: Reals = line + np.interp(beats * steps, struck, total[struck] / count[struck])
    return result
