"""Prepared pieces: the same back from a mapped file, the same bytes, and clear errors for what is none."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_pieces import (
    COLUMNS,
    COUNTED,
    Columns,
    Origin,
    PreparedPieces,
    joined,
    load_pieces,
    read_pieces,
    with_labels,
)
from affetti.corpora.preparing import prepare_piece
from affetti.corpora.timeline import Timeline
from affetti.errors import InputError
from affetti.midi import read_midi
from affetti.tokens.compound_word import decode, encode
from affetti.tokens.expression import perform
from affetti.tokens.quantisation import quantise
from tests.corpora.standins import waltz

ORIGIN = Origin("some", "1.0", "CC BY", "1")
FILES = [waltz(2), waltz(5, low=45), waltz(3)]
HEARD = [prepare_piece(read_midi(FILES[0]), Timeline(4.0, (0.5,), (-0.5,)))] + [
    prepare_piece(read_midi(data)) for data in FILES[1:]
]
LABELS: Columns = {
    "quadrants": np.asarray([4, 0, 1], np.int8),
    "emotions": np.asarray([[0.5, -0.5], [np.nan, np.nan], [1, 1]], np.float32),
    "songs": np.asarray([0, 1, 0], np.int32),
    "splits": np.asarray([0, 2, 0], np.int8),
}


@pytest.fixture(scope="module")
def pieces() -> PreparedPieces:
    return with_labels(joined(HEARD), LABELS, ORIGIN, ("a/Übung.mid", "b", "c\udce9"), ("one", "two"))


def test_saved_pieces_come_back_and_give_the_same_bytes(pieces: PreparedPieces) -> None:
    path = prepared_path("some")
    pieces.save(path)
    first = path.read_bytes()
    pieces.save(path)
    assert path.read_bytes() == first
    loaded = load_pieces("some")
    assert (loaded.origin, loaded.names, loaded.song_names) == (ORIGIN, pieces.names, pieces.song_names)
    for name in [*COLUMNS, *(f"{unit}_offsets" for unit in COUNTED)]:
        one, other = getattr(loaded, name), getattr(pieces, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert loaded.sha256() == pieces.sha256()


def test_columns_are_mapped_and_cannot_be_written(pieces: PreparedPieces) -> None:
    pieces.save(prepared_path("some"))
    loaded = load_pieces("some")
    assert not loaded.words.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        loaded.words[0, 0] = 1


def test_each_piece_is_its_own(pieces: PreparedPieces) -> None:
    for index, data in enumerate(FILES):
        piece = read_midi(data)
        quantised = quantise(piece)
        words = pieces.piece(index)
        assert words.words.tolist() == encode(quantised.piece).words.tolist()
        assert words.bar_steps.tolist() == [12] * (2, 5, 3)[index]
        assert decode(words.words, words.bar_steps) == quantised.piece
        played = perform(words, pieces.expression(index))
        assert [note.pitch for note in played.notes] == [note.pitch for note in piece.notes]
        assert [note.velocity for note in played.notes] == [note.velocity for note in piece.notes]
        starts, wanted = ([p.seconds_at(note.start_ticks) for note in p.notes] for p in (played, piece))
        np.testing.assert_allclose(starts, wanted, atol=0.002)


def test_labels_counts_and_splits(pieces: PreparedPieces) -> None:
    assert pieces.split_indices("train").tolist() == [0, 2]
    assert pieces.split_indices("test").tolist() == [1]
    assert pieces.bar_emotions[:2].tolist() == [[0.5, -0.5]] * 2
    assert np.isnan(pieces.bar_emotions[2:]).all()
    assert pieces.keys.shape == (3,)
    assert pieces.pitch_range[0] == 30
    assert pieces.notes_kept.tolist() == pieces.notes_in.tolist() == [12, 30, 18]
    counts = pieces.counts()
    assert counts["quadrants"] == {"Q1": 1, "Q4": 1}
    assert counts["splits"] == {"train": 2, "validation": 0, "test": 1}
    assert (counts["pieces"], counts["songs"], counts["bars"], counts["with_emotion_per_bar"]) == (3, 2, 10, 1)
    assert pieces.summary() == f"3 pieces (Q1 1, Q4 1) of 2 songs, {len(pieces.words)} words"


def test_the_digest_sees_what_a_model_learns_from(pieces: PreparedPieces) -> None:
    other = replace(pieces, quadrants=pieces.quadrants[::-1])
    assert other.sha256() != pieces.sha256()
    assert replace(pieces, names=("x", "y", "z")).sha256() == pieces.sha256()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("words", lambda array: array[:-1]),
        ("quadrants", lambda array: array.astype(np.int64)),
        ("bar_emotions", lambda array: array[:, :1]),
        ("songs", lambda array: array + np.int32(1)),
        ("word_offsets", lambda array: array[::-1]),
        ("note_offsets", lambda array: array[:-1]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    name: str, change: Callable[[np.ndarray], np.ndarray], pieces: PreparedPieces
) -> None:
    with pytest.raises(ValueError, match=r"needed|numbered|offsets"):
        replace(pieces, **{name: change(getattr(pieces, name))})


def test_a_missing_corpus_names_the_command_that_makes_it() -> None:
    with pytest.raises(InputError, match=r"affetti corpus prepare vgmidi$"):
        load_pieces("vgmidi_phrases")
    with pytest.raises(InputError, match=r"affetti corpus prepare folder --from DIR --name mine$"):
        load_pieces("mine")


def test_half_the_bars_in_4_4_are_mostly(pieces: PreparedPieces) -> None:
    assert pieces.are_mostly_4_4.tolist() == [False] * 3  # waltzes
    lengths = pieces.bar_steps.copy()
    first, second, third = (lengths[a:b] for a, b in pairwise(pieces.bar_offsets.tolist()))
    first[: len(first) // 2] = 16
    second[:] = 16
    third[1:-1] = 16
    found = replace(pieces, bar_steps=lengths).are_mostly_4_4.tolist()
    assert found == [2 * int((one == 16).sum()) >= len(one) for one in (first, second, third)]
    assert found[1]


@pytest.mark.parametrize("kind", ["noise", "empty", "other tensors", "cut", "folder", "melodies"])
def test_a_file_that_is_no_prepared_corpus_is_one_clear_line(tmp_path: Path, kind: str, pieces: PreparedPieces) -> None:
    path = tmp_path / "x.safetensors"
    pieces.save(path)
    if kind == "folder":
        path.unlink()
        path.mkdir()
    elif kind == "other tensors":
        save_file({"weights": np.zeros(3)}, path)
    elif kind == "melodies":
        save_file({"tokens": np.zeros((1, 64), np.int16)}, path, metadata={"names": "[]"})
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    else:
        path.write_bytes(b"\xff" * 99 if kind == "noise" else b"")
    with pytest.raises(InputError, match="not a prepared corpus") as caught:
        read_pieces(path)
    assert "\n" not in str(caught.value)
