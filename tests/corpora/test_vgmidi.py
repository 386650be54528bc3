"""VGMIDI: phrases, pieces with emotion over time from either form of annotations, and pieces without labels."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affetti.corpora import vgmidi
from affetti.corpora.corpus import corpus_folder, no_progress
from affetti.errors import InputError
from tests.corpora.standins import waltz, write_tree

PIECE = "Final Fantasy_PS1_Final Fantasy VII_Tifa_two"
OTHER = "Super Mario_NES_Super Mario Bros_Underwater"
TABLE = f"""id,series,console,game,piece,midi,valence,arousal
1,Final Fantasy,PS1,Final Fantasy VII,Tifa two,labelled/phrases/{PIECE}_0.mid,1,-1
1,Final Fantasy,PS1,Final Fantasy VII,Tifa two,labelled/phrases/{PIECE}_1.mid,-1,1
2,Super Mario,NES,Super Mario Bros,Underwater,labelled/phrases/{OTHER}_0.mid,-1,-1
""".encode()


def listening(valence: list[Any], arousal: list[Any]) -> dict[str, Any]:
    return {"valence": valence, "arousal": arousal, "age": "21-25", "country": "US"}


ROUND_1 = {
    "pieces": {"piece0": {"midi": f"{PIECE}.mid", "measures": 2, "duration": 8, "name": "x", "audio": "x.wav"}},
    "annotations": {
        "piece0_1": listening([-0.5, 0.5], [0.25, -0.25]),
        "piece0_2": listening([-0.5, 1], [0.25, -0.75]),
        "piece0_10": listening([-1, 0.25], [0.5, -0.25]),
        "piece0_3": listening([0.5], [0.5]),
        "piece0_4": listening([0.5, "x"], [0.5, 0.5]),
        "piece7_1": listening([0.5, 0.5], [0.5, 0.5]),
    },
}
ROUND_2 = {
    "pieces": {"piece0": {"midi": f"{OTHER}.mid", "measures": 1, "duration": 3.5, "name": "x", "audio": "x.wav"}},
    "annotations": {"piece0_1": listening([0.5], [-0.5])},
}
TREE = {
    "vgmidi_labelled.csv": TABLE,
    f"labelled/phrases/{PIECE}_0.mid": waltz(2),
    f"labelled/phrases/{PIECE}_1.mid": waltz(3),
    f"labelled/midi/{PIECE}.mid": waltz(4),
    f"labelled/midi/{OTHER}.mid": waltz(2, low=40),
    "labelled/midi/Other_PC_Game_Piece.mid": waltz(2),
    "unlabelled/midi/Some_PC_Game_Piece (1).mid": waltz(5),
    "labelled/annotations/vgmidi_raw_1.json": json.dumps(ROUND_1).encode(),
    "labelled/annotations/vgmidi_raw_2.json": json.dumps(ROUND_2).encode(),
}
MEDIANS = json.dumps(
    {PIECE: {"midi": f"{PIECE}.mid", "duration_s": 8.0, "valence": [-0.5, 0.5], "arousal": [0.25, -0.25]}}
).encode()


def test_a_song_is_series_game_and_piece() -> None:
    assert vgmidi.song_of(PIECE) == "Final Fantasy_Final Fantasy VII_Tifa_two"
    assert vgmidi.song_of("odd") == "odd"


@pytest.mark.usefixtures("in_process")
def test_three_corpora_come_of_it(tmp_path: Path) -> None:
    preparation = vgmidi.prepare(write_tree(tmp_path, TREE))
    assert list(preparation.corpora) == ["vgmidi_phrases", "vgmidi_pieces", "vgmidi_unlabelled"]
    phrases, pieces, unlabelled = preparation.corpora.values()
    assert phrases.emotions.tolist() == [[1, -1], [-1, 1]]
    assert phrases.quadrants.tolist() == [4, 2]
    assert phrases.song_names == ("Final Fantasy_Final Fantasy VII_Tifa_two",)
    assert pieces.names == (f"labelled/midi/{PIECE}.mid", f"labelled/midi/{OTHER}.mid")
    # four bars of 2 s at 90 quarters a minute: two in each measure of 4 s
    assert pieces.bar_emotions[:4].tolist() == [[-0.5, 0.25]] * 2 + [[0.5, -0.25]] * 2
    assert pieces.bar_emotions[4:].tolist() == [[0.5, -0.5]] * 2
    assert pieces.emotions.tolist() == [[0, 0], [0.5, -0.5]]
    assert unlabelled.quadrants.tolist() == [0]
    assert np.isnan(unlabelled.bar_emotions).all()
    assert [(reject.file, reject.reason) for reject in preparation.rejects] == [
        ("labelled/midi/Other_PC_Game_Piece.mid", "no label")
    ]
    assert preparation.warnings == (
        "labelled/phrases: 2 of 204 files",
        "labelled/midi: 3 of 200 files",
        "unlabelled/midi: 1 of 3,850 files",
        "2 listenings of another length than their piece are left out",
    )
    # one song, one split, whichever corpus it is in
    assert phrases.splits[0] == pieces.splits[pieces.song_names.index(phrases.song_names[0])]


def test_medians_per_measure_are_taken_where_there_are_no_annotations(tmp_path: Path) -> None:
    tree = {name: data for name, data in TREE.items() if "annotations" not in name}
    root = write_tree(tmp_path, tree | {vgmidi.PER_MEASURE: MEDIANS})
    timelines, warnings = vgmidi.read_timelines(root)
    assert warnings == ()
    expected, _ = vgmidi.read_timelines(write_tree(tmp_path / "raw", TREE))
    assert timelines == {f"{PIECE}.mid": expected[f"{PIECE}.mid"]}


def test_phrases_in_an_archive_are_unpacked_by_get(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in TREE.items():
            if "phrases/" in name:
                archive.writestr(name.removeprefix("labelled/"), data)
        archive.writestr("phrases/note.txt", b"")
        archive.writestr(f"__MACOSX/phrases/._{PIECE}_0.mid", b"\0")
    tree = {name: data for name, data in TREE.items() if "phrases/" not in name}
    write_tree(tmp_path, tree | {"labelled/phrases.zip": buffer.getvalue()})
    with pytest.raises(InputError, match="is packed; run: affetti corpus get vgmidi --from"):
        vgmidi.prepare(tmp_path)
    assert vgmidi.VGMIDI.get(tmp_path, no_progress).files == 6
    folder = corpus_folder("vgmidi")
    kept = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert kept == TREE
    assert vgmidi.VGMIDI.find().files == 6


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("vgmidi_labelled.csv", b"a,b\n1,2\n", "is not the published table of labels"),
        ("vgmidi_labelled.csv", TABLE.replace(b",1,-1", b",7,-1"), "is not the published table of labels"),
        ("labelled/annotations/vgmidi_raw_1.json", b"{}", "is no file of annotations"),
        ("labelled/annotations/vgmidi_raw_1.json", b"\xff", "is no file of annotations"),
        ("labelled/annotations/vgmidi_raw_1.json", b"[]", "is no file of annotations"),
        ("labelled/phrases/x", b"", ""),
    ],
)
def test_broken_labels_are_one_clear_line(tmp_path: Path, file: str, content: bytes, message: str) -> None:
    write_tree(tmp_path, TREE | {file: content})
    if message:
        with pytest.raises(InputError, match=message) as caught:
            vgmidi.prepare(tmp_path)
        assert "\n" not in str(caught.value)
    else:
        assert file not in vgmidi.PUBLICATION.paths(tmp_path)


def test_a_piece_that_takes_no_time_has_no_timeline(tmp_path: Path) -> None:
    for seconds in (b"0", b"-1", b"NaN", b"Infinity"):
        piece = b'{"pieces": {"1": {"midi": "a.mid", "measures": 1, "duration": ' + seconds + b"}}, "
        heard = b'"annotations": {"1_0": {"valence": [0], "arousal": [0]}}}'
        write_tree(tmp_path, {"labelled/annotations/vgmidi_raw_1.json": piece + heard})
        assert vgmidi.read_timelines(tmp_path) == ({}, ())


def test_broken_medians_are_one_clear_line(tmp_path: Path) -> None:
    tree = {name: data for name, data in TREE.items() if "annotations" not in name}
    for content in (b"", b"{", b'{"a": {"midi": "x", "duration_s": 0, "valence": [0], "arousal": [0]}}'):
        write_tree(tmp_path, tree | {vgmidi.PER_MEASURE: content})
        with pytest.raises(InputError, match="is no file of values per measure"):
            vgmidi.read_timelines(tmp_path)


@pytest.mark.corpus
def test_a_measure_is_four_quarters_whatever_the_metre(shared_data: Path) -> None:
    """What the module says of "measures", on every tenth annotated piece."""
    from affetti.midi import read_midi

    root = shared_data / "vgmidi"
    timelines, _ = vgmidi.read_timelines(root)
    assert len(timelines) == 151
    same = []
    for name in sorted(timelines)[::10]:
        piece = read_midi(root / "labelled/midi" / name)
        quarters = piece.duration_ticks / piece.ticks_per_quarter
        same.append(len(timelines[name].valence) == int(np.ceil(quarters / 4 - 1e-3)))
    assert np.mean(same) > 0.9
