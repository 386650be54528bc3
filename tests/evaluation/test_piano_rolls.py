import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affetti.analysis.metrical_grid import metrical_grid
from affetti.evaluation.drawing import new_figure
from affetti.evaluation.piano_rolls import Roll, chord_sign, draw_piano_roll, heard_roll, piano_roll_sheet
from affetti.midi import read_midi
from affetti.piece import CHORD_QUALITIES, Chord, Note, Piece, Tempo, Track
from tests.evaluation.tiny_pieces import piano_piece

PIECE = piano_piece(1)


def drawn(piece: Piece, seconds: tuple[float, float] | None = None) -> dict[str, object]:
    """What a roll shows: the texts, the notes' boxes, where lines stand, and its time."""
    with new_figure(8, 3) as figure:
        axes = figure.subplots()
        draw_piano_roll(axes, piece, metrical_grid(piece), seconds=seconds)
        return {
            "texts": [text.get_text() for text in axes.texts],
            "boxes": [len(collection.get_paths()) for collection in axes.collections],
            "lines": sorted({float(line.get_xdata()[0]) for line in axes.lines if line.get_xdata()[0] > 0}),  # type: ignore[index]
            "time": axes.get_xlim(),
        }


def test_beats_bars_and_chords_are_where_they_are_heard() -> None:
    found = drawn(PIECE)
    bar = 4 * 60 / PIECE.tempos[0].quarters_per_minute
    assert found["lines"] == pytest.approx([bar / 4 * beat for beat in range(1, 17)], abs=1e-3)
    assert found["texts"] == ["1", "2", "3", "4", "C"]  # the chord is named once
    assert found["boxes"] == [len(PIECE.notes)] * 2
    assert found["time"] == pytest.approx((0, 4 * bar))


def test_a_part_shows_its_own_notes_and_the_chord_in_force() -> None:
    bar = 4 * 60 / PIECE.tempos[0].quarters_per_minute
    changing = replace(PIECE, chords=(Chord(0, 0, "maj"), Chord(1920, 9, "min7"), Chord(5760)))
    found = drawn(changing, (1.51 * bar, 2.9 * bar))
    assert found["texts"] == ["3", "Am7"]
    assert found["boxes"] == [3 + 4 + 3 + 8] * 2  # of the second bar what still sounds


def test_the_tempo_map_is_heard() -> None:
    slower = replace(PIECE, tempos=(Tempo(0, 120.0), Tempo(1920, 60.0)))
    assert drawn(slower)["lines"] == pytest.approx([0.5, 1, 1.5, 2, *range(3, 15)], abs=1e-3)


@pytest.mark.parametrize("piece", [Piece(480, ()), Piece(480, (Track((Note(0, 60, 1),)),))])
def test_hardly_any_notes_can_be_drawn(piece: Piece) -> None:
    assert piano_roll_sheet("rolls", "little", [Roll("one", piece)]).png


def test_a_sheet_is_the_same_every_time_and_says_what_it_cuts() -> None:
    rolls = [Roll("first", PIECE, metrical_grid(PIECE)), Roll("second", piano_piece(3, bars=8))]
    picture = piano_roll_sheet("rolls", "two", rolls, most_seconds=10.0)
    assert picture.png is not None
    assert picture.png.startswith(b"\x89PNG")
    assert ElementTree.fromstring(picture.svg).tag.endswith("svg")
    assert b"second; the first 10 of 29 s" in picture.svg
    assert b"first; " not in picture.svg
    assert piano_roll_sheet("rolls", "two", rolls, most_seconds=10.0) == picture


def test_any_name_of_a_file_can_be_drawn() -> None:
    roll = Roll("bad\udcff \x01$\\frac$ -- \n<&> 月.mid", piano_piece(1, bars=1))
    picture = piano_roll_sheet("rolls", "odd", [roll])
    assert picture.svg is not None
    assert ElementTree.fromstring(picture.svg).tag.endswith("svg")


def test_no_rolls_are_a_value_error() -> None:
    with pytest.raises(ValueError, match="no piano rolls"):
        piano_roll_sheet("rolls", "nothing", [])


def test_chords_as_players_write_them() -> None:
    assert chord_sign(Chord(0, 6, "min7")) == "F♯m7"
    assert chord_sign(Chord(0, 0, "maj")) == "C"
    assert chord_sign(Chord(0)) == "N.C."
    assert len({chord_sign(Chord(0, 0, quality)) for quality in CHORD_QUALITIES}) == len(CHORD_QUALITIES)


def test_a_piece_on_its_own_grid_keeps_its_chords_where_they_are() -> None:
    roll = heard_roll("a score", PIECE)
    assert roll.grid is not None
    assert not roll.grid.is_tracked
    assert roll.piece.chords == (Chord(0, 0, "maj"),)
    assert roll.piece.tracks == PIECE.tracks


@pytest.mark.corpus
def test_a_performance_is_drawn_with_the_beats_heard_in_it(shared_data: Path) -> None:
    file = min((shared_data / "emopia" / "EMOPIA_1.0" / "midis").glob("Q1*.mid"))
    roll = heard_roll(file.name, read_midi(file))
    assert roll.grid is not None
    assert roll.grid.is_tracked
    assert len(roll.piece.chords) > 3
    starts = np.asarray([chord.start_ticks for chord in roll.piece.chords])
    assert np.abs(starts[:, None] - roll.grid.beat_ticks).min(axis=1).max() <= 1
