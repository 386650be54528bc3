import math
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.analysis import pitch
from affetti.analysis.note_arrays import NoteArrays, note_arrays
from affetti.midi import read_midi
from affetti.piece import Note, Piece, Track
from affetti.tokens.melody import REST, encode
from affetti.tokens.melody_notes import pitch_counts
from tests.evaluation.melodies import melodies


def piece(*notes: Note, is_drum: bool = False) -> Piece:
    return Piece(480, (Track(notes, is_drum=is_drum),))


def notes_of(*notes: tuple[int, int, int]) -> NoteArrays:
    """Notes given as start, end and pitch."""
    return note_arrays(piece(*(Note(start, key, end - start) for start, end, key in notes)))


def polyphony(*notes: tuple[int, int, int]) -> float:
    return polyphony_of(notes_of(*notes))


def polyphony_of(notes: NoteArrays) -> float:
    return float(pitch.polyphony(notes.start_ticks, notes.end_ticks, notes.pitches)[0])


def test_measures_of_a_melody_by_hand() -> None:
    counts = pitch_counts(melodies([60, 63, 72, 60], [61]))
    assert pitch.pitch_range(counts).tolist() == [12, 0]
    assert pitch.pitches_used(counts).tolist() == [3, 1]
    assert pitch.pitch_classes_used(counts).tolist() == [2, 1]
    assert pitch.in_scale_rate(counts, 0, "major").tolist() == [0.75, 0.0]
    assert pitch.in_scale_rate(counts, 0, "minor").tolist() == [1.0, 0.0]


def test_minor_is_natural_minor() -> None:
    counts = pitch_counts(melodies([70], [71]))
    assert pitch.in_scale_rate(counts, 0, "minor").tolist() == [1.0, 0.0]


def test_scale_moves_with_its_root() -> None:
    counts = pitch_counts(melodies([62, 64, 66, 67, 69, 71, 73]))  # D major
    assert pitch.in_scale_rate(counts, 2, "major").tolist() == [1.0]
    assert pitch.in_scale_rate(counts, 0, "major").tolist() == [5 / 7]


def test_silence_has_no_scale_and_no_range() -> None:
    counts = pitch_counts(np.full((1, 64), REST))
    assert pitch.pitch_range(counts).tolist() == [0]
    assert pitch.pitches_used(counts).tolist() == [0]
    assert np.isnan(pitch.in_scale_rate(counts, 0, "major")).all()


def test_notes_and_tokens_give_the_same_counts() -> None:
    tokens = melodies([60, 64, 67], [48, 81])
    melody, position = np.nonzero(tokens < REST)
    assert np.array_equal(pitch_counts(tokens), pitch.strike_counts(tokens[melody, position], melody, len(tokens)))


def test_drums_do_not_count() -> None:
    drums = note_arrays(piece(Note(0, 36, 480), is_drum=True))
    found = pitch.piece_measures(drums, np.asarray([0.0, 1920.0]))
    assert found[:2] == (0, 0)  # MusPy's range: -127
    assert all(math.isnan(measure) for measure in found[2:])


def test_polyphony_by_hand() -> None:
    assert polyphony((0, 480, 60)) == 1
    assert polyphony((0, 480, 60), (240, 720, 64)) == pytest.approx(960 / 720)
    assert polyphony((0, 480, 60), (240, 720, 60)) == 1  # one pitch, held by two notes
    assert polyphony((0, 480, 60), (240, 260, 60), (400, 500, 60)) == 1  # the second within the first
    assert polyphony((0, 100, 60), (400, 500, 64)) == 1  # silence does not count
    assert polyphony((0, 100, 60), (50, 50, 64)) == 1  # nor does a note of no length
    assert math.isnan(polyphony((50, 50, 64)))


def test_polyphony_of_many_pieces_at_once() -> None:
    pieces = [notes_of((0, 480, 60), (240, 720, 64)), notes_of(), notes_of((10_000, 10_010, 60), (10_000, 10_010, 64))]
    columns = [np.concatenate([getattr(one, name) for one in pieces]) for name in ("start_ticks", "end_ticks")]
    keys = np.concatenate([one.pitches for one in pieces])
    groups = np.repeat(range(len(pieces)), [len(one) for one in pieces])
    found = pitch.polyphony(*columns, keys, groups, len(pieces))
    np.testing.assert_allclose(found, [960 / 720, np.nan, 2])


Events = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40), st.integers(0, 127)), min_size=1, max_size=40)


@given(Events)
def test_polyphony_is_that_of_a_piano_roll(events: list[tuple[int, int, int]]) -> None:
    roll = np.zeros((100, 128), bool)
    for start, length, key in events:
        roll[start : start + length, key] = True
    sounding = roll.any(axis=1).sum()
    found = polyphony(*((start, start + length, key) for start, length, key in events))
    assert found == pytest.approx(roll.sum() / sounding) if sounding else math.isnan(found)


def test_measures_per_bar_by_hand() -> None:
    notes = notes_of((0, 4, 60), (0, 4, 72), (2, 8, 65), (4, 6, 40), (4, 6, 52), (12, 14, 50))
    found = pitch.piece_measures(notes, np.asarray([0.0, 4.0, 8.0, 12.0, 16.0]))  # nothing starts in the third bar
    assert found.pitch_range == 32
    assert found.pitch_classes == 4
    assert found.polyphony == pytest.approx(20 / 10)
    assert found.bar_pitch_range == pytest.approx((12 + 12 + 0) / 3)
    assert found.bar_pitch_classes == pytest.approx((2 + 1 + 1) / 3)
    assert found.bar_polyphony == pytest.approx((14 / 8 + 2 + 1) / 3)


def test_notes_beyond_the_bar_lines_count_to_the_first_and_last_bar() -> None:
    notes = notes_of((0, 4, 60), (3, 8, 64), (20, 24, 70), (30, 34, 75))
    found = pitch.piece_measures(notes, np.asarray([2.5, 16.0, 20.0]))
    assert found.bar_pitch_range == (4 + 5) / 2


def test_one_bar_is_the_piece() -> None:
    notes = notes_of((0, 4, 60), (3, 8, 64), (20, 24, 70), (30, 34, 75))
    found = pitch.piece_measures(notes, np.asarray([0.0, 100.0]))
    assert found[:3] == found[3:]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda counts: pitch.in_scale_rate(counts, 0, "dorian"), "mode"),
        (lambda counts: pitch.in_scale_rate(counts, 12, "major"), "root"),
        (lambda counts: pitch.pitch_range(counts[0]), "pitch counts"),
        (lambda counts: pitch.pitches_used(counts[:, :12]), "pitch counts"),
        (lambda counts: pitch.pitch_classes_used(-counts), "negative"),
    ],
)
def test_bad_counts_are_a_value_error(call, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call(pitch_counts(melodies([60])))


@pytest.mark.parametrize(("pitches", "groups"), [([128], [0]), ([-1], [0]), ([60], [1]), ([60], [-1]), ([60], [0, 0])])
def test_pitches_and_groups_that_are_none_are_a_value_error(pitches: list[int], groups: list[int]) -> None:
    keys, rows = np.asarray(pitches), np.asarray(groups)
    with pytest.raises(ValueError, match=r"pitches|groups"):
        pitch.strike_counts(keys, rows, 1)
    with pytest.raises(ValueError, match=r"pitches|groups"):
        pitch.polyphony(np.zeros(1, int), np.ones(1, int), keys, rows, 1)


@pytest.mark.parametrize("bar_ticks", [[], [0.0], [0.0, 0.0], [4.0, 0.0], [0.0, np.nan], [[0.0, 4.0]]])
def test_bar_lines_that_are_none_are_a_value_error(bar_ticks: list[float]) -> None:
    with pytest.raises(ValueError, match="bar lines"):
        pitch.piece_measures(notes_of((0, 4, 60)), np.asarray(bar_ticks))


@pytest.mark.corpus
@pytest.mark.parametrize("folder", ["dataset", "generated_exaples", "generated_exaples_CVAE_Dense_baseline"])
def test_equal_to_muspy_on_the_published_files(shared_data: Path, folder: str) -> None:
    muspy = _muspy()
    files = sorted((shared_data / "musgenvae" / folder).rglob("*.mid"))[::4]
    assert len(files) >= 20
    theirs = [muspy.read_midi(str(file)) for file in files]
    pieces = [read_midi(file) for file in files]
    for counts in (
        _counts(pieces),
        pitch_counts(np.stack([encode(one) for one in pieces])),
    ):
        assert pitch.pitch_range(counts).tolist() == [muspy.pitch_range(one) for one in theirs]
        assert pitch.pitches_used(counts).tolist() == [muspy.n_pitches_used(one) for one in theirs]
        assert pitch.pitch_classes_used(counts).tolist() == [muspy.n_pitch_classes_used(one) for one in theirs]
        for mode in ("major", "minor"):
            rates = [muspy.pitch_in_scale_rate(one, 0, mode) for one in theirs]
            np.testing.assert_allclose(pitch.in_scale_rate(counts, 0, mode), rates)  # type: ignore[arg-type]


@pytest.mark.corpus
def test_equal_to_muspy_on_piano_pieces(shared_data: Path) -> None:
    """MusPy also hears notes that are never released, until the end of their track; read_midi leaves them out."""
    muspy = _muspy()
    unreleased = 0
    for file in _sample(shared_data):
        theirs, ours = muspy.read_midi(str(file)), read_midi(file)
        if sum(len(track.notes) for track in theirs.tracks if not track.is_drum) != len(ours.notes):
            unreleased += 1
            theirs = _muspy_music(note_arrays(ours))
        counts = _counts([ours])
        assert pitch.pitch_range(counts)[0] == muspy.pitch_range(theirs)
        assert pitch.pitches_used(counts)[0] == muspy.n_pitches_used(theirs)
        assert pitch.pitch_classes_used(counts)[0] == muspy.n_pitch_classes_used(theirs)
        for mode in ("major", "minor"):
            rate = muspy.pitch_in_scale_rate(theirs, 7, mode)
            assert pitch.in_scale_rate(counts, 7, mode)[0] == pytest.approx(rate)  # type: ignore[arg-type]
        assert polyphony_of(note_arrays(ours)) == pytest.approx(muspy.polyphony(theirs))
    assert unreleased <= 3


@pytest.mark.corpus
def test_measures_per_bar_are_muspys_of_the_notes_of_each_bar(shared_data: Path) -> None:
    muspy = _muspy()
    for file in _sample(shared_data)[::3]:
        ours = read_midi(file)
        notes = note_arrays(ours)
        lines = np.arange(0, ours.duration_ticks + 4 * ours.ticks_per_quarter, 4 * ours.ticks_per_quarter, float)
        bars = [_started_in(notes, start, end) for start, end in pairwise(lines)]
        theirs = [_muspy_music(bar) for bar in bars if len(bar)]
        measures = (muspy.pitch_range, muspy.n_pitch_classes_used, muspy.polyphony)
        assert pitch.piece_measures(notes, lines)[3:] == pytest.approx(
            [np.mean([measure(music) for music in theirs]) for measure in measures]
        )


@pytest.mark.corpus
def test_published_values_of_emopia_are_muspys_of_its_clips(shared_data: Path) -> None:
    """PR 51.0, NPC 8.48, POLY 5.90 are of all 1,078 clips: 250, 265, 253 and 310 a quadrant. We have 959 of them."""
    files = sorted((shared_data / "emopia" / "EMOPIA_1.0" / "midis").glob("Q*.mid"))
    quadrants = np.asarray([int(file.name[1]) for file in files])
    notes = [note_arrays(read_midi(file)) for file in files]
    whole = np.asarray([pitch.piece_measures(one, np.asarray([0.0, 1.0]))[:3] for one in notes])
    means = np.asarray([whole[quadrants == quadrant].mean(axis=0) for quadrant in (1, 2, 3, 4)])
    clips = np.asarray([250, 265, 253, 310])
    np.testing.assert_allclose(clips @ means / clips.sum(), [51.0, 8.48, 5.90], rtol=0.004)


def _sample(shared_data: Path) -> list[Path]:
    """30 clips of EMOPIA, 20 pieces of VGMIDI, 10 songs of POP909, drawn by a seed."""
    draw = np.random.default_rng(3)
    folders = {"emopia": 30, "vgmidi": 20, "pop909": 10}
    return [
        file
        for folder, count in folders.items()
        for file in draw.choice(np.asarray(sorted((shared_data / folder).rglob("*.mid"))), count, replace=False)
    ]


def _counts(pieces: list[Piece]) -> pitch.Integers:
    return np.concatenate([pitch.strike_counts(note_arrays(one).pitches) for one in pieces])


def _started_in(notes: NoteArrays, start: float, end: float) -> NoteArrays:
    chosen = (notes.start_ticks >= start) & (notes.start_ticks < end)
    return NoteArrays(*(getattr(notes, name)[chosen] for name in NoteArrays.__slots__))


def _muspy_music(notes: NoteArrays):  # type: ignore[no-untyped-def]
    muspy = _muspy()
    columns = np.stack([notes.start_ticks - notes.start_ticks[0], notes.pitches, notes.end_ticks - notes.start_ticks])
    music = muspy.Music(tracks=[muspy.Track()])
    music.tracks[0].notes = [muspy.Note(*map(int, row), 64) for row in columns.T]
    return music


def _muspy():  # type: ignore[no-untyped-def]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        return pytest.importorskip("muspy")
