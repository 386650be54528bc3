"""Many MIDI files to prepared pieces: by several processes, in parts that are kept, so that a stopped run goes on."""

import hashlib
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from affetti.corpora.corpus import Preparation, ProgressBar, Reject, prepared_path
from affetti.corpora.pool import Failure, map_isolated
from affetti.corpora.prepared_pieces import (
    Columns,
    Origin,
    PreparedPieces,
    joined,
    map_columns,
    separated,
    with_labels,
    write_columns,
)
from affetti.corpora.preparing import PREPARATION, Task, prepare_file
from affetti.corpora.splits import split_of
from affetti.corpora.timeline import Timeline
from affetti.errors import InputError
from affetti.files import read_bounded
from affetti.midi import MAX_MIDI_BYTES
from affetti.tokens.elements import MAX_STEPS

PART_FILES = 64
"""Files of a part: at most so many are prepared again when a stopped run goes on."""


@dataclass(frozen=True, slots=True)
class PianoFile:
    """A MIDI file of a corpus, and what the corpus says about it."""

    path: str
    """Below the corpus's folder, with /."""
    song: str
    """Files of one song share their split."""
    quadrant: int = 0
    """1-4, or 0 where it has no label."""
    emotion: tuple[float, float] | None = None
    """Valence and arousal of the whole."""
    timeline: Timeline | None = None
    """Valence and arousal as they change."""
    split: int | None = None
    """Index into SPLITS; None: by the rule."""


@dataclass(frozen=True, slots=True)
class PianoCorpus:
    """Where files lie and come from."""

    name: str
    root: Path
    version: str
    licence: str
    split_rule: str
    """The name that the rule for splits gets (corpora.splits)."""
    is_performed: bool = False
    """Known to be performances: their beats are tracked, also in the few files whose notes seem to lie on a grid."""


def prepare_piano(
    corpus: PianoCorpus,
    files: Mapping[str, Sequence[PianoFile]],
    progress: ProgressBar,
    workers: int,
    *,
    warnings: tuple[str, ...] = (),
    rejects: tuple[Reject, ...] = (),
    prepare: Callable[[Task], Columns] = prepare_file,
) -> Preparation[PreparedPieces]:
    """The pieces in `files`, by the name under which each group is prepared. Groups without files are left out.

    `rejects` are files that were refused unread. Raises InputError when not one file can be used.
    """
    prepared = {}
    refused = list(rejects)
    groups = {name: members for name, members in files.items() if members}
    for name, members in groups.items():
        pieces, unusable = _prepare_group(name, members, corpus, progress, workers, prepare)
        refused.extend(unusable)
        if pieces is not None:
            prepared[name] = pieces
    if not prepared:
        first = f": {refused[0].file}: {refused[0].reason}" if refused else ""
        raise InputError(f"none of the {len(refused):,} files in {corpus.root} can be used{first}")
    refused.sort(key=lambda reject: reject.file)
    return Preparation(corpus.name, prepared, tuple(refused), warnings, finish=partial(_remove_parts, tuple(groups)))


def parts_folder(name: str) -> Path:
    """Where the parts of a preparation lie until the whole is saved."""
    return prepared_path(name).with_name(f".{name}.parts")


def _remove_parts(names: Sequence[str]) -> None:
    for name in names:
        shutil.rmtree(parts_folder(name), ignore_errors=True)


def _prepare_group(
    name: str,
    files: Sequence[PianoFile],
    corpus: PianoCorpus,
    progress: ProgressBar,
    workers: int,
    prepare: Callable[[Task], Columns],
) -> tuple[PreparedPieces | None, list[Reject]]:
    """The pieces of one group, None where there are none, and the files that are none."""
    batches = [files[start : start + PART_FILES] for start in range(0, len(files), PART_FILES)]
    parts = [parts_folder(name) / f"{_digest(corpus, batch)}.safetensors" for batch in batches]
    missing = [index for index, part in enumerate(parts) if not _is_sound(part)]
    unprepared = [file for index in missing for file in batches[index]]
    tasks = [Task(corpus.root / file.path, file.timeline, corpus.is_performed) for file in unprepared]
    results = map_isolated(prepare, tasks, workers=min(workers, len(tasks)))
    with progress(f"preparing {name}", len(files)) as advance, closing(results):
        for index, (batch, part) in enumerate(zip(batches, parts, strict=True)):
            if index not in missing:
                advance(len(batch))
                continue
            outcomes = []
            for outcome in islice(results, len(batch)):
                outcomes.append(outcome)
                advance(1)
            _write_part(part, outcomes)
    columns: list[Columns] = []
    kept: list[PianoFile] = []
    rejects: list[Reject] = []
    for batch, part in zip(batches, parts, strict=True):
        some, reasons = _read_part(part)
        columns.extend(some)
        for position, file in enumerate(batch):
            if (reason := reasons.get(position)) is None:
                kept.append(file)
            else:
                rejects.append(Reject(file.path, _without_path(reason, corpus.root / file.path)))
    if not kept:
        return None, rejects
    heard = joined(columns)
    if corpus.is_performed:
        heard = joined(_each_song_in_one_metre(separated(heard), kept, corpus, workers, prepare))
    return _labelled(heard, kept, corpus), rejects


def _each_song_in_one_metre(
    pieces: list[Columns],
    files: Sequence[PianoFile],
    corpus: PianoCorpus,
    workers: int,
    prepare: Callable[[Task], Columns],
) -> list[Columns]:
    """The pieces, those heard again that were heard in other bars than most of their song.

    A song rarely changes its metre, but one of its clips may mislead: a bar of 4/4 in triplets is easily two of 6/8.
    """
    bar_steps = [int(np.median(piece["bar_steps"])) for piece in pieces]
    bars: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for piece, file, steps in zip(pieces, files, bar_steps, strict=True):
        bars[file.song][steps] += len(piece["bar_steps"])
    # Of as many bars of both kinds 4/4 is the likelier: four in five of all clips.
    usual = {song: max(counts, key=lambda steps: (counts[steps], steps == MAX_STEPS)) for song, counts in bars.items()}
    again = [index for index, file in enumerate(files) if bar_steps[index] != usual[file.song]]
    tasks = [
        Task(corpus.root / file.path, file.timeline, corpus.is_performed, usual[file.song])
        for file in (files[index] for index in again)
    ]
    outcomes = map_isolated(prepare, tasks, workers=max(1, min(workers, len(tasks))))
    for index, outcome in zip(again, outcomes, strict=True):
        if not isinstance(outcome, Failure):
            pieces[index] = outcome
    return pieces


def _digest(corpus: PianoCorpus, files: Sequence[PianoFile]) -> str:
    """What a part is made of, as a file name: the preparation, the files' content, and what changes with the bars."""
    digest = hashlib.sha256(f"{PREPARATION} {corpus.is_performed}".encode())
    for file in files:
        try:
            content = hashlib.sha256(read_bounded(corpus.root / file.path, max_bytes=MAX_MIDI_BYTES)).hexdigest()
        except InputError as error:
            content = str(error)
        digest.update(json.dumps([file.path, content, repr(file.timeline)]).encode())
    return digest.hexdigest()


def _write_part(path: Path, outcomes: Sequence[Columns | Failure]) -> None:
    """Keep what came of the files of a part: their columns, and why others gave none, by their place."""
    reasons = {place: outcome.reason for place, outcome in enumerate(outcomes) if isinstance(outcome, Failure)}
    columns = [outcome for outcome in outcomes if not isinstance(outcome, Failure)]
    write_columns(path, joined(columns) if columns else {}, {"reasons": reasons})


def _is_sound(part: Path) -> bool:
    """Whether a part is there and can be read; one that a full disk or a power cut spoilt is made again."""
    try:
        _read_part(part)
    except (InputError, KeyError):
        return False
    return True


def _read_part(path: Path) -> tuple[list[Columns], dict[int, str]]:
    """The columns of a part (a list of one or none) and the reasons."""
    columns, content = map_columns(path)
    return [columns] if columns else [], {int(place): reason for place, reason in content["reasons"].items()}


def _without_path(reason: str, path: Path) -> str:
    """A reason without the name of the file: the table of rejects has a column for it."""
    return reason.removeprefix(f"{path}: ").removeprefix("MIDI data: ")


def _labelled(columns: Columns, files: Sequence[PianoFile], corpus: PianoCorpus) -> PreparedPieces:
    """The pieces of `files` with what the corpus says about them."""
    songs = sorted({file.song for file in files})
    number = {song: index for index, song in enumerate(songs)}
    splits = [split_of(corpus.split_rule, file.song) if file.split is None else file.split for file in files]
    emotions = [file.emotion or (np.nan, np.nan) for file in files]
    labels: Columns = {
        "quadrants": np.asarray([file.quadrant for file in files], np.int8),
        "emotions": np.asarray(emotions, np.float32),
        "songs": np.asarray([number[file.song] for file in files], np.int32),
        "splits": np.asarray(splits, np.int8),
    }
    origin = Origin(corpus.name, corpus.version, corpus.licence, PREPARATION)
    return with_labels(columns, labels, origin, [file.path for file in files], songs)
