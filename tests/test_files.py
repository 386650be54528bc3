"""Outputs whole or not at all, nothing overwritten unasked, inputs bounded and ordinary."""

import os
import stat
from pathlib import Path

import pytest

from affetti.errors import InputError
from affetti.files import check_writable, data_home, read_bounded, write_whole


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"
    write_whole(path, b"\x00\xff" * 1_000)
    assert read_bounded(path, max_bytes=2_000) == b"\x00\xff" * 1_000
    assert names_in(path.parent) == ["file.bin"], "no temporary file is left"


def test_a_file_is_readable_by_those_the_umask_allows(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        write_whole(tmp_path / "file", b"")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"first")
    for attempt in (lambda: write_whole(path, b"second"), lambda: check_writable(path)):
        with pytest.raises(InputError, match="exists; use --force"):
            attempt()
    assert path.read_bytes() == b"first"
    write_whole(path, b"second", force=True)
    assert path.read_bytes() == b"second"


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_and_no_other(
    failing: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(failing, fail)
        with pytest.raises((InputError, KeyboardInterrupt), match=r"No space left|^$"):
            write_whole(path, b"new", force=True)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_what_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    refused = {
        tmp_path: "is a folder",
        tmp_path / "pipe": "not an ordinary file",
        Path("/dev/null"): "not an ordinary file",
        tmp_path / "plain" / "below a file": "cannot write",
        tmp_path / ("long" * 100): "cannot write",
        tmp_path / "zero\0byte": "cannot write",
    }
    for path, complaint in refused.items():
        with pytest.raises(InputError, match=complaint) as refusal:
            write_whole(path, b"data", force=True)
        assert "\n" not in str(refusal.value)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_long_and_foreign_names_are_written(tmp_path: Path) -> None:
    for name in ("x" * 255, "悲" * 85, ".hidden"):
        write_whole(tmp_path / name, b"data")
    assert len(names_in(tmp_path)) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        write_whole(tmp_path / "file", b"data")


# ---- reading


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bounded(path, max_bytes=5) == b"12345"
    with pytest.raises(InputError, match=r"5 bytes; the limit is 4"):
        read_bounded(path, max_bytes=4)


def test_a_file_larger_than_it_says_is_refused() -> None:
    path = Path("/proc/cpuinfo")  # says 0 bytes
    if not path.is_file():
        pytest.skip("no /proc here")
    with pytest.raises(InputError, match="more than 10 bytes"):
        read_bounded(path, max_bytes=10)


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for ever
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    refused = {
        tmp_path: "not an ordinary file",
        tmp_path / "pipe": "not an ordinary file",
        Path("/dev/zero"): "not an ordinary file",
        tmp_path / "missing": "no such file",
        tmp_path / "dangling": "no such file",
        tmp_path / "zero\0byte": "no such file",
        tmp_path / ("long" * 100): "File name too long",
    }
    for path, complaint in refused.items():
        with pytest.raises(InputError, match=complaint) as refusal:
            read_bounded(path, max_bytes=100)
        assert str(refusal.value).startswith(f"{path}: ")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"data")
    assert read_bounded(tmp_path / "link", max_bytes=100) == b"data"


def test_data_home_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFETTI_HOME", "~/music")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_home() == tmp_path / "music"
    monkeypatch.delenv("AFFETTI_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert data_home().name == "affetti"


def test_the_data_home_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFETTI_HOME", "~nobody_of_this_name/music")
    with pytest.raises(InputError, match="AFFETTI_HOME is '~nobody_of_this_name/music'"):
        data_home()
