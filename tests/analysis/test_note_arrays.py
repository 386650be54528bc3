"""Notes as arrays and the tempo map: the same times as the piece itself gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.analysis.note_arrays import note_arrays, tempo_map
from affetti.piece import Note, Piece, Tempo, Track

TICKS = st.integers(0, 5_000)
NOTES = st.builds(Note, TICKS, st.integers(0, 127), TICKS, st.integers(1, 127))
TEMPOS = st.lists(st.builds(Tempo, TICKS | st.just(0), st.floats(4, 1_000)), max_size=10).map(tuple)
TRACKS = st.lists(st.builds(Track, st.lists(NOTES, max_size=10).map(tuple), is_drum=st.booleans()), max_size=4)
PIECES = st.builds(Piece, st.integers(1, 32_767), TRACKS.map(tuple), tempos=TEMPOS)


@given(PIECES)
def test_arrays_hold_the_notes_in_the_order_of_the_piece(piece: Piece) -> None:
    arrays = note_arrays(piece)
    assert len(arrays) == len(piece.notes)
    columns = (arrays.start_ticks, arrays.pitches, arrays.end_ticks - arrays.start_ticks, arrays.velocities)
    assert tuple(Note(*note) for note in zip(*(column.tolist() for column in columns), strict=True)) == piece.notes
    assert arrays.start_seconds == pytest.approx([piece.seconds_at(note.start_ticks) for note in piece.notes])
    assert arrays.end_seconds == pytest.approx([piece.seconds_at(note.end_ticks) for note in piece.notes])


@given(PIECES, st.lists(st.integers(-5_000, 20_000), min_size=1))
def test_the_tempo_map_leads_to_seconds_and_back(piece: Piece, ticks: list[int]) -> None:
    times = tempo_map(piece)
    assert times.ticks[0] == times.seconds[0] == 0
    assert (np.diff(times.ticks) > 0).all()
    assert times.ticks_at(times.seconds_at(np.asarray(ticks))) == pytest.approx(np.asarray(ticks), abs=1e-6)


def test_before_the_piece_its_first_tempo_holds_and_after_it_the_last() -> None:
    times = tempo_map(Piece(480, (), tempos=(Tempo(480, 240.0), Tempo(0, 60.0))))
    assert times.seconds_at(np.asarray([-480, 0, 240, 480, 960])).tolist() == [-1.0, 0.0, 0.5, 1.0, 1.25]


def test_a_piece_without_notes_has_empty_arrays() -> None:
    arrays = note_arrays(Piece(480, (Track((Note(0, 36, 10),), is_drum=True),)))
    assert len(arrays) == 0
    assert arrays.start_seconds.shape == arrays.end_seconds.shape == (0,)
    assert tempo_map(Piece(480, ())).seconds_per_tick.tolist() == [60 / 120 / 480]
