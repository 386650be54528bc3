"""Downloads that break, resume, change and lie, from a loopback server; zip archives that mean harm."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from affetti.corpora import download
from affetti.corpora.corpus import no_progress
from affetti.corpora.download import archive_members, fetch_archive
from affetti.errors import InputError
from affetti.files import data_home

CONTENT = bytes(range(256)) * 1000
BROKEN = 98_304  # bytes after which the server breaks the connection: whole chunks
WANTED = re.compile(r"dataset/[a-z]+\.mid")


def fetch(url: str, **limits: int) -> Path:
    return fetch_archive(url, "archive.zip", no_progress, **limits)


def partial() -> Path:
    return data_home() / "downloads" / "archive.zip.part"


def test_a_download_is_whole_and_is_not_repeated(server: Any) -> None:
    server.content = CONTENT
    path = fetch(server.url)
    assert path.read_bytes() == CONTENT
    assert fetch(server.url) == path
    assert server.requested == [None]
    assert [file.name for file in path.parent.iterdir()] == ["archive.zip"]


@pytest.mark.parametrize("etag", ['"one"', 'W/"weak"', None])
def test_a_broken_download_goes_on_where_it_broke_off(server: Any, etag: str | None) -> None:
    server.content, server.etag, server.break_after = CONTENT, etag, BROKEN
    assert fetch(server.url).read_bytes() == CONTENT
    assert server.requested == [None, f"bytes={BROKEN}-"]


def test_the_next_call_goes_on_where_this_one_broke_off(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_ATTEMPTS", 1)
    server.content, server.break_after = CONTENT, BROKEN
    with pytest.raises(InputError, match="the connection broke off; 98,304 bytes are kept, run it again"):
        fetch(server.url)
    assert partial().stat().st_size == BROKEN
    assert fetch(server.url).read_bytes() == CONTENT
    assert server.requested == [None, f"bytes={BROKEN}-"]


def test_a_process_killed_before_the_last_rename_asks_for_nothing_twice(server: Any) -> None:
    server.content = CONTENT
    partial().parent.mkdir(parents=True)
    partial().write_bytes(CONTENT)
    assert fetch(server.url).read_bytes() == CONTENT


def test_a_partial_download_longer_than_the_file_starts_again(server: Any) -> None:
    server.content = CONTENT[:1000]
    partial().parent.mkdir(parents=True)
    partial().write_bytes(CONTENT)
    with pytest.raises(InputError, match="the server answers 416"):
        fetch(server.url)
    assert fetch(server.url).read_bytes() == CONTENT[:1000]


def test_a_file_that_changed_meanwhile_is_fetched_whole(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_ATTEMPTS", 1)
    server.content, server.break_after = CONTENT, BROKEN
    with pytest.raises(InputError, match="broke off"):
        fetch(server.url)
    server.content, server.etag = CONTENT[::-1], '"two"'
    assert fetch(server.url).read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_sends_all_of_it_again(server: Any) -> None:
    server.content, server.ranges, server.break_after = CONTENT, False, BROKEN
    assert fetch(server.url).read_bytes() == CONTENT
    assert server.requested == [None, f"bytes={BROKEN}-"]


@pytest.mark.parametrize("status", [404, 403, 500])
def test_an_error_of_the_server_is_one_clear_line(server: Any, status: int) -> None:
    server.status = status
    with pytest.raises(InputError, match=rf"^cannot download http.*: the server answers {status} ") as caught:
        fetch(server.url)
    assert "\n" not in str(caught.value)


def test_nobody_at_the_address_is_one_clear_line() -> None:
    with pytest.raises(InputError, match=r"^cannot download http://127\.0\.0\.1:9/"):
        fetch("http://127.0.0.1:9/archive.zip")


def test_too_large_a_file_is_given_up_and_leaves_nothing(server: Any) -> None:
    server.content = CONTENT
    with pytest.raises(InputError, match="larger than 1,000 bytes"):
        fetch(server.url, max_bytes=1000)
    assert not partial().exists()


def archive(tmp_path: Path, members: dict[str, bytes]) -> Path:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return path


def members(path: Path) -> dict[str, bytes]:
    return archive_members(path, WANTED, max_member_bytes=1000)


def test_only_wanted_members_are_read(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        {
            "top/": b"",
            "top/dataset/a.mid": b"A",
            "top/dataset/a.exe": b"B",
            "top/dataset/deep/a.mid": b"C",
            "dataset/b.mid": b"D",
            "top/README.md": b"x" * 5000,
        },
    )
    assert members(path) == {"dataset/a.mid": b"A"}


def test_an_archive_in_an_archive_is_read_under_another_top_folder(tmp_path: Path) -> None:
    path = archive(tmp_path, {"phrases/a.mid": b"A", "phrases/b.txt": b"B"})
    wanted = re.compile(r"labelled/phrases/\w+\.mid")
    packed = io.BytesIO(path.read_bytes())
    found = archive_members(packed, wanted, max_member_bytes=9, top="labelled/phrases/", name="phrases.zip")
    assert found == {"labelled/phrases/a.mid": b"A"}
    with pytest.raises(InputError, match=r"phrases\.zip is not a sound zip archive"):
        archive_members(io.BytesIO(b"x"), wanted, max_member_bytes=9, name="phrases.zip")


@pytest.mark.parametrize("name", ["top/../../dataset/a.mid", "/dataset/a.mid", "top/..\\..\\a.mid", ".."])
def test_an_archive_with_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="leads out of it"):
        members(archive(tmp_path, {"top/dataset/b.mid": b"", name: b""}))


def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, {"top/dataset/a.mid": bytes(10**6)})
    with pytest.raises(InputError, match=r"dataset/a\.mid is larger than 1,000 bytes"):
        members(path)
    # the same with a directory that lies about the size, as a zip bomb's does
    lying = path.read_bytes().replace((10**6).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(lying)
    with pytest.raises(InputError, match=r"larger|not a sound zip"):
        members(path)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_MEMBERS", 2)
    with pytest.raises(InputError, match="3 files; the limit is 2"):
        members(archive(tmp_path, {"a": b"", "b": b"", "c": b""}))


@pytest.mark.parametrize("damage", ["noise", "truncated", "flipped", "empty"])
def test_a_damaged_archive_is_one_clear_line(tmp_path: Path, damage: str) -> None:
    path = archive(tmp_path, {"top/dataset/a.mid": bytes(range(256)) * 3})
    data = path.read_bytes()
    broken = {
        "noise": b"not a zip" * 100,
        "truncated": data[: len(data) // 2],
        "flipped": data[:60] + bytes([data[60] ^ 0xFF]) + data[61:],
        "empty": b"",
    }
    path.write_bytes(broken[damage])
    with pytest.raises(InputError, match="not a sound zip archive") as caught:
        members(path)
    assert "\n" not in str(caught.value)


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO(archive(tmp_path, {"top/dataset/a.mid": b"A"}).read_bytes())
    data = bytearray(buffer.getvalue())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1  # the flag that says a member is encrypted
    (tmp_path / "archive.zip").write_bytes(bytes(data))
    with pytest.raises(InputError, match="not a sound zip archive"):
        members(tmp_path / "archive.zip")
