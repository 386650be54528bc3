from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from affetti.analysis.chords import CHORDS, chord_number, chord_of, estimate_chords
from affetti.analysis.note_arrays import note_arrays
from affetti.midi import read_midi
from affetti.piece import CHORD_QUALITIES

Sounding = tuple[float, float, int]  # start and end in beats, pitch

TONES = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "hdim7": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
}

notes_of_any_kind = st.lists(
    st.tuples(
        st.floats(-2, 18, allow_nan=False),
        st.floats(0.01, 6, allow_nan=False),
        st.integers(24, 100),
        st.integers(1, 127),
    ),
    max_size=24,
)


def heard(
    notes: list[Sounding], beats: int, downbeats: NDArray[np.bool_] | None = None
) -> list[tuple[int, str] | None]:
    starts, ends, pitches = np.asarray(notes, float).reshape(-1, 3).T
    velocities = np.full(len(starts), 80)
    return [
        chord_of(number)
        for number in estimate_chords(starts, ends, pitches.astype(int), velocities, beats, downbeats).tolist()
    ]


def runs(chords: list[tuple[int, str] | None]) -> list[tuple[tuple[int, str] | None, int]]:
    return [(chord, len(list(same))) for chord, same in groupby(chords)]


def blocks(*chords: list[int], beats: int = 4) -> list[Sounding]:
    return [(place * beats, (place + 1) * beats, pitch) for place, chord in enumerate(chords) for pitch in chord]


def broken(*chords: list[int]) -> list[Sounding]:
    """Each chord's tones one after the other in eighths, over and over for four beats."""
    return [
        (4 * place + eighth / 2, 4 * place + eighth / 2 + 0.5, chord[eighth % len(chord)])
        for place, chord in enumerate(chords)
        for eighth in range(8)
    ]


C, A_MINOR, F, G = [48, 60, 64, 67], [45, 60, 64, 69], [41, 60, 65, 69], [43, 59, 62, 67]
CADENCE: list[tuple[tuple[int, str] | None, int]] = [
    ((0, "maj"), 4),
    ((9, "min"), 4),
    ((5, "maj"), 4),
    ((7, "maj"), 4),
]


def test_numbers() -> None:
    named = [(root, quality) for root in range(12) for quality in CHORD_QUALITIES]
    assert CHORDS == 133
    assert [chord_number(*chord) for chord in named] == list(range(1, CHORDS))
    assert [chord_of(number) for number in range(CHORDS)] == [None, *named]


def test_what_is_no_chord() -> None:
    for root, quality in ((12, "maj"), (-1, "min"), (0, "maj9")):
        with pytest.raises(ValueError, match=r"pitch class|tuple\.index"):
            chord_number(root, quality)
    for number in (-1, CHORDS):
        with pytest.raises(ValueError, match="no chord"):
            chord_of(number)


@pytest.mark.parametrize("quality", CHORD_QUALITIES)
@pytest.mark.parametrize("root", range(12))
def test_every_chord_held_over_its_root(root: int, quality: str) -> None:
    pitches = [36 + root, *(48 + root + tone for tone in TONES[quality])]
    assert heard(blocks(pitches), 4) == [(root, quality)] * 4


@pytest.mark.parametrize("inversion", [1, 2])
@pytest.mark.parametrize("quality", ["maj", "min"])
def test_inversions(quality: str, inversion: int) -> None:
    tones = TONES[quality]
    pitches = [36 + tones[inversion], *(60 + tone + 12 * (place < inversion) for place, tone in enumerate(tones))]
    assert heard(blocks(pitches), 4) == [(0, quality)] * 4


@pytest.mark.parametrize("texture", [blocks, broken])
def test_a_progression(texture: type) -> None:
    assert runs(heard(texture(C, A_MINOR, F, G), 16)) == CADENCE


def test_a_melody_with_passing_tones_changes_no_chord() -> None:
    tune = [
        72,
        74,
        76,
        77,
        79,
        77,
        76,
        74,
        72,
        71,
        72,
        74,
        76,
        74,
        72,
        71,
        69,
        71,
        72,
        74,
        76,
        77,
        76,
        74,
        74,
        72,
        71,
        72,
    ]
    melody = [(eighth / 2, eighth / 2 + 0.5, pitch) for eighth, pitch in enumerate(tune)]
    assert runs(heard(broken(C, A_MINOR, F, G) + melody, 16)) == CADENCE


def test_chords_change_at_downbeats() -> None:
    """A chord that comes an eighth before the bar is the bar's, where it is known where bars begin."""
    early = [
        (start - 0.5 * (start > 0), end - 0.5 * (end < 16), pitch) for start, end, pitch in blocks(C, A_MINOR, F, G)
    ]
    assert runs(heard(early, 16, np.arange(16) % 4 == 0)) == CADENCE


def test_silence_has_no_chord() -> None:
    late = [(start + 4, end + 4, pitch) for start, end, pitch in blocks(C)]
    assert heard(late, 12) == [None] * 4 + [(0, "maj")] * 4 + [None] * 4
    assert heard([], 3) == [None] * 3
    assert heard([], 0) == heard(blocks(C), 0) == []


def test_notes_beyond_the_beats_are_not_heard() -> None:
    """Seven beats before and eighty after: of those, nothing; of a note that begins before, what lies within."""
    outside = [(-7.0, -1.0, 61), (-2.0, 0.0, 66), (8.0, 80.0, 61)]
    lasting = [(-4.0, 90.0, pitch) for pitch in C]
    assert heard(outside + lasting, 8) == [(0, "maj")] * 8


@settings(deadline=None)
@given(notes_of_any_kind, st.integers(1, 11), st.integers(0, 2**32 - 1))
def test_transposition_moves_the_roots_and_order_does_not_matter(
    notes: list[tuple[float, float, int, int]], semitones: int, seed: int
) -> None:
    starts, durations, pitches, velocities = np.asarray(notes, float).reshape(-1, 4).T
    pitches, velocities = pitches.astype(int), velocities.astype(int)
    chords = estimate_chords(starts, starts + durations, pitches, velocities, 16)
    assert chords.shape == (16,)
    assert ((chords >= 0) & (chords < CHORDS)).all()
    order = np.random.default_rng(seed).permutation(len(notes))
    moved = estimate_chords(
        starts[order], (starts + durations)[order], pitches[order] + semitones, velocities[order], 16
    )
    expected = np.where(chords == 0, 0, 1 + (chords - 1 + semitones * len(CHORD_QUALITIES)) % (CHORDS - 1))
    np.testing.assert_array_equal(moved, expected)


@settings(deadline=None)
@given(notes_of_any_kind)
def test_louder_altogether_or_with_octaves_moved_as_a_whole_is_the_same(
    notes: list[tuple[float, float, int, int]],
) -> None:
    starts, durations, pitches, velocities = np.asarray(notes, float).reshape(-1, 4).T
    one = estimate_chords(starts, starts + durations, pitches.astype(int), velocities, 16)
    other = estimate_chords(starts, starts + durations, pitches.astype(int) + 12, velocities / 2, 16)
    np.testing.assert_array_equal(one, other)


@pytest.mark.corpus
@pytest.mark.parametrize("song", ["610", "650", "690"])
def test_roots_of_songs(shared_data: Path, song: str) -> None:
    """At least 85 % of the beats have the annotated root (all songs: 95 %), and chords last as long as annotated."""
    folder = shared_data / "pop909" / "POP909" / song
    notes = note_arrays(read_midi(folder / f"{song}.mid"))
    annotated = np.loadtxt(folder / "beat_midi.txt")
    beats = annotated[:, 0]
    starts, ends = (
        np.interp(times, beats, np.arange(len(beats))) for times in (notes.start_seconds, notes.end_seconds)
    )
    numbers = estimate_chords(starts, ends, notes.pitches, notes.velocities, len(beats), annotated[:, 2] == 1)
    lines = [line.split() for line in (folder / "chord_midi.txt").read_text().splitlines()]
    at = np.searchsorted([float(line[0]) for line in lines], (beats[1:] + beats[:-1]) / 2) - 1
    letters = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    names = [lines[place][2].partition(":")[0] for place in at]
    meant = [-1 if name == "N" else (letters[name[0]] + name.count("#") - name.count("b")) % 12 for name in names]
    roots = np.where(numbers == 0, -1, (numbers - 1) // len(CHORD_QUALITIES))
    assert (roots[:-1] == meant).mean() > 0.85
    changes, annotated_changes = np.count_nonzero(np.diff(numbers)), len(lines) - 1
    assert 0.6 < changes / annotated_changes < 1.4
