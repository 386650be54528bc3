"""Emotion that changes along a piece: a path through Russell's plane, so many bars at each place.

As text a path is "calm:8,tense:8,0.5/-0.2:4": an emotion by its name or as valence/arousal, and for how many bars. As a
CSV file it has the columns bar, valence and arousal, and a line for each bar, or for some of them: between two lines
both values go from the one to the other in equal steps, and the line of the last bar says how long the piece is.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affetti.analysis.metrical_grid import MAX_BARS
from affetti.emotion import Emotion, Quadrant, parse_quadrant, wanted_emotion
from affetti.errors import InputError
from affetti.files import read_bounded

MAX_PATH_BYTES = 1024 * 1024
"""Of a CSV file: 2,000 bars need a twentieth of it."""

SUFFIX = ".csv"
"""What names a file, not a path."""

COLUMNS = ["bar", "valence", "arousal"]

NEAR = 0.5
"""How far an emotion may move, in a plane whose sides are 2 long, before another section of a piece begins."""

_DECIMALS = 4
"""Of valence and arousal in a path: finer than anything that is heard, and short enough to be kept in every piece."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An emotion for so many bars, at least one."""

    emotion: Quadrant | Emotion
    bars: int

    def __str__(self) -> str:
        if isinstance(self.emotion, Quadrant):
            return f"{self.emotion.label}:{self.bars}"
        return f"{_short(self.emotion.valence)}/{_short(self.emotion.arousal)}:{self.bars}"


@dataclass(frozen=True, slots=True)
class EmotionPath:
    """Segments one after another, of at most 2,000 bars together. Raises InputError for none, or for more."""

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if not self.segments:
            raise InputError("a path needs at least one emotion with its bars, for example calm:8,tense:8")
        for segment in self.segments:
            if not 1 <= segment.bars <= MAX_BARS:
                raise InputError(f"{segment.bars:,} bars of one emotion: it must be 1 to {MAX_BARS:,}")
        if self.bars > MAX_BARS:
            raise InputError(f"the path has {self.bars:,} bars; a piece has 1 to {MAX_BARS:,}")

    @property
    def bars(self) -> int:
        """Of the whole piece."""
        return _bars(self.segments)

    @property
    def of_bars(self) -> tuple[Quadrant | Emotion, ...]:
        """The emotion of each bar."""
        return tuple(segment.emotion for segment in self.segments for _ in range(segment.bars))

    @property
    def sections(self) -> tuple[Segment, ...]:
        """Segments that belong together: a section lasts until the emotion is farther than NEAR from its beginning.

        Each is at the mean point of its bars.
        """
        sections: list[list[Segment]] = []
        for segment in self.segments:
            if not sections or _distance(sections[-1][0], segment) > NEAR:
                sections.append([])
            sections[-1].append(segment)
        return tuple(map(_mean, sections))

    def __str__(self) -> str:
        """As text, which `parse_path` reads."""
        return ",".join(map(str, self.segments))


def _bars(segments: Sequence[Segment]) -> int:
    return sum(segment.bars for segment in segments)


def _distance(one: Segment, other: Segment) -> float:
    first, second = point_of(one.emotion), point_of(other.emotion)
    return math.dist((first.valence, first.arousal), (second.valence, second.arousal))


def _mean(segments: Sequence[Segment]) -> Segment:
    bars = _bars(segments)
    points = [point_of(segment.emotion) for segment in segments]
    mean = [
        sum(segment.bars * getattr(point, axis) for segment, point in zip(segments, points, strict=True)) / bars
        for axis in ("valence", "arousal")
    ]
    return Segment(Emotion(*mean), bars)


Wanted = Quadrant | Emotion | EmotionPath
"""What can be asked of a model that composes."""


def point_of(emotion: Quadrant | Emotion) -> Emotion:
    """The point that is meant: of a quadrant its corner, since more of it cannot be asked for."""
    return Emotion(emotion.valence_sign, emotion.arousal_sign) if isinstance(emotion, Quadrant) else emotion


def parse_path(text: str) -> EmotionPath:
    """The path that a text means. Raises InputError that says which part of it is none."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > MAX_BARS:
        raise InputError(f"the path has {len(parts):,} parts; a piece has 1 to {MAX_BARS:,} bars")
    return EmotionPath(tuple(_parse_segment(part) for part in parts))


def find_path(text: str) -> EmotionPath:
    """The path that a text means, or that is in the CSV file that it names. Raises InputError where there is none."""
    return read_path(Path(text)) if text.lower().endswith(SUFFIX) else parse_path(text)


def read_path(file: Path) -> EmotionPath:
    """The path in a CSV file. Raises InputError with the line that is wrong."""
    text = read_bounded(file, max_bytes=MAX_PATH_BYTES).decode("utf-8-sig", "replace")
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise InputError(f"{file} is no CSV file: {error}") from error
    lines = [(number, [cell.strip() for cell in row]) for number, row in enumerate(rows, 1) if any(row)]
    if not lines or [cell.lower() for cell in lines[0][1]] != COLUMNS:
        raise InputError(f"{file}: its first line must be {','.join(COLUMNS)}")
    points: list[tuple[int, Emotion]] = []
    for number, row in lines[1:]:
        try:
            bar, emotion = _bar_and_emotion(row)
            if bar != 1 and not points:
                raise InputError("the first bar must be 1")
            if points and bar <= points[-1][0]:
                raise InputError(f"bar {bar} comes after bar {points[-1][0]}")
        except InputError as error:
            raise InputError(f"{file}, line {number}: {error}") from error
        points.append((bar, emotion))
    if not points:
        raise InputError(f"{file} says nothing of any bar")
    return _between(points)


def wanted_of(
    emotion: str | Quadrant | Emotion | None,
    valence: float | None,
    arousal: float | None,
    path: str | EmotionPath | None,
) -> Wanted:
    """What is asked for: a path (by its text or itself), or else what `wanted_emotion` makes of the others.

    Raises InputError for both, or for what is no path.
    """
    if path is None:
        return wanted_emotion(emotion, valence, arousal)
    if emotion is not None or valence is not None or arousal is not None:
        raise InputError("use either --path, or --emotion, or --valence with --arousal")
    return parse_path(str(path)) if isinstance(path, EmotionPath) else find_path(path)  # as it is kept in the piece


def _parse_segment(text: str) -> Segment:
    name, colon, bars = text.rpartition(":")
    if not colon or not name.strip():
        raise InputError(f"{text[:40]!r} is no part of a path: write an emotion and its bars, as calm:8 or 0.5/-0.2:8")
    valence, slash, arousal = name.partition("/")
    emotion = _point(valence, arousal) if slash else parse_quadrant(name)
    return Segment(emotion, _whole_number(bars))


def _bar_and_emotion(row: list[str]) -> tuple[int, Emotion]:
    if len(row) != len(COLUMNS):
        raise InputError(f"{len(row)} values where there should be {len(COLUMNS)}")
    bar = _whole_number(row[0])
    if not 1 <= bar <= MAX_BARS:
        raise InputError(f"bar {bar:,}; a piece has 1 to {MAX_BARS:,}")
    return bar, _point(*row[1:])


def _point(valence: str, arousal: str) -> Emotion:
    values = []
    for text in (valence, arousal):
        try:
            values.append(float(text))
        except ValueError as error:
            raise InputError(f"{text.strip()[:40]!r} is no number") from error
    point = Emotion(*values)  # what is none is found out before it is rounded
    return _rounded(point.valence, point.arousal)


def _rounded(valence: float, arousal: float) -> Emotion:
    return Emotion(*(round(value, _DECIMALS) + 0.0 for value in (valence, arousal)))  # + 0.0: there is one zero


def _whole_number(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InputError(f"{text[:40]!r} is no whole number of bars")
    return int(text)


def _between(points: list[tuple[int, Emotion]]) -> EmotionPath:
    """The path through points at bars, the first of which is 1; bars of one emotion are one segment."""
    known = [bar for bar, _ in points]
    bars = np.arange(1, known[-1] + 1)
    values = [
        np.interp(bars, known, [getattr(emotion, axis) for _, emotion in points]) for axis in ("valence", "arousal")
    ]
    segments: list[Segment] = []
    for emotion in (_rounded(*pair) for pair in zip(*(one.tolist() for one in values), strict=True)):
        if segments and segments[-1].emotion == emotion:
            segments[-1] = Segment(emotion, segments[-1].bars + 1)
        else:
            segments.append(Segment(emotion, 1))
    return EmotionPath(tuple(segments))


def _short(value: float) -> str:
    return f"{round(value, _DECIMALS) + 0.0:.{_DECIMALS}f}".rstrip("0").rstrip(".")
