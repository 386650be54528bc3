"""One file to the columns of one piece: what is stored is what the parts say, of any metre and of performances."""

from pathlib import Path

import numpy as np
import pytest

from affetti.analysis.key import Key, estimate_key
from affetti.corpora.prepared_pieces import COLUMNS, COUNTED, LABELS
from affetti.corpora.preparing import Task, prepare_file, prepare_piece
from affetti.corpora.timeline import Timeline
from affetti.errors import InputError
from affetti.midi import midi_bytes, read_midi
from affetti.piece import Note, Piece, Track
from tests.corpora.standins import waltz


def performance(seed: int = 1, bars: int = 8) -> Piece:
    """4/4 at 100, every onset a little off, at a nominal tempo of 120."""
    random = np.random.default_rng(seed)
    times = np.arange(bars * 8) * 0.3 + 0.1 + random.normal(0, 0.01, bars * 8)
    ticks = np.rint(times * 960).astype(int)
    notes = [Note(int(tick), 60 + 2 * (place % 5), 250, 90 - 20 * (place % 2)) for place, tick in enumerate(ticks)]
    notes += [Note(int(tick), 36, 800, 100) for tick in ticks[::8]]
    return Piece(480, (Track(tuple(notes)),))


def test_columns_are_those_of_prepared_pieces() -> None:
    for piece in (read_midi(waltz()), performance()):
        columns = prepare_piece(piece)
        assert set(columns) == {name for name in COLUMNS if name not in LABELS} | {f"{unit}_counts" for unit in COUNTED}
        for name, column in columns.items():
            if name in COLUMNS:
                unit = COLUMNS[name].unit
                rows = 1 if unit == "piece" else int(columns[f"{unit}_counts"][0])
                assert (column.dtype, len(column)) == (COLUMNS[name].dtype, rows)


def test_a_score_keeps_its_grid_and_says_so() -> None:
    columns = prepare_piece(read_midi(waltz(4)))
    assert not columns["is_tracked"][0]
    assert columns["bar_steps"].tolist() == [12] * 4
    assert columns["onset_error_steps"][0] == 0
    assert columns["tempo"][0] == pytest.approx(90, abs=0.01)
    assert columns["start_seconds"][0] == 0
    assert (columns["notes_in"][0], columns["notes_kept"][0]) == (24, 24)
    assert columns["pitch_range"][0] == 78 - 48
    key = estimate_key(read_midi(waltz(4)))
    assert Key(int(columns["keys"][0]) % 12, bool(columns["keys"][0] >= 12)) == key


def test_a_performance_is_tracked_and_keeps_its_measures() -> None:
    columns = prepare_piece(performance())
    assert columns["is_tracked"][0]
    assert 0 < columns["onset_error_steps"][0] < 0.25
    assert columns["polyphony"][0] > 1
    assert columns["bar_pitch_range"][0] <= columns["pitch_range"][0]
    assert columns["notes_kept"][0] == 72


def test_emotion_over_time_follows_the_bars_on_the_clock() -> None:
    timeline = Timeline(8.0, (-1.0, 1.0), (0.0, 0.0))
    columns = prepare_piece(read_midi(waltz(4)), timeline)  # bars of 2 s
    assert columns["bar_emotions"].tolist() == [[-1, 0], [-1, 0], [1, 0], [1, 0]]


def test_drums_do_not_count() -> None:
    piece = read_midi(waltz())
    drums = Track(tuple(Note(tick, 36, 10) for tick in range(0, 4000, 77)), is_drum=True)
    with_drums = prepare_piece(Piece(480, (*piece.tracks, drums), piece.tempos, piece.time_signatures))
    for name, column in prepare_piece(piece).items():
        np.testing.assert_array_equal(column, with_drums[name])


def test_what_is_no_music_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mid"
    empty = midi_bytes(Piece(480, (Track((Note(0, 60, 480),)), Track((Note(0, 36, 9),), is_drum=True))))
    for data in (b"", b"no MIDI", empty[:30], midi_bytes(Piece(480, (Track((Note(0, 36, 9),), is_drum=True),)))):
        path.write_bytes(data)
        with pytest.raises(InputError):
            prepare_file(Task(path))
