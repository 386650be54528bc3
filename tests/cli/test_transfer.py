"""`affetti transfer`, end to end: with references given, from a prepared corpus, and composed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from affetti.corpora.corpus import prepared_path
from affetti.midi import read_midi
from affetti.piece import Note, Piece, Tempo, Track
from tests.cli.conftest import Affetti
from tests.evaluation.tiny_pieces import piano_piece, tiny_pieces

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def files(here: Path) -> None:
    """A calm source and an angry reference in the current folder, and a corpus of both kinds."""
    piano_piece(4, 2, bars=8).save(here / "calm.mid")
    piano_piece(2, bars=6).save(here / "angry.mid")
    Piece(480, (), (Tempo(0, 90.0),)).save(here / "silent.mid")
    (here / "text.mid").write_text("these are words\n")
    (here / "truncated.mid").write_bytes((here / "calm.mid").read_bytes()[:-20])
    Piece(480, (Track((Note(0, 60, 480),)),)).save(here / "one.mid")
    tiny_pieces().save(prepared_path("tiny"))


def test_elements_of_a_file(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("transfer calm.mid --from angry.mid --elements velocity,tempo --seed 1 --out new.mid") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "new.mid: tempo, velocity of angry.mid"
    assert printed[1].startswith("  heard     Q")
    assert [line.split()[0] for line in printed[2:9]] == [
        *("tempo", "chord", "bar-beat", "type", "pitch", "duration", "velocity")
    ]
    assert " -> " in printed[2]
    assert " -> " not in printed[6]
    assert printed[9] == "  kept      pitch classes 100%, onsets 100%, contour of the upper line 100%"
    source, new = read_midi(here / "calm.mid"), read_midi(here / "new.mid")
    assert [note.pitch for note in new.notes] == [note.pitch for note in source.notes]
    ticks = [8 * note.start_ticks for note in source.notes]
    assert [note.start_ticks for note in new.notes] == ticks
    assert {note.velocity for note in new.notes} == {94}


def test_the_document(here: Path, affetti: Affetti, capsys: Captured) -> None:
    line = "transfer calm.mid --to angry --elements all --references tiny --candidates 2 --seed 4 --json"
    assert affetti(f"{line} --count 2 --out new.mid") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["to"], document["references"], document["bars"]) == ("angry", "tiny", 8)
    assert len(document["elements"]) == 7
    assert [one["paths"] for one in document["candidates"]] == [["new-001.mid"], ["new-002.mid"]]
    assert {one["reference"] for one in document["candidates"]} == {"tiny: 2.mid", "tiny: 3.mid"}
    before, after = document["before"], document["candidates"][0]
    assert set(before["means"]) == set(after["means"]) == set(document["means_are"])
    assert after["heard"]["arousal"] > before["heard"]["arousal"]
    assert 0 <= after["reached"] <= 1
    assert set(after["kept"]) == {"pitch_classes", "onsets", "contour"}
    assert affetti(f"{line} --out one.mid --force") == 0
    assert (here / "one.mid").read_bytes() == (here / "new-001.mid").read_bytes()


def test_composed_references_with_a_model(piano_weights: Path, affetti: Affetti, capsys: Captured) -> None:
    line = f"transfer calm.mid --to happy --weights {piano_weights} --candidates 3 --seed 2 --strength 0.5"
    assert affetti(line) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("calm-happy-2.mid: ")
    assert "of composed by tiny_piano, happy, seed 2, number " in printed
    assert ", best of 3" in printed
    marker = json.loads(read_midi(Path("calm-happy-2.mid")).markers[0].text)
    assert (marker["strength"], marker["seed"]) == (0.5, 2)


def test_the_shipped_weights_without_torch(here: Path) -> None:
    program = (
        "import sys\nfrom affetti.cli import run\n"
        "status = run('transfer calm.mid --to happy --candidates 2 --seed 1 --out a.mid'.split())\n"
        "assert not {'torch', 'onnx', 'matplotlib', 'sklearn'} & set(sys.modules)\nsys.exit(status)"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=here, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert read_midi(here / "a.mid").notes


def test_no_strength_writes_the_same_notes(here: Path, affetti: Affetti) -> None:
    assert affetti("transfer calm.mid --from angry.mid --elements all --strength 0 --out same.mid") == 0
    assert read_midi(here / "same.mid").notes == read_midi(here / "calm.mid").notes


def test_sound_and_scores(affetti: Affetti, capsys: Captured) -> None:
    pytest.importorskip("verovio")
    line = "transfer calm.mid --from angry.mid --elements all --seed 1 --format mid,wav,musicxml,svg --out a.mid"
    assert affetti(line) == 0
    assert capsys.readouterr().out.startswith("a.mid, a.wav, a.musicxml, a.svg")
    assert Path("a.wav").read_bytes()[:4] == b"RIFF"


def test_a_single_note(affetti: Affetti, capsys: Captured) -> None:
    """There is no pulse in it to hear, but it lies on its file's grid."""
    assert affetti("transfer one.mid --from angry.mid --elements velocity --out a.mid") == 0
    assert [note.pitch for note in read_midi(Path("a.mid")).notes] == [60]
    assert affetti("transfer calm.mid --from one.mid --elements all --out b.mid") == 0
    assert len(read_midi(Path("b.mid")).notes) >= 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("calm.mid", "use --from FILE or --to EMOTION"),
        ("calm.mid --from angry.mid --to sad", "use either --from or --to"),
        ("calm.mid --to gloomy", "unknown emotion 'gloomy'"),
        ("calm.mid --to sad --elements melody", "unknown element 'melody'"),
        ("calm.mid --to sad --strength 2", "between 0 and 1"),
        ("calm.mid --to sad --candidates 99", "1 to 64"),
        ("calm.mid --to sad --count 9", "--count is 9: there are 4 candidates"),
        ("calm.mid --to sad --references absent", "absent is not prepared"),
        ("calm.mid --to sad --references tiny", "tiny has 2 pieces of Q3 sad, not 4"),
        ("calm.mid --to sad --weights emoreg", "composes no piano pieces"),
        ("calm.mid --to sad --format mp3", "unknown format 'mp3'"),
        ("calm.mid --from angry.mid --references tiny", "--references and --weights are for --to"),
        ("calm.mid --from angry.mid --candidates 2", "candidates are references to choose among"),
        ("calm.mid --from angry.mid --count 2", "--count is for --to"),
        ("calm.mid --from angry.mid --out angry.mid", "angry.mid exists"),
        ("missing.mid --to sad", "missing.mid: no such file"),
        ("text.mid --to sad", "text.mid"),
        ("truncated.mid --to sad", "truncated.mid"),
        ("silent.mid --from angry.mid", "silent.mid: no notes"),
        ("calm.mid --from silent.mid", "silent.mid: no notes"),
        ("/dev/zero --to sad", "/dev/zero: not an ordinary file"),
    ],
)
def test_bad_input_is_one_line(line: str, says: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    before = sorted(here.iterdir())
    assert affetti(f"transfer {line} --seed 1") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert sorted(here.iterdir()) == before
