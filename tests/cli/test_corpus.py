"""`affetti corpus`: the table, what get and prepare say, and one line for what cannot be."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from affetti.corpora.prepared import load_prepared
from affetti.midi import midi_bytes
from affetti.tokens.melody import decode

Affetti = Callable[[str], int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def source(here: Path) -> Path:
    """A folder laid out as musgenvae with three melodies and a file that is none."""
    for emotion, pitch in ((1, 60), (2, 62), (3, 63)):
        folder = here / "copy" / "dataset" / f"e{emotion}"
        folder.mkdir(parents=True)
        (folder / "a.mid").write_bytes(midi_bytes(decode([pitch, 129, pitch + 2, 129])))
    (folder / "b.mid").write_bytes(b"no MIDI")
    return here / "copy"


def test_list_shows_what_is_here_of_what_there_is(affetti: Affetti, source: Path, capsys: Captured) -> None:
    assert affetti("corpus list") == 0
    header, musgenvae, chorales = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "version", "licence", "files", "where"]
    assert musgenvae.split() == ["musgenvae", "260fd45", "CC", "BY-NC", "0/504", "not", "here"]
    assert chorales.startswith("chorales")
    affetti(f"corpus get musgenvae --from {source}")
    capsys.readouterr()
    assert affetti("corpus list --json") == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["name"], first["files"], first["expected_files"]) == ("musgenvae", 4, 504)
    assert first["folder"].endswith("musgenvae")


def test_a_subset_is_taken_with_a_warning_for_each_folder(affetti: Affetti, source: Path, capsys: Captured) -> None:
    assert affetti(f"corpus get musgenvae --from {source} --json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["files"] == 4
    warnings = captured.err.splitlines()
    assert warnings[0] == "affetti: warning: dataset/e1: 1 of 80 files"
    assert len(warnings) == 12


def test_prepare_writes_arrays_and_a_table_of_rejects(
    affetti: Affetti, source: Path, isolated_home: Path, capsys: Captured
) -> None:
    assert affetti(f"corpus prepare musgenvae --from {source}") == 0
    out = capsys.readouterr().out.splitlines()
    prepared = isolated_home / "prepared"
    assert out == [
        f"musgenvae: 3 melodies (Q1 1, Q2 1, Q3 1), 3 tunes, in {prepared / 'musgenvae.safetensors'}",
        f"1 files left out, see {prepared / 'musgenvae_rejected.csv'}",
    ]
    assert load_prepared("musgenvae").names == ("e1/a.mid", "e2/a.mid", "e3/a.mid")
    rejects = (prepared / "musgenvae_rejected.csv").read_text().splitlines()
    assert rejects[0] == "file,reason"
    assert rejects[1].startswith("dataset/e3/b.mid,")


def test_prepare_as_json(affetti: Affetti, source: Path, capsys: Captured) -> None:
    assert affetti(f"corpus get musgenvae --from {source}") == 0
    capsys.readouterr()
    assert affetti("corpus prepare musgenvae --json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["prepared"]["musgenvae"]["melodies"] == 3
    assert document["prepared"]["musgenvae"]["quadrants"] == {"Q1": 1, "Q2": 1, "Q3": 1}
    assert [reject["file"] for reject in document["rejected"]] == ["dataset/e3/b.mid"]
    assert len(document["warnings"]) == 12


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("corpus get nothing", "unknown corpus 'nothing'; use one of musgenvae, chorales"),
        ("corpus prepare musgenvae", "musgenvae is not here; run: affetti corpus get musgenvae"),
        ("corpus get musgenvae --from nowhere", "nowhere holds no dataset/e1/*.mid"),
        ("corpus get chorales --from nowhere", "nothing to copy; run: affetti corpus prepare chorales"),
        ("corpus prepare chorales --from nowhere", "nowhere holds no scores"),
        ("corpus", "missing command"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(affetti: Affetti, capsys: Captured, line: str, message: str) -> None:
    assert affetti(line) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"affetti: {message}")
    assert captured.err.count("\n") == 1
