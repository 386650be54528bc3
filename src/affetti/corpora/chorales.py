"""The chorales that musgenvae was cut from, prepared from music21's Bach as its authors prepared them.

The published description is short: tempo equalised to 120, only 4/4, four bars, C major or c minor, soprano.
The rest was found by comparing the 344 published melodies with music21's scores, and gives all of them note
for note:

- Key: the notated key signature and mode (major where none is given), not an analysis. The tonic is moved
  down to C.
- Melody: the score's first part, whatever it is (in some scores an instrument that is not the soprano). Ties
  are joined.
- Tempo: a score marked slower than 120 is written at half speed (all lengths doubled), one marked faster is
  left as it is. Of the scores at 120, which is what music21 assumes without a mark, every other one in
  alphabetical order, beginning with the first, is written at half speed. So there the speed says nothing
  about the music.
- Cut: the notes that begin in the first 16 quarters after the change of speed, the upbeat counted in.
"""

import importlib.metadata
import importlib.util
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affetti.corpora.corpus import Corpus, Holding, Preparation, ProgressBar, Reject, no_progress, prepared_path
from affetti.corpora.prepared_melodies import PreparedMelodies, load_prepared
from affetti.corpora.tunes import tune_groups
from affetti.errors import InputError
from affetti.piece import DEFAULT_BPM, Note, Piece, Track
from affetti.tokens.melody import PHRASE_STEPS, REST, STEPS_PER_QUARTER, Tokens, encode

NAME = "chorales"
EXPECTED_FILES = 408
"""Compressed MusicXML scores in music21's folder of Bach (release 10.5.1); the authors took no others."""

MAX_SCORE_BYTES = 2**20
"""The largest of them has 30 KB."""

_TICKS_PER_QUARTER = 480
_NEEDS_MUSIC21 = "the chorales come with music21, which is not installed; run: pip install 'affetti[train]'"


@dataclass(frozen=True, slots=True)
class Chorale:
    """What the preparation takes from a score, as plain values that worker processes can hand over."""

    name: str
    quarters_per_minute: float
    tonic: int
    """Pitch class of the notated key, 0 = C."""
    metres: tuple[tuple[float, str], ...]
    """(start in quarters, for example "4/4"), in order."""
    notes: tuple[tuple[float, float, int], ...]
    """(start in quarters, length in quarters, pitch) of the first part, in order, ties joined."""


def find() -> Holding:
    """The scores in the installed music21 (which is not imported: that takes a second)."""
    folder = _bach_folder()
    return Holding(folder, len(_score_paths(folder)) if folder else 0)


def get(source: Path | None = None, progress: ProgressBar = no_progress) -> Holding:
    """The scores in the installed music21: there is nothing to fetch. Raises InputError without music21."""
    if source is not None:
        raise InputError(f"nothing to copy; run: affetti corpus prepare {NAME} --from {source}")
    holding = find()
    if holding.folder is None:
        raise InputError(_NEEDS_MUSIC21)
    return holding


def prepare(
    source: Path | None = None, progress: ProgressBar = no_progress, workers: int = 1
) -> Preparation[PreparedMelodies]:
    """The 4/4 scores in music21's folder of Bach, or in `source`, as four-bar melodies without labels.

    `workers` processes read the scores. Where musgenvae is prepared, the report
    says how many of its melodies came out note for note. Raises InputError without music21 or without a 4/4
    score.
    """
    if importlib.util.find_spec("music21") is None:
        raise InputError(_NEEDS_MUSIC21)
    folder = source or _bach_folder()
    paths = _score_paths(folder) if folder else []
    if not paths:
        raise InputError(f"{folder} holds no scores (*.mxl)")
    warnings = []
    if len(paths) != EXPECTED_FILES:
        warnings.append(
            f"{len(paths)} scores instead of {EXPECTED_FILES}: speeds alternate by place in the list, "
            "so many will not be the published ones"
        )
    with progress(f"preparing {NAME}", len(paths)) as advance:
        read = []
        for one in _read_all(paths, workers):
            read.append(one)
            advance(1)
    rejects = [one for one in read if isinstance(one, Reject)]
    tokens: dict[str, Tokens] = {}
    for one, slow in zip(read, at_half_speed(read), strict=True):
        if isinstance(one, Chorale):
            melody = excerpt(one, half_speed=slow)
            if isinstance(melody, Reject):
                rejects.append(melody)
            else:
                tokens[one.name] = melody
    if not tokens:
        raise InputError(f"none of the {len(paths)} scores in {folder} can be used: {rejects[0].reason}")
    stacked = np.stack(list(tokens.values()))
    unlabelled = np.zeros(len(tokens), np.int8)
    melodies = PreparedMelodies(tuple(tokens), stacked, unlabelled, tune_groups(stacked))
    report = {}
    if prepared_path("musgenvae").is_file():
        report = {"reproduction": reproduction(melodies, load_prepared("musgenvae"))}
    rejects.sort(key=lambda reject: reject.file)
    return Preparation(NAME, {NAME: melodies}, tuple(rejects), tuple(warnings), report)


def at_half_speed(scores: Sequence[Chorale | Reject]) -> list[bool]:
    """Which scores, in alphabetical order, the authors wrote at half speed.

    A score that cannot be read keeps its place in the alternation, as if it were at 120.
    """
    slow = []
    unmarked = 0
    for score in scores:
        tempo = score.quarters_per_minute if isinstance(score, Chorale) else DEFAULT_BPM
        if tempo == DEFAULT_BPM:
            slow.append(unmarked % 2 == 0)
            unmarked += 1
        else:
            slow.append(tempo < DEFAULT_BPM)
    return slow


def excerpt(score: Chorale, *, half_speed: bool) -> Tokens | Reject:
    """The first four bars as tokens [64], in C, at notated or half speed; or why the score has none."""
    stretch = 2 if half_speed else 1
    quarters = PHRASE_STEPS / STEPS_PER_QUARTER / stretch
    metres = [metre for start, metre in score.metres if start < quarters]
    if metres != ["4/4"] * max(len(metres), 1):
        return Reject(score.name, f"{', '.join(metres) or 'no time signature'}: not 4/4")
    notes = tuple(
        Note(round(start * stretch * _TICKS_PER_QUARTER), pitch, round(length * stretch * _TICKS_PER_QUARTER))
        for start, length, sounding in score.notes
        if start < quarters and (pitch := sounding - score.tonic) >= 0
    )
    if not notes:
        return Reject(score.name, "the first part has no notes in the first four bars")
    return encode(Piece(_TICKS_PER_QUARTER, (Track(notes),)))


def reproduction(chorales: PreparedMelodies, published: PreparedMelodies) -> dict[str, Any]:
    """How many published melodies the preparation gives note for note, and how the others differ (names)."""
    ours = dict(zip(chorales.names, chorales.tokens, strict=True))
    different: dict[str, list[str]] = {}
    for name, melody in zip(published.names, published.tokens, strict=True):
        score = name.split("/")[1].removesuffix(".mid")
        how = _difference(ours[score], melody) if score in ours else "not prepared"
        if how:
            different.setdefault(how, []).append(name)
    scores = {name.split("/")[1].removesuffix(".mid") for name in published.names}
    return {
        "published": len(published),
        "note_for_note": len(published) - sum(map(len, different.values())),
        "different": different,
        "unpublished": sorted(set(ours) - scores),
    }


def _difference(ours: Tokens, published: Tokens) -> str:
    """In what two versions of a melody differ, empty where they are the same."""
    if np.array_equal(ours, published):
        return ""
    first, second = (melody[melody < REST] for melody in (ours, published))
    shared = min(len(first), len(second))
    intervals = first[:shared] - second[:shared]
    if len(first) != len(second) and not intervals.any():
        return "another speed"
    if len(first) == len(second) and intervals.any() and (intervals == intervals[0]).all():
        return "another key"
    return "other notes"


def _bach_folder() -> Path | None:
    """The folder of Bach in the installed music21."""
    spec = importlib.util.find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0], "corpus", "bach")
    return folder if folder.is_dir() else None


def _score_paths(folder: Path) -> list[Path]:
    """The scores in a folder in the alphabetical order in which the authors took them."""
    return sorted(folder.glob("*.mxl"), key=lambda path: path.name)


def _read_all(paths: Sequence[Path], workers: int) -> Iterator[Chorale | Reject]:
    """Each score in the order of `paths`, read by `workers` processes."""
    if workers == 1 or len(paths) == 1:
        yield from map(read_chorale, paths)
        return
    # spawn: a fork of a process with threads (the progress bar has one) may hang
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(paths)), mp_context=context) as pool:
        try:
            yield from pool.map(read_chorale, paths, chunksize=4)
        except BrokenProcessPool as error:
            raise InputError("a process that read scores was killed (out of memory?); try again") from error


def read_chorale(path: Path) -> Chorale | Reject:
    """One score as music21 reads it, or why it cannot be used."""
    import music21

    try:
        if (size := path.stat().st_size) > MAX_SCORE_BYTES:
            return Reject(path.name, f"{size:,} bytes; the limit is {MAX_SCORE_BYTES:,}")
        # forceSource, storePickle: music21 would otherwise load and leave pickles in the temporary folder
        return _chorale(path.name, music21.converter.parse(path, forceSource=True, storePickle=False))
    except Exception as error:  # music21 raises whatever its parsers run into; the other scores must go on
        return Reject(path.name, f"music21 cannot read it: {type(error).__name__}: {error}"[:200])


def _chorale(name: str, score: Any) -> Chorale | Reject:
    """What the preparation takes from a music21 score."""
    import music21

    parts = list(score.parts)
    if not parts:
        return Reject(name, "no parts")
    # The two staves of a keyboard part are two parts today, and were one in the authors' music21.
    staves = [part for part in parts if isinstance(part, music21.stream.PartStaff)]
    first = [part.flatten() for part in (staves if parts[0] in staves else parts[:1])]
    signature = next(iter(first[0].getElementsByClass(music21.key.KeySignature)), None)
    if signature is None:
        return Reject(name, "no key signature")
    minor = getattr(signature, "mode", None) == "minor"
    mark = next(iter(score.flatten().getElementsByClass(music21.tempo.MetronomeMark)), None)
    metres = first[0].getElementsByClass(music21.meter.TimeSignature)
    return Chorale(
        name=name,
        quarters_per_minute=float((mark and mark.getQuarterBPM()) or DEFAULT_BPM),
        tonic=(7 * signature.sharps + (9 if minor else 0)) % 12,
        metres=tuple((float(metre.offset), metre.ratioString) for metre in metres),
        notes=_joined(note for part in first for element in part.notes for note in _sounding(element)),
    )


def _sounding(element: Any) -> Iterator[tuple[float, float, int, bool]]:
    """(start, length, pitch, continues a tie) of each pitch of a note or chord; grace notes give none."""
    if not element.duration.isGrace:
        for note in getattr(element, "notes", (element,)):
            tie = note.tie or element.tie
            goes_on = tie is not None and tie.type in ("stop", "continue")
            yield float(element.offset), float(element.quarterLength), note.pitch.midi, goes_on


def _joined(notes: Iterable[tuple[float, float, int, bool]]) -> tuple[tuple[float, float, int], ...]:
    """Notes (start, length, pitch) in order, each tied note added to the one that it continues."""
    joined: list[tuple[float, float, int]] = []
    sounding: dict[int, int] = {}  # pitch -> position of its latest note
    for start, length, pitch, goes_on in sorted(notes):
        before = joined[sounding[pitch]] if goes_on and pitch in sounding else None
        if before is not None and abs(before[0] + before[1] - start) < 1e-6:
            joined[sounding[pitch]] = (before[0], before[1] + length, pitch)
        else:
            sounding[pitch] = len(joined)
            joined.append((start, length, pitch))
    return tuple(joined)


def _version() -> str:
    """The release of the installed music21."""
    try:
        return f"music21 {importlib.metadata.version('music21')}"
    except importlib.metadata.PackageNotFoundError:
        return "music21"


CHORALES = Corpus(
    name=NAME,
    title="Bach's four-part chorales, prepared as musgenvae was, without labels",
    version=_version(),
    licence="public domain; encodings under music21's corpus licence",
    source="https://pypi.org/project/music21",
    expected_files=EXPECTED_FILES,
    find=find,
    get=get,
    prepare=prepare,
)
