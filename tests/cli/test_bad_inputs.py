"""Bad input of every verb: exactly one line on stderr, exit code 2, nothing on stdout, nothing written."""

import subprocess
import sys
from pathlib import Path

import pytest

from affetti.cli import run
from affetti.piece import Note, Piece, Tempo, Track

HAPPY = ("compose", "--system", "emoreg", "--emotion", "happy", "--seed", "1")
CASES = {
    # compose: the emotion
    "no emotion": ("compose",),
    "unknown emotion": ("compose", "--emotion", "hapy"),
    "empty emotion": ("compose", "--emotion", ""),
    "emotion and point": (*HAPPY, "--valence", "0.5", "--arousal", "0.5"),
    "half a point": ("compose", "--valence", "0.5"),
    "point outside the plane": ("compose", "--valence", "2", "--arousal", "0"),
    "valence that is no number": ("compose", "--valence", "nan", "--arousal", "0"),
    # compose: the path
    "path and emotion": (*HAPPY, "--path", "calm:8"),
    "path and point": ("compose", "--path", "calm:8", "--valence", "0.5", "--arousal", "0.5"),
    "empty path": ("compose", "--path", ""),
    "path without bars": ("compose", "--path", "calm,tense"),
    "path through an unknown emotion": ("compose", "--path", "calm:8,hapy:8"),
    "path out of the plane": ("compose", "--path", "0.5/1.5:8"),
    "path of other bars": ("compose", "--path", "calm:8", "--bars", "9"),
    "path without end": ("compose", "--path", "calm:" + "9" * 30),
    "path longer than a piece": ("compose", "--path", "calm:1000,tense:1001"),
    "path of no whole phrases": ("compose", "--system", "emoreg", "--path", "calm:6,tense:2"),
    "path file that is missing": ("compose", "--path", "missing.csv"),
    "path file that is none": ("compose", "--path", "words.csv"),
    "path file of another kind": ("compose", "--path", "text.mid"),
    # compose: numbers
    "count 0": (*HAPPY, "--count", "0"),
    "count a million": (*HAPPY, "--count", "1000000"),
    "count in words": (*HAPPY, "--count", "three"),
    "negative seed": ("compose", "--emotion", "happy", "--seed", "-1"),
    "bars no multiple of 4": (*HAPPY, "--bars", "6"),
    "tempo 0": (*HAPPY, "--tempo", "0"),
    "tempo infinite": (*HAPPY, "--tempo", "inf"),
    "temperature 0": (*HAPPY, "--temperature", "0"),
    "nucleus above 1": (*HAPPY, "--nucleus", "1.5"),
    "greedy with temperature": (*HAPPY, "--greedy", "--temperature", "1"),
    "more bars than one call makes": (*HAPPY, "--count", "4000", "--bars", "1024"),
    "bars without end": (*HAPPY, "--bars", "9" * 30),
    "more bars of scores": (*HAPPY, "--count", "20000", "--format", "mid,svg"),
    "unknown key": (*HAPPY, "--key", "H flat"),
    # compose: names and files
    "unknown system": ("compose", "--system", "mozart", "--emotion", "happy"),
    "unknown weights": (*HAPPY, "--weights", "nowhere"),
    "weights that are no weights": (*HAPPY, "--weights", "empty"),
    "weights without a name": (*HAPPY, "--weights", ""),
    "unknown format": (*HAPPY, "--format", "mp3"),
    "no format": (*HAPPY, "--format", ""),
    "file of another kind": (*HAPPY, "--out", "happy.txt"),
    "file that exists": (*HAPPY, "--out", "notes.mid"),
    "file below a file": (*HAPPY, "--out", "notes.mid/happy.mid"),
    "name too long": (*HAPPY, "--out", "x" * 300 + ".mid"),
    "folder that cannot be": (*HAPPY, "--out", "/proc/nowhere/happy.mid"),
    "hostile name": (*HAPPY, "--out", "a\nb\x1b[31m.txt"),
    "unknown option": (*HAPPY, "--emotoin", "sad"),
    "stray argument": (*HAPPY, "happy.mid"),
    "option without its value": ("compose", "--emotion"),
    # read and replay
    "read nothing": ("read",),
    "read a missing file": ("read", "missing.mid"),
    "read a folder": ("read", "empty"),
    "read text": ("read", "text.mid"),
    "read an empty file": ("read", "nothing.mid"),
    "read a truncated file": ("read", "truncated.mid"),
    "read a device": ("read", "/dev/zero"),
    "replay a missing file": ("replay", "missing.mid"),
    "replay text": ("replay", "text.mid"),
    "replay a piece of others": ("replay", "notes.mid"),
    "replay onto a file that exists": ("replay", "notes.mid", "--out", "text.mid"),
    "read in a key that is none": ("read", "notes.mid", "notes.mid", "--key", "H"),
    "read silence": ("read", "silent.mid"),
    # the other verbs, and the command itself
    "unknown verb": ("composse",),
    "unknown global option": ("--loud",),
    "unknown corpus": ("corpus", "get", "nowhere"),
    "corpus without a verb that is one": ("corpus", "steal"),
    "train without a recipe": ("train",),
    "train a missing recipe": ("train", "missing.yaml"),
    "train what is no recipe": ("train", "text.mid"),
    "train an unknown preset": ("train", "nothing.yaml"),
    "evaluate nothing": ("evaluate",),
    "evaluate a missing run": ("evaluate", "missing"),
    "evaluate an empty folder": ("evaluate", "empty"),
    "evaluate the plane with no pieces": ("evaluate", "emoreg_reader", "--plane", "--pieces", "0"),
    "evaluate the plane of a recogniser": ("evaluate", "piano_recogniser", "--plane"),
    "evaluate the plane with what is not of it": ("evaluate", "emoreg_reader", "--plane", "--bars", "8"),
}


@pytest.fixture(autouse=True)
def wrong_files(here: Path) -> None:
    """Files in the current folder that are wrong in different ways, and a MIDI file that is not ours."""
    (here / "empty").mkdir()
    (here / "text.mid").write_text("these are words\n")
    (here / "words.csv").write_text("bar,valence,arousal\n1,0,loud\n")
    (here / "nothing.mid").touch()
    (here / "nothing.yaml").write_text("{system: emoreg, name: x, preset: nothing, corpus: musgenvae}\n")
    Piece(480, (Track((Note(0, 60, 480),)),)).save(here / "notes.mid")
    Piece(480, (), (Tempo(0, 90.0),)).save(here / "silent.mid")
    (here / "truncated.mid").write_bytes((here / "notes.mid").read_bytes()[:-9])


def _contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("arguments", CASES.values(), ids=CASES.keys())
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], here: Path, isolated_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _contents(here), _contents(isolated_home)
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("affetti: ")
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1
    assert len(captured.err) < 500
    assert (_contents(here), _contents(isolated_home)) == before


def test_a_process_says_it_the_same_way() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "affetti", "compose", "--emotion", "hapy"], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith(b"affetti: unknown emotion 'hapy'; use one of happy (Q1), ")
    assert done.stderr.count(b"\n") == 1
