"""Files as a publisher lays them out: taken from a folder or an archive by their wanted paths, checked, and kept."""

import hashlib
import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from affetti.corpora.corpus import Holding, ProgressBar, corpus_folder
from affetti.corpora.download import archive_members, fetch_archive
from affetti.errors import InputError
from affetti.files import read_bounded

Files = dict[str, bytes]
"""Path below the publisher's folder, with /, and content."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip archive at its publisher's."""

    url: str
    file_name: str
    """Under which it is kept until it has been read."""
    max_bytes: int
    md5: str | None = None
    """As published; None where its bytes are not promised."""
    top: str = ""
    """A folder that its files belong into ("EMOPIA_1.0/"); the archive's own top folder, whatever its name, goes."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What of a published corpus is wanted, where it is, and how it is checked."""

    name: str
    archive: Archive
    globs: tuple[str, ...]
    """Where wanted files lie below the publisher's folder."""
    wanted: re.Pattern[str]
    """What their whole paths look like."""
    max_file_bytes: int
    root: Callable[[Path], Path]
    """The publisher's folder, given it or a folder inside it."""
    differences: Callable[[Collection[str]], tuple[str, ...]]
    """How paths differ from the published ones, a line each; empty where they are complete."""
    unpack: Callable[[Files], Files] = lambda files: files
    """Opens archives inside the archive."""
    midi_digest: str | None = None
    """`folder_digest` of all MIDI files; None where nobody here has seen them all."""

    def paths(self, root: Path) -> list[str]:
        """The wanted files below the publisher's folder, sorted."""
        found = (path.relative_to(root).as_posix() for glob in self.globs for path in root.glob(glob))
        return sorted(path for path in found if self.wanted.fullmatch(path))

    def find(self) -> Holding:
        """What was fetched."""
        folder = corpus_folder(self.name)
        if not folder.is_dir():
            return Holding(None, 0)
        return Holding(folder, midi_count(self.paths(folder)))

    def get(self, source: Path | None, progress: ProgressBar) -> Holding:
        """Fetch it from the publisher, or take it from `source`, a folder laid out as published.

        A complete corpus that is already here stays as it is. Another number of files than the published one is
        taken, with warnings that say so. Raises InputError when there is nothing to take.
        """
        target = corpus_folder(self.name)
        root = self.source_root(source) if source is not None else None
        held = self.paths(target) if target.is_dir() else []
        if held and not self.differences(held):
            return Holding(target, midi_count(held))
        if root is None:
            files, warnings = self._fetch(progress)
        else:
            files, warnings = read_files(root, self.paths(root), max_file_bytes=self.max_file_bytes)
        files = self.unpack(files)
        replace_tree(target, files)
        return Holding(target, midi_count(files), warnings + (self.differences(files) or self._changed(files)))

    def _changed(self, files: Files) -> tuple[str, ...]:
        """A warning where files are as many as published, but not the same."""
        midi = ((path, data) for path, data in files.items() if path.endswith(".mid"))
        if self.midi_digest is None or folder_digest(midi) == self.midi_digest:
            return ()
        return (f"{self.name}: not all files are as published",)

    def source_root(self, source: Path | None) -> Path:
        """The publisher's folder in `source`, or what was fetched. Raises InputError where nothing wanted is."""
        if source is None:
            root = corpus_folder(self.name)
            if not root.is_dir() or not midi_count(self.paths(root)):
                raise InputError(f"{self.name} is not here; run: affetti corpus get {self.name} (or give --from DIR)")
            return root
        root = self.root(source)
        if not root.is_dir() or not any(path.endswith((".mid", ".zip")) for path in self.paths(root)):
            raise InputError(f"{source} holds no {self._layout}, as {self.archive.url} does")
        return root

    @property
    def _layout(self) -> str:
        """Where MIDI files lie, in words."""
        return " or ".join(glob for glob in self.globs if glob.endswith(".mid"))

    def _fetch(self, progress: ProgressBar) -> tuple[Files, tuple[str, ...]]:
        """The wanted files in the publisher's archive, and a warning where it is not the one that was published."""
        archive = self.archive
        path = fetch_archive(archive.url, archive.file_name, progress, max_bytes=archive.max_bytes)
        try:
            warnings = _check_md5(path, archive)
            members = archive_members(path, self.wanted, max_member_bytes=self.max_file_bytes, top=archive.top)
        finally:  # all that is wanted was taken, or it is bad and the next call must fetch it anew
            path.unlink(missing_ok=True)
        if not members:
            raise InputError(f"{archive.url} holds no {self._layout}")
        return members, warnings


def midi_count(paths: Iterable[str]) -> int:
    """How many of the paths are MIDI files."""
    return sum(path.endswith(".mid") for path in paths)


def _check_md5(path: Path, archive: Archive) -> tuple[str, ...]:
    """A warning where an archive is not the one published; what it holds is counted in any case."""
    if archive.md5 is None:
        return ()
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found == archive.md5:
        return ()
    return (f"{archive.url} has the MD5 {found}, not {archive.md5} as published",)


def folder_digest(files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over the sorted lines "NAME SHA256\\n" of a folder's files: one digest for all of them."""
    lines = sorted(f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, data in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_files(root: Path, paths: Iterable[str], *, max_file_bytes: int) -> tuple[Files, tuple[str, ...]]:
    """The content of files below `root`, and a line for each that cannot be read."""
    files = {}
    unreadable = []
    for path in paths:
        try:
            files[path] = read_bounded(root / path, max_bytes=max_file_bytes)
        except InputError as error:
            unreadable.append(str(error))
    return files, tuple(unreadable)


def replace_tree(target: Path, files: Mapping[str, bytes]) -> None:
    """Put `files` in the place of the folder `target`, all of them or, on an error, none."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
            fresh = Path(temporary, "fresh")
            for path, data in files.items():
                (fresh / path).parent.mkdir(parents=True, exist_ok=True)
                (fresh / path).write_bytes(data)
            if target.exists():
                target.replace(Path(temporary, "old"))
            fresh.replace(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error
