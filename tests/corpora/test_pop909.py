"""POP909: three tracks as one piece, songs by number, annotations fetched and not used."""

from pathlib import Path
from typing import Any

import pytest

from affetti.corpora import pop909
from affetti.corpora.corpus import corpus_folder, no_progress
from affetti.errors import InputError
from affetti.midi import midi_bytes
from affetti.piece import Note, Piece, Track
from tests.corpora.standins import waltz, write_tree

THREE_TRACKS = midi_bytes(
    Piece(
        480,
        tuple(
            Track(tuple(Note(step * 480, pitch + step % 5, 480) for step in range(16)), name=name)
            for name, pitch in (("MELODY", 72), ("BRIDGE", 60), ("PIANO", 48))
        ),
    )
)
TREE = {
    "POP909/001/001.mid": THREE_TRACKS,
    "POP909/001/beat_midi.txt": b"0.0 1.0 1.0\n",
    "POP909/001/key_audio.txt": b"",
    "POP909/001/notes.txt": b"",
    "POP909/001/versions/001-v1.mid": waltz(),
    "POP909/002/002.mid": waltz(),
    "POP909/002/003.mid": waltz(),
    "POP909/index.xlsx": b"",
}
WANTED = ["POP909/001/001.mid", "POP909/001/beat_midi.txt", "POP909/001/key_audio.txt", "POP909/002/002.mid"]


@pytest.mark.parametrize("inner", ["", "POP909"])
def test_songs_and_annotations_are_taken_and_nothing_else(tmp_path: Path, inner: str) -> None:
    held = pop909.POP909.get(write_tree(tmp_path, TREE) / inner, no_progress)
    assert (held.files, held.warnings) == (2, ("POP909: 2 of 909 songs",))
    folder = corpus_folder("pop909")
    kept = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert kept == WANTED


@pytest.mark.usefixtures("in_process")
def test_the_three_tracks_are_one_piece(tmp_path: Path) -> None:
    preparation = pop909.prepare(write_tree(tmp_path, TREE))
    pieces: Any = preparation.corpora["pop909"]
    assert pieces.names == ("POP909/001/001.mid", "POP909/002/002.mid")
    assert pieces.song_names == ("001", "002")
    assert pieces.notes_kept[0] == 48
    assert pieces.quadrants.tolist() == [0, 0]
    assert preparation.warnings == ("POP909: 2 of 909 songs",)


def test_a_folder_without_songs_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no POP909/\*/\*\.mid"):
        pop909.prepare(tmp_path)


def test_as_many_files_with_other_content_give_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pop909, "SONGS", 2)
    held = pop909.POP909.get(write_tree(tmp_path, TREE), no_progress)
    assert held.warnings == ("pop909: not all files are as published",)


@pytest.mark.corpus
def test_the_songs_that_are_here_are_complete_and_unchanged(shared_data: Path) -> None:
    held = pop909.POP909.get(shared_data / "pop909", no_progress)
    assert (held.files, held.warnings) == (909, ())
