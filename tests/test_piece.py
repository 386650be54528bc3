"""The piece as a value: order, time under a tempo map, and how it shows itself in a notebook."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from affetti.piece import CHORD_QUALITIES, MAX_DRAWN_NOTES, NO_CHORD, Chord, Marker, Note, Piece, Tempo, Track


def test_notes_are_sorted_by_start_then_pitch_and_leave_drums_out() -> None:
    upper = Track((Note(480, 72, 480), Note(0, 76, 480)))
    lower = Track((Note(0, 48, 960),))
    drums = Track((Note(0, 36, 5_000),), is_drum=True)
    piece = Piece(480, (upper, drums, lower))
    assert upper.notes == (Note(0, 76, 480), Note(480, 72, 480))
    assert piece.notes == (Note(0, 48, 960), Note(0, 76, 480), Note(480, 72, 480))
    assert piece.duration_ticks == 5_000, "a drum still sounds"


def test_pieces_are_values() -> None:
    one = Piece(480, (Track((Note(0, 60, 1), Note(1, 60, 1))),))
    other = Piece(480, (Track((Note(1, 60, 1), Note(0, 60, 1))),))
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("tempos", "ticks", "seconds"),
    [
        ((), 960, 1.0),  # 120 quarters a minute where none is given
        ((Tempo(0, 60.0),), 960, 2.0),
        ((Tempo(0, 60.0),), 0, 0.0),
        ((Tempo(480, 60.0),), 960, 0.5 + 1.0),  # 120 before the first
        ((Tempo(0, 60.0), Tempo(480, 240.0)), 480, 1.0),
        ((Tempo(0, 60.0), Tempo(480, 240.0)), 960, 1.0 + 0.25),
        ((Tempo(480, 240.0), Tempo(0, 60.0)), 960, 1.0 + 0.25),  # in any order
        (
            (Tempo(0, 60.0), Tempo(480, 240.0), Tempo(9_600, 10.0)),
            960,
            1.25,
        ),  # a later one does not count yet
        ((Tempo(0, 30.0), Tempo(0, 60.0)), 480, 1.0),  # of two at once the last counts
    ],
)
def test_seconds_under_a_tempo_map(tempos: tuple[Tempo, ...], ticks: int, seconds: float) -> None:
    assert Piece(480, (), tempos=tempos).seconds_at(ticks) == pytest.approx(seconds)


def test_seconds_grow_with_ticks_and_do_not_depend_on_how_the_map_is_cut() -> None:
    curve = tuple(Tempo(index * 100, 60.0 + index) for index in range(50))
    repeated = tuple(Tempo(t.start_ticks + half, t.quarters_per_minute) for t in curve for half in (0, 50))
    piece, same = Piece(96, (), tempos=curve), Piece(96, (), tempos=repeated)
    seconds = [piece.seconds_at(ticks) for ticks in range(0, 6_000, 37)]
    assert all(first < second for first, second in pairwise(seconds))
    assert [same.seconds_at(ticks) for ticks in range(0, 6_000, 37)] == pytest.approx(seconds)


def test_duration_in_seconds_is_that_of_the_last_release() -> None:
    piece = Piece(480, (Track((Note(0, 60, 960), Note(480, 62, 120))),), tempos=(Tempo(0, 60.0),))
    assert piece.duration_seconds == pytest.approx(2.0)
    assert Piece(480, ()).duration_seconds == 0.0


def test_a_new_marker_comes_first_and_leaves_the_piece_as_it_was() -> None:
    piece = Piece(480, (), markers=(Marker(0, "old"),))
    assert [marker.text for marker in piece.with_marker("new").markers] == ["new", "old"]
    assert [marker.text for marker in piece.markers] == ["old"]


def test_every_chord_has_a_name_that_spells_it() -> None:
    chords = [Chord(5), *(Chord(5, root, quality) for root in range(12) for quality in CHORD_QUALITIES)]
    assert len({chord.name for chord in chords}) == 133
    for chord in chords:
        assert Chord.named(5, chord.name) == chord
    assert Chord(0).name == NO_CHORD == "N.C."
    assert Chord(0, 6, "min7").name == "F#:min7"


@pytest.mark.parametrize(
    "text", ["", "C", "C:", ":maj", "Gb:maj", "H:maj", "c:maj", "C:Maj", "C:maj7#11", " C:maj", "N.C"]
)
def test_other_texts_spell_no_chord(text: str) -> None:
    assert Chord.named(0, text) is None


@pytest.mark.parametrize(
    ("root", "quality"), [(0, None), (None, "maj"), (-1, "maj"), (12, "maj"), (0, "major"), (0, "")]
)
def test_a_chord_that_is_none_is_refused(root: int | None, quality: str | None) -> None:
    with pytest.raises(ValueError, match="chord has"):
        Chord(0, root, quality)


# ---- notebooks


def shown(piece: Piece) -> ElementTree.Element:
    return ElementTree.fromstring(piece._repr_html_())


def test_a_piece_shows_every_note_in_its_place() -> None:
    piece = Piece(480, (Track((Note(0, 60, 480), Note(480, 72, 480))), Track((Note(0, 48, 960, 127),))))
    found = shown(piece).findall(".//{http://www.w3.org/2000/svg}rect")
    low, left, right = sorted(found, key=lambda rectangle: -float(rectangle.attrib["y"]))
    assert [float(left.attrib[name]) for name in ("x", "width")] == [0, 300]
    assert [float(right.attrib[name]) for name in ("x", "width")] == [300, 300]
    assert [float(low.attrib[name]) for name in ("x", "width")] == [0, 600]
    octave = float(left.attrib["y"]) - float(right.attrib["y"])
    assert octave == float(low.attrib["y"]) - float(left.attrib["y"]) == 12 * float(low.attrib["height"])
    assert left.attrib["fill"] == right.attrib["fill"] != low.attrib["fill"], "a colour for each track"
    assert float(low.attrib["fill-opacity"]) > float(left.attrib["fill-opacity"]), "loud is dark"


def test_names_of_tracks_cannot_smuggle_markup() -> None:
    html = Piece(480, (Track((Note(0, 60, 480),), name="<script>alert('x')</script>&"),))._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_an_empty_piece_and_a_long_one_show_themselves() -> None:
    assert "0 notes" in "".join(shown(Piece(480, ())).itertext())
    assert "0 notes" in "".join(shown(Piece(480, (Track((Note(0, 36, 1),), is_drum=True),))).itertext())
    many = Piece(480, (Track(tuple(Note(index, 60, 1) for index in range(MAX_DRAWN_NOTES + 1))),))
    html = many._repr_html_()
    assert html.count("<rect") == MAX_DRAWN_NOTES
    assert "5,001 notes" in html
    assert "the first 5,000 drawn" in html
