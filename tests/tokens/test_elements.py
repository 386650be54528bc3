"""The table of elements: sizes, names, and what each value means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.midi import midi_bytes, read_midi
from affetti.piece import CHORD_QUALITIES, DEFAULT_BPM, Chord, Note, Piece, Tempo, Track
from affetti.tokens.elements import (
    ELEMENTS,
    FIRST_TEMPO,
    SIZES,
    TEMPOS,
    TYPE,
    chord_at,
    chord_value,
    tempo_values,
    velocity_centres,
    velocity_values,
)


def test_the_table_is_in_the_papers_order_and_sizes() -> None:
    names = [element.name for element in ELEMENTS]
    assert names == ["tempo", "chord", "bar_beat", "type", "pitch", "duration", "velocity"]
    assert names[TYPE] == "type"
    assert SIZES == (56, 135, 18, 4, 89, 17, 42)
    for element in ELEMENTS:
        assert len(set(element.labels)) == element.size, "no two values have one name"


def test_values_have_names_a_musician_reads() -> None:
    found = {element.name: [element.label(value) for value in (0, 1, 2, 3, element.size - 1)] for element in ELEMENTS}
    assert found == {
        "tempo": ["ignored", "continue", "32 BPM", "33.2 BPM", "224 BPM"],
        "chord": ["ignored", "continue", "N.C.", "C:maj", "B:dim7"],
        "bar_beat": ["ignored", "Bar", "position 0/16", "position 1/16", "position 15/16"],
        "type": ["padding", "end", "metrical", "note", "note"],
        "pitch": ["ignored", "A0", "A#0", "B0", "C8"],
        "duration": ["ignored", "1/16", "2/16", "3/16", "16/16"],
        "velocity": ["ignored", "4", "7", "10", "124"],
    }
    for value in (-1, 18):
        with pytest.raises(IndexError):
            ELEMENTS[2].label(value)


def test_tempos_are_equal_ratios_of_which_the_default_is_one() -> None:
    assert TEMPOS[[0, -1]].tolist() == [32, 224]
    assert len(TEMPOS) == 54
    assert TEMPOS[1:] / TEMPOS[:-1] == pytest.approx(7 ** (1 / 53), abs=0.003)
    assert DEFAULT_BPM in TEMPOS


def test_every_tempo_survives_midi_exactly() -> None:
    tempos = tuple(Tempo(index, tempo) for index, tempo in enumerate(TEMPOS.tolist()))
    piece = Piece(480, (Track((Note(0, 60, 1),)),), tempos=tempos)
    assert read_midi(midi_bytes(piece)).tempos == tempos


@settings(deadline=None)
@given(st.floats(1, 1_000))
def test_the_tempo_of_a_value_is_the_nearest_in_ratio(tempo: float) -> None:
    (value,) = tempo_values(np.asarray([tempo]))
    distances = np.abs(np.log(TEMPOS / tempo))
    assert distances[value - FIRST_TEMPO] == pytest.approx(distances.min())


def test_each_tempo_has_its_own_value() -> None:
    assert tempo_values(TEMPOS).tolist() == list(range(2, 56))


def test_velocities_lie_in_their_bins() -> None:
    velocities = np.arange(1, 128)
    values = velocity_values(velocities)
    assert set(values.tolist()) == set(range(1, 42))
    inside = (velocities >= 3) & (velocities <= 125)
    assert np.abs(velocity_centres(values) - velocities)[inside].max() == 1
    assert np.array_equal(velocity_values(velocity_centres(values)), values)
    assert velocity_centres(np.arange(1, 42)).tolist() == list(range(4, 127, 3))


def test_chords_and_their_values_are_one_to_one() -> None:
    chords = [Chord(7), *(Chord(7, root, quality) for root in range(12) for quality in CHORD_QUALITIES)]
    assert [chord_value(chord) for chord in chords] == list(range(2, 135))
    assert [chord_at(7, value) for value in range(2, 135)] == chords
    assert [ELEMENTS[1].label(value) for value in range(2, 135)] == [chord.name for chord in chords]
    for value in (0, 1, 135):
        with pytest.raises(ValueError, match="no chord has the number"):
            chord_at(0, value)
