"""The chorales: the published melodies note for note, the speeds, and scores that cannot be used."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from affetti.corpora import chorales, musgenvae
from affetti.corpora.chorales import Chorale, at_half_speed, excerpt, read_chorale, reproduction
from affetti.corpora.corpus import Reject, save_preparation
from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.errors import InputError
from affetti.tokens.melody import HOLD, REST, Tokens

pytest.importorskip("music21", reason="the chorales come with music21")

BACH = chorales.find().folder
TELLING = ["bwv1.6", "bwv112.5-sc", "bwv184.5", "bwv324", "bwv62.6", "bwv846", "bwv27.6", "bwv244.10"]
"""A horn on top, an upbeat, a note over the end, no mode given, two staves, another metre later, a mark …"""


Metres = tuple[tuple[float, str], ...]


def score(tempo: float = 120, metres: Metres = ((0, "4/4"),), tonic: int = 0) -> Chorale:
    notes = tuple((float(beat), 1.0, 60 + beat) for beat in range(20))
    return Chorale("x.mxl", tempo, tonic, metres, notes)


def test_every_other_unmarked_score_is_slow_and_marked_ones_by_their_tempo() -> None:
    tempos = [120, 96, 120, 140, 120, 60, 120]
    assert at_half_speed([score(tempo) for tempo in tempos]) == [True, True, False, False, True, True, False]


def test_an_unreadable_score_keeps_its_place() -> None:
    assert at_half_speed([score(), Reject("y.mxl", "broken"), score()]) == [True, False, True]


@pytest.mark.parametrize(("half_speed", "steps"), [(False, 4), (True, 8)])
def test_an_excerpt_has_the_notes_that_begin_in_sixteen_quarters(half_speed: bool, steps: int) -> None:
    tokens = excerpt(score(tonic=7), half_speed=half_speed)
    assert isinstance(tokens, np.ndarray)
    assert tokens[::steps].tolist() == [53 + beat for beat in range(64 // steps)]
    assert (np.delete(tokens, np.arange(0, 64, steps)) == HOLD).all()


@pytest.mark.parametrize(
    ("metres", "half_speed", "usable"),
    [
        (((0, "3/4"),), False, False),
        ((), False, False),
        (((0, "4/4"), (12, "3/4")), False, False),
        (((0, "4/4"), (12, "3/4")), True, True),
        (((0, "4/4"), (8, "4/4")), False, True),
    ],
)
def test_only_four_four_is_used_as_far_as_it_is_heard(metres: Metres, half_speed: bool, usable: bool) -> None:
    result = excerpt(score(metres=metres), half_speed=half_speed)
    assert isinstance(result, Reject) != usable


def test_a_score_that_music21_cannot_read_is_rejected_in_one_line(tmp_path: Path) -> None:
    for name, data in (("noise", b"no zip"), ("empty", b""), ("large", bytes(2**20 + 1))):
        path = tmp_path / f"{name}.mxl"
        path.write_bytes(data)
        rejected = read_chorale(path)
        assert isinstance(rejected, Reject)
        assert rejected.reason
        assert "\n" not in rejected.reason
    assert isinstance(read_chorale(tmp_path / "missing.mxl"), Reject)


def test_bad_scores_do_not_stop_the_others_and_are_listed(tmp_path: Path, isolated_home: Path) -> None:
    assert BACH is not None
    for name in ("bwv101.7.mxl", "bwv11.6.mxl", "bwv149.7.mxl"):
        (tmp_path / name).write_bytes((BACH / name).read_bytes())
    (tmp_path / "bwv12.7.mxl").write_bytes(b"broken")
    preparation = chorales.prepare(tmp_path, workers=1)
    assert preparation.corpora["chorales"].names == ("bwv101.7.mxl",)
    assert preparation.corpora["chorales"].quadrants.tolist() == [0]
    assert preparation.warnings[0].startswith("4 scores instead of 408")
    assert preparation.report == {}
    save_preparation(preparation)
    lines = (isolated_home / "prepared" / "chorales_rejected.csv").read_text().splitlines()
    assert lines[:2] == ["file,reason", "bwv11.6.mxl,3/4: not 4/4"]
    assert lines[2].startswith("bwv12.7.mxl,")
    assert lines[3] == "bwv149.7.mxl,the first part has no notes in the first four bars"


def test_processes_give_the_same_as_one(tmp_path: Path) -> None:
    assert BACH is not None
    for name in ("bwv101.7.mxl", "bwv102.7.mxl"):
        (tmp_path / name).write_bytes((BACH / name).read_bytes())
    one, two = (chorales.prepare(tmp_path, workers=workers).corpora["chorales"] for workers in (1, 2))
    assert one.names == two.names
    assert (one.tokens == two.tokens).all()


def test_a_folder_without_scores_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no scores"):
        chorales.prepare(tmp_path)
    (tmp_path / "x.mxl").write_bytes(b"")
    with pytest.raises(InputError, match="none of the 1 scores"):
        chorales.prepare(tmp_path, workers=1)


def melodies(named: dict[str, list[int]]) -> PreparedMelodies:
    rows = [(pitches + [REST] * 64)[:64] for pitches in named.values()]
    numbers = np.arange(len(rows), dtype=np.int32)
    return PreparedMelodies(tuple(named), np.asarray(rows, np.int16), np.zeros(len(rows), np.int8), numbers)


def test_the_report_says_how_melodies_differ() -> None:
    ours = melodies({"a": [60, 62], "b": [60, 62], "c": [60, 62, 64], "d": [60, 62], "f": [60]})
    published = melodies(
        {
            "e1/a.mid": [60, 62],
            "e1/b.mid": [65, 67],
            "e2/c.mid": [60, 62],
            "e3/d.mid": [60, 63],
            "e4/e.mid": [1],
        }
    )
    assert reproduction(ours, published) == {
        "published": 5,
        "note_for_note": 1,
        "different": {
            "another key": ["e1/b.mid"],
            "another speed": ["e2/c.mid"],
            "other notes": ["e3/d.mid"],
            "not prepared": ["e4/e.mid"],
        },
        "unpublished": ["f"],
    }


def tempo_in(path: Path) -> float:
    """The first tempo written in a score, read without music21; 120 where there is none."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith("xml") and "META-INF" not in name]
        found = re.search(rb'<sound[^>]*\btempo="([\d.]+)"', archive.read(names[0]))
    return float(found[1]) if found else 120.0


@pytest.mark.corpus
def test_the_published_melodies_come_out_note_for_note(shared_data: Path) -> None:
    """Of all 344 the speed, of some two dozen the notes; `affetti corpus prepare chorales` compares all."""
    assert BACH is not None
    corpus = musgenvae.prepare(shared_data / "musgenvae").corpora["musgenvae"]
    published: dict[str, Tokens] = {
        name.split("/")[1].removesuffix(".mid"): tokens
        for name, tokens in zip(corpus.names, corpus.tokens, strict=True)
    }
    paths = sorted(BACH.glob("*.mxl"), key=lambda path: path.name)
    assert len(paths) == chorales.EXPECTED_FILES
    assert set(published) <= {path.name for path in paths}
    slow = dict(
        zip(
            [path.name for path in paths],
            at_half_speed([score(tempo_in(path)) for path in paths]),
            strict=True,
        )
    )
    chosen = [f"{name}.mxl" for name in TELLING] + sorted(published)[::20]
    for name in chosen:
        chorale = read_chorale(BACH / name)
        assert isinstance(chorale, Chorale), name
        tokens = excerpt(chorale, half_speed=slow[name])
        assert isinstance(tokens, np.ndarray), name
        assert tokens.tolist() == published[name].tolist(), name
    low = {name.split("/")[1].removesuffix(".mid") for name in corpus.names if name[1] in "34"}
    assert sum(slow[name] == (name in low) for name in published) == 329  # arousal is speed, but for 15
