"""`affetti read`: text and JSON for each file, and what one bad file does to the others."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from affetti.midi import read_midi
from affetti.piece import Piece, Tempo
from tests.evaluation.tiny_pieces import piano_piece

Affetti = Callable[[str], int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def melodies(here: Path, affetti: Affetti, capsys: Captured) -> None:
    """A happy and a sad melody that affetti composed."""
    for emotion in ("happy", "sad"):
        assert affetti(f"compose --system emoreg --emotion {emotion} --seed 1 --out {emotion}.mid") == 0
    capsys.readouterr()


def test_each_file_is_read_in_one_line(affetti: Affetti, capsys: Captured) -> None:
    assert affetti("read happy.mid sad.mid") == 0
    happy, sad = capsys.readouterr().out.splitlines()
    assert happy.startswith("happy.mid: valence ")
    assert sad.startswith("sad.mid: valence ")
    assert "confidence" in happy
    assert happy.endswith(", C major (notated)")
    assert sad.endswith(", C minor (notated)")


@pytest.mark.parametrize(
    ("options", "key", "source"),
    [("", "D major", "notated"), ("--key 'E-flat Minor'", "E♭ minor", "given"), ("--key d", "D major", "given")],
)
def test_the_key_is_told_with_its_source(
    options: str, key: str, source: str, affetti: Affetti, capsys: Captured
) -> None:
    assert affetti("compose --system emoreg --emotion happy --key D --seed 1 --out d.mid") == 0
    capsys.readouterr()
    assert affetti(f"read d.mid {options}") == 0
    assert capsys.readouterr().out.endswith(f", {key} ({source})\n")
    assert affetti(f"read d.mid {options} --json") == 0
    (reading,) = json.loads(capsys.readouterr().out)
    assert (reading["key"], reading["key_source"]) == (key, source)


def test_a_key_is_estimated_where_none_is_noted(here: Path, affetti: Affetti, capsys: Captured) -> None:
    composed = read_midi(here / "happy.mid")
    Piece(composed.ticks_per_quarter, composed.tracks).save(here / "keyless.mid")
    assert affetti("read keyless.mid") == 0
    assert capsys.readouterr().out.endswith(" (estimated)\n")


def test_the_key_decides_what_is_heard(affetti: Affetti, capsys: Captured) -> None:
    points = []
    for key in ("C", "C minor", "F#"):
        assert affetti(f"read happy.mid --key '{key}' --json") == 0
        (reading,) = json.loads(capsys.readouterr().out)
        points.append((reading["valence"], reading["arousal"]))
    assert points[0] == points[1] != points[2]  # of the key's mode only the tonic matters


def test_json_holds_each_phrase(affetti: Affetti, capsys: Captured) -> None:
    assert affetti("compose --system emoreg --emotion happy --bars 12 --seed 1 --out long.mid") == 0
    capsys.readouterr()
    assert affetti("read long.mid --json") == 0
    (reading,) = json.loads(capsys.readouterr().out)
    assert len(reading["phrases"]) == 3
    for axis in ("valence", "arousal"):
        mean = sum(phrase[axis] for phrase in reading["phrases"]) / 3
        assert reading[axis] == pytest.approx(mean, abs=1e-3)


def test_a_file_that_cannot_be_read_is_named_once(here: Path, affetti: Affetti, capsys: Captured) -> None:
    Piece(480, (), (Tempo(0, 90.0),)).save(here / "silent.mid")  # the reader refuses it
    (here / "text.mid").write_text("no MIDI")  # read_midi refuses it
    assert affetti("read silent.mid missing.mid text.mid") == 2
    silent, missing, text = capsys.readouterr().err.splitlines()
    assert silent.startswith("affetti: silent.mid: no pitched notes")
    assert missing == "affetti: missing.mid: no such file"
    assert text.startswith("affetti: text.mid: ")
    assert text.count("text.mid") == 1


def test_a_key_that_is_none_is_told_once(affetti: Affetti, capsys: Captured) -> None:
    assert affetti("read happy.mid sad.mid --key 'H dur'") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("affetti: unknown key 'H dur'; ")
    assert captured.err.count("\n") == 1


def test_json_holds_the_point_and_its_quadrant(affetti: Affetti, capsys: Captured) -> None:
    assert affetti("read happy.mid sad.mid --json") == 0
    readings = json.loads(capsys.readouterr().out)
    assert [reading["path"] for reading in readings] == ["happy.mid", "sad.mid"]
    for reading in readings:
        assert -1 <= reading["valence"] <= 1
        assert -1 <= reading["arousal"] <= 1
        assert 0 <= reading["confidence"] <= 1
        positive, high = reading["quadrant"] in ("Q1", "Q4"), reading["quadrant"] in ("Q1", "Q2")
        assert (reading["valence"] >= 0, reading["arousal"] >= 0) == (positive, high)


def test_one_bad_file_does_not_hide_the_others(here: Path, affetti: Affetti, capsys: Captured) -> None:
    (here / "bad.mid").write_text("no MIDI")
    assert affetti("read bad.mid sad.mid") == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("affetti: bad.mid: ")
    assert captured.err.count("\n") == 1
    assert captured.out.startswith("sad.mid: ")


# ---- piano music


def test_piano_music_is_known_by_notes_that_sound_together(here: Path, affetti: Affetti, capsys: Captured) -> None:
    piano_piece(2, bars=8).save(here / "piano.mid")
    assert affetti("read piano.mid happy.mid") == 0
    piano, melody = capsys.readouterr().out.splitlines()
    assert piano.startswith("piano.mid: valence ")
    assert ", piano, by its " in piano
    assert melody.endswith(", C major (notated)")


def test_the_kind_can_be_said(here: Path, affetti: Affetti, capsys: Captured) -> None:
    piano_piece(2, bars=8).save(here / "piano.mid")
    assert affetti("read piano.mid --as melody --json") == 0
    assert json.loads(capsys.readouterr().out)[0]["read_as"] == "melody"
    assert affetti("read happy.mid --as piano --json") == 0
    assert json.loads(capsys.readouterr().out)[0]["read_as"] == "piano"
    assert affetti("read piano.mid --key C --json") == 0  # a key is a melody's
    assert json.loads(capsys.readouterr().out)[0]["key"] == "C major"
    assert affetti("read piano.mid --key C --as piano") == 2
    assert capsys.readouterr().err == "affetti: --key is for melodies\n"


def test_json_of_piano_music(here: Path, affetti: Affetti, capsys: Captured) -> None:
    piano_piece(3, bars=8).save(here / "piano.mid")
    assert affetti("read piano.mid --json") == 0
    (reading,) = json.loads(capsys.readouterr().out)
    assert sum(reading["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert reading["confidence"] == max(reading["probabilities"].values())
    assert reading["probabilities"][reading["quadrant"]] == reading["confidence"]
    assert reading["arousal"] < 0
    assert set(reading["groups"]) >= {"loudness", "density", "mode"}
    assert len(reading["features"]) == 10
    assert all(set(feature) == {"name", "value", "contribution"} for feature in reading["features"])
