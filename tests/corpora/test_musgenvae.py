"""musgenvae: what is taken from a folder or an archive, and what is said about a copy that differs."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affetti.corpora import musgenvae
from affetti.corpora.corpus import corpus_folder
from affetti.corpora.published_files import folder_digest
from affetti.errors import InputError
from affetti.midi import midi_bytes
from affetti.tokens.melody import HOLD, REST, decode

PITCHES = (60, 62, 64, 65, 67, 69, 71, 72)


def midi(pitch: int) -> bytes:
    return midi_bytes(decode([token for step in PITCHES for token in (step + pitch, *[HOLD] * 7)]))


def published(count: int) -> dict[str, bytes]:
    """A tree laid out as published with `count` melodies of each emotion in each of its folders."""
    return {
        f"{top}/e{emotion}/new_generated_{number}.mid": midi(number)
        for top in musgenvae.PREPARED_NAMES
        for emotion in range(1, 5)
        for number in range(count)
    }


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


@pytest.fixture
def small_corpus(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Two melodies in each folder, taken for what the publisher has."""
    files = published(2)
    pinned = {}
    for folder in musgenvae.PUBLISHED:
        members = [(path.split("/")[2], data) for path, data in files.items() if path.startswith(f"{folder}/")]
        pinned[folder] = musgenvae.PublishedFolder(2, folder_digest(members))
    monkeypatch.setattr(musgenvae, "PUBLISHED", pinned)
    return files


def archive_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"musgenvae-{musgenvae.COMMIT}/{name}", data)
    return buffer.getvalue()


Serve = Callable[[dict[str, bytes]], Any]


@pytest.fixture
def serve(server: Any, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Serve a tree as the publisher's archive; gives the server."""
    monkeypatch.setattr(musgenvae, "ARCHIVE_URL", server.url)

    def start(files: dict[str, bytes]) -> Any:
        server.content = archive_of(files)
        return server

    return start


def test_the_archive_is_fetched_checked_and_kept_without_what_is_not_ours(
    serve: Serve, small_corpus: dict[str, bytes]
) -> None:
    server = serve(small_corpus | {"README.md": b"text", "dataset/e1/run.exe": b"MZ", "dataset/e5/x.mid": b""})
    server.break_after = len(server.content) // 2
    held = musgenvae.get()
    assert held.warnings == ()
    assert held.files == len(small_corpus)
    assert held == musgenvae.find()
    kept = [path for path in corpus_folder("musgenvae").rglob("*") if path.is_file()]
    assert {path.relative_to(corpus_folder("musgenvae")).as_posix(): path.read_bytes() for path in kept} == (
        small_corpus
    )
    requests = len(server.requested)
    assert requests == 2  # it broke once
    musgenvae.get()
    assert len(server.requested) == requests  # complete: not fetched again


def test_an_archive_with_other_content_is_taken_with_a_warning(serve: Serve, small_corpus: dict[str, bytes]) -> None:
    other = small_corpus | {"dataset/e2/new_generated_0.mid": midi(9)}
    del other["dataset/e3/new_generated_0.mid"]
    del other["generated_exaples/e4/new_generated_1.mid"]
    serve(other)
    held = musgenvae.get()
    assert held.files == len(small_corpus) - 2
    assert held.warnings == (
        "dataset/e2: 2 files, not all of them as published at commit 260fd45",
        "dataset/e3: 1 of 2 files",
        "generated_exaples/e4: 1 of 2 files, missing new_generated_1.mid",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>Sorry</html>", "not a sound zip archive"),
        (archive_of({"README.md": b"moved"}), "holds no dataset/e1"),
        (archive_of({"../../evil.mid": b"", "dataset/e1/a.mid": b""}), "leads out of it"),
        (archive_of({"dataset/e1/a.mid": bytes(10**6)}), "is larger than 65,536 bytes"),
    ],
    ids=["no zip", "another layout", "path out", "large file"],
)
def test_an_archive_that_cannot_be_used_leaves_nothing_behind(serve: Serve, content: bytes, message: str) -> None:
    serve({}).content = content
    with pytest.raises(InputError, match=message):
        musgenvae.get()
    assert musgenvae.find().folder is None
    assert list((corpus_folder("musgenvae").parents[1] / "downloads").iterdir()) == []


@pytest.mark.parametrize("inner", ["", "dataset"])
def test_a_folder_is_taken_as_it_is_with_a_warning_for_what_is_missing(
    tmp_path: Path, small_corpus: dict[str, bytes], inner: str
) -> None:
    held = musgenvae.get(write(tmp_path, small_corpus) / inner)
    assert (held.files, held.warnings) == (len(small_corpus), ())
    (tmp_path / "dataset/e1/new_generated_0.mid").unlink()
    # the complete copy is not replaced by the poorer one
    assert musgenvae.get(tmp_path).files == len(small_corpus)


def test_a_file_too_large_is_named_and_the_others_are_taken(tmp_path: Path, small_corpus: dict[str, bytes]) -> None:
    write(tmp_path, small_corpus | {"dataset/e1/new_generated_0.mid": bytes(10**6)})
    held = musgenvae.get(tmp_path)
    assert held.files == len(small_corpus) - 1
    assert "dataset/e1/new_generated_0.mid: 1,000,000 bytes" in held.warnings[0]
    assert held.warnings[1:] == ("dataset/e1: 1 of 2 files",)


@pytest.mark.parametrize("kind", ["missing", "empty", "a file"])
def test_a_folder_without_melodies_is_one_clear_line(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    if kind == "empty":
        source.mkdir()
    elif kind == "a file":
        source.write_text("")
    for use in (musgenvae.get, musgenvae.prepare):
        with pytest.raises(InputError, match="holds no dataset/e1"):
            use(source)


def test_preparing_what_was_never_fetched_names_the_command() -> None:
    with pytest.raises(InputError, match="affetti corpus get musgenvae"):
        musgenvae.prepare()


def test_one_bad_file_is_rejected_and_the_others_are_prepared(tmp_path: Path, small_corpus: dict[str, bytes]) -> None:
    bad = {"dataset/e1/new_generated_1.mid": b"no MIDI", "dataset/e2/new_generated_0.mid": b""}
    prepared = musgenvae.prepare(write(tmp_path, small_corpus | bad))
    melodies = prepared.corpora["musgenvae"]
    assert [reject.file for reject in prepared.rejects] == list(bad)
    assert all(reject.reason for reject in prepared.rejects)
    assert len(melodies) == 6
    assert melodies.names[0] == "e1/new_generated_0.mid"
    assert melodies.quadrants.tolist() == [1, 2, 3, 3, 4, 4]
    assert melodies.tokens[0, ::8].tolist() == list(PITCHES)
    assert len(prepared.warnings) == 2


def test_nothing_but_bad_files_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of the 1 files .* is a melody"):
        musgenvae.prepare(write(tmp_path, {"dataset/e1/a.mid": b"no MIDI"}))


@pytest.mark.corpus
def test_the_published_corpus_is_complete_and_unchanged(shared_data: Path) -> None:
    held = musgenvae.get(shared_data / "musgenvae")
    assert (held.files, held.warnings) == (504, ())
    prepared = musgenvae.prepare()
    assert (prepared.rejects, prepared.warnings) == ((), ())
    melodies = prepared.corpora["musgenvae"]
    assert np.bincount(melodies.quadrants).tolist() == [0, 80, 79, 93, 92]
    assert {name: len(corpus) for name, corpus in prepared.corpora.items()} == {
        "musgenvae": 344,
        "musgenvae_gru": 80,
        "musgenvae_dense": 80,
    }
    pitches = np.unique(melodies.tokens)
    assert len(pitches) == 31
    assert {REST, HOLD} <= set(pitches.tolist())
