import numpy as np
import pytest

from affetti.piece import PITCH_CLASS_NAMES
from affetti.runtime.transfer_alignment import Alignment
from affetti.runtime.transfer_harmony import exchange_chords, exchange_pitch, key_of
from affetti.runtime.transfer_values import Arranged
from affetti.tokens.compound_word import GridMusic
from affetti.tokens.elements import CHORD, ELEMENTS
from tests.runtime.grid_music import grid_music

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 10, 12)


def scale(tonic: int, steps: tuple[int, ...], *, bars: int = 2) -> list[tuple[int, int, int, int]]:
    """The scale up from a tonic in every bar, two sixteenths each, over the tonic and its fifth held below."""
    notes = [(16 * bar + 2 * n, tonic + step, 2, 20) for bar in range(bars) for n, step in enumerate(steps)]
    return [*notes, *((16 * bar, tonic - 24 + fifth, 16, 20) for bar in range(bars) for fifth in (0, 7))]


def exchanged(source: GridMusic, reference: GridMusic, how: str, bars: list[bool] | None = None) -> GridMusic:
    arranged = Arranged(source, np.arange(len(source.steps)))
    alignment = Alignment.of(source, reference, stretched=False)
    if how == "pitch":
        return exchange_pitch(arranged, alignment, 1.0).music
    return exchange_chords(arranged, alignment, np.asarray(bars or [True] * len(source.bar_steps))).music


def chord_names(music: GridMusic) -> list[str]:
    return [ELEMENTS[CHORD].label(value) for value in music.chords.tolist()]


def test_the_scales_are_heard_as_they_are() -> None:
    major, minor = key_of(grid_music(scale(62, MAJOR))), key_of(grid_music(scale(60, MINOR)))
    assert (major.tonic, major.is_minor, minor.tonic, minor.is_minor) == (2, False, 0, True)


def test_a_chord_follows_by_the_shortest_way() -> None:
    tune = scale(72, MAJOR)
    source = grid_music(tune, chords=[(0, 0, "maj")])
    reference = grid_music(scale(72, MAJOR), chords=[(0, 5, "maj")])
    found = exchanged(source, reference, "chord")
    assert chord_names(found) == ["F:maj"]
    at_first = found.pitches[found.steps == 0] - 48
    assert at_first.tolist() == [5, 9, 24]  # the bass goes to the root, G to A, and C is in both chords
    assert np.abs(found.pitches - source.pitches).max() <= 6
    assert set((found.pitches % 12).tolist()) <= {0, 2, 4, 5, 7, 9, 11}


def test_chords_move_to_the_source_s_tonic_and_bring_their_mode() -> None:
    """A reference in A minor and a source in D major meet in D minor."""
    source = grid_music(scale(62, MAJOR), chords=[(0, 2, "maj")])
    reference = grid_music(scale(69, MINOR), chords=[(0, 9, "min"), (16, 2, "min")])
    found = exchanged(source, reference, "chord")
    assert chord_names(found) == ["D:min", "G:min"]
    d_minor = {(2 + step) % 12 for step in MINOR}
    assert set((found.pitches % 12).tolist()) <= d_minor
    for unchanged in ("steps", "velocities", "tempos"):
        np.testing.assert_array_equal(getattr(found, unchanged), getattr(source, unchanged))


def test_only_the_bars_chosen_follow() -> None:
    source = grid_music(scale(72, MAJOR), chords=[(0, 0, "maj")])
    reference = grid_music(scale(72, MAJOR), chords=[(0, 5, "maj")])
    found = exchanged(source, reference, "chord", [False, True])
    first = found.steps < 16
    assert (found.pitches[first] == source.pitches[first]).all()
    assert (found.pitches[~first] != source.pitches[~first]).any()
    assert list(zip(found.chord_steps.tolist(), chord_names(found), strict=True)) == [(0, "C:maj"), (16, "F:maj")]


def test_a_reference_without_chords_changes_none() -> None:
    source = grid_music(scale(72, MAJOR), chords=[(0, 0, "maj")])
    found = exchanged(source, grid_music(scale(69, MINOR)), "chord")
    np.testing.assert_array_equal(found.pitches, source.pitches)
    assert chord_names(found) == ["C:maj"]


@pytest.mark.parametrize("tonic", [60, 66])
def test_the_mode_changes_and_the_leading_tone_stays_over_the_dominant(tonic: int) -> None:
    fifth = (tonic + 7) % 12
    source = grid_music(
        [*scale(tonic, MAJOR), (14 + 16, tonic - 1, 1, 20)], chords=[(0, tonic % 12, "maj"), (30, fifth, "7")]
    )
    found = exchanged(source, grid_music(scale(57, MINOR)), "pitch")
    above = (found.pitches - tonic) % 12
    before = (source.pitches - tonic) % 12
    assert set(above[before == 4].tolist()) == {3}
    assert set(above[before == 9].tolist()) == {8}
    dominant = source.steps >= 30
    assert set(above[(before == 11) & ~dominant].tolist()) == {10}
    assert set(above[(before == 11) & dominant].tolist()) == {11}
    assert chord_names(found) == [f"{PITCH_CLASS_NAMES[tonic % 12]}:min", f"{PITCH_CLASS_NAMES[fifth]}:7"]


def test_hands_move_by_octaves() -> None:
    source = grid_music(scale(72, MAJOR))
    low = grid_music([(step, pitch - (12 if pitch < 60 else 0), *rest) for step, pitch, *rest in scale(72, MAJOR)])
    found = exchanged(source, low, "pitch")
    left = source.pitches < 60
    assert (found.pitches[left] == source.pitches[left] - 12).all()
    assert (found.pitches[~left] == source.pitches[~left]).all()
