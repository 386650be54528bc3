import math
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from affetti.analysis import pitch
from affetti.midi import read_midi
from affetti.piece import Note, Piece, Track
from affetti.tokens.melody import REST, encode
from affetti.tokens.melody_notes import pitch_counts
from tests.evaluation.melodies import melodies


def piece(*notes: Note, is_drum: bool = False) -> Piece:
    return Piece(480, (Track(notes, is_drum=is_drum),))


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


def test_pieces_and_tokens_give_the_same_counts() -> None:
    tokens = melodies([60, 64, 67], [48, 81])
    pieces = [piece(*(Note(480 * n, int(p), 480) for n, p in enumerate(row[row < 128]))) for row in tokens]
    assert np.array_equal(pitch_counts(tokens), pitch.piece_pitch_counts(pieces))


def test_drums_do_not_count() -> None:
    drums = piece(Note(0, 36, 480), is_drum=True)
    counts = pitch.piece_pitch_counts([drums])
    assert pitch.pitch_range(counts).tolist() == [0]  # MusPy: -127
    assert math.isnan(pitch.polyphony(drums))


def test_polyphony_by_hand() -> None:
    assert pitch.polyphony(piece(Note(0, 60, 480))) == 1
    assert pitch.polyphony(piece(Note(0, 60, 480), Note(240, 64, 480))) == pytest.approx(960 / 720)
    assert pitch.polyphony(piece(Note(0, 60, 480), Note(240, 60, 480))) == 1  # one pitch, held by two notes
    assert pitch.polyphony(piece(Note(0, 60, 100), Note(400, 64, 100))) == 1  # silence does not count


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
def test_bad_input_is_a_value_error(call, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call(pitch_counts(melodies([60])))


def test_two_thousand_melodies_take_well_under_a_second() -> None:
    tokens = np.random.default_rng(0).integers(48, 130, (2000, 64))
    start = time.perf_counter()
    counts = pitch_counts(tokens)
    pitch.pitch_range(counts)
    pitch.in_scale_rate(counts, 0, "major")
    assert time.perf_counter() - start < 0.5


@pytest.mark.corpus
@pytest.mark.parametrize("folder", ["dataset", "generated_exaples", "generated_exaples_CVAE_Dense_baseline"])
def test_equal_to_muspy_on_the_published_files(shared_data: Path, folder: str) -> None:
    muspy = _muspy()
    files = sorted((shared_data / "musgenvae" / folder).rglob("*.mid"))[::4]
    assert len(files) >= 20
    theirs = [muspy.read_midi(str(file)) for file in files]
    pieces = [read_midi(file) for file in files]
    for counts in (
        pitch.piece_pitch_counts(pieces),
        pitch_counts(np.stack([encode(one) for one in pieces])),
    ):
        assert pitch.pitch_range(counts).tolist() == [muspy.pitch_range(one) for one in theirs]
        assert pitch.pitches_used(counts).tolist() == [muspy.n_pitches_used(one) for one in theirs]
        assert pitch.pitch_classes_used(counts).tolist() == [muspy.n_pitch_classes_used(one) for one in theirs]
        for mode in ("major", "minor"):
            rates = [muspy.pitch_in_scale_rate(one, 0, mode) for one in theirs]
            np.testing.assert_allclose(pitch.in_scale_rate(counts, 0, mode), rates)  # type: ignore[arg-type]


@pytest.mark.corpus
def test_equal_to_muspy_on_polyphonic_pieces(shared_data: Path) -> None:
    muspy = _muspy()
    files = sorted((shared_data / "emopia").rglob("*.mid"))[:3] + sorted((shared_data / "pop909").rglob("*.mid"))[:2]
    assert len(files) == 5
    for file in files:
        theirs, ours = muspy.read_midi(str(file)), read_midi(file)
        counts = pitch.piece_pitch_counts([ours])
        assert pitch.pitch_range(counts)[0] == muspy.pitch_range(theirs)
        assert pitch.pitches_used(counts)[0] == muspy.n_pitches_used(theirs)
        for root in range(12):
            rate = muspy.pitch_in_scale_rate(theirs, root, "minor")
            assert pitch.in_scale_rate(counts, root, "minor")[0] == pytest.approx(rate)
        assert pitch.polyphony(ours) == pytest.approx(muspy.polyphony(theirs))


def _muspy():  # type: ignore[no-untyped-def]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        return pytest.importorskip("muspy")
