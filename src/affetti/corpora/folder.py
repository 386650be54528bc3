"""The user's own MIDI files: every file below a folder, with a table of labels if there is one."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from affetti.corpora.corpus import PUBLISHED, Corpus, Holding, Preparation, ProgressBar, no_progress
from affetti.corpora.piano_files import PianoCorpus, PianoFile, prepare_piano
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.corpora.splits import SPLITS
from affetti.emotion import Emotion, parse_quadrant
from affetti.errors import InputError
from affetti.files import read_bounded

NAME = "folder"
LABELS = "labels.csv"
"""The table that is read where the user names none."""

COLUMNS = ("file", "quadrant", "emotion", "valence", "arousal", "song", "split")
"""Of the table. "file" is needed; a label is a quadrant, an emotion's name, or valence with arousal."""

MAX_LABEL_BYTES = 64 * 2**20
_GIVE_FROM = f"which folder? run: affetti corpus prepare {NAME} --from DIR"


def find() -> Holding:
    """Nothing: the user's files stay where they are."""
    return Holding(None, 0)


def get(source: Path | None = None, progress: ProgressBar = no_progress) -> Holding:
    """There is nothing to fetch: always an InputError."""
    raise InputError(f"nothing to fetch; run: affetti corpus prepare {NAME} --from {source or 'DIR'}")


def prepare(
    source: Path | None = None,
    progress: ProgressBar = no_progress,
    workers: int = 1,
    *,
    name: str | None = None,
    labels: Path | None = None,
) -> Preparation[PreparedPieces]:
    """Every *.mid and *.midi below `source` as compound words, prepared under `name` (default: the folder's name).

    `labels` is a table (default: labels.csv in the folder, if it is there). A file that cannot be used is rejected and
    the rest is prepared. Raises InputError for a wrong table, and when there is nothing to prepare.
    """
    if source is None:
        raise InputError(_GIVE_FROM)
    root = source.absolute()
    if not root.is_dir():
        raise InputError(f"{source} is not a folder")
    name = _checked_name(name) if name is not None else _name_of(root)
    paths = midi_paths(root)
    if not paths:
        raise InputError(f"{source} holds no *.mid or *.midi")
    table = labels or (root / LABELS if (root / LABELS).is_file() else None)
    known = read_labels(table) if table is not None else {}
    files = [known.get(path, PianoFile(path, song=_stem(path))) for path in paths]
    corpus = PianoCorpus(name, root, "", "the user's own files", split_rule=NAME)
    return prepare_piano(corpus, {name: files}, progress, workers, warnings=_differences(paths, known, table))


def midi_paths(root: Path) -> list[str]:
    """The MIDI files below a folder, relative to it, sorted; hidden files and folders are left out."""
    relative = (path.relative_to(root) for path in root.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    return sorted(path.as_posix() for path in relative if not any(part.startswith(".") for part in path.parts))


def read_labels(table: Path) -> dict[str, PianoFile]:
    """What a table (CSV in UTF-8 with a header) says about files, by their path.

    A split given for one file of a song holds for all files of that song in the table. Raises InputError that names
    the line for a value that is none and for a file that has two lines, and one for a column that is none or there
    twice.
    """
    text = read_bounded(table, max_bytes=MAX_LABEL_BYTES).decode("utf-8-sig", "surrogateescape")
    lines = _lines(text, table)
    _, columns = next(lines, (1, []))
    _check_columns(columns, table)
    files: dict[str, PianoFile] = {}
    splits: dict[str, int] = {}  # of songs
    for line, cells in lines:
        try:
            if len(cells) > len(columns):
                raise InputError("more cells than columns")
            file = _labelled(dict(zip_longest(columns, cells, fillvalue="")))
            if file.path in files:
                raise InputError(f"{file.path!r} has a line already")
            if file.split is not None and splits.setdefault(file.song, file.split) != file.split:
                raise InputError(f"the song {file.song!r} is in {SPLITS[splits[file.song]]} by an earlier line")
        except InputError as error:
            raise InputError(f"{table}, line {line}: {error}") from error
        files[file.path] = file
    return {path: replace(file, split=splits.get(file.song)) for path, file in files.items()}


def _lines(text: str, table: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty with their line, cells stripped. Raises InputError for what is no CSV."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 0
    try:
        for row in rows:
            line = rows.line_num
            if row:
                yield line, [cell.strip() for cell in row]
    except csv.Error as error:
        raise InputError(f"{table}, line {line + 1}: {error}") from error


def _check_columns(columns: Sequence[str], table: Path) -> None:
    """Raise InputError for a header that is none."""
    unknown = [column for column in columns if column not in COLUMNS]
    twice = [column for column in COLUMNS if columns.count(column) > 1]
    problem = f"unknown column {unknown[0][:40]!r}" if unknown else f"two columns {twice[0]!r}" if twice else ""
    if not problem and "file" not in columns:
        problem = "no column 'file'"
    if problem:
        raise InputError(f"{table}: {problem}; the columns are {', '.join(COLUMNS)}, with commas between")


def _labelled(row: Mapping[str, str]) -> PianoFile:
    """The file that a row is about. Raises InputError."""
    path = row["file"].replace("\\", "/").removeprefix("./")
    if not path:
        raise InputError("no file")
    file = PianoFile(path, song=row.get("song") or _stem(path))
    valence, arousal = row.get("valence"), row.get("arousal")
    quadrant, emotion_name = row.get("quadrant"), row.get("emotion")
    named = quadrant or emotion_name
    if bool(valence) != bool(arousal) or sum(map(bool, (quadrant, emotion_name, valence))) > 1:
        raise InputError("a label is one of: a quadrant, an emotion, valence with arousal")
    if valence and arousal:
        try:
            emotion = Emotion(float(valence), float(arousal))
        except ValueError as error:  # an InputError is one
            raise InputError(f"valence {valence!r}, arousal {arousal!r}: two numbers from -1 to 1") from error
        file = replace(file, quadrant=emotion.quadrant, emotion=(emotion.valence, emotion.arousal))
    elif named:
        file = replace(file, quadrant=parse_quadrant(f"Q{named}" if named.isdigit() else named))
    if split := row.get("split"):
        if split not in SPLITS:
            raise InputError(f"split {split[:40]!r}; it is one of {', '.join(SPLITS)}")
        file = replace(file, split=SPLITS.index(split))
    return file


def _differences(paths: list[str], known: Mapping[str, PianoFile], table: Path | None) -> tuple[str, ...]:
    """How a table and a folder differ, in numbers."""
    if table is None:
        return ()
    present = set(paths)
    missing = [path for path in known if path not in present]
    lines = []
    if missing:
        lines.append(f"{table}: {len(missing):,} of {len(known):,} files are not in the folder, as {missing[0]!r}")
    if unlabelled := sum(path not in known for path in paths):
        lines.append(f"{unlabelled:,} of {len(paths):,} files are not in {table}: they have no label")
    return tuple(lines)


def _stem(path: str) -> str:
    """A path without its ending: the song of a file that is given none."""
    return path.rpartition(".")[0]


def _name_of(root: Path) -> str:
    """A folder's name as that of a prepared corpus."""
    return _checked_name(re.sub(r"[^a-z0-9]+", "_", root.name.lower()).strip("_") or NAME)


def _checked_name(name: str) -> str:
    """The name. Raises InputError for one that is no file name, or begins as published data does."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        raise InputError(f"--name {name[:40]!r}: use up to 64 of a-z, 0-9, _ and -")
    if name.split("_")[0] in PUBLISHED:
        raise InputError(f"{name} is the name of published data; choose another with --name")
    return name


FOLDER = Corpus(
    name=NAME,
    title="your own MIDI files, with a table of labels if you have one",
    version="-",
    licence="your own",
    source="--from DIR",
    expected_files=None,
    find=find,
    get=get,
    prepare=prepare,
)
