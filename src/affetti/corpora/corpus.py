"""What a corpus is to affetti: a description, a way to get it, a way to prepare it."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affetti.corpora.prepared import PreparedMelodies, prepared_path, save_prepared
from affetti.files import data_home, write_whole

ProgressBar = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Takes a title and a total; inside its context, its value is called with the steps done (cli.output)."""


@contextmanager
def no_progress(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """The progress bar of a caller that shows none."""
    yield lambda steps: None


@dataclass(frozen=True, slots=True)
class Holding:
    """What of a corpus lies on this machine: `files` of it in `folder` (None: nowhere)."""

    folder: Path | None
    files: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """A file that was left out, and why, in one line."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Preparation:
    """Melodies ready to be saved, by the name under which they are, and what was left out on the way."""

    corpora: dict[str, PreparedMelodies]
    rejects: tuple[Reject, ...] = ()
    warnings: tuple[str, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)
    """Findings of the preparation, as JSON."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus: where it is published, how much of it there is, and how to fetch and prepare it."""

    name: str
    title: str
    version: str
    licence: str
    source: str
    """Where its publisher keeps it."""
    expected_files: int
    find: Callable[[], Holding]
    get: Callable[[Path | None, ProgressBar], Holding]
    """Fetch it, or take it from a folder laid out as published. Raises InputError."""
    prepare: Callable[[Path | None, ProgressBar], Preparation]
    """Melodies of what was fetched, or of a folder laid out as published. Raises InputError."""


def corpus_folder(name: str) -> Path:
    """Where a fetched corpus lies."""
    return data_home() / "corpora" / name


def rejects_path(name: str) -> Path:
    """The table of the files that preparing a corpus left out."""
    return prepared_path(name).with_name(f"{name}_rejected.csv")


def save_preparation(name: str, preparation: Preparation) -> dict[str, Path]:
    """Write prepared melodies and the table of rejects (file, reason); the paths of the melodies by name."""
    paths = {}
    for prepared, melodies in preparation.corpora.items():
        paths[prepared] = prepared_path(prepared)
        save_prepared(paths[prepared], melodies)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["file", "reason"])
    writer.writerows((reject.file, reject.reason) for reject in preparation.rejects)
    write_whole(rejects_path(name), table.getvalue().encode("utf-8", "backslashreplace"), force=True)
    return paths
