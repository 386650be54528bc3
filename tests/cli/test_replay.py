"""`affetti replay`: the same bytes from a file's own provenance, or a clear no."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from affetti.midi import read_midi
from affetti.piece import Marker, Tempo
from affetti.runtime.weights import find_weights

Affetti = Callable[[str], int]
Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    "options",
    [
        "--emotion happy",
        "--valence -0.3 --arousal 0.9 --bars 8 --tempo 90",
        "--emotion sad --greedy",
        "--emotion calm --temperature 1.3 --nucleus 0.8",
    ],
)
def test_what_affetti_composed_replays_byte_for_byte(options: str, here: Path, affetti: Affetti) -> None:
    assert affetti(f"compose {options} --seed 11 --out a.mid") == 0
    assert affetti("replay a.mid --out b.mid") == 0
    assert (here / "a.mid").read_bytes() == (here / "b.mid").read_bytes()


def test_a_piece_out_of_many_replays_alone(affetti: Affetti) -> None:
    assert affetti("compose --emotion angry --seed 2 --count 20 --out x.mid") == 0
    assert affetti("replay x-003.mid") == 0
    assert affetti("replay x-020.mid") == 0


def test_without_out_nothing_is_written(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("compose --emotion happy --seed 1 --out a.mid") == 0
    capsys.readouterr()
    assert affetti("replay a.mid --json") == 0
    assert json.loads(capsys.readouterr().out) == {"path": "a.mid", "identical": True, "written": None}
    assert [path.name for path in here.iterdir()] == ["a.mid"]


def test_an_edited_file_differs(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("compose --emotion happy --seed 1 --out a.mid") == 0
    replace(read_midi(here / "a.mid"), tempos=(Tempo(0, 77.0),)).save(here / "edited.mid")
    capsys.readouterr()
    assert affetti("replay edited.mid --out again.mid") == 1
    assert capsys.readouterr().out.startswith("edited.mid: differs")
    assert (here / "again.mid").read_bytes() == (here / "a.mid").read_bytes()


@pytest.fixture
def own_weights(here: Path) -> Path:
    """Weights that do not come with affetti, in a folder of the user's."""
    return Path(shutil.copytree(find_weights("emoreg").folder, here / "own"))


def test_other_weights_are_named_by_the_user(affetti: Affetti, own_weights: Path, capsys: Captured) -> None:
    config = json.loads((own_weights / "config.json").read_text())
    (own_weights / "config.json").write_text(json.dumps(config | {"name": "own_weights"}))
    assert affetti("compose --emotion happy --seed 1 --weights own --out a.mid") == 0
    capsys.readouterr()
    assert affetti("replay a.mid") == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert "--weights" in captured.err
    assert affetti("replay a.mid --weights own") == 0
    assert capsys.readouterr().out == "a.mid: identical, byte for byte\n"
    assert affetti("replay a.mid --weights emoreg") == 2
    assert "other weights" in capsys.readouterr().err


def test_shipped_weights_may_be_named_too(affetti: Affetti) -> None:
    assert affetti("compose --emotion happy --seed 1 --out a.mid") == 0
    assert affetti("replay a.mid --weights muser") == 0


def test_a_file_cannot_have_a_folder_opened(here: Path, affetti: Affetti, own_weights: Path, capsys: Captured) -> None:
    """The path it names holds usable weights of the right hash, and still only the user may name it."""
    assert affetti("compose --emotion happy --seed 1 --out a.mid") == 0
    composed = read_midi(here / "a.mid")
    told = json.loads(composed.markers[0].text)
    capsys.readouterr()
    opened: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("affetti.runtime.weights.find_weights", lambda name: opened.append(str(name)))
        for path in (str(own_weights), "own", "../own", "/dev/zero", "\\\\host\\share", "\x1b[31m\n" * 40):
            marker = Marker(0, json.dumps(told | {"weights": path}))
            replace(composed, markers=(marker,)).save(here / "hostile.mid", force=True)
            assert affetti("replay hostile.mid --out again.mid") == 2
            captured = capsys.readouterr()
            assert (captured.out, captured.err.count("\n")) == ("", 1)
            assert len(captured.err) < 400
    assert opened == []
    assert not (here / "again.mid").exists()


def test_out_is_not_overwritten(here: Path, affetti: Affetti) -> None:
    assert affetti("compose --emotion happy --seed 1 --out a.mid") == 0
    before = (here / "a.mid").stat().st_mtime_ns
    assert affetti("replay a.mid --out a.mid") == 2
    assert (here / "a.mid").stat().st_mtime_ns == before
    assert affetti("replay a.mid --out a.mid --force") == 0
