"""Prepared corpora: the same back, the same bytes, and clear errors for what is none."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_melodies import PreparedMelodies, load_prepared, read_prepared
from affetti.errors import InputError

TOKENS = np.full((2, 64), 128, np.int16)
QUADRANTS = np.asarray([1, 0], np.int8)
TUNES = np.asarray([0, 1], np.int32)


def test_saved_melodies_come_back_and_give_the_same_bytes() -> None:
    melodies = PreparedMelodies(("e1/Übung.mid", "b"), TOKENS, QUADRANTS, TUNES)
    path = prepared_path("some")
    melodies.save(path)
    first = path.read_bytes()
    melodies.save(path)
    assert path.read_bytes() == first
    loaded = load_prepared("some")
    assert loaded.names == melodies.names
    for key in ("tokens", "quadrants", "tunes"):
        assert (getattr(loaded, key) == getattr(melodies, key)).all()
        assert getattr(loaded, key).dtype == getattr(melodies, key).dtype


@pytest.mark.parametrize(
    ("tokens", "quadrants", "tunes"),
    [
        (TOKENS[:, :32], QUADRANTS, TUNES),
        (TOKENS.astype(np.int64), QUADRANTS, TUNES),
        (TOKENS + 2, QUADRANTS, TUNES),
        (TOKENS, QUADRANTS[:1], TUNES),
        (TOKENS, QUADRANTS + 4, TUNES),
    ],
    ids=["steps", "type", "token", "count", "quadrant"],
)
def test_arrays_that_do_not_fit_are_refused(tokens: np.ndarray, quadrants: np.ndarray, tunes: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"needed|outside"):
        PreparedMelodies(("a", "b"), tokens, quadrants.astype(np.int8), tunes)


def test_a_missing_corpus_names_the_command_that_makes_it() -> None:
    with pytest.raises(InputError, match=r"affetti corpus prepare musgenvae$"):
        load_prepared("musgenvae_gru")


@pytest.mark.parametrize("kind", ["noise", "empty", "other tensors", "folder"])
def test_a_file_that_is_no_prepared_corpus_is_one_clear_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.safetensors"
    if kind == "folder":
        path.mkdir()
    elif kind == "other tensors":
        save_file({"weights": np.zeros(3)}, path)
    else:
        path.write_bytes(b"\xff" * 99 if kind == "noise" else b"")
    with pytest.raises(InputError, match="not a prepared corpus") as caught:
        read_prepared(path)
    assert "\n" not in str(caught.value)
