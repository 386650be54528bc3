"""musgenvae: 344 four-bar chorale melodies labelled with four emotions, and 160 generated ones.

J. Grekow and T. Dimitrova-Grekow, IEEE Access 9 (2021). The label is the folder: e1 to e4 are the quadrants.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from affetti.corpora.corpus import (
    Corpus,
    Holding,
    Preparation,
    ProgressBar,
    Reject,
    corpus_folder,
    no_progress,
)
from affetti.corpora.download import archive_members, fetch_archive
from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.corpora.published_files import folder_digest, read_files, replace_tree
from affetti.corpora.tunes import tune_groups
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.files import read_bounded
from affetti.midi import read_midi
from affetti.tokens.melody import Tokens, encode

NAME = "musgenvae"
REPOSITORY = "https://github.com/grekowj/musgenvae"
COMMIT = "260fd45a3a9796dd0135be6bd66aad4b1aa28f7b"
"""The commit whose README states the licence and names all three folders."""

PREPARED_NAMES = {
    "dataset": NAME,
    "generated_exaples": f"{NAME}_gru",
    "generated_exaples_CVAE_Dense_baseline": f"{NAME}_dense",
}
"""Folder (spelled as published) -> the name under which its melodies are prepared."""

MAX_MELODY_BYTES = 2**16
"""The largest published file has under 8 KB."""


class PublishedFolder(NamedTuple):
    """How many files a folder has at the pinned commit, and their `folder_digest`."""

    files: int
    digest: str


PUBLISHED = {
    "dataset/e1": PublishedFolder(80, "5dee39d157fbc0386f2d91eeb3aa0f3be7f845babc2a37cefcb026a98fa55b1a"),
    "dataset/e2": PublishedFolder(79, "961a198a81fe9fc45fcb82e030f147c82131a6c6d4babf0e92a8cde2e580369d"),
    "dataset/e3": PublishedFolder(93, "781b996e77913e4efcadcf61714f3527b533249dac93dd309eb3e752ece760b5"),
    "dataset/e4": PublishedFolder(92, "6e87d21ff18eb45b3e9e6d39f1ae1636a142f77bf84167d9e931d58742708799"),
    "generated_exaples/e1": PublishedFolder(20, "31f92e5b3b32809671e96353d88598977706722ed4cc82afe14f4dbb85dbc452"),
    "generated_exaples/e2": PublishedFolder(20, "75c481f005f43821537c6e5474d56d4d82a3b619c376dba91990bd94054b8095"),
    "generated_exaples/e3": PublishedFolder(20, "08deb0a0887a2bd91c6e406524c77f46bd9db5d0edbe468e985d3cd60353bde5"),
    "generated_exaples/e4": PublishedFolder(20, "21a2e99fbd60936a7c8aa3dd58f92054490b184c4b3493454ecadc4ff009daa7"),
    "generated_exaples_CVAE_Dense_baseline/e1": PublishedFolder(
        20, "eecf3e975dca06d3baa8ab1dfd2917c5a9c0cde9f49e5eeed9cbab79b16e9633"
    ),
    "generated_exaples_CVAE_Dense_baseline/e2": PublishedFolder(
        20, "979988849cdbae874bd14c0ea601191d5d06b9afd5ad57346554ce8541cb1803"
    ),
    "generated_exaples_CVAE_Dense_baseline/e3": PublishedFolder(
        20, "d62d3d96a21b03104d75af7598c841d87c2ca8475509792b731a04f396eede53"
    ),
    "generated_exaples_CVAE_Dense_baseline/e4": PublishedFolder(
        20, "2fe003d520d1481445f0abf09c0f3ed93074096c2e6b7bbb027a7c8431e09653"
    ),
}
"""Folder -> what the publisher has in it, computed from a complete copy: 344 and 160 melodies."""

_PATH = re.compile(rf"({'|'.join(PREPARED_NAMES)})/e[1-4]/[A-Za-z0-9._-]+\.mid")
ARCHIVE_URL = f"{REPOSITORY}/archive/{COMMIT}.zip"


def find() -> Holding:
    """What was fetched."""
    folder = corpus_folder(NAME)
    if not folder.is_dir():
        return Holding(None, 0)
    return Holding(folder, len(_paths(folder)))


def get(source: Path | None = None, progress: ProgressBar = no_progress) -> Holding:
    """Fetch the corpus from its publisher, or take it from `source`, a folder laid out as published.

    A complete corpus that is already here stays as it is. Files that differ in number or content from the
    published ones are taken, with a warning for each folder concerned. Raises InputError when there is
    nothing to take.
    """
    root = publisher_root(source) if source is not None else None
    target = corpus_folder(NAME)
    held, _ = _read(target)
    if not differences(held):
        return Holding(target, len(held))
    files, unreadable = _read(root) if root is not None else (_fetch(progress), ())
    replace_tree(target, files)
    return Holding(target, len(files), unreadable + differences(files))


def _read(root: Path) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The melody files below `root` (path -> bytes), and a line for each that cannot be read."""
    return read_files(root, _paths(root), max_file_bytes=MAX_MELODY_BYTES)


def _fetch(progress: ProgressBar) -> dict[str, bytes]:
    """The MIDI files in the publisher's archive: path -> bytes."""
    archive = fetch_archive(ARCHIVE_URL, f"{NAME}-{COMMIT}.zip", progress)
    try:
        files = archive_members(archive, _PATH, max_member_bytes=MAX_MELODY_BYTES)
    finally:  # all that is wanted was taken, or it is bad and the next call must fetch it anew
        archive.unlink(missing_ok=True)
    if not files:
        raise InputError(f"{ARCHIVE_URL} holds no dataset/e1/*.mid … dataset/e4/*.mid")
    return files


def publisher_root(folder: Path) -> Path:
    """The folder that holds dataset/, given it or dataset/ itself. Raises InputError where none is."""
    root = folder.parent if folder.name == "dataset" else folder
    if not root.is_dir() or not any(path.startswith("dataset/") for path in _paths(root)):
        raise InputError(f"{folder} holds no dataset/e1/*.mid … dataset/e4/*.mid, as {REPOSITORY} does")
    return root


def _paths(root: Path) -> list[str]:
    """The melody files below `root`, relative to it, sorted."""
    found = (path for top in PREPARED_NAMES for path in root.glob(f"{top}/e[1-4]/*.mid"))
    relative = (path.relative_to(root).as_posix() for path in found)
    return sorted(path for path in relative if _PATH.fullmatch(path))


def differences(files: dict[str, bytes]) -> tuple[str, ...]:
    """How a tree (path -> bytes) differs from the published one: a line for each folder that does.

    The lines give counts; they can name missing files only where the publisher numbered them, because a list
    of the data set's files with their labels is part of the data set, which is not ours to ship.
    """
    lines = []
    for folder, published in PUBLISHED.items():
        here = {path.rsplit("/", 1)[1]: data for path, data in files.items() if path.startswith(f"{folder}/")}
        if len(here) != published.files:
            line = f"{folder}: {len(here)} of {published.files} files"
            numbered = [f"new_generated_{n}.mid" for n in range(published.files)]
            if here and not folder.startswith("dataset/"):
                line += f", missing {', '.join(name for name in numbered if name not in here)}"
            lines.append(line)
        elif folder_digest(here.items()) != published.digest:
            lines.append(f"{folder}: {len(here)} files, not all of them as published at commit {COMMIT[:7]}")
    return tuple(lines)


def prepare(
    source: Path | None = None, progress: ProgressBar = no_progress, workers: int = 1
) -> Preparation[PreparedMelodies]:
    """Tokens of the labelled melodies (musgenvae) and of the generated ones (musgenvae_gru, musgenvae_dense).

    Read from `source`, a folder laid out as published, or from what was fetched. A file that is no melody is
    rejected and the rest is prepared. One process does it, whatever `workers` says: it takes two seconds. Raises
    InputError when there is nothing to prepare.
    """
    root = publisher_root(source) if source is not None else corpus_folder(NAME)
    paths = _paths(root)
    if not paths:
        raise InputError(f"{NAME} is not here; run: affetti corpus get {NAME} (or give --from DIR)")
    files: dict[str, bytes] = {}
    tokens = {}
    rejects = []
    with progress(f"preparing {NAME}", len(paths)) as advance:
        for path in paths:
            try:
                files[path] = read_bounded(root / path, max_bytes=MAX_MELODY_BYTES)
                tokens[path] = encode(read_midi(files[path]))
            except InputError as error:
                rejects.append(Reject(path, str(error)))
            advance(1)
    corpora = {}
    for top, name in PREPARED_NAMES.items():
        members = [path for path in tokens if path.startswith(f"{top}/")]
        if members:
            corpora[name] = _labelled({path.removeprefix(f"{top}/"): tokens[path] for path in members})
    if NAME not in corpora:
        raise InputError(f"none of the {len(paths)} files in {root} is a melody: {rejects[0].reason}")
    return Preparation(NAME, corpora, tuple(rejects), differences(files))


def _labelled(tokens: dict[str, Tokens]) -> PreparedMelodies:
    """The melodies of one folder, each labelled by the folder in its name: "e1/bwv1.6.mxl.mid" is Q1."""
    stacked = np.stack(list(tokens.values()))
    quadrants = np.asarray([Quadrant(int(name[1])) for name in tokens], np.int8)
    return PreparedMelodies(tuple(tokens), stacked, quadrants, tune_groups(stacked))


MUSGENVAE = Corpus(
    name=NAME,
    title="four-bar chorale melodies, each labelled with one of four emotions",
    version=COMMIT[:7],
    licence="CC BY-NC",
    source=REPOSITORY,
    expected_files=sum(folder.files for folder in PUBLISHED.values()),
    find=find,
    get=get,
    prepare=prepare,
)
