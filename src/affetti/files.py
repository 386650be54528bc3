"""Files in and out: outputs whole or not at all, inputs bounded."""

import os
import secrets
from pathlib import Path

from affetti.errors import InputError


def write_whole(path: Path, data: bytes, *, force: bool = False) -> None:
    """Write `data` to `path` completely or not at all (temporary file beside it, then rename).

    Raises InputError when the file exists and `force` is false, or when it cannot be written.
    """
    check_writable(path, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not a tempfile: only its owner may read one, and a composed piece is an ordinary file.
        temporary = path.with_name(f".{path.name[:50]}.{secrets.token_hex(8)}")
        try:
            with temporary.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise InputError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error


def check_writable(path: Path, *, force: bool = False) -> None:
    """Raise InputError when writing `path` would overwrite something without `force`, or no ordinary file."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not a file")
        if path.exists() and not path.is_file():  # a rename would put a file in the place of the device
            raise InputError(f"{path} is not an ordinary file")
        if path.exists() and not force:
            raise InputError(f"{path} exists; use --force to overwrite it")
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def read_bounded(path: Path, *, max_bytes: int) -> bytes:
    """The bytes of an ordinary file of at most `max_bytes`.

    Raises InputError for a missing file, a folder, a device, a pipe, an unreadable or a larger file.
    """
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if not path.is_file():
            raise InputError(f"{path}: not an ordinary file")
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(f"{path}: {size:,} bytes; the limit is {max_bytes:,}")
        with path.open("rb") as stream:
            data = stream.read(max_bytes + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if len(data) > max_bytes:
        raise InputError(f"{path}: more than {max_bytes:,} bytes")
    return data


def data_home() -> Path:
    """Where corpora and prepared arrays live: $AFFETTI_HOME, else the user's data folder.

    Raises InputError when $AFFETTI_HOME begins with ~ and a user that is not here.
    """
    if configured := os.environ.get("AFFETTI_HOME"):
        try:
            return Path(configured).expanduser()
        except RuntimeError as error:
            raise InputError(f"AFFETTI_HOME is {configured[:80]!r}: there is no such home folder") from error
    import platformdirs

    return Path(platformdirs.user_data_dir("affetti"))
