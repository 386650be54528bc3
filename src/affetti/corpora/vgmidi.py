"""VGMIDI: piano arrangements of game music, with the valence and arousal that about 30 listeners heard.

L. N. Ferreira and J. Whitehead, ISMIR 2019. Three prepared corpora come of it: phrases with a valence and an arousal of
-1 or 1 each, whole pieces with both as they change while the piece plays, and pieces without labels.

What listeners gave is published as one value for each "measure", which is no bar. The number of measures is that of the
piece's quarters divided by 4, rounded up, whatever its metre is (in 143 of the 151 pieces that we have). And the
annotation tool stored a value under floor(time / duration * measures), so a measure is an equal slice of playing time.
Both are the same where the tempo is constant. Slices of time are taken here (corpora.timeline).
"""

import csv
import io
import json
import re
from collections.abc import Collection, Mapping
from math import inf
from pathlib import Path
from statistics import median
from typing import Any, TypeGuard

from affetti.corpora.corpus import Corpus, Preparation, ProgressBar, Reject, no_progress
from affetti.corpora.download import archive_members
from affetti.corpora.piano_files import PianoCorpus, PianoFile, prepare_piano
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.corpora.published_files import Archive, Files, Publication
from affetti.corpora.timeline import Timeline
from affetti.emotion import Emotion
from affetti.errors import InputError
from affetti.files import read_bounded

NAME = "vgmidi"
LICENCE = "none stated; cite Ferreira & Whitehead (ISMIR 2019)"
REPOSITORY = "https://github.com/lucasnfe/vgmidi"
COMMIT = "01b6e0dcaa30ba8b2a93f3a050653023b9306976"
"""The commit at which vgmidi_labelled.csv has the labels -1 and 1."""

PHRASES, PIECES, UNLABELLED = (f"{NAME}_{kind}" for kind in ("phrases", "pieces", "unlabelled"))
FOLDERS = {"labelled/phrases": PHRASES, "labelled/midi": PIECES, "unlabelled/midi": UNLABELLED}
"""Folder -> the name under which its files are prepared."""

EXPECTED = {"labelled/phrases": 204, "labelled/midi": 200, "unlabelled/midi": 3850}
"""Files a folder has: the rows of vgmidi_labelled.csv, and what the publisher's page says of the others."""

LABELS = "vgmidi_labelled.csv"
PER_MEASURE = "valence_arousal_per_measure.json"
"""Median values per measure, a form that the publisher does not have; used where the annotations are not there."""

MAX_ANNOTATION_BYTES = 16 * 2**20
"""The two published files have 3 and 4 MB; phrases.zip is far smaller."""

_MIDI_NAME = r"[^/\x00-\x1f]+\.mid"
_WANTED = re.compile(
    rf"{LABELS}|{PER_MEASURE}|labelled/annotations/[\w.-]+\.json|labelled/phrases\.zip"
    rf"|({'|'.join(FOLDERS)})/(?!\._){_MIDI_NAME}"
)
_PHRASES_ZIP = "labelled/phrases.zip"


def publisher_root(folder: Path) -> Path:
    """The folder that holds labelled/ and unlabelled/, given it or one of them."""
    folder = folder.absolute()
    return folder.parent if folder.name in ("labelled", "unlabelled") else folder


def differences(paths: Collection[str]) -> tuple[str, ...]:
    """A line for each folder that has not as many files as published."""
    lines = []
    for folder, expected in EXPECTED.items():
        found = sum(path.startswith(f"{folder}/") for path in paths)
        if found != expected:
            lines.append(f"{folder}: {found:,} of {expected:,} files")
    return tuple(lines)


def unpack_phrases(files: Files) -> Files:
    """The files with those in labelled/phrases.zip, as which the publisher has the phrases. Raises InputError."""
    if _PHRASES_ZIP not in files:
        return files
    packed = io.BytesIO(files[_PHRASES_ZIP])
    wanted = re.compile(rf"labelled/phrases/(?!\._){_MIDI_NAME}")
    phrases = archive_members(
        packed, wanted, max_member_bytes=PUBLICATION.max_file_bytes, top="labelled/phrases/", name="phrases.zip"
    )
    return {path: data for path, data in files.items() if path != _PHRASES_ZIP} | phrases


PUBLICATION = Publication(
    NAME,
    # Over a gigabyte, most of it sound files that are not taken. GitHub does not promise its bytes.
    Archive(f"{REPOSITORY}/archive/{COMMIT}.zip", f"{NAME}-{COMMIT}.zip", max_bytes=8 * 2**30),
    globs=(
        *(f"{folder}/*.mid" for folder in FOLDERS),
        _PHRASES_ZIP,
        LABELS,
        "labelled/annotations/*.json",
        PER_MEASURE,
    ),
    wanted=_WANTED,
    max_file_bytes=MAX_ANNOTATION_BYTES,
    root=publisher_root,
    differences=differences,
    unpack=unpack_phrases,
)


def song_of(stem: str) -> str:
    """The piece that a file is of, by its name without ending: SERIES_CONSOLE_GAME_PIECE without the console."""
    parts = stem.split("_", 3)
    return "_".join((*parts[:1], *parts[2:]))


def read_labels(root: Path) -> dict[str, Emotion]:
    """The valence and arousal of each phrase, by its path. Raises InputError for a table that has none."""
    path = root / LABELS
    text = read_bounded(path, max_bytes=MAX_ANNOTATION_BYTES).decode("utf-8-sig", "replace")
    labels = {}
    try:
        for row in csv.DictReader(io.StringIO(text)):
            labels[row["midi"]] = Emotion(float(row["valence"]), float(row["arousal"]))
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path} is not the published table of labels: {error}") from error
    return labels


def read_timelines(root: Path) -> tuple[dict[str, Timeline], tuple[str, ...]]:
    """What listeners heard in each annotated piece, by the name of its MIDI file; and warnings.

    From the published annotations, else from PER_MEASURE. Raises InputError for a file that is neither.
    """
    published = sorted(root.glob("labelled/annotations/*.json"))
    pieces: dict[str, _Piece] = {}
    unusable = 0
    for path in published:
        unusable += _add_listeners(pieces, path)
    timelines = {midi: timeline for midi, piece in pieces.items() if (timeline := piece.timeline()) is not None}
    if not published and (path := root / PER_MEASURE).is_file():
        timelines = _read_per_measure(path)
    warnings = (f"{unusable:,} listenings of another length than their piece are left out",) if unusable else ()
    return timelines, warnings


class _Piece:
    """A piece and what its listeners heard."""

    def __init__(self, measures: int, seconds: float) -> None:
        self.measures = measures
        self.seconds = seconds
        self.listeners: list[tuple[list[float], list[float]]] = []

    def add(self, annotation: Mapping[str, Any]) -> bool:
        """Add what one listener heard; false where it is not one value of each kind for each measure."""
        valence, arousal = annotation.get("valence"), annotation.get("arousal")
        if _is_curve(valence, self.measures) and _is_curve(arousal, self.measures):
            self.listeners.append((valence, arousal))
            return True
        return False

    def timeline(self) -> Timeline | None:
        """The median over the listeners, None where there are none or the piece takes no time."""
        if not self.listeners or not 0 < self.seconds < inf:
            return None
        valence, arousal = (
            tuple(float(median(values)) for values in zip(*curves, strict=True))
            for curves in zip(*self.listeners, strict=True)
        )
        return Timeline(self.seconds, valence, arousal)


def _is_curve(values: Any, measures: int) -> TypeGuard[list[float]]:
    """Whether these are so many numbers from -1 to 1."""
    return (
        isinstance(values, list)
        and len(values) == measures
        and all(isinstance(value, int | float) and -1 <= value <= 1 for value in values)
    )


def _add_listeners(pieces: dict[str, _Piece], path: Path) -> int:
    """Add a round of annotations to the pieces, by the name of the MIDI file; how many listenings do not fit.

    A round is {"pieces": {id: {"midi", "measures", "duration"}}, "annotations": {id_number: {"valence", "arousal"}}}.
    A few listenings are of pieces that are not in the file.
    """
    unusable = 0
    try:
        content = json.loads(read_bounded(path, max_bytes=MAX_ANNOTATION_BYTES))
        ids = {}
        for identity, piece in content["pieces"].items():
            known = pieces.setdefault(piece["midi"], _Piece(int(piece["measures"]), float(piece["duration"])))
            ids[identity] = known
        for identity, annotation in content["annotations"].items():
            heard = ids.get(identity.split("_")[0])
            unusable += heard is not None and not heard.add(annotation)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no file of annotations: {type(error).__name__}: {error}") from error
    return unusable


def _read_per_measure(path: Path) -> dict[str, Timeline]:
    """The timelines in a file of medians: {piece: {"midi", "duration_s", "valence", "arousal"}}."""
    try:
        content = json.loads(read_bounded(path, max_bytes=MAX_ANNOTATION_BYTES))
        return {
            piece["midi"]: Timeline(float(piece["duration_s"]), tuple(piece["valence"]), tuple(piece["arousal"]))
            for piece in content.values()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no file of values per measure: {type(error).__name__}: {error}") from error


def prepare(
    source: Path | None = None, progress: ProgressBar = no_progress, workers: int = 1
) -> Preparation[PreparedPieces]:
    """Phrases (vgmidi_phrases), whole pieces (vgmidi_pieces) and pieces without labels (vgmidi_unlabelled).

    Read from `source`, a folder laid out as published, or from what was fetched. A file that cannot be used, and a
    phrase or whole piece without a label, is rejected and the rest is prepared. The quadrant of a whole piece is that
    of its mean emotion. Raises InputError when there is nothing to prepare.
    """
    root = PUBLICATION.source_root(source)
    paths = PUBLICATION.paths(root)
    members = {folder: [path for path in paths if path.startswith(f"{folder}/")] for folder in FOLDERS}
    if _PHRASES_ZIP in paths and not members["labelled/phrases"]:
        raise InputError(f"{root / _PHRASES_ZIP} is packed; run: affetti corpus get {NAME} --from {root}")
    labels = read_labels(root) if members["labelled/phrases"] else {}
    timelines, warnings = read_timelines(root)
    files = {
        PHRASES: [_phrase(path, labels[path]) for path in members["labelled/phrases"] if path in labels],
        PIECES: [_piece(path, found) for path in members["labelled/midi"] if (found := timelines.get(Path(path).name))],
        UNLABELLED: [PianoFile(path, song_of(Path(path).stem)) for path in members["unlabelled/midi"]],
    }
    corpus = PianoCorpus(NAME, root, COMMIT[:7], LICENCE, split_rule=NAME)
    used = {file.path for group in files.values() for file in group}
    rejects = tuple(Reject(path, "no label") for folder in members.values() for path in folder if path not in used)
    return prepare_piano(corpus, files, progress, workers, warnings=(*differences(paths), *warnings), rejects=rejects)


def _phrase(path: str, emotion: Emotion) -> PianoFile:
    """A phrase: its file is named after the piece, with the phrase's number behind."""
    song = song_of(Path(path).stem.rsplit("_", 1)[0])
    return PianoFile(path, song, emotion.quadrant, (emotion.valence, emotion.arousal))


def _piece(path: str, timeline: Timeline) -> PianoFile:
    """A whole piece; its quadrant is that of the mean."""
    return PianoFile(path, song_of(Path(path).stem), Emotion(*timeline.mean).quadrant, timeline.mean, timeline)


VGMIDI = Corpus(
    name=NAME,
    title="piano arrangements of game music: labelled phrases, pieces with emotion over time, unlabelled pieces",
    version=COMMIT[:7],
    licence=LICENCE,
    source=REPOSITORY,
    expected_files=sum(EXPECTED.values()),
    find=PUBLICATION.find,
    get=PUBLICATION.get,
    prepare=prepare,
)
