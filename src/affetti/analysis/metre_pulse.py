"""A pulse along a tempo path: where beats fall, by dynamic programming (after Ellis, J. New Music Research 36, 2007).

Time is first stretched so that the tempo path is constant. Then one table serves all tempos, the deviations that are
left are small, and a whole stretch shorter than the shortest beat can be computed at once.
"""

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.metre_tempo import TempoPath
from affetti.analysis.onsets import Onsets, onset_curve

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

_FRAMES = 40  # in a beat: 19 ms at 79 beats per minute, finer than performers are
_SHORTEST, _LONGEST = 30, 53  # frames between beats: a pulse may leave the tempo path by a quarter or a third
_GAPS: Integers = np.arange(_SHORTEST, _LONGEST + 1)
_MARGIN = 2.0  # seconds before the first onset and after the last: room for two pulses at the slowest tempo
_SMOOTHING: Reals = np.exp(-0.5 * (np.arange(-4.0, 5.0) / 1.3) ** 2)  # Gaussian, 25 ms wide at 79 beats per minute

# What onsets on parts of a beat count beside one on the beat, and the cost of leaving the path by the logarithm's
# square: chosen on POP909 001-699. On halves nearly as much as on beats, so that syncopation does not pull the pulse
# off by half a beat: which half is the beat is decided later, over whole bars.
_HALF, _QUARTER, _THIRD = 0.9, 0.5, 0.8
_TIGHTNESS = 100.0
_BLOCKS = 64  # blocks of frames whose rewards are computed together: bounds the memory


def pulse(onsets: Onsets, tempo: TempoPath) -> Reals:
    """Moments in seconds, at least two, strictly increasing, from before the first onset to after the last."""
    grid = np.arange(-_MARGIN, onsets.starts[-1] + _MARGIN + 0.1, 0.05)
    speed = np.interp(grid, tempo.moments, tempo.frequencies)
    phase = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(grid))])
    places = np.interp(onsets.starts, grid, phase) * _FRAMES
    curve = onset_curve(places, np.where(onsets.are_low, 1.5, 1.0), int(phase[-1] * _FRAMES) + 2, _SMOOTHING)
    frames = _best_frames(curve / curve[curve > 0].mean())
    seconds: Reals = np.interp(frames / _FRAMES, phase, grid)
    return seconds


def _best_frames(curve: Reals) -> Integers:
    """The frames of the pulses that gather most of the curve at a steady pace."""
    frames = len(curve)
    padded = np.concatenate([np.zeros(_LONGEST), curve])
    scores = np.full(_LONGEST + frames, -np.inf)
    scores[_LONGEST : _LONGEST + _SHORTEST] = curve[:_SHORTEST]
    before = np.lib.stride_tricks.sliding_window_view(scores, len(_GAPS))[:, ::-1]
    back = np.zeros(frames, np.int64)
    for first in range(_SHORTEST, frames, _BLOCKS * _SHORTEST):
        rewards = _rewards(padded, first, min(frames, first + _BLOCKS * _SHORTEST))
        for start in range(0, len(rewards), _SHORTEST):
            block = rewards[start : start + _SHORTEST]
            begin, end = first + start, first + start + len(block)
            reached = before[begin:end] + block
            best = reached.argmax(axis=1)
            back[begin:end] = _GAPS[best]
            scores[_LONGEST + begin : _LONGEST + end] = curve[begin:end] + reached[np.arange(len(block)), best]
    last = frames - int(1.2 * _FRAMES)
    frame = last + int(scores[_LONGEST + last :].argmax())
    found = [frame]
    while frame >= _SHORTEST:
        frame -= int(back[frame])
        found.append(frame)
    return np.asarray(found[::-1])


def _rewards(padded: Reals, first: int, stop: int) -> Reals:
    """What the beat that ends at each frame is worth, for each gap: [frames, gaps]."""
    ends = np.arange(first, stop)[:, None] + _LONGEST

    def at(part: float) -> Reals:
        values: Reals = padded[ends - np.rint(_GAPS * part).astype(np.int64)]
        return values

    halves = _HALF * at(1 / 2) + _QUARTER * (at(1 / 4) + at(3 / 4))
    thirds = _THIRD * (at(1 / 3) + at(2 / 3))
    rewards: Reals = np.maximum(halves, thirds) - _TIGHTNESS * np.log(_GAPS / _FRAMES) ** 2
    return rewards
