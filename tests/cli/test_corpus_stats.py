"""`affetti corpus stats`: tables on the terminal, JSON, a report with pictures, and one line for what cannot be."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.tokens.melody import REST
from tests.evaluation.tiny_pieces import tiny_pieces

Affetti = Callable[[str], int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def tiny() -> None:
    tiny_pieces().save(prepared_path("tiny"))


@pytest.mark.usefixtures("tiny")
def test_tables_are_printed_and_nothing_is_written(affetti: Affetti, here: Path, capsys: Captured) -> None:
    assert affetti("corpus stats tiny") == 0
    out = capsys.readouterr().out
    for title in ("Pieces", "Pitch range, pitch classes, polyphony", "Elements: chord", "Elements: bar-beat and type"):
        assert title in out
    assert "Q4 calm" in out
    assert "tiny: 8 pieces" in out
    assert not list(here.iterdir())


@pytest.mark.usefixtures("tiny")
def test_json_is_one_document(affetti: Affetti, capsys: Captured) -> None:
    assert affetti("corpus stats tiny --json") == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["sets"]) == ["all", "Q1 happy", "Q2 angry", "Q3 sad", "Q4 calm"]
    assert document["sets"]["all"]["pieces"] == 8


@pytest.mark.usefixtures("tiny")
def test_a_report_is_written_where_asked_for(affetti: Affetti, here: Path, capsys: Captured) -> None:
    assert affetti("corpus stats tiny --out report --rolls 1 --seed 4") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Written to report: 6 files."
    written = json.loads((here / "report" / "evaluation.json").read_text())
    assert written["corpus"] == "tiny"
    assert (here / "report" / "rolls-1.png").read_bytes().startswith(b"\x89PNG")
    assert affetti("corpus stats tiny --out report") == 2
    assert "not empty" in capsys.readouterr().err
    assert affetti("corpus stats tiny --out report --rolls 0 --force --json") == 0
    assert json.loads(capsys.readouterr().out) == written


def test_what_cannot_be_measured_is_one_line(affetti: Affetti, capsys: Captured) -> None:
    tiny_pieces((1,)).save(prepared_path("game_phrases"))
    tiny_pieces((0,)).save(prepared_path("game_unlabelled"))
    silence = np.full((1, 64), REST, np.int16)
    melodies = PreparedMelodies(("a",), silence, np.ones(1, np.int8), np.zeros(1, np.int32))
    melodies.save(prepared_path("songs"))
    prepared_path("broken").write_bytes(b"nothing")
    for name, message in (
        ("nowhere", "affetti corpus prepare folder --from DIR --name nowhere"),
        ("game", "game is prepared as game_phrases, game_unlabelled"),
        ("songs", "songs is a corpus of melodies"),
        ("broken", "is not a prepared corpus"),
    ):
        assert affetti(f"corpus stats {name}") == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    for name in ("game_phrases", "game_unlabelled"):
        assert affetti(f"corpus stats {name}") == 0
