"""`affetti read`: text and JSON for each file, and what one bad file does to the others."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Affetti = Callable[[str], int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def melodies(here: Path, affetti: Affetti, capsys: Captured) -> None:
    """A happy and a sad melody that affetti composed."""
    for emotion in ("happy", "sad"):
        assert affetti(f"compose --emotion {emotion} --seed 1 --out {emotion}.mid") == 0
    capsys.readouterr()


def test_each_file_is_read_in_one_line(affetti: Affetti, capsys: Captured) -> None:
    assert affetti("read happy.mid sad.mid") == 0
    happy, sad = capsys.readouterr().out.splitlines()
    assert happy.startswith("happy.mid: valence ")
    assert sad.startswith("sad.mid: valence ")
    assert "confidence" in happy


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
