"""Features of how a piece is played: density, loudness, register, articulation, regularity."""

import numpy as np

from affetti.analysis.heard_notes import (
    FRAME,
    MIDDLE,
    TOGETHER,
    WINDOW,
    HeardNotes,
    correlation,
    entropy,
    high_over_low,
    mean_or,
    window_means,
)
from affetti.analysis.note_arrays import Reals

_EDGES = (5, 25, 50, 75, 95)
"""Percentiles by which a distribution is described."""
_STEP = 0.02  # seconds; of the onsets' curve


def density(notes: HeardNotes) -> Reals:
    """How many notes and onsets there are, how far apart, in either hand, and how evenly."""
    gaps = np.log2(notes.intervals)
    ratios = np.diff(gaps) if len(gaps) > 1 else np.zeros(1)
    per_window = np.bincount(notes.windows)[: max(1, int(notes.seconds / WINDOW))]
    high = notes.pitches >= MIDDLE
    of_hands = [np.unique(notes.events[hand], return_counts=True)[1] for hand in (high, ~high)]
    sizes = np.diff(np.append(notes.firsts, len(notes.starts)))
    return np.asarray(
        [
            np.log2(len(notes.starts) / notes.seconds),
            np.log2(len(notes.onsets) / notes.seconds),
            *np.percentile(gaps, _EDGES),
            gaps.mean(),
            gaps.std(),
            (notes.intervals < 0.15).mean(),
            (notes.intervals < 0.25).mean(),
            (notes.intervals > 0.5).mean(),
            np.abs(ratios).mean(),
            (np.abs(ratios) < 0.15).mean(),
            ((np.abs(ratios) > 0.8) & (np.abs(ratios) < 1.2)).mean(),
            ((np.abs(ratios) > 1.4) & (np.abs(ratios) < 1.75)).mean(),
            sizes.mean(),
            (sizes >= 3).mean(),
            *(len(sizes_of_hand) / notes.seconds for sizes_of_hand in of_hands),
            *(mean_or(sizes_of_hand, 0.0) for sizes_of_hand in of_hands),
            (~high).mean(),
            1 - len(np.unique(notes.events * 12 + notes.pitches % 12)) / len(notes.pitches),
            per_window.std() / max(per_window.mean(), 1e-9),
            per_window.max() / WINDOW,
        ]
    )


DENSITY = (
    "log2_notes_per_second",
    "log2_onsets_per_second",
    *(f"log2_interval_{edge}" for edge in _EDGES),
    "log2_interval_mean",
    "log2_interval_deviation",
    "intervals_under_150_ms",
    "intervals_under_250_ms",
    "intervals_over_500_ms",
    "interval_ratio",
    "intervals_alike",
    "intervals_doubled",
    "intervals_tripled",
    "notes_per_onset",
    "onsets_of_three_and_more",
    "onsets_per_second_high",
    "onsets_per_second_low",
    "notes_per_onset_high",
    "notes_per_onset_low",
    "low_notes",
    "octave_doublings",
    "density_variation",
    "density_maximum",
)


def loudness(notes: HeardNotes) -> Reals:
    """Velocities, and how they change with time and pitch."""
    velocities = notes.velocities
    loudest = np.maximum.reduceat(velocities, notes.firsts)
    means = window_means(velocities, notes.windows)
    return np.asarray(
        [
            velocities.mean(),
            velocities.std(),
            *np.percentile(velocities, _EDGES),
            loudest.mean(),
            means.std(),
            means.max() - means.min(),
            high_over_low(velocities, notes.pitches),
            correlation(velocities, notes.pitches),
            correlation(velocities, notes.starts),
            np.abs(np.diff(loudest)).mean() if len(loudest) > 1 else 0.0,
            np.log2((velocities / 64).dot(velocities / 64) / notes.seconds),
        ]
    )


LOUDNESS = (
    "velocity_mean",
    "velocity_deviation",
    *(f"velocity_{edge}" for edge in _EDGES),
    "velocity_of_onsets",
    "velocity_window_deviation",
    "velocity_window_range",
    "velocity_high_over_low",
    "velocity_by_pitch",
    "velocity_by_time",
    "velocity_contrast",
    "log2_energy_per_second",
)


def register(notes: HeardNotes) -> Reals:
    """How high and how low the notes lie, and those of the outer voices."""
    pitches = notes.pitches
    lengths = notes.ends - notes.starts
    means = window_means(pitches.astype(np.float64), notes.windows)
    return np.asarray(
        [
            pitches.mean(),
            pitches.std(),
            *np.percentile(pitches, _EDGES),
            (pitches @ lengths) / lengths.sum(),
            notes.top.mean(),
            notes.top.std(),
            notes.bottom.mean(),
            notes.bottom.std(),
            (notes.top - notes.bottom).mean(),
            (pitches < 48).mean(),
            (pitches < 36).mean(),
            (pitches >= 72).mean(),
            (pitches >= 84).mean(),
            pitches.max() - pitches.min(),
            means.std(),
            correlation(notes.starts, pitches),
        ]
    )


REGISTER = (
    "pitch_mean",
    "pitch_deviation",
    *(f"pitch_{edge}" for edge in _EDGES),
    "pitch_by_length",
    "top_mean",
    "top_deviation",
    "bottom_mean",
    "bottom_deviation",
    "onset_span",
    "pitches_under_c3",
    "pitches_under_c2",
    "pitches_over_b4",
    "pitches_over_b5",
    "pitch_range",
    "pitch_window_deviation",
    "pitch_by_time",
)


def articulation(notes: HeardNotes) -> Reals:
    """How long notes are, against the next onset too, and how many sound together."""
    lengths = notes.ends - notes.starts
    logs = np.log2(lengths)
    next_onset = np.append(notes.onsets[1:], notes.seconds)[notes.events]
    connected = np.minimum(lengths / np.maximum(next_onset - notes.starts, 0.02), 8.0)
    sounding = notes.frames.sum(axis=1)
    return np.asarray(
        [
            *np.percentile(logs, _EDGES),
            logs.mean(),
            logs.std(),
            (lengths < 0.2).mean(),
            (lengths > 1.0).mean(),
            *np.percentile(np.log2(connected), (10, 50, 90)),
            (connected < 0.6).mean(),
            sounding.mean(),
            sounding.std(),
            (sounding == 0).mean(),
            (sounding >= 5).mean(),
            high_over_low(logs, notes.pitches),
        ]
    )


ARTICULATION = (
    *(f"log2_length_{edge}" for edge in _EDGES),
    "log2_length_mean",
    "log2_length_deviation",
    "lengths_under_200_ms",
    "lengths_over_1_s",
    *(f"log2_connection_{edge}" for edge in (10, 50, 90)),
    "detached_notes",
    "sounding_mean",
    "sounding_deviation",
    "silence",
    "sounding_five_and_more",
    "log2_length_high_over_low",
)


def regularity(notes: HeardNotes) -> Reals:
    """Pulse and repetition: how onsets and what sounds resemble themselves some time later."""
    likeness = _onset_correlation(notes)
    lags = np.arange(round(0.2 / _STEP), round(2.0 / _STEP) + 1)
    pulse = int(likeness[lags].argmax())
    preferred = np.exp(-0.5 * (np.log2(lags * _STEP / 0.5) / 0.9) ** 2)  # people tap near two beats a second
    beat = int((likeness[lags] * preferred).argmax())
    patterns = np.rint(np.log2(np.maximum(notes.intervals, TOGETHER)) * 2).astype(np.int64)
    return np.asarray(
        [
            likeness[lags[pulse]],
            np.log2(lags[pulse] * _STEP),
            likeness[lags[beat]],
            np.log2(lags[beat] * _STEP),
            entropy(patterns),
            entropy(patterns[1:] * 100 + patterns[:-1]) - entropy(patterns),
            *_repetition(notes),
            entropy(np.diff(notes.top)),
            entropy(notes.top % 12),
        ]
    )


def _onset_correlation(notes: HeardNotes) -> Reals:
    """The autocorrelation of the onsets in steps of _STEP, up to 2 seconds at least; 1 at 0."""
    at, part = np.divmod(notes.onsets / _STEP, 1)
    steps = at.astype(np.int64)
    count = max(int(notes.seconds / _STEP), round(2.0 / _STEP)) + 2
    curve = np.bincount(steps, 1 - part, minlength=count) + np.bincount(steps + 1, part, minlength=count)[:count]
    curve = np.convolve(curve, (0.25, 0.5, 1.0, 0.5, 0.25), "same")
    curve -= curve.mean()
    spectrum = np.fft.rfft(curve, 1 << (2 * count - 1).bit_length())
    likeness = np.fft.irfft(np.abs(spectrum) ** 2)[:count]
    scaled: Reals = likeness / max(likeness[0], 1e-9)
    return scaled


def _repetition(notes: HeardNotes) -> list[float]:
    """How like the pitch classes of each moment are to those 1, 2, 4 and 8 seconds later (cosine, 0-1); at the best
    distance of 2 to 12 seconds; and there over the mean of these.
    """
    classes = notes.classes / np.maximum(np.linalg.norm(notes.classes, axis=1, keepdims=True), 1e-9)

    def likeness(lag: int) -> float:
        if len(classes) < lag + 20:
            return 0.5
        return float((classes[lag:] * classes[:-lag]).sum(axis=1).mean())

    distances = [likeness(lag) for lag in range(round(2 / FRAME), round(12 / FRAME), 2)]
    best = max(distances)
    return [*(likeness(round(seconds / FRAME)) for seconds in (1, 2, 4, 8)), best, best - float(np.mean(distances))]


REGULARITY = (
    "pulse_strength",
    "log2_pulse_seconds",
    "beat_strength",
    "log2_beat_seconds",
    "interval_entropy",
    "interval_pair_entropy",
    *(f"repeats_after_{seconds}_s" for seconds in (1, 2, 4, 8)),
    "repeats_best",
    "repeats_best_over_mean",
    "top_step_entropy",
    "top_class_entropy",
)
