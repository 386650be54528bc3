"""The tempo at each moment of a performance: how strongly its onsets repeat at each period, followed through time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.metre_weights import PERIODICITY, PERIODICITY_TEMPO, TYPICAL_TEMPO
from affetti.analysis.onsets import Onsets, onset_curve

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

HARMONICS: Reals = np.asarray([1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 3 / 2, 2, 3, 4, 6, 8])
"""The multiples of a beat's frequency at which repetition speaks for or against it."""

_RATE = 50.0  # frames a second: a sixteenth at 200 beats per minute is 4 frames
_WINDOW = 400  # frames: 8 s, five bars or so, over which a performed tempo holds well enough
_HOP = 100  # frames between windows
_BINS = 2048  # of the Fourier transform: 0.024 Hz apart
_STEPS_PER_OCTAVE = 36
_FREQUENCIES: Reals = np.exp(np.arange(np.log(0.5), np.log(4.0), np.log(2) / _STEPS_PER_OCTAVE))  # beats a second

# Between windows the tempo wanders by about two steps (4 %); a jump costs what 12 units of log likelihood do.
_WANDERING = 2.0
_JUMP, _FURTHER = 12.0, 0.02
_APART = 6  # steps, 12 %: what is nearer is the same tempo
_OUT = 100.0  # log odds that rule a frequency out
_OVERLAP = 0.35  # windows overlap by three quarters: each counts as about a third of an independent one


@dataclass(frozen=True, slots=True, eq=False)
class TempoPath:
    """The tempo through a performance, W moments 2 s apart from 0 seconds."""

    states: Integers
    """[W], indices of frequencies."""
    log_odds: Reals
    """[W, frequencies], of each frequency as the beat in each window."""

    @property
    def moments(self) -> Reals:
        """[W], seconds."""
        moments: Reals = np.arange(float(len(self.states))) * (_HOP / _RATE)
        return moments

    @property
    def frequencies(self) -> Reals:
        """[W], beats a second."""
        frequencies: Reals = _FREQUENCIES[self.states]
        return frequencies

    def fit(self, octaves: int) -> float:
        """How well beats on this path fit, that number of octaves faster: the mean log probability."""
        states = self.states + octaves * _STEPS_PER_OCTAVE
        states = np.clip(states, 1, len(_FREQUENCIES) - 2)[:, None] + np.arange(-1, 2)
        return float(np.take_along_axis(self.log_odds, states, axis=1).max(axis=1).mean())


def tempo_paths(onsets: Onsets) -> tuple[TempoPath, TempoPath]:
    """The likeliest tempo, and the likeliest that is neither it nor its double, half … (two beats against three)."""
    fits = _window_fits(onsets)
    fits -= fits.max(axis=1, keepdims=True)
    fits -= np.log(np.exp(fits).sum(axis=1, keepdims=True))
    first = _smoothest_path(fits)
    distance = (np.arange(fits.shape[1]) - first[:, None]) % _STEPS_PER_OCTAVE
    same = np.minimum(distance, _STEPS_PER_OCTAVE - distance) < _APART
    second = _smoothest_path(np.where(same, fits - _OUT, fits))
    return TempoPath(first, fits), TempoPath(second, fits)


def tempo_terms(beats_per_second: Reals | float, weights: tuple[float, float]) -> Reals:
    """What speaks for a tempo before any music is heard: its distance from the typical one and the square."""
    distance = np.log(np.asarray(beats_per_second) * 60 / TYPICAL_TEMPO)
    terms: Reals = weights[0] * distance + weights[1] * distance**2
    return terms


def _window_fits(onsets: Onsets) -> Reals:
    """How well each frequency fits as the beat in each window: log odds [W, frequencies]."""
    frames = int(np.ceil(onsets.starts[-1] * _RATE)) + 3
    bins = _FREQUENCIES[:, None] * HARMONICS * (_BINS / _RATE)
    inside = bins < _BINS // 2 - 1
    below = np.where(inside, bins, 0).astype(np.int64)
    above = bins - below
    lengths = np.clip(onsets.ends - onsets.starts, 0.05, 2)
    weights = (np.ones(len(lengths)), onsets.are_low.astype(np.float64), lengths)
    fits = tempo_terms(_FREQUENCIES, PERIODICITY_TEMPO)
    for weight, importance in zip(weights, PERIODICITY, strict=True):
        spectra = _spectra(onset_curve(onsets.starts * _RATE, weight, frames, np.asarray([0.25, 0.5, 0.25])))
        strengths = spectra[:, below] * (1 - above) + spectra[:, below + 1] * above
        fits = fits + (strengths * inside) @ np.asarray(importance)
    return fits


def _spectra(curve: Reals) -> Reals:
    """The magnitudes [W, bins] of windows centred every 2 s, relative to their energy, so between 0 and 1."""
    padded = np.concatenate([np.zeros(_WINDOW // 2), curve, np.zeros(_WINDOW // 2 + _HOP)])
    taper = np.hanning(_WINDOW)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * taper
    energy = np.sqrt((windows**2).sum(axis=1) * (taper**2).sum()) + 1e-6
    windows -= taper * (windows.sum(axis=1, keepdims=True) / taper.sum())
    spectra: Reals = np.abs(np.fft.rfft(windows, _BINS)) / energy[:, None]
    return spectra


def _smoothest_path(log_odds: Reals) -> Integers:
    """The likeliest frequency of each window (Viterbi): [W]."""
    states = np.arange(log_odds.shape[1])
    distance = np.abs(states[:, None] - states)
    change = np.maximum(-0.5 * (distance / _WANDERING) ** 2, -_JUMP - _FURTHER * distance)
    return best_path(_OVERLAP * log_odds, change)[0]


def best_path(scores: Reals, change: Reals) -> tuple[Integers, float]:
    """The path of states [T] with the greatest sum of scores [T, S] and changes [S, S] (from, to), and that sum."""
    steps, states = scores.shape
    total = scores[0]
    back = np.zeros((steps, states), np.int64)
    columns = np.arange(states)
    for step in range(1, steps):
        reached = total[:, None] + change
        back[step] = reached.argmax(axis=0)
        total = reached[back[step], columns] + scores[step]
    path = np.zeros(steps, np.int64)
    path[-1] = total.argmax()
    for step in range(steps - 1, 0, -1):
        path[step - 1] = back[step, path[step]]
    return path, float(total.max())
