"""EMOPIA: clips of pop piano, transcribed from audio, each labelled with one of four emotions.

H.-T. Hung, J. Ching, S. Doh, N. Kim, J. Nam and Y.-H. Yang, ISMIR 2021. The label is in the file's name:
Q{quadrant}_{YouTube id}_{number of the clip}.mid. Version 1.0 is the one that papers count; 2.2 is laid out alike.
"""

import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from affetti.corpora.corpus import Corpus, Preparation, ProgressBar, no_progress
from affetti.corpora.piano_files import PianoCorpus, PianoFile, prepare_piano
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.corpora.published_files import Archive, Publication
from affetti.emotion import Quadrant

NAME = "emopia"
LICENCE = "CC BY-NC-SA 4.0"
RECORD = "https://zenodo.org/records/5090631"


class Version(NamedTuple):
    """How many clips a published version has."""

    clips: int
    by_quadrant: tuple[int, int, int, int] | None = None
    """Q1 to Q4, where the publisher says."""


VERSIONS = {"1.0": Version(1078, (250, 265, 253, 310)), "2.2": Version(1071)}
"""Version -> its size. The quadrants are those of the table on the publisher's page. There are no digests of the clips:
nobody here has seen a complete copy."""

_WANTED = re.compile(r"EMOPIA_([\d.]+)/midis/Q([1-4])_([\w-]{11})_\d+\.mid", re.ASCII)
"""A YouTube id has 11 characters; _ and - may be among them."""


def publisher_root(folder: Path) -> Path:
    """The folder that holds EMOPIA_1.0, given it, EMOPIA_1.0 or its midis."""
    folder = folder.absolute()
    inner = folder.parent if folder.name == "midis" else folder
    return inner.parent if re.fullmatch(r"EMOPIA_[\d.]+", inner.name) else folder


def one_version(paths: Collection[str]) -> tuple[str, list[str]]:
    """The earliest version that there are files of (1.0 where there are none), and those files."""
    versions = {path: match[1] for path in paths if (match := _WANTED.fullmatch(path))}
    version = min(versions.values(), default="1.0")
    return version, sorted(path for path in versions if versions[path] == version)


def differences(paths: Collection[str]) -> tuple[str, ...]:
    """A line that says how many clips there are of how many, where they are not as many as published."""
    version, clips = one_version(paths)
    if version not in VERSIONS:
        return (f"EMOPIA {version}: {len(clips):,} clips; of this version we do not know how many there are",)
    expected, by_quadrant = VERSIONS[version]
    found = Counter(clip(path).quadrant for path in clips)
    if len(clips) == expected and (by_quadrant is None or all(found[q] == by_quadrant[q - 1] for q in Quadrant)):
        return ()
    line = f"EMOPIA {version}: {len(clips):,} of {expected:,} clips"
    if by_quadrant:
        line += f" ({', '.join(f'{q.name} {found[q]} of {by_quadrant[q - 1]}' for q in Quadrant)})"
    return (line,)


def clip(path: str) -> PianoFile:
    """The clip in a file, by its name. Raises ValueError for a name that is none."""
    match = _WANTED.fullmatch(path)
    if match is None:
        raise ValueError(f"{path!r} is no clip of EMOPIA")
    return PianoFile(path, song=match[3], quadrant=int(match[2]))


PUBLICATION = Publication(
    NAME,
    Archive(
        f"{RECORD}/files/EMOPIA_1.0.zip?download=1",
        "EMOPIA_1.0.zip",
        max_bytes=256 * 2**20,
        # As another project's download script has it (none of ours has fetched it): a copy that differs is taken,
        # with a warning.
        md5="8f760ddcc014d144f1e2c5451bf003ac",
        top="EMOPIA_1.0/",
    ),
    globs=("EMOPIA_*/midis/*.mid",),
    wanted=_WANTED,
    max_file_bytes=2**20,  # the largest of the 959 that we have seen has 13 KB
    root=publisher_root,
    differences=differences,
)


def prepare(
    source: Path | None = None, progress: ProgressBar = no_progress, workers: int = 1
) -> Preparation[PreparedPieces]:
    """The clips of what was fetched, or of a folder laid out as version 1.0 or 2.2, as compound words with labels.

    A file that cannot be used is rejected and the rest is prepared. Raises InputError when there is nothing to prepare.
    """
    root = PUBLICATION.source_root(source)
    paths = PUBLICATION.paths(root)
    version, clips = one_version(paths)
    corpus = PianoCorpus(NAME, root, version, LICENCE, split_rule=NAME, is_performed=True)
    files = {NAME: [clip(path) for path in clips]}
    return prepare_piano(corpus, files, progress, workers, warnings=differences(paths))


EMOPIA = Corpus(
    name=NAME,
    title="clips of pop piano, each labelled with one of four emotions",
    version="1.0",
    licence=LICENCE,
    source=RECORD,
    expected_files=VERSIONS["1.0"].clips,
    find=PUBLICATION.find,
    get=PUBLICATION.get,
    prepare=prepare,
)
