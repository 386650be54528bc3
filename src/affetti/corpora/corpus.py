"""What a corpus is to affetti: a description, a way to get it, a way to prepare it."""

import csv
import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.files import data_home, write_whole

PUBLISHED = ("musgenvae", "chorales", "emopia", "vgmidi", "pop909")
"""The corpora of published data. Names of what is prepared from them begin so; no corpus of the user's own does."""

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


class Prepared(Protocol):
    """What a corpus becomes: arrays that can be saved, and a few figures about them."""

    def save(self, path: Path) -> None:
        """Write (or replace) them, whole or not at all. The same arrays give the same bytes."""

    def counts(self) -> dict[str, Any]:
        """How many there are of what, as JSON."""

    def summary(self) -> str:
        """The same in a few words, for example "3 melodies (Q1 1, Q2 2), 3 tunes"."""


P = TypeVar("P", bound=Prepared)


@dataclass(frozen=True, slots=True)
class Preparation(Generic[P]):
    """Arrays ready to be saved, by the name under which they are, and what was left out on the way."""

    name: str
    """Of the corpus; the user's own folder has the name that the user gives it."""
    corpora: dict[str, P]
    rejects: tuple[Reject, ...] = ()
    warnings: tuple[str, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)
    """Findings of the preparation, as JSON."""
    finish: Callable[[], None] = lambda: None
    """What is to be done once everything is saved: parts kept for the case of an interruption go."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus: where it is published, how much of it there is, and how to fetch and prepare it."""

    name: str
    title: str
    version: str
    licence: str
    source: str
    """Where its publisher keeps it."""
    expected_files: int | None
    """None where nobody knows: the user's own folder."""
    find: Callable[[], Holding]
    get: Callable[[Path | None, ProgressBar], Holding]
    """Fetch it, or take it from a folder laid out as published. Raises InputError."""
    prepare: Callable[..., Preparation[Any]]
    """prepare(source, progress, workers): arrays of what was fetched, or of a folder laid out as published, made by
    so many processes. Raises InputError."""


def default_workers() -> int:
    """How many processes prepare a corpus where the user does not say: one for each core this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepared_path(name: str) -> Path:
    """Where the prepared corpus of this name lies."""
    return data_home() / "prepared" / f"{name}.safetensors"


def corpus_folder(name: str) -> Path:
    """Where a fetched corpus lies."""
    return data_home() / "corpora" / name


def not_prepared(name: str) -> InputError:
    """What is wrong where a prepared corpus is missing: one line with the command that makes it."""
    published = name.split("_")[0]
    own = f"folder --from DIR --name {name}"
    command = f"affetti corpus prepare {published if published in PUBLISHED else own}"
    return InputError(f"{name} is not prepared ({prepared_path(name)} is missing); run: {command}")


def rejects_path(name: str) -> Path:
    """The table of the files that preparing a corpus left out."""
    return prepared_path(name).with_name(f"{name}_rejected.csv")


def save_preparation(preparation: Preparation[Any]) -> dict[str, Path]:
    """Write prepared arrays and the table of rejects (file, reason); the paths of the arrays by name."""
    paths = {}
    for name, prepared in preparation.corpora.items():
        paths[name] = prepared_path(name)
        prepared.save(paths[name])
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["file", "reason"])
    writer.writerows((reject.file, reject.reason) for reject in preparation.rejects)
    write_whole(rejects_path(preparation.name), table.getvalue().encode("utf-8", "backslashreplace"), force=True)
    preparation.finish()
    return paths


def quadrant_counts(quadrants: NDArray[np.int8]) -> dict[str, int]:
    """How many of each quadrant there are, by its name; a quadrant that does not occur is left out."""
    counts = {quadrant.name: int((quadrants == quadrant).sum()) for quadrant in Quadrant}
    return {name: count for name, count in counts.items() if count}


def quadrant_summary(counts: dict[str, int]) -> str:
    """For example "Q1 80, Q2 79", or "no labels"."""
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "no labels"
