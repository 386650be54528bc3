"""The formats a piece is saved in, by suffix."""

import wave
from pathlib import Path

import pytest

from affetti.errors import InputError
from affetti.formats import Format, files_of
from affetti.midi import midi_bytes, read_midi
from affetti.piece import Note, Piece, Track

PIECE = Piece(480, (Track(tuple(Note(number * 240, 60 + number % 5, 240) for number in range(32))),))


@pytest.mark.parametrize("name", ["a.mid", "a.MIDI", "a", "a.b"])
def test_what_names_no_format_is_midi(name: str, tmp_path: Path) -> None:
    PIECE.save(tmp_path / name)
    assert read_midi(tmp_path / name).notes == PIECE.notes
    assert files_of(PIECE, Path(name)) == {Path(name): midi_bytes(PIECE)}


def test_sound_is_saved_by_its_suffix(tmp_path: Path) -> None:
    PIECE.save(tmp_path / "a.WAV")
    with wave.open(str(tmp_path / "a.WAV")) as file:
        assert file.getnframes() == round((8 + 1.5) * 44_100)


def test_scores_are_saved_by_their_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affetti.scores.musicxml", lambda piece: "<score-partwise/>")
    monkeypatch.setattr("affetti.scores.svg_pages", lambda piece: ["<svg>1</svg>", "<svg>2</svg>"])
    PIECE.save(tmp_path / "a.musicxml")
    PIECE.save(str(tmp_path / "a.svg"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-page2.svg", "a.musicxml", "a.svg"]


def test_nothing_is_saved_where_a_page_is_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affetti.scores.svg_pages", lambda piece: ["<svg>1</svg>", "<svg>2</svg>"])
    taken = tmp_path / "a-page2.svg"
    taken.write_text("mine")
    with pytest.raises(InputError, match=r"a-page2\.svg exists"):
        PIECE.save(tmp_path / "a.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["a-page2.svg"]
    PIECE.save(tmp_path / "a.svg", force=True)
    assert taken.read_text() == "<svg>2</svg>"


def test_a_file_in_the_way_is_told_before_anything_is_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affetti.formats.files_of", None)
    (tmp_path / "a.wav").write_text("mine")
    with pytest.raises(InputError, match="exists"):
        PIECE.save(tmp_path / "a.wav")


def test_the_formats_are_suffixes() -> None:
    assert [str(name) for name in Format] == ["mid", "wav", "musicxml", "svg"]
