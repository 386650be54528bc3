"""`affetti corpus`: the table, what get and prepare say, and one line for what cannot be."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from affetti.corpora.prepared_melodies import load_prepared
from affetti.corpora.prepared_pieces import load_pieces
from affetti.midi import midi_bytes
from affetti.tokens.melody import decode
from tests.corpora.standins import waltz, write_tree

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
    header, musgenvae, chorales, emopia, *others = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "version", "licence", "files", "where"]
    assert musgenvae.split() == ["musgenvae", "260fd45", "CC", "BY-NC", "0/504", "not", "here"]
    assert chorales.startswith("chorales")
    assert emopia.split() == ["emopia", "1.0", "CC", "BY-NC-SA", "4.0", "0/1078", "not", "here"]
    assert [line.split()[0] for line in others] == ["vgmidi", "pop909", "folder"]
    assert others[-1].split() == ["folder", "-", "your", "own", "-", "--from", "DIR"]
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
        ("corpus get nothing", "unknown corpus 'nothing'; use one of musgenvae, chorales, emopia, vgmidi, pop909"),
        ("corpus prepare emopia", "emopia is not here; run: affetti corpus get emopia (or give --from DIR)"),
        ("corpus get pop909 --from nowhere", "nowhere holds no POP909/*/*.mid"),
        ("corpus prepare vgmidi --from .", ". holds no labelled/phrases/*.mid"),
        ("corpus get folder", "nothing to fetch; run: affetti corpus prepare folder --from DIR"),
        ("corpus prepare folder", "which folder? run: affetti corpus prepare folder --from DIR"),
        ("corpus prepare emopia --name x", "--labels and --name are for your own files"),
        ("corpus prepare emopia --workers 0", "invalid value for '--workers'"),
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


@pytest.fixture
def tunes(here: Path) -> Path:
    """A folder of the user's own: two pieces in different metres, a file that is none, and a table."""
    return write_tree(
        here / "tunes",
        {
            "a.mid": waltz(4),
            "sub/b.mid": waltz(6),
            "broken.mid": b"no MIDI",
            "labels.csv": b"file,emotion,split\na.mid,sad,test\nsub/b.mid,happy,test\n",
        },
    )


def test_own_files_with_a_table_of_labels(affetti: Affetti, tunes: Path, isolated_home: Path, capsys: Captured) -> None:
    assert affetti(f"corpus prepare folder --from {tunes} --workers 2") == 0
    captured = capsys.readouterr()
    prepared = isolated_home / "prepared"
    words = len(load_pieces("tunes").words)
    assert captured.out.splitlines() == [
        f"tunes: 2 pieces (Q1 1, Q3 1) of 2 songs, {words} words, in {prepared / 'tunes.safetensors'}",
        f"1 files left out, see {prepared / 'tunes_rejected.csv'}",
    ]
    assert "1 of 3 files are not in" in captured.err
    assert (prepared / "tunes_rejected.csv").read_text().splitlines()[1].startswith("broken.mid,")
    assert sorted(path.name for path in prepared.iterdir()) == ["tunes.safetensors", "tunes_rejected.csv"]


def test_own_files_as_json(affetti: Affetti, tunes: Path, capsys: Captured) -> None:
    assert affetti(f"corpus prepare folder --from {tunes} --name mine --workers 1 --json") == 0
    document = json.loads(capsys.readouterr().out)
    counts = document["prepared"]["mine"]
    assert counts["pieces"] == 2
    assert counts["quadrants"] == {"Q1": 1, "Q3": 1}
    assert counts["splits"] == {"train": 0, "validation": 0, "test": 2}
    assert counts["own_grid"] == 2
    assert counts["licence"] == "the user's own files"
    assert [reject["file"] for reject in document["rejected"]] == ["broken.mid"]
