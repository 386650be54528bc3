from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.analysis.features import EARS, FEATURE_NAMES, GROUPS, piece_features
from affetti.analysis.heard_notes import HeardNotes
from affetti.analysis.key import Key
from affetti.errors import InputError
from affetti.piece import Note, Piece, Tempo, Track
from affetti.tokens.quantisation import quantise
from tests.evaluation.tiny_pieces import piano_piece

SECOND = 960
"""Ticks at 120 quarters a minute, 480 a quarter."""


def of_notes(*notes: tuple[float, int, float, int]) -> Piece:
    """A piece of (start in seconds, pitch, length in seconds, velocity)."""
    written = (Note(round(start * SECOND), pitch, round(length * SECOND), loud) for start, pitch, length, loud in notes)
    return Piece(480, (Track(tuple(written)),))


def named(piece: Piece, **options: str) -> dict[str, float]:
    return dict(zip(FEATURE_NAMES, piece_features(piece, **options).tolist(), strict=True))


def test_every_feature_has_one_name() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert tuple(name for names, _ in GROUPS.values() for name in names) == FEATURE_NAMES
    one_note = np.zeros(1)
    heard = HeardNotes(one_note, one_note + 1, np.asarray([60]), one_note + 64)
    assert {group: len(values(heard)) for group, (_, values) in GROUPS.items()} == {
        group: len(names) for group, (names, _) in GROUPS.items()
    }


def test_density_loudness_and_register_of_two_chords() -> None:
    # C major and g minor, three notes each, 4 seconds apart; the second softer. 6 seconds in all.
    chords = [(0, pitch, 1, 90) for pitch in (48, 64, 67)] + [(4, pitch, 2, 30) for pitch in (55, 58, 62)]
    heard = named(of_notes(*chords))
    assert 2 ** heard["log2_notes_per_second"] == pytest.approx(1)
    assert 2 ** heard["log2_onsets_per_second"] == pytest.approx(1 / 3)
    assert heard["log2_interval_50"] == pytest.approx(2)  # four seconds
    assert (heard["notes_per_onset"], heard["onsets_of_three_and_more"]) == (3, 1)
    assert heard["notes_per_onset_high"] == 1.5
    assert heard["low_notes"] == pytest.approx(3 / 6)
    assert (heard["velocity_mean"], heard["velocity_deviation"]) == (60, 30)
    assert heard["velocity_window_range"] == 60
    assert heard["velocity_by_time"] == pytest.approx(-1)
    assert heard["pitch_mean"] == pytest.approx(59)
    assert heard["pitch_range"] == 19
    assert (heard["top_mean"], heard["bottom_mean"], heard["onset_span"]) == (64.5, 51.5, 13)
    assert heard["lengths_over_1_s"] == 0.5
    assert heard["silence"] == pytest.approx(0.5, abs=0.02)


def test_notes_within_35_ms_are_one_onset() -> None:
    spread = named(of_notes((0, 60, 1, 64), (0.03, 64, 1, 64), (0.06, 67, 1, 64), (1, 60, 1, 64)))
    assert spread["notes_per_onset"] == 2
    assert named(of_notes((0, 60, 1, 64), (0.05, 64, 1, 64)))["notes_per_onset"] == 1


def test_voices_of_a_rising_scale_over_a_pedal() -> None:
    notes = [(0.5 * i, pitch, 0.5, 64) for i, pitch in enumerate((72, 74, 76, 77, 79))]
    heard = named(of_notes(*notes, *((0.5 * i, 48, 0.5, 64) for i in range(5))))
    assert heard["top_steps"] == 1
    assert heard["top_up_2"] == 0.75
    assert heard["top_up_1"] == 0.25
    assert (heard["top_rises"], heard["top_turns"]) == (1, 0)
    assert heard["bottom_stays"] == 1
    assert heard["parallel_motion"] == heard["contrary_motion"] == 0


def test_mode_and_harmony_tell_major_from_minor() -> None:
    for quadrant, sign in ((1, 1), (2, -1)):
        heard = named(piano_piece(quadrant))
        assert sign * heard["major_over_minor_chords"] > 0.9
    assert named(piano_piece(1))["chord_maj"] > 0.9
    assert named(piano_piece(2))["chord_min"] > 0.9


def test_dissonance_of_seconds_and_of_thirds() -> None:
    rub, sweet = (named(of_notes((0, 60, 2, 64), (0, 60 + interval, 2, 64))) for interval in (1, 4))
    assert (rub["interval_class_1"], rub["dissonance"]) == (1, 1)
    assert (sweet["interval_class_4"], sweet["dissonance"]) == (1, 0)


def test_a_repeated_pattern_repeats() -> None:
    pattern = [(4 * turn + i, pitch, 1, 64) for turn in range(6) for i, pitch in enumerate((60, 66, 62, 68))]
    heard = named(of_notes(*pattern))
    assert heard["repeats_after_4_s"] > 0.95
    assert heard["repeats_after_1_s"] < 0.2
    assert heard["log2_beat_seconds"] == pytest.approx(0)  # a second between onsets


def test_the_key_makes_no_difference() -> None:
    piece = piano_piece(3)
    low, high = named(piece), named(Key(2, False).transposed_from_c(piece))
    for group in ("density", "loudness", "articulation", "mode", "harmony", "dissonance", "voices", "regularity"):
        for name in GROUPS[group][0]:
            if name not in ("low_notes", "notes_per_onset_high", "notes_per_onset_low") and "high" not in name:
                assert high[name] == pytest.approx(low[name], abs=1e-6), name
    assert high["pitch_mean"] == pytest.approx(low["pitch_mean"] + 2)


def test_ears_do_not_hear_what_they_are_named_after() -> None:
    loud = piano_piece(2)
    soft = replace(loud, tracks=(Track(tuple(replace(note, velocity=20) for note in loud.notes)),))
    slow = replace(loud, tempos=(Tempo(0, 50.0),))
    for ear, changed in (("without_velocity", soft), ("without_tempo", slow)):
        np.testing.assert_array_equal(piece_features(changed, ear), piece_features(loud, ear))
        assert not np.array_equal(piece_features(changed), piece_features(loud))


def test_the_grid_changes_little() -> None:
    random = np.random.default_rng(0)
    exact = piano_piece(4, bars=8)
    played = replace(
        exact,
        tracks=(
            Track(
                tuple(
                    replace(note, start_ticks=max(0, note.start_ticks + int(random.integers(-8, 9))))
                    for note in exact.notes
                )
            ),
        ),
    )
    heard, on_grid = named(played), named(quantise(played).piece)
    for name in ("log2_onsets_per_second", "log2_interval_50", "notes_per_onset", "major_over_minor", "dissonance"):
        assert on_grid[name] == pytest.approx(heard[name], abs=0.1), name


notes = st.builds(
    Note,
    start_ticks=st.integers(0, 20_000),
    pitch=st.integers(0, 127),
    duration_ticks=st.integers(0, 5_000),
    velocity=st.integers(1, 127),
)


@settings(max_examples=60)
@given(st.lists(notes, min_size=1, max_size=30), st.floats(5, 1000))
def test_any_piece_has_finite_features(found: list[Note], tempo: float) -> None:
    piece = Piece(480, (Track(tuple(found)),), (Tempo(0, tempo),))
    for ear in EARS:
        assert np.isfinite(piece_features(piece, ear)).all()


def test_pieces_that_have_none() -> None:
    with pytest.raises(InputError, match="no pitched notes"):
        piece_features(Piece(480, (Track((Note(0, 38, 10, 64),), is_drum=True),)))
    with pytest.raises(InputError, match="seconds"):
        piece_features(of_notes((0, 60, 1, 64), (7300, 60, 1, 64)))


def test_too_many_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affetti.analysis.features.MAX_NOTES", 2)
    with pytest.raises(InputError, match="3 notes"):
        piece_features(of_notes(*((second, 60, 1, 64) for second in range(3))))
