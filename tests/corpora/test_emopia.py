"""EMOPIA: labels and songs from file names, both versions' layouts, the archive, and what is said about a subset."""

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affetti.corpora import emopia
from affetti.corpora.corpus import corpus_folder, no_progress
from affetti.errors import InputError
from tests.corpora.standins import waltz, write_tree

IDS = ("0vLPYiPN7qY", "_a-b_c-d_e_", "-----------")


def clips(version: str = "1.0") -> dict[str, bytes]:
    return {
        f"EMOPIA_{version}/midis/Q{1 + number}_{song}_{number}.mid": waltz(low=40 + number)
        for number, song in enumerate(IDS)
    }


@pytest.mark.parametrize(("identity", "quadrant", "number"), [(IDS[0], 1, 0), (IDS[1], 4, 12), (IDS[2], 2, 3)])
def test_label_and_song_are_in_the_name(identity: str, quadrant: int, number: int) -> None:
    file = emopia.clip(f"EMOPIA_1.0/midis/Q{quadrant}_{identity}_{number}.mid")
    assert (file.song, file.quadrant, file.emotion, file.timeline) == (identity, quadrant, None, None)


@pytest.mark.parametrize(
    "name", ["Q5_0vLPYiPN7qY_1.mid", "Q1_0vLPYiPN7q_1.mid", "Q1_0vLPYiPN7qY.mid", "._Q1_0vLPYiPN7qY_1.mid"]
)
def test_other_names_are_no_clips(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no clip"):
        emopia.clip(f"EMOPIA_1.0/midis/{name}")
    with pytest.raises(InputError, match=r"holds no EMOPIA_\*/midis/\*\.mid"):
        emopia.prepare(write_tree(tmp_path, {f"EMOPIA_1.0/midis/{name}": waltz()}))


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("inner", ["", "EMOPIA_2.2", "EMOPIA_2.2/midis"])
def test_version_2_is_laid_out_alike(tmp_path: Path, inner: str) -> None:
    write_tree(tmp_path, clips("2.2") | {"EMOPIA_2.2/label.csv": b"ID,4Q,annotator"})
    preparation = emopia.prepare(tmp_path / inner)
    assert preparation.warnings == ("EMOPIA 2.2: 3 of 1,071 clips",)
    assert preparation.corpora["emopia"].origin.version == "2.2"


@pytest.mark.usefixtures("in_process")
def test_a_subset_is_prepared_with_a_warning(tmp_path: Path) -> None:
    bad = {"EMOPIA_1.0/midis/Q4_zzzzzzzzzzz_0.mid": b"no MIDI"}
    preparation = emopia.prepare(write_tree(tmp_path, clips() | bad))
    assert preparation.warnings == (
        "EMOPIA 1.0: 4 of 1,078 clips (Q1 1 of 250, Q2 1 of 265, Q3 1 of 253, Q4 1 of 310)",
    )
    assert [reject.file for reject in preparation.rejects] == list(bad)
    pieces: Any = preparation.corpora["emopia"]
    assert pieces.quadrants.tolist() == [1, 2, 3]
    assert [pieces.song_names[song] for song in pieces.songs] == list(IDS)
    assert np.isnan(pieces.emotions).all()
    assert pieces.origin.licence == "CC BY-NC-SA 4.0"


def test_the_earlier_of_two_versions_is_taken() -> None:
    version, files = emopia.one_version([*clips("2.2"), *clips("1.0"), "EMOPIA_1.0/label.csv"])
    assert version == "1.0"
    assert files == sorted(clips("1.0"))
    assert emopia.one_version([]) == ("1.0", [])
    assert emopia.differences(list(clips("3.0"))) == (
        "EMOPIA 3.0: 3 clips; of this version we do not know how many there are",
    )


def test_complete_means_as_many_of_each_quadrant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(emopia.VERSIONS, "1.0", emopia.Version(3, (1, 1, 1, 0)))
    assert emopia.differences(list(clips())) == ()
    monkeypatch.setitem(emopia.VERSIONS, "1.0", emopia.Version(3, (3, 0, 0, 0)))
    assert emopia.differences(list(clips())) == (
        "EMOPIA 1.0: 3 of 3 clips (Q1 1 of 3, Q2 1 of 0, Q3 1 of 0, Q4 0 of 0)",
    )


def archive_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("sound", [True, False])
def test_the_archive_is_fetched_checked_and_kept_without_what_is_not_needed(
    server: Any, monkeypatch: pytest.MonkeyPatch, sound: bool
) -> None:
    monkeypatch.setitem(emopia.VERSIONS, "1.0", emopia.Version(3, (1, 1, 1, 0)))
    extra = {"EMOPIA_1.0/label.csv": b"x", "__MACOSX/EMOPIA_1.0/midis/._Q1_0vLPYiPN7qY_0.mid": b"x"}
    server.content = archive_of(clips() | extra)
    md5 = hashlib.md5(server.content).hexdigest() if sound else "0" * 32
    archive = replace(emopia.PUBLICATION.archive, url=server.url, md5=md5)
    publication = replace(emopia.PUBLICATION, archive=archive)
    held = publication.get(None, no_progress)
    assert (held.files, len(held.warnings)) == (3, 0 if sound else 1)
    if not sound:
        assert "has the MD5" in held.warnings[0]
    kept = {path for path in corpus_folder("emopia").rglob("*") if path.is_file()}
    assert {path.relative_to(corpus_folder("emopia")).as_posix() for path in kept} == set(clips())
    assert emopia.EMOPIA.find().files == 3
    requests = len(server.requested)
    publication.get(None, no_progress)
    assert len(server.requested) == requests  # complete: not fetched again


def test_preparing_what_was_never_fetched_names_the_command() -> None:
    with pytest.raises(InputError, match="affetti corpus get emopia"):
        emopia.prepare()


@pytest.mark.corpus
@pytest.mark.usefixtures("in_process")
def test_the_clips_that_are_here(shared_data: Path) -> None:
    paths = emopia.PUBLICATION.paths(shared_data / "emopia")
    files = [emopia.clip(path) for path in paths]
    assert len(files) == 959
    assert len({file.song for file in files}) == 343
    assert np.bincount([file.quadrant for file in files]).tolist() == [0, 227, 226, 231, 275]
    assert all((shared_data / "emopia" / path).stat().st_size < 2**14 for path in paths)
