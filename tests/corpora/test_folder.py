"""The user's own folder: which files, the table of labels, names, and one line for what is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affetti.corpora import CORPORA, folder
from affetti.corpora.corpus import PUBLISHED
from affetti.corpora.splits import split_of
from affetti.errors import InputError
from tests.corpora.standins import waltz, write_tree

TREE = {
    "a.mid": waltz(),
    "deep/er/b.MIDI": waltz(3),
    "deep/c.midi": waltz(2),
    ".hidden/d.mid": waltz(),
    "._a.mid": b"",
    "readme.txt": b"",
}

pytestmark = pytest.mark.usefixtures("in_process")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "My Tunes (2)", TREE)


def table(root: Path, text: str, name: str = "labels.csv") -> Path:
    path = root / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_midi_file_below_is_taken(root: Path) -> None:
    preparation = folder.prepare(root)
    assert preparation.name == "my_tunes_2"
    pieces: Any = preparation.corpora["my_tunes_2"]
    assert pieces.names == ("a.mid", "deep/c.midi", "deep/er/b.MIDI")
    assert pieces.song_names == ("a", "deep/c", "deep/er/b")
    assert pieces.splits.tolist() == [split_of("folder", song) for song in pieces.song_names]
    assert pieces.quadrants.tolist() == [0, 0, 0]
    assert preparation.warnings == ()


def test_a_table_gives_labels_songs_and_splits(root: Path) -> None:
    table(root, "\ufefffile,emotion,song,split\na.mid,Sad,one,test\n./deep\\c.midi,q1,one,test\nno.mid,2,,\n")
    preparation = folder.prepare(root, name="mine")
    pieces: Any = preparation.corpora["mine"]
    assert pieces.quadrants.tolist() == [3, 1, 0]
    assert pieces.song_names == ("deep/er/b", "one")
    assert pieces.splits.tolist() == [2, 2, split_of("folder", "deep/er/b")]
    assert np.isnan(pieces.emotions).all()
    assert len(preparation.warnings) == 2
    assert "1 of 3 files are not in the folder, as 'no.mid'" in preparation.warnings[0]
    assert preparation.warnings[1].startswith("1 of 3 files are not in")


def test_valence_and_arousal_are_a_label_too(root: Path) -> None:
    labels = table(root.parent, 'file,valence,arousal,quadrant\na.mid,-0.5,0.25,\n"deep/c.midi",,,4\n', "t.csv")
    pieces: Any = folder.prepare(root, labels=labels).corpora["my_tunes_2"]
    assert pieces.quadrants.tolist() == [2, 4, 0]
    assert pieces.emotions[0].tolist() == [-0.5, 0.25]
    assert np.isnan(pieces.emotions[1:]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'file'"),
        ("name,quadrant\n", "unknown column 'name'; the columns are file, quadrant"),
        ("quadrant\n1\n", "no column 'file'"),
        ("file,quadrant\na.mid,5\n", "line 2: unknown emotion 'Q5'"),
        ("file,emotion\na.mid,furious\n", "line 2: unknown emotion 'furious'"),
        ("file,valence,arousal\na.mid,0.5,\n", "line 2: a label is"),
        ("file,valence,arousal\na.mid,0.5,2\n", "two numbers from -1 to 1"),
        ("file,valence,arousal\na.mid,0.5,nan\n", "two numbers from -1 to 1"),
        ("file,valence,arousal,quadrant\na.mid,0.5,0.5,1\n", "line 2: a label is"),
        ("file,split\na.mid,training\n", "line 2: split 'training'; it is one of train, validation, test"),
        ("file\na.mid\na.mid\n", "line 3: 'a.mid' has a line already"),
        ("file\n\n,\n", "line 3: more cells"),
        ("file,song\n,x\n", "line 2: no file"),
        ('file\n"a\n', "line 2: unexpected end of data"),
        ("file,song\n" + "x" * 140_000 + ",\n", "line 2: field larger"),
        ("x" * 140_000, "line 1: field larger"),
        ("file,quadrant,file\n", "two columns 'file'"),
        ("file;emotion\na.mid;sad\n", "unknown column 'file;emotion'; the columns are file, .*, with commas between"),
        ("file,quadrant,emotion\na.mid,1,sad\n", "line 2: a label is one of"),
    ],
)
def test_a_wrong_table_is_one_line_that_names_the_line(root: Path, text: str, message: str) -> None:
    table(root, text)
    with pytest.raises(InputError, match=message) as caught:
        folder.prepare(root)
    assert "\n" not in str(caught.value)


def test_spaces_empty_lines_and_short_lines_do_no_harm(root: Path) -> None:
    table(root, '\n"emotion", file ,song\r\n\r\nsad , a.mid\r\nhappy,"deep/c.midi"\r\n')
    pieces: Any = folder.prepare(root).corpora["my_tunes_2"]
    assert pieces.quadrants.tolist() == [3, 1, 0]


def test_a_song_in_two_splits_is_refused(root: Path) -> None:
    table(root, "file,song,split\na.mid,one,test\ndeep/c.midi,one,train\n")
    with pytest.raises(InputError, match="line 3: the song 'one' is in test by an earlier line"):
        folder.prepare(root)
    table(root, "file,song,split\na.mid,one,\ndeep/c.midi,one,validation\n")
    assert folder.prepare(root).corpora["my_tunes_2"].splits[:2].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        (None, None, "which folder"),
        ("nowhere", None, "is not a folder"),
        (".hidden", None, r"holds no \*\.mid"),
        ("", "Mine!", "--name 'Mine!'"),
        ("", "emopia", "is the name of published data"),
        ("", "vgmidi_phrases", "is the name of published data"),
        ("", "../x", "--name"),
    ],
)
def test_what_cannot_be_is_one_clear_line(root: Path, source: str | None, name: str | None, message: str) -> None:
    (root / ".hidden/d.mid").unlink()
    with pytest.raises(InputError, match=message):
        folder.prepare(None if source is None else root / source, name=name)


def test_there_is_nothing_to_get() -> None:
    with pytest.raises(InputError, match="nothing to fetch; run: affetti corpus prepare folder --from DIR"):
        folder.get()
    assert folder.find().folder is None


def test_names_of_published_data_are_taken() -> None:
    assert {*PUBLISHED, folder.NAME} == set(CORPORA)
