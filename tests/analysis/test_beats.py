"""Beats of played music: known grids, rubato, odd input, and songs of POP909."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from affetti.analysis.beats import MAX_NOTES, MIN_ONSETS, Beats, track_beats
from affetti.analysis.note_arrays import note_arrays
from affetti.errors import InputError
from affetti.midi import read_midi

Reals = NDArray[np.float64]

# A bar of accompaniment and melody: steps in the bar, pitch over the chord's root, steps long.
FOUR = [
    (0, -24, 8),
    (8, -17, 8),
    (0, 0, 4),
    (4, 4, 4),
    (8, 7, 4),
    (12, 4, 4),
    (0, 12, 6),
    (6, 14, 2),
    (8, 16, 4),
    (14, 14, 2),
]
THREE = [
    (0, -24, 12),
    (4, 0, 4),
    (4, 4, 4),
    (4, 7, 4),
    (8, 0, 4),
    (8, 4, 4),
    (8, 7, 4),
    (0, 12, 8),
    (8, 14, 2),
    (10, 16, 2),
]
SIX = [
    *[(0, -24, 6), (2, 0, 2), (4, 4, 2), (6, -17, 6), (8, 0, 2), (10, 4, 2)],
    *[(0, 12, 4), (4, 14, 2), (6, 16, 4), (10, 14, 2)],
]
ROOTS = (60, 57, 65, 67, 64, 57, 62, 67)


def performance(
    bar: list[tuple[int, int, int]],
    *,
    bar_steps: int,
    beat_steps: int,
    tempo: float,
    bars: int = 24,
    rubato: float = 0.0,
    jitter: float = 0.0,
    start: float = 0.0,
) -> tuple[tuple[Reals, ...], Reals, Reals]:
    """Notes for `track_beats`, the beats and the downbeats (s). Tempo in beats a minute, rubato its swing."""
    rng = np.random.default_rng(1)
    rows = np.asarray(
        [
            (number * bar_steps + step, ROOTS[number % len(ROOTS)] + pitch, length)
            for number in range(bars)
            for step, pitch, length in bar
            if pitch < 0 or rng.random() < 0.9 or step == 0
        ],
        float,
    )
    steps = np.arange(bars * bar_steps + 33)
    pace = 60 / tempo / beat_steps * np.exp(rubato * np.sin(2 * np.pi * steps / (6 * bar_steps)))
    seconds = start + np.concatenate([[0.0], np.cumsum(pace)])

    def at(places: Reals) -> Reals:
        return np.interp(places, np.arange(len(seconds)), seconds)

    starts = at(rows[:, 0]) + rng.normal(0, jitter, len(rows))
    ends = np.maximum(at(rows[:, 0] + rows[:, 2]), starts + 0.05)
    notes = (starts, rows[:, 1].astype(np.int64), np.full(len(rows), 80), ends)
    beats = at(np.arange(0, bars * bar_steps, beat_steps).astype(float))
    return notes, beats, at(np.arange(0, bars * bar_steps, bar_steps).astype(float))


def agreement(found: Reals, wanted: Reals, window: float = 0.07) -> float:
    """The F-measure of two lists of moments that agree within 70 ms, as mir_eval counts it without overlaps."""
    distance = np.abs(found[:, None] - wanted)
    precision, recall = (distance.min(axis=1) < window).mean(), (distance.min(axis=0) < window).mean()
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def within(found: Reals, wanted: Reals) -> Reals:
    return found[(found > wanted[0] - 0.1) & (found < wanted[-1] + 0.1)]


def check_sound(beats: Beats, starts: Reals) -> None:
    assert np.isfinite(beats.seconds).all()
    assert (np.diff(beats.seconds) > 0).all()
    interval = np.diff(beats.seconds).max()
    assert starts.min() - interval < beats.seconds[0] <= starts.min() + 0.15 * interval
    assert starts.max() - 0.15 * interval <= beats.seconds[-1] < starts.max() + 1.5 * interval
    assert len(beats.beat_in_bar) == len(beats.seconds)
    assert (beats.beats_per_bar, beats.steps_per_beat) in {(4, 4), (3, 4), (2, 6), (4, 6)}
    follows = (beats.beat_in_bar[:-1] + 1) % beats.beats_per_bar
    assert np.isin(beats.beat_in_bar[1:] * (beats.beat_in_bar[1:] != follows), 0).all()  # the next beat, or a downbeat
    assert 0 <= beats.confidence <= 1


@pytest.mark.parametrize(
    ("bar", "bar_steps", "beat_steps", "tempo"),
    [(FOUR, 16, 4, 72.0), (FOUR, 16, 4, 95.0), (THREE, 12, 4, 92.0), (SIX, 12, 6, 66.0)],
)
@pytest.mark.parametrize(("rubato", "jitter"), [(0.0, 0.0), (0.1, 0.012)])
def test_beats_and_bars_of_a_known_grid(
    bar: list[tuple[int, int, int]], bar_steps: int, beat_steps: int, tempo: float, rubato: float, jitter: float
) -> None:
    notes, beats, downbeats = performance(
        bar, bar_steps=bar_steps, beat_steps=beat_steps, tempo=tempo, rubato=rubato, jitter=jitter, start=1.3
    )
    tracked = track_beats(*notes)
    check_sound(tracked, notes[0])
    assert (tracked.beats_per_bar, tracked.steps_per_beat) == (bar_steps // beat_steps, beat_steps)
    assert agreement(within(tracked.seconds, beats), beats) > 0.95
    if beat_steps == 4:  # which of two beats begins a bar of 6/8 is harder to hear
        assert agreement(within(tracked.seconds[tracked.beat_in_bar == 0], downbeats), downbeats) > 0.9


def test_beats_lie_on_the_onsets() -> None:
    notes, beats, _ = performance(FOUR, bar_steps=16, beat_steps=4, tempo=80.0)
    tracked = within(track_beats(*notes).seconds, beats)
    assert np.abs(tracked[:, None] - beats).min(axis=1).max() < 0.001


def test_confidence_tells_music_from_noise() -> None:
    notes, _, _ = performance(FOUR, bar_steps=16, beat_steps=4, tempo=80.0)
    rng = np.random.default_rng(0)
    noise = np.sort(rng.uniform(0, 60, 400))
    values = np.full(400, 60)
    assert track_beats(*notes).confidence > 0.9
    assert track_beats(noise, values, values, noise + 0.2).confidence < 0.2


def test_the_order_of_the_notes_does_not_matter() -> None:
    notes, _, _ = performance(FOUR, bar_steps=16, beat_steps=4, tempo=80.0, jitter=0.01)
    order = np.random.default_rng(0).permutation(len(notes[0]))
    assert np.array_equal(track_beats(*notes).seconds, track_beats(*(column[order] for column in notes)).seconds)


def test_music_is_tracked_wherever_it_begins() -> None:
    notes, _, _ = performance(FOUR, bar_steps=16, beat_steps=4, tempo=80.0)
    later = track_beats(notes[0] + 500, notes[1], notes[2], notes[3] + 500)
    assert np.allclose(later.seconds - 500, track_beats(*notes).seconds)


@settings(max_examples=40, deadline=None)
@given(
    gaps=st.lists(st.floats(0, 30), min_size=MIN_ONSETS - 1, max_size=60),
    pitch=st.integers(0, 127),
    velocity=st.integers(1, 127),
    length=st.floats(0, 20),
)
def test_any_onsets_have_beats_or_one_line(gaps: list[float], pitch: int, velocity: int, length: float) -> None:
    starts = np.concatenate([[0.0], np.cumsum(gaps)])
    same = np.full(len(starts), 1)
    if len(np.unique(np.rint(starts / 0.03))) < MIN_ONSETS:
        with pytest.raises(InputError, match="onsets"):
            track_beats(starts, same * pitch, same * velocity, starts + length)
    else:
        check_sound(track_beats(starts, same * pitch, same * velocity, starts + length), starts)


@pytest.mark.parametrize("spacing", [0.031, 0.1, 1.0, 60.0, 500.0])
def test_the_shortest_input_has_beats(spacing: float) -> None:
    starts = np.arange(MIN_ONSETS) * spacing
    same = np.full(MIN_ONSETS, 60)
    beats = track_beats(starts, same, same, starts + 0.02)
    check_sound(beats, starts)


def test_too_little_and_too_much_is_refused() -> None:
    def refused(starts: Reals, message: str) -> None:
        same = np.full(len(starts), 60)
        with pytest.raises(InputError, match=message):
            track_beats(starts, same, same, starts + 0.1)

    refused(np.zeros(0), "0 onsets")
    refused(np.arange(MIN_ONSETS - 1.0), "7 onsets")
    refused(np.zeros(100), "1 onsets")
    refused(np.zeros(MAX_NOTES + 1), "50,001 notes")
    refused(np.arange(10) * 1000.0, "9,000 s")


def test_wrong_arrays_are_our_mistake() -> None:
    times, values = np.arange(10.0), np.full(10, 60)
    with pytest.raises(ValueError, match="one value each"):
        track_beats(times, values[:9], values, times)
    with pytest.raises(ValueError, match="finite"):
        track_beats(times * np.nan, values, values, times)


@pytest.mark.corpus
def test_songs_of_pop909_are_tracked(shared_data: Path) -> None:
    """Twelve songs of the tuning set: a guard against breaking it, not a measurement."""
    scores, downbeat_scores = [], []
    for number in range(5, 605, 50):
        folder = shared_data / "pop909" / "POP909" / f"{number:03d}"
        notes = note_arrays(read_midi(folder / f"{number:03d}.mid"))
        wanted, _, is_downbeat = np.loadtxt(folder / "beat_midi.txt").T
        downbeats = wanted[is_downbeat == 1]
        beats = track_beats(notes.start_seconds, notes.pitches, notes.velocities, notes.end_seconds)
        check_sound(beats, notes.start_seconds)
        scores.append(agreement(within(beats.seconds, wanted), wanted))
        downbeat_scores.append(agreement(within(beats.seconds[beats.beat_in_bar == 0], downbeats), downbeats))
    assert np.mean(scores) > 0.88
    assert np.mean(downbeat_scores) > 0.75
