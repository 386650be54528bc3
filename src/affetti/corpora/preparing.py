"""One MIDI file to the columns of one prepared piece: a pure function, for a process that may die of the file."""

from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.key import estimate_key
from affetti.analysis.metrical_grid import MetricalGrid, metrical_grid
from affetti.analysis.note_arrays import Integers, note_arrays, tempo_map
from affetti.analysis.pitch import PieceMeasures, piece_measures
from affetti.corpora.prepared_pieces import COLUMNS, COUNTED, LABELS, Columns
from affetti.corpora.timeline import Timeline, bar_emotions
from affetti.files import read_bounded
from affetti.midi import MAX_MIDI_BYTES, read_midi
from affetti.piece import Piece
from affetti.tokens.compound_word import encode
from affetti.tokens.quantisation import quantise

PREPARATION = f"2 (affetti {version('affetti')})"
"""To be counted up whenever the same file gives other columns: parts of an earlier preparation are then made anew."""

_MINOR_KEYS = 12  # the number of the first minor key
_ROUNDING_STEPS = 0.5  # a note half a sixteenth before a bar line belongs to the bar that the line begins

_MOST_STEPS = 2.0**15
"""float16 ends at 65,504. A remainder as long is that of a file whose tempo jumps by thousands inside a beat."""


class Task(NamedTuple):
    """A file to prepare."""

    path: Path
    timeline: Timeline | None = None
    is_performed: bool = False
    """Its beats are tracked, whatever grid the file declares."""
    bar_steps: int | None = None
    """The sixteenths of its bars, where they are known beforehand."""


def prepare_file(task: Task) -> Columns:
    """The columns of the piece in a MIDI file. Raises InputError for a file that cannot be used."""
    piece = read_midi(read_bounded(task.path, max_bytes=MAX_MIDI_BYTES))
    return prepare_piece(piece, task.timeline, is_performed=task.is_performed, bar_steps=task.bar_steps)


def prepare_piece(
    piece: Piece, timeline: Timeline | None = None, *, is_performed: bool = False, bar_steps: int | None = None
) -> Columns:
    """The columns (see PreparedPieces) of one piece, without those that a corpus knows. Raises InputError."""
    grid = metrical_grid(piece, force_tracking=is_performed, bar_steps=bar_steps)
    quantised = quantise(piece, grid)
    words = encode(quantised.piece)
    key = estimate_key(piece)
    expression, report = quantised.expression, quantised.report
    bars = _bar_lines(words.bar_steps)
    bar_seconds = tempo_map(piece).seconds_at(grid.ticks_at(bars))
    of_piece = {
        "keys": key.tonic + _MINOR_KEYS * key.is_minor,
        **_measures(piece, grid, bars)._asdict(),
        "is_tracked": report.is_tracked,
        "grid_confidence": report.confidence,
        "triplet_share": report.triplet_share,
        "onset_error_steps": report.onset_error_mean,
        "tempo": report.tempo_median,
        "notes_in": report.notes_in,
        "notes_kept": report.notes_kept,
        "start_seconds": expression.start_seconds,
        "word_counts": len(words.words),
        "bar_counts": len(words.bar_steps),
        "note_counts": len(expression.velocities),
        "beat_counts": len(expression.beat_stretches),
    }
    return _typed(
        {name: np.asarray([value]) for name, value in of_piece.items()}
        | {
            "words": words.words,
            "bar_steps": words.bar_steps,
            "bar_emotions": bar_emotions(timeline, bar_seconds),
            "onset_remainders": np.clip(expression.onset_steps, -_MOST_STEPS, _MOST_STEPS),
            "duration_remainders": expression.duration_steps,
            "velocity_remainders": expression.velocities,
            "beat_steps": np.diff(expression.beat_steps),
            "beat_stretches": expression.beat_stretches,
        }
    )


def _bar_lines(bar_steps: NDArray[np.uint8]) -> Integers:
    """The step at which each bar begins, and the one at which the last ends: [M + 1]."""
    lines: Integers = np.append(0, np.cumsum(bar_steps, dtype=np.int64))
    return lines


def _measures(piece: Piece, grid: MetricalGrid, bars: Integers) -> PieceMeasures:
    """The measures of the notes as they were, in the bars that they were given."""
    return piece_measures(note_arrays(piece), grid.ticks_at(bars - _ROUNDING_STEPS))


def _typed(columns: Columns) -> Columns:
    """The columns in the types in which they are stored."""
    dtypes = {name: column.dtype for name, column in COLUMNS.items() if name not in LABELS}
    dtypes |= {f"{unit}_counts": np.dtype(np.int64) for unit in COUNTED}
    return {name: columns[name].astype(dtype) for name, dtype in dtypes.items()}
