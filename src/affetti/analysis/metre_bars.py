"""Which pulses are beats and which beats begin bars: metres compared by what happens at each place of the bar."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.metre_pulse import pulse
from affetti.analysis.metre_steps import nearness, snapped, step_features
from affetti.analysis.metre_tempo import best_path, tempo_paths, tempo_terms
from affetti.analysis.metre_weights import COMPOUND_TEMPO, METRES, NEARNESS, PLACES, SIMPLE_TEMPO, TEMPO_HEARD
from affetti.analysis.onsets import Onsets

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

_OCTAVES = (0, -1, 1)  # tracked pulses may be beats, halves or doubles of them
_EARLY = 0.07  # of a beat, under half a step: by so much the first onset may come before the first beat
_FASTEST_WALTZ = 155 / 60  # beats a second: three faster ones are heard as one, and two such bars as 6/8
_RULED_OUT = 100.0
_LONG_BAR = 16  # steps: fits are summed over a bar as if it had so many
_SECTION = 8  # bars that are heard together when metres are compared
_CHANGE_BEATS, _CHANGE_STEPS = 20.0, 30.0  # what an irregular bar costs: by whole beats, by other steps


@dataclass(frozen=True, slots=True)
class Metre:
    """A way to divide a bar."""

    beats: int
    steps: int
    """Sixteenths in a beat."""
    places: tuple[int, ...]
    """For each step of the bar the row of PLACES."""
    log_odds: float
    """Before any music is heard."""


def _metres() -> tuple[Metre, ...]:
    """4/4, 3/4 and 6/8. 12/8 is heard as 6/8: so long a bar is cut into two anyway."""
    four = (0, 8, 1, 8, 2, 8, 3, 8, 4, 8, 5, 8, 6, 8, 7, 8)
    three = (11, 8, 12, 8, 13, 8, 14, 8, 15, 8, 16, 8)
    two = (0, 8, 9, 8, 10, 8, 4, 8, 9, 8, 10, 8)  # its second beat is like the third of four
    shapes = ((4, 4, four), (3, 4, three), (2, 6, two))
    return tuple(Metre(*shape, odds) for shape, odds in zip(shapes, METRES, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """A metre laid over a performance."""

    seconds: Reals
    """Of each beat, [B]."""
    beat_in_bar: Integers
    metre: Metre


@dataclass(frozen=True, slots=True, eq=False)
class _Hypothesis:
    """Beats of some length with a metre."""

    line: Reals
    metre: Metre
    bar_fits: Reals
    """How well a bar fits that begins at each step of each bar's length: [bars, steps of a bar]."""
    fit: float


def best_bars(onsets: Onsets, bar_steps: int | None = None) -> Bars:
    """The tempo, metre, beats and bars that explain the onsets best.

    bar_steps: only metres whose bars have so many sixteenths, where any of them can be laid on so few beats.
    """
    hypotheses: list[_Hypothesis] = []
    metres = _metres()
    for tempo in tempo_paths(onsets):
        pulses = pulse(onsets, tempo)
        for octaves in _OCTAVES:
            line = _line(onsets, pulses, 2.0**octaves)
            heard = TEMPO_HEARD * tempo.fit(octaves)
            for steps in (4, 6):
                features = step_features(line, steps, onsets)
                odds = heard + NEARNESS * nearness(line, steps, onsets)
                fitting = [metre for metre in metres if metre.steps == steps and len(line) > metre.beats]
                hypotheses += [_hypothesis(line, metre, features, odds) for metre in fitting]
    wanted = [one for one in hypotheses if one.metre.beats * one.metre.steps == bar_steps]
    return _laid(onsets, max(wanted or hypotheses, key=lambda one: one.fit))


def _line(onsets: Onsets, pulses: Reals, ratio: float) -> Reals:
    """`ratio` beats per pulse, going on at both ends until they enclose all onsets."""
    count = len(pulses)
    line = np.interp(np.arange(0, count - 1 + 1e-9, 1 / ratio), np.arange(count), pulses)
    if len(line) < 2:  # two pulses are less than two beats of half their tempo
        line = np.asarray([line[0], line[0] + 2 * (pulses[1] - pulses[0])])
    first, last = line[1] - line[0], line[-1] - line[-2]
    # One beat more than the onsets need at each end, because the beats may come to lie between the pulses.
    before = 1 + max(0, int(np.ceil(line[0] / first)))
    after = 1 + max(0, int(np.ceil((onsets.starts[-1] - line[-1]) / last)))
    return np.concatenate([line[0] - first * np.arange(before, 0, -1), line, line[-1] + last * np.arange(1, after + 1)])


def _hypothesis(line: Reals, metre: Metre, features: Reals, log_odds: float) -> _Hypothesis:
    """How well a metre fits on a line of beats with features [T, 8], for which `log_odds` speak otherwise."""
    length = metre.beats * metre.steps
    fits = features @ np.asarray(PLACES)[list(metre.places)].T * (_LONG_BAR / length)  # [T, places]
    bars = max(1, len(fits) // length)
    padded = np.concatenate([fits, np.zeros((length * (bars + 1) - len(fits), length))])
    # A bar that begins at step t takes the fit of its place p from step t + p: sums along diagonals.
    down, right = padded.strides
    diagonals = np.lib.stride_tricks.as_strided(padded, (bars * length, length), (down, down + right), writeable=False)
    bar_fits = diagonals.sum(axis=1).reshape(bars, length)
    sections = np.array_split(bar_fits, max(1, round(bars / _SECTION)))
    heard = sum(float(section.mean(axis=0).max()) * len(section) for section in sections) / bars
    beats_per_second = 1 / float(np.median(np.diff(line)))
    tempo = float(tempo_terms(beats_per_second, SIMPLE_TEMPO if metre.steps == 4 else COMPOUND_TEMPO))
    if metre.beats == 3 and beats_per_second > _FASTEST_WALTZ:
        log_odds -= _RULED_OUT
    return _Hypothesis(line, metre, bar_fits, heard + tempo + log_odds + metre.log_odds)


def _laid(onsets: Onsets, hypothesis: _Hypothesis) -> Bars:
    """The hypothesis with its bar lines placed; a bar is shorter or longer only where the music says so clearly."""
    metre, line = hypothesis.metre, hypothesis.line
    length = metre.beats * metre.steps
    moved = np.abs(np.arange(length)[:, None] - np.arange(length))
    change = np.where(moved % metre.steps == 0, _CHANGE_BEATS, _CHANGE_STEPS) * (moved > 0)
    starts = best_path(hypothesis.bar_fits, -change)[0] + np.arange(len(hypothesis.bar_fits)) * length
    edges = [int(starts[0]) - length, *starts.tolist(), int(starts[-1]) + length, int(starts[-1]) + 2 * length]
    places: list[int] = []
    beat_in_bar: list[int] = []
    for begin, end in pairwise(edges):
        # Of a bar that ends within a beat, the rest joins the last beat or is one, whichever is nearer.
        of_bar = range(begin, end - metre.steps // 2, metre.steps)
        places += of_bar
        beat_in_bar += [beat % metre.beats for beat in range(len(of_bar))]
    beats = np.asarray(places) / metre.steps
    within = (beats >= 0) & (beats <= len(line) - 1)
    seconds = snapped(np.interp(beats[within], np.arange(len(line)), line), metre.steps, onsets)
    early = _EARLY * float(np.median(np.diff(seconds)))
    first = max(0, int(np.searchsorted(seconds, early, side="right")) - 1)
    last = max(int(np.searchsorted(seconds, onsets.starts[-1] - early)) + 1, first + 2)
    return Bars(seconds[first:last], np.asarray(beat_in_bar)[within][first:last], metre)
