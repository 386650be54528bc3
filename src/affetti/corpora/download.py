"""Fetching archives: downloads that resume, and zip files of which only what is wanted is read."""

import re
import zipfile
import zlib
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from affetti.corpora.corpus import ProgressBar
from affetti.errors import InputError
from affetti.files import data_home

MAX_ARCHIVE_BYTES = 64 * 2**20
MAX_MEMBERS = 20_000

_ATTEMPTS = 5
_TIMEOUT_SECONDS = 30
_CHUNK_BYTES = 2**10  # up to this much is lost when a connection breaks


def fetch_archive(url: str, file_name: str, progress: ProgressBar, *, max_bytes: int = MAX_ARCHIVE_BYTES) -> Path:
    """Download `url` to `file_name` in the download folder, going on where an earlier attempt broke off.

    A file that is already there is not downloaded again. What has arrived lies in FILE_NAME.part until it is
    whole, so that the next call asks the server for the rest (HTTP Range); a server that cannot do that sends
    all of it again. Raises InputError for an address that cannot be reached, an error of the server, or more
    than `max_bytes`.
    """
    import pooch
    from requests import RequestException

    folder = data_home() / "downloads"
    partial = folder / f"{file_name}.part"

    def download(address: str, output_file: str, _: Any) -> None:
        with progress(f"downloading {file_name}", None) as advance:
            for attempt in range(_ATTEMPTS):
                before = partial.stat().st_size if partial.exists() else 0
                try:
                    _download_rest(address, partial, advance, max_bytes)
                    break
                except RequestException:
                    after = partial.stat().st_size if partial.exists() else 0
                    if attempt == _ATTEMPTS - 1 or after <= before:  # no use in asking again at once
                        raise
        partial.replace(output_file)
        _validator_path(partial).unlink(missing_ok=True)

    pooch.get_logger().setLevel("WARNING")  # it announces every download on stderr
    try:
        # No known_hash: GitHub does not promise the bytes of an archive. Its content is checked instead.
        return Path(pooch.retrieve(url, None, fname=file_name, path=folder, downloader=download))
    except RequestException as error:
        size = partial.stat().st_size if partial.exists() else 0
        kept = f"; {size:,} bytes are kept, run it again" if size else ""
        raise InputError(f"cannot download {url}: {_reason(error)}{kept}") from error
    except OSError as error:
        raise InputError(f"cannot store {folder / file_name}: {error.strerror or error}") from error


def _download_rest(url: str, partial: Path, advance: Callable[[int], None], max_bytes: int) -> None:
    """Append to `partial` what the server has beyond it, or start again where the server sends all of it."""
    import requests

    partial.parent.mkdir(parents=True, exist_ok=True)
    validator = _validator_path(partial)
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # else the bytes counted are not the bytes sent
    if have:
        headers["Range"] = f"bytes={have}-"
        if validator.exists():  # the rest only if it is the rest of the same file, else all of it
            headers["If-Range"] = validator.read_text(encoding="latin-1")
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as response:
        content_range = response.headers.get("Content-Range", "")
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if content_range == f"bytes */{have}":
                return  # nothing beyond what we have: it was whole
            partial.unlink()
        response.raise_for_status()
        resumed = response.status_code == HTTPStatus.PARTIAL_CONTENT
        if resumed and not content_range.startswith(f"bytes {have}-"):
            raise requests.RequestException("the server sent another part than was asked for")
        tag = response.headers.get("ETag", "")
        if tag and not tag.startswith("W/"):  # a weak one does not promise the same bytes
            validator.write_text(tag, encoding="latin-1")
        else:
            validator.unlink(missing_ok=True)
        start = size = have if resumed else 0
        with partial.open("ab" if resumed else "wb") as stream:
            for chunk in response.iter_content(_CHUNK_BYTES):
                size += len(chunk)
                if size > max_bytes:
                    break
                stream.write(chunk)
                advance(len(chunk))
        if size > max_bytes:
            partial.unlink()
            raise InputError(f"{url} is larger than {max_bytes:,} bytes: not what it should be")
        if size - start < int(response.headers.get("Content-Length", 0)):
            raise requests.RequestException("the connection broke off")


def _validator_path(partial: Path) -> Path:
    """Where the ETag of a partial download is kept: it says whether the rest still belongs to it."""
    return partial.with_name(f"{partial.name}.etag")


def _reason(error: Exception) -> str:
    """Why a download failed, in the server's words where it spoke."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answers {response.status_code} {response.reason}"
    if error.args and isinstance(error.args[0], str):
        return error.args[0]
    name = type(error).__name__  # requests names the kind well; its text is a nest of other libraries' errors
    return {
        "ConnectionError": "no connection",
        "ChunkedEncodingError": "the connection broke off",
        "ConnectTimeout": "no answer",
        "ReadTimeout": "no answer",
    }.get(name, name)


def archive_members(
    archive: Path | BinaryIO, wanted: re.Pattern[str], *, max_member_bytes: int, top: str = "", name: str = ""
) -> dict[str, bytes]:
    """The files in a zip whose path matches `wanted` completely, `top` in the place of its one top folder.

    Gives path -> bytes. Nothing is written: what a member is called decides only whether it is read. An archive inside
    another is given as a stream, with a name for messages. Raises InputError for a file that is no zip, one with a path
    that leads out of it or with absurdly many members, and a wanted member over the limit.
    """
    name = archive.name if isinstance(archive, Path) else name
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if len(members) > MAX_MEMBERS:
                raise InputError(f"{name}: {len(members):,} files; the limit is {MAX_MEMBERS:,}")
            found = {}
            for member in members:
                path = PurePosixPath(member.filename)
                if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
                    raise InputError(f"{name} is refused: {member.filename!r} leads out of it")
                inner = top + "/".join(path.parts[1:])
                if member.is_dir() or not wanted.fullmatch(inner):
                    continue
                with opened.open(member) as stream:  # the size it declares may lie: count what is unpacked
                    data = stream.read(max_member_bytes + 1)
                if len(data) > max_member_bytes:
                    raise InputError(f"{name}: {inner} is larger than {max_member_bytes:,} bytes")
                found[inner] = data
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(f"{name} is not a sound zip archive ({error})") from error
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from error
    return found
