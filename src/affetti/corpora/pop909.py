"""POP909: 909 pop songs arranged for piano, without emotion labels.

Z. Wang, K. Chen, J. Jiang, Y. Zhang, M. Xu, S. Dai, G. Bin and G. Xia, ISMIR 2020. Each file has the tracks MELODY,
BRIDGE and PIANO; all three together are the piece. The annotations of beats, chords and keys are fetched for measuring
how well affetti hears them; they are not used here, because nobody's own files have them and what a model learns
should be what it is given.
"""

import re
from collections.abc import Collection
from pathlib import Path

from affetti.corpora.corpus import Corpus, Preparation, ProgressBar, no_progress
from affetti.corpora.piano_files import PianoCorpus, PianoFile, prepare_piano
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.corpora.published_files import Archive, Publication, midi_count

NAME = "pop909"
LICENCE = "MIT"
REPOSITORY = "https://github.com/music-x-lab/POP909-Dataset"
COMMIT = "efa0bce09b0b8dc241957412270aba6740bd0bf5"
"""The commit that added the songs."""

SONGS = 909

_WANTED = re.compile(r"POP909/(\d{3})/(\1\.mid|(beat|chord)_(audio|midi)\.txt|key_audio\.txt)", re.ASCII)


def publisher_root(folder: Path) -> Path:
    """The folder that holds POP909, given it or POP909 itself."""
    folder = folder.absolute()
    return folder.parent if folder.name == "POP909" else folder


def differences(paths: Collection[str]) -> tuple[str, ...]:
    """A line that says how many songs there are of how many, where some are missing."""
    songs = midi_count(paths)
    return () if songs == SONGS else (f"POP909: {songs:,} of {SONGS} songs",)


PUBLICATION = Publication(
    NAME,
    # The archive also has other versions of the songs, which are not taken. GitHub does not promise its bytes.
    Archive(f"{REPOSITORY}/archive/{COMMIT}.zip", f"{NAME}-{COMMIT}.zip", max_bytes=2**30),
    globs=("POP909/*/*.mid", "POP909/*/*.txt"),
    wanted=_WANTED,
    max_file_bytes=2**20,  # the largest song has 46 KB
    root=publisher_root,
    differences=differences,
    midi_digest="9e6620777d34888e8e250b221c61f872f173382d34ffa020c4d13597cdd5439b",  # of a complete copy
)


def prepare(
    source: Path | None = None, progress: ProgressBar = no_progress, workers: int = 1
) -> Preparation[PreparedPieces]:
    """The songs of what was fetched, or of a folder laid out as published, as compound words.

    A file that cannot be used is rejected and the rest is prepared. Raises InputError when there is nothing to prepare.
    """
    root = PUBLICATION.source_root(source)
    paths = [path for path in PUBLICATION.paths(root) if path.endswith(".mid")]
    files = [PianoFile(path, song=path.split("/")[1]) for path in paths]
    corpus = PianoCorpus(NAME, root, COMMIT[:7], LICENCE, split_rule=NAME, is_performed=True)
    return prepare_piano(corpus, {NAME: files}, progress, workers, warnings=differences(paths))


POP909 = Corpus(
    name=NAME,
    title="pop songs arranged for piano, without labels",
    version=COMMIT[:7],
    licence=LICENCE,
    source=REPOSITORY,
    expected_files=SONGS,
    find=PUBLICATION.find,
    get=PUBLICATION.get,
    prepare=prepare,
)
