"""Features of pitches: mode, harmony, dissonance, the motion of the outer voices."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.chords import CHORD_TONES, estimate_chords
from affetti.analysis.heard_notes import MIDDLE, HeardNotes, class_profile, entropy_of_shares, mean_or
from affetti.analysis.key import key_profiles
from affetti.analysis.note_arrays import Reals
from affetti.piece import CHORD_QUALITIES

_CHORD = 0.6  # seconds; stands for a beat


def mode(notes: HeardNotes) -> Reals:
    """The profile seen from the tonic, in the whole piece, window by window, in the bass and at the end."""
    profiles = key_profiles()
    scores = profiles @ notes.profile
    major, minor = int(scores[:12].argmax()), int(scores[12:].argmax())
    tonic = notes.key % 12
    lengths = notes.ends - notes.starts
    edges = [0, *(np.flatnonzero(np.diff(notes.windows)) + 1).tolist(), len(notes.pitches)]
    by_window = np.stack([class_profile(notes.pitches[a:b], lengths[a:b]) for a, b in pairwise(edges)])
    of_windows = by_window @ profiles.T
    margins = of_windows[:, :12].max(axis=1) - of_windows[:, 12:].max(axis=1)
    window_keys = len(np.unique(of_windows.argmax(axis=1)))
    low = notes.pitches < MIDDLE
    bass = class_profile(notes.pitches[low], lengths[low]) if low.any() else notes.profile
    with_bass = profiles @ (notes.profile + bass)
    last = notes.events >= notes.events[-1] - 2
    ranked = np.sort(scores)
    degrees, in_major, in_minor = (np.roll(notes.profile, -one) for one in (tonic, major, minor))
    fifths = degrees @ _FIFTHS
    return np.asarray(
        [
            scores[major] - scores[12 + minor],
            scores[tonic] - scores[12 + tonic],
            with_bass[:12].max() - with_bass[12:].max(),
            ranked[-1],
            ranked[-1] - ranked[-2],
            float(notes.key >= 12),
            float((major - minor) % 12 == 3),
            float(major == minor),
            margins.mean(),
            (margins < 0).mean(),
            margins.std(),
            window_keys / len(by_window),
            np.log2(window_keys),
            entropy_of_shares(notes.profile),
            np.abs(np.diff(by_window, axis=0)).sum(axis=1).mean() if len(by_window) > 1 else 0.0,
            *degrees,
            *in_major[[3, 4, 8, 9]],
            in_major[10] - in_major[11],
            in_major[6] - in_major[5],
            in_minor[11] - in_minor[10],
            in_minor[8] - in_minor[9],
            in_minor[1],
            *np.roll(bass, -tonic)[[0, 5, 7, 8, 9]],
            np.roll(class_profile(notes.pitches[last], lengths[last]), -tonic)[0],
            *(np.bincount((notes.top - tonic) % 12, minlength=12) / len(notes.top)),
            fifths,
            np.sqrt(degrees @ (_FIFTHS - fifths) ** 2),
            *np.abs(np.fft.rfft(notes.profile))[1:],
        ]
    )


_FIFTHS = np.asarray([(7 * degree + 5) % 12 - 5 for degree in range(12)])
"""[12] fifths from the tonic to each degree, -5 to 6: how bright it is."""

MODE = (
    "major_over_minor",
    "major_over_minor_on_tonic",
    "major_over_minor_with_bass",
    "key_score",
    "key_clarity",
    "is_minor",
    "major_and_minor_are_relative",
    "major_and_minor_are_parallel",
    "window_major_over_minor",
    "window_minor_share",
    "window_mode_deviation",
    "window_keys_share",
    "log2_window_keys",
    "pitch_class_entropy",
    "pitch_class_change",
    *(f"degree_{degree}" for degree in range(12)),
    *(f"major_degree_{degree}" for degree in (3, 4, 8, 9)),
    "mixolydian",
    "lydian",
    "harmonic_minor",
    "minor_sixth",
    "phrygian",
    *(f"bass_degree_{degree}" for degree in (0, 5, 7, 8, 9)),
    "tonic_at_end",
    *(f"top_degree_{degree}" for degree in range(12)),
    "fifths_mean",
    "fifths_deviation",
    *(f"profile_wave_{wave}" for wave in range(1, 7)),  # Amiot, Music Through Fourier Space, 2016
)


def harmony(notes: HeardNotes) -> Reals:
    """Chords that change every 0.6 seconds at most: their kinds, degrees and successions."""
    beats = max(1, int(notes.seconds / _CHORD))
    velocities = notes.velocities.astype(np.int64)
    numbers = estimate_chords(notes.starts / _CHORD, notes.ends / _CHORD, notes.pitches, velocities, beats)
    known = numbers[numbers > 0] - 1
    share = 1 / max(len(known), 1)
    roots, qualities = np.divmod(known, len(CHORD_QUALITIES))
    kinds = np.bincount(qualities, minlength=len(CHORD_QUALITIES)) * share
    modes = _MODES_OF_CHORDS[qualities]
    degrees = np.bincount((roots - notes.key) % 12 + 12 * (modes == _MINOR), minlength=24) * share
    at = np.flatnonzero(known[1:] != known[:-1])
    motion, before, after = (roots[at + 1] - roots[at]) % 12, modes[at], modes[at + 1]
    changes = max(len(at), 1)
    different = len(np.unique(known))
    return np.asarray(
        [
            (numbers == 0).mean(),
            *kinds,
            ((modes == _MAJOR).sum() - (modes == _MINOR).sum()) * share,
            len(at) / notes.seconds,
            different * share,
            np.log2(max(different, 1)),
            *(np.bincount(motion, minlength=12) / changes),
            *(((before == a) & (after == b)).sum() / changes for a in (0, 1) for b in (0, 1)),
            *(((motion == step) & (before == 0) & (after == 0)).sum() / changes for step in _MAJOR_STEPS),
            *(((motion == step) & (before != after)).sum() / changes for step in _MIXED_STEPS),
            *degrees[list(_DEGREES)],
        ]
    )


_MAJOR, _MINOR = 0, 1
_MODES_OF_CHORDS = np.asarray(
    [_MAJOR if 4 in CHORD_TONES[one] else _MINOR if 3 in CHORD_TONES[one] else 2 for one in CHORD_QUALITIES]
)
"""[11] of each quality: a major third, a minor one, or none."""
_MAJOR_STEPS, _MIXED_STEPS = (2, 5, 7, 10), (3, 4, 8, 9)
_DEGREES = {
    degree + 12 * is_minor: name
    for is_minor, names in enumerate(
        (
            {0: "I", 2: "II", 3: "bIII", 4: "III", 5: "IV", 7: "V", 8: "bVI", 10: "bVII"},
            {0: "i", 2: "ii", 4: "iii", 5: "iv", 7: "v", 9: "vi"},
        )
    )
    for degree, name in names.items()
}
"""Degrees above the tonic (12 more for a minor third) whose shares are features, and their names."""
HARMONY = (
    "no_chord",
    *(f"chord_{quality}" for quality in CHORD_QUALITIES),
    "major_over_minor_chords",
    "chord_changes_per_second",
    "different_chords_share",
    "log2_different_chords",
    *(f"root_motion_{semitones}" for semitones in range(12)),
    *(f"{a}_then_{b}" for a in ("major", "minor") for b in ("major", "minor")),
    *(f"major_motion_{semitones}" for semitones in _MAJOR_STEPS),
    *(f"mixed_motion_{semitones}" for semitones in _MIXED_STEPS),
    *(f"chord_{name}" for name in _DEGREES.values()),
)


def dissonance(notes: HeardNotes) -> Reals:
    """Interval classes between what sounds together, and what sounds above the lowest pitch."""
    classes = notes.classes
    pairs = np.asarray([(classes * np.roll(classes, -interval, axis=1)).sum() for interval in range(1, 7)])
    pairs[5] /= 2  # a tritone is found from both sides
    shares = pairs / max(pairs.sum(), 1.0)
    sounding = classes.any(axis=1)
    lowest = notes.frames.argmax(axis=1)[sounding, None]
    above = np.take_along_axis(classes[sounding], (np.arange(12) + lowest) % 12, axis=1) > 0
    total = above.sum(axis=0)
    count = classes.sum(axis=1)

    def together(*intervals: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = np.logical_and.reduce(above[:, list(intervals)], axis=1)
        return found

    return np.asarray(
        [
            *shares,
            shares @ _ROUGHNESS,
            (pairs @ _ROUGHNESS) / len(classes),
            *(total[1:] / max(total[1:].sum(), 1)),
            count.mean(),
            (count >= 4).mean(),
            *(together(*intervals).mean() for intervals in _ABOVE_LOWEST.values()),
            (together(7) & ~together(3) & ~together(4)).mean(),
        ]
    )


_ROUGHNESS = np.asarray([1.0, 0.4, 0.0, 0.0, 0.0, 0.6])
"""Of each interval class, roughly: semitones rub most, then tritones, then whole tones."""
_ABOVE_LOWEST = {
    "major_triad": (4, 7),
    "minor_triad": (3, 7),
    "minor_sixth_chord": (4, 9),
    "major_sixth_chord": (3, 8),
    "major_six_four": (5, 9),
    "minor_six_four": (5, 8),
    "minor_seventh": (10,),
    "major_seventh": (11,),
    "second": (2,),
}
DISSONANCE = (
    *(f"interval_class_{interval}" for interval in range(1, 7)),
    "dissonance",
    "dissonance_per_moment",
    *(f"above_lowest_{interval}" for interval in range(1, 12)),
    "pitch_classes_together",
    "four_pitch_classes_together",
    *(f"sounding_{name}" for name in _ABOVE_LOWEST),
    "sounding_open_fifth",
)


def voices(notes: HeardNotes) -> Reals:
    """How the highest and the lowest notes of the onsets move."""
    values: list[float] = []
    for line, intervals in ((notes.top, _TOP_STEPS), (notes.bottom, _BOTTOM_STEPS)):
        steps = np.diff(line) if len(line) > 1 else np.zeros(1, np.int64)
        sizes = np.abs(steps)
        moved = steps[steps != 0]
        values += [
            sizes.mean(),
            (sizes == 0).mean(),
            ((sizes >= 1) & (sizes <= 2)).mean(),
            ((sizes >= 3) & (sizes <= 5)).mean(),
            (sizes > 7).mean(),
            mean_or(moved > 0, 0.5),
            mean_or(np.diff(np.sign(moved)) != 0, 0.0),
            *((steps == interval).mean() for interval in intervals),
        ]
    both = np.sign(np.diff(notes.top)) * np.sign(np.diff(notes.bottom))
    return np.asarray([*values, mean_or(both > 0, 0.0), mean_or(both < 0, 0.0)])


_TOP_STEPS = (-12, -7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7, 12)
_BOTTOM_STEPS = (-12, -7, -5, -2, -1, 1, 2, 5, 7, 12)
VOICES = (
    *(
        f"{line}_{name}"
        for line, intervals in (("top", _TOP_STEPS), ("bottom", _BOTTOM_STEPS))
        for name in (
            *("step_mean", "stays", "steps", "skips", "leaps", "rises", "turns"),
            *(f"{'up' if interval > 0 else 'down'}_{abs(interval)}" for interval in intervals),
        )
    ),
    "parallel_motion",
    "contrary_motion",
)
