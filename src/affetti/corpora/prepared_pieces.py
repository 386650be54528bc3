"""Piano pieces ready to train on: compound words, labels and measures, memory-mapped from one safetensors file.

Nothing is padded. Values of the same kind lie behind each other in one array, and offsets say where each piece begins:
those of piece i are at offsets[i] : offsets[i + 1].
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from affetti.corpora.corpus import not_prepared, prepared_path, quadrant_counts, quadrant_summary
from affetti.corpora.prepared_melodies import read_prepared
from affetti.corpora.splits import SPLITS
from affetti.errors import InputError
from affetti.files import write_whole
from affetti.tokens.compound_word import CompoundWords
from affetti.tokens.elements import MAX_STEPS
from affetti.tokens.expression import Expression

Columns = dict[str, NDArray[Any]]
"""Arrays by name: the columns of one or more pieces, with how many values each piece has (`word_counts` …)."""

Unit = Literal["piece", "word", "bar", "note", "beat"]
COUNTED: tuple[Unit, ...] = ("word", "bar", "note", "beat")
"""What a piece has many of."""

METADATA = "affetti"
"""The one key of the file's metadata. safetensors writes several keys in an order that varies."""


class Per(NamedTuple):
    """What a column has a row for, and how many values a row has (0: one number, not a row)."""

    unit: Unit
    width: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where prepared pieces come from."""

    corpus: str
    version: str
    licence: str
    preparation: str
    """Version of the preparation (corpora.preparing)."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPieces:
    """N pieces. T words, M bars, K note words, B beats are those of all pieces together."""

    origin: Origin
    names: tuple[str, ...]
    """[N] the file each comes from."""
    song_names: tuple[str, ...]
    """Of all songs, by number."""

    word_offsets: NDArray[np.int64]
    bar_offsets: NDArray[np.int64]
    note_offsets: NDArray[np.int64]
    beat_offsets: NDArray[np.int64]

    words: Annotated[NDArray[np.uint8], Per("word", 7)]
    """[T, 7] compound words (tokens.elements); each piece's end with the end word."""
    bar_steps: Annotated[NDArray[np.uint8], Per("bar")]
    """[M] sixteenths in each bar, 1-16."""
    bar_emotions: Annotated[NDArray[np.float32], Per("bar", 2)]
    """[M, 2] valence and arousal while the bar sounds, each -1 to 1; NaN where unknown."""

    onset_remainders: Annotated[NDArray[np.float16], Per("note")]
    """[K] sixteenths by which the note was struck after its place on the grid. This, the next four and `start_seconds`
    are the Expression that words leave out (tokens.expression), notes in the order of their words."""
    duration_remainders: Annotated[NDArray[np.float32], Per("note")]
    """[K] sixteenths by which it was longer than its word says."""
    velocity_remainders: Annotated[NDArray[np.int8], Per("note")]
    """[K] MIDI velocity less that of its word."""
    beat_steps: Annotated[NDArray[np.uint8], Per("beat")]
    """[B] sixteenths in each beat of the grid."""
    beat_stretches: Annotated[NDArray[np.float32], Per("beat")]
    """[B] seconds that the beat took, by the seconds that the tempo in its words gives it."""

    quadrants: Annotated[NDArray[np.int8], Per("piece")]
    """[N] 1-4, or 0 where a piece has no label."""
    emotions: Annotated[NDArray[np.float32], Per("piece", 2)]
    """[N, 2] valence and arousal of the whole piece, each -1 to 1; NaN where unknown."""
    songs: Annotated[NDArray[np.int32], Per("piece")]
    """[N] the number of the song that a piece is (a part of)."""
    splits: Annotated[NDArray[np.int8], Per("piece")]
    """[N] index into corpora.splits.SPLITS."""
    keys: Annotated[NDArray[np.int8], Per("piece")]
    """[N] estimated key: tonic 0-11 in major, 12 more in minor."""
    start_seconds: Annotated[NDArray[np.float32], Per("piece")]
    """[N] when the first bar line was in the file; before its start where an upbeat is there."""

    pitch_range: Annotated[NDArray[np.float32], Per("piece")]
    """[N] of the notes as they were in the file; so are the next five (analysis.pitch)."""
    pitch_classes: Annotated[NDArray[np.float32], Per("piece")]
    polyphony: Annotated[NDArray[np.float32], Per("piece")]
    bar_pitch_range: Annotated[NDArray[np.float32], Per("piece")]
    """[N] the mean over the bars in which a note starts, as in the next two."""
    bar_pitch_classes: Annotated[NDArray[np.float32], Per("piece")]
    bar_polyphony: Annotated[NDArray[np.float32], Per("piece")]

    is_tracked: Annotated[NDArray[np.bool_], Per("piece")]
    """[N] whether beats were heard in the notes; else the file's own grid was kept."""
    grid_confidence: Annotated[NDArray[np.float32], Per("piece")]
    """[N] 0-1 (analysis.metrical_grid)."""
    triplet_share: Annotated[NDArray[np.float32], Per("piece")]
    """[N] of the notes kept, those that lie on a triplet and on no sixteenth."""
    onset_error_steps: Annotated[NDArray[np.float32], Per("piece")]
    """[N] mean distance of the notes kept from the grid, in sixteenths."""
    tempo: Annotated[NDArray[np.float32], Per("piece")]
    """[N] median over the bars, quarters per minute."""
    notes_in: Annotated[NDArray[np.int32], Per("piece")]
    """[N] pitched notes in the file."""
    notes_kept: Annotated[NDArray[np.int32], Per("piece")]
    """[N] of these, those that are words: not merged, not outside a piano's range."""

    def __post_init__(self) -> None:
        totals = {"piece": len(self.names)}
        for unit in COUNTED:
            offsets = getattr(self, f"{unit}_offsets")
            if offsets.dtype != np.int64 or offsets.shape != (len(self.names) + 1,):
                raise ValueError(f"{unit}_offsets: {offsets.dtype} {list(offsets.shape)} for {len(self.names)} pieces")
            if offsets[0] != 0 or (np.diff(offsets) < 0).any():
                raise ValueError(f"{unit}_offsets do not grow from 0")
            totals[unit] = int(offsets[-1])
        for name, column in COLUMNS.items():
            _check(name, getattr(self, name), column, totals)
        if len(self.names) and not (self.songs.min() >= 0 and self.songs.max() < len(self.song_names)):
            raise ValueError(f"songs are numbered 0 to {len(self.song_names) - 1}")

    def __len__(self) -> int:
        return len(self.names)

    def piece(self, index: int) -> CompoundWords:
        """The words of piece `index`, and how long its bars are."""
        return CompoundWords(self._of("words", index), self._of("bar_steps", index))

    def expression(self, index: int) -> Expression:
        """What the words of piece `index` leave out of its performance."""
        return Expression(
            onset_steps=self._of("onset_remainders", index).astype(np.float32),
            duration_steps=self._of("duration_remainders", index),
            velocities=self._of("velocity_remainders", index),
            beat_steps=np.append(0, np.cumsum(self._of("beat_steps", index), dtype=np.int64)),
            beat_stretches=self._of("beat_stretches", index),
            start_seconds=float(self.start_seconds[index]),
        )

    def split_indices(self, split: str) -> NDArray[np.int64]:
        """The pieces of "train", "validation" or "test", in order."""
        return np.flatnonzero(self.splits == SPLITS.index(split))

    @property
    def are_mostly_4_4(self) -> NDArray[np.bool_]:
        """[N] whether at least half of a piece's bars are 16 sixteenths long: a waltz with an odd bar is not."""
        four_four = np.append(0, np.cumsum(self.bar_steps == MAX_STEPS))[self.bar_offsets]
        mostly: NDArray[np.bool_] = 2 * np.diff(four_four) >= np.diff(self.bar_offsets)
        return mostly

    def sha256(self) -> str:
        """Digest of what a model learns from: words, bars, labels, songs and splits, in their order."""
        digest = hashlib.sha256()
        for name in ("word_offsets", "bar_offsets", "words", "bar_steps", "bar_emotions", "quadrants", "emotions"):
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        for name in ("songs", "splits", "keys"):
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write (or replace) them, whole or not at all. The same pieces give the same bytes."""
        offsets = {f"{unit}_offsets": getattr(self, f"{unit}_offsets") for unit in COUNTED}
        tensors = offsets | {name: getattr(self, name) for name in COLUMNS}
        content = {"origin": asdict(self.origin), "names": self.names, "song_names": self.song_names}
        write_columns(path, tensors, content)

    def counts(self) -> dict[str, Any]:
        """How many pieces there are, of each emotion and in each split, songs, bars and words."""
        return {
            "pieces": len(self),
            "quadrants": quadrant_counts(self.quadrants),
            "songs": len(self.song_names),
            "splits": {name: int((self.splits == number).sum()) for number, name in enumerate(SPLITS)},
            "bars": len(self.bar_steps),
            "words": len(self.words),
            "with_emotion_per_bar": int((~np.isnan(self.bar_emotions[self.bar_offsets[:-1], 0])).sum()),
            "own_grid": int((~self.is_tracked).sum()),
            "licence": self.origin.licence,
        }

    def summary(self) -> str:
        """For example "959 pieces (Q1 227, Q2 226, Q3 231, Q4 275) of 343 songs, 402,103 words"."""
        quadrants = quadrant_summary(quadrant_counts(self.quadrants))
        return f"{len(self):,} pieces ({quadrants}) of {len(self.song_names):,} songs, {len(self.words):,} words"

    def _of(self, name: str, index: int) -> NDArray[Any]:
        """The rows of a column that belong to one piece."""
        offsets = getattr(self, f"{COLUMNS[name].unit}_offsets")
        rows: NDArray[Any] = getattr(self, name)[offsets[index] : offsets[index + 1]]
        return rows


class Column(NamedTuple):
    """What the array of a column is."""

    dtype: np.dtype[Any]
    unit: Unit
    width: int


def _columns() -> dict[str, Column]:
    """The columns of PreparedPieces as its annotations say."""
    columns = {}
    for name, hint in get_type_hints(PreparedPieces, include_extras=True).items():
        if get_origin(hint) is Annotated:
            array, per = get_args(hint)
            scalar = get_args(get_args(array)[1])[0]
            columns[name] = Column(np.dtype(scalar), *per)
    return columns


COLUMNS = _columns()

LABELS = ("quadrants", "emotions", "songs", "splits")
"""Columns that come with a corpus. The others are heard in the notes, or follow from both (bar_emotions)."""


def joined(parts: Sequence[Columns]) -> Columns:
    """The columns of several groups of pieces as one, in their order. Raises ValueError for none at all."""
    if not parts:
        raise ValueError("no pieces to join")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def separated(columns: Columns) -> list[Columns]:
    """The columns of each piece by itself: the inverse of `joined`, of pieces one by one."""
    offsets = {unit: _offsets(columns[f"{unit}_counts"]) for unit in COUNTED}
    pieces = len(columns[f"{COUNTED[0]}_counts"])
    offsets["piece"] = np.arange(pieces + 1)
    units: dict[str, Unit] = {name: column.unit for name, column in COLUMNS.items()}
    return [
        {name: array[slice(*offsets[units.get(name, "piece")][piece : piece + 2])] for name, array in columns.items()}
        for piece in range(pieces)
    ]


def with_labels(
    columns: Columns,
    labels: Columns,
    origin: Origin,
    names: Sequence[str],
    song_names: Sequence[str],
) -> PreparedPieces:
    """The pieces with these columns and labels."""
    offsets: Columns = {f"{unit}_offsets": _offsets(columns[f"{unit}_counts"]) for unit in COUNTED}
    heard = {name: columns[name] for name in COLUMNS if name not in LABELS}
    return PreparedPieces(origin, tuple(names), tuple(song_names), **offsets, **heard, **labels)


def _offsets(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each piece begins, and the end: [N + 1]."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _check(name: str, array: NDArray[Any], column: Column, totals: Mapping[str, int]) -> None:
    """Raise ValueError for an array that is not what the column says."""
    shape = (totals[column.unit], column.width)[: 2 if column.width else 1]
    if array.dtype != column.dtype or array.shape != shape:
        raise ValueError(f"{name}: {array.dtype} {list(array.shape)} where {column.dtype} {list(shape)} is needed")


# ---- files


def write_columns(path: Path, tensors: Columns, content: dict[str, Any]) -> None:
    """Write arrays and `content` (JSON) as safetensors, whole or not at all. The same gives the same bytes."""
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    metadata = {METADATA: json.dumps(content, ensure_ascii=True)}  # names may hold lone surrogates
    write_whole(path, save(contiguous, metadata=metadata), force=True)


def map_columns(path: Path) -> tuple[Columns, dict[str, Any]]:
    """The arrays in a file that `write_columns` wrote, mapped into memory, and its content.

    Raises InputError for a file that is no such one.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stored:  # it checks that all tensors lie inside, side by side
            names = list(stored.keys())
            content = json.loads((stored.metadata() or {})[METADATA])
        mapped = np.memmap(path, np.uint8, mode="r")
        header_bytes = int(mapped[:8].view("<u8")[0])
        header = json.loads(mapped[8 : 8 + header_bytes].tobytes())
        columns = {}
        for name in names:
            begin, end = (8 + header_bytes + offset for offset in header[name]["data_offsets"])
            columns[name] = np.asarray(mapped[begin:end]).view(_DTYPES[header[name]["dtype"]])
            columns[name] = columns[name].reshape(header[name]["shape"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not a prepared corpus ({error}); prepare it again") from error
    return columns, content


_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "F16": "<f2",
    "F32": "<f4",
    "I32": "<i4",
    "I64": "<i8",
}


def load_pieces(name: str) -> PreparedPieces:
    """The prepared corpus `name`; nothing but its names and offsets is read until it is used.

    Raises InputError that says what to do where there is none: prepare it, name one of those that a corpus was
    prepared as, or name a corpus of piano pieces where it is one of melodies.
    """
    path = prepared_path(name)
    if not path.is_file():
        stems = (file.stem for file in path.parent.glob("*.safetensors"))
        if parts := sorted(stem for stem in stems if stem.startswith(f"{name}_")):
            raise InputError(f"{name} is prepared as {', '.join(parts)}: name one of them")
        raise not_prepared(name)
    if _holds_melodies(path):
        raise InputError(f"{name} is a corpus of melodies; name one of piano pieces, for example emopia")
    return read_pieces(path)


def _holds_melodies(path: Path) -> bool:
    try:
        read_prepared(path)
    except InputError:
        return False
    return True


def read_pieces(path: Path) -> PreparedPieces:
    """The prepared corpus in one file. Raises InputError for a file that is not one."""
    columns, content = map_columns(path)
    try:
        origin = Origin(**content["origin"])
        return PreparedPieces(origin, tuple(content["names"]), tuple(content["song_names"]), **columns)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not a prepared corpus ({error}); prepare it again") from error
