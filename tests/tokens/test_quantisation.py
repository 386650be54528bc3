"""Putting a piece on the grid: what is already there stays, what moves and what is lost is counted."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from affetti.analysis.metrical_grid import MAX_BARS, MetricalGrid
from affetti.errors import InputError
from affetti.midi import read_midi
from affetti.piece import Chord, Note, Piece, Tempo, TimeSignature, Track
from affetti.tokens.compound_word import encode
from affetti.tokens.quantisation import quantise
from tests.tokens.samples import STEP, grid_of, grid_pieces


def played(*notes: tuple[float, int, float], velocity: int = 64, **settings: object) -> Piece:
    """A piece of (start, pitch, duration), times in sixteenths, finely divided; 120 quarters a minute."""
    ticks = 1_200
    track = Track(
        tuple(Note(round(start * ticks), pitch, round(length * ticks), velocity) for start, pitch, length in notes)
    )
    return Piece(4 * ticks, (track,), **settings)  # type: ignore[arg-type]


def played_grid(*bar_steps: int, first_step: float = 0.0, is_tracked: bool = False) -> MetricalGrid:
    return grid_of(list(bar_steps), ticks_per_step=1_200, first_tick=first_step * 1_200, is_tracked=is_tracked)


def written(piece: Piece) -> list[tuple[int, int, int]]:
    """(step, pitch, sixteenths) of a piece on the grid."""
    return [(note.start_ticks // STEP, note.pitch, note.duration_ticks // STEP) for note in piece.notes]


@settings(deadline=None)
@given(grid_pieces(changes_on_beats=True))
def test_a_piece_on_the_grid_stays_as_it_is(piece: Piece) -> None:
    piece = replace(piece, chords=piece.chords or (Chord(0, 0, "maj"),))  # else they are estimated
    words = encode(piece)
    found = quantise(piece, grid_of(words.bar_steps.tolist()))
    assert found.piece == piece
    report = found.report
    assert (report.notes_kept, report.bars) == (report.notes_in, len(words.bar_steps))
    assert (
        report.merged == report.out_of_range == report.shortened == report.onset_error_95 == report.triplet_share == 0
    )
    expression = found.expression
    # In time, not in ticks: where the tempo changes within a beat, the beat's halves are not equally long.
    assert np.abs(expression.duration_steps).max() < 1e-3
    assert np.abs(expression.onset_steps).max() < 1e-3
    assert expression.beat_stretches == pytest.approx(1.0)
    assert not expression.velocities.any()


def test_onsets_and_lengths_go_to_the_nearest_sixteenth() -> None:
    piece = played((0.4, 60, 3.4), (3.6, 62, 1.6), (6.45, 64, 0.2), (8.0, 65, 1.5))
    assert written(quantise(piece, played_grid(16)).piece) == [(0, 60, 3), (4, 62, 2), (6, 64, 1), (8, 65, 2)]


def test_equally_long_notes_stay_equally_long() -> None:
    piece = played((0.1, 60, 1.4), (2.4, 62, 1.4), (4.3, 64, 1.4))
    assert [length for _, _, length in written(quantise(piece, played_grid(16)).piece)] == [1, 1, 1]


def test_the_notes_of_a_chord_stay_together_and_a_run_does_not() -> None:
    # a sixteenth is 125 ms here
    chord = played((0.40, 48, 4), (0.46, 55, 4), (0.52, 64, 4), (0.54, 72, 4))
    assert [step for step, _, _ in written(quantise(chord, played_grid(16)).piece)] == [0, 0, 0, 0]
    rolled = played((0.1, 48, 4), (0.3, 55, 4), (0.5, 64, 4), (0.7, 72, 4))
    assert [step for step, _, _ in written(quantise(rolled, played_grid(16)).piece)] == [0, 0, 1, 1]
    slow = played((0.40, 48, 4), (0.46, 55, 4), (0.52, 64, 4), (0.54, 72, 4), tempos=(Tempo(0, 12.0),))
    assert [step for step, _, _ in written(quantise(slow, played_grid(16)).piece)] == [0, 0, 1, 1]


def test_of_notes_on_one_key_and_step_the_loudest_stays_then_the_longest() -> None:
    def on_one_key(*notes: tuple[int, int]) -> list[tuple[int, int]]:
        """(sixteenths, velocity) of what stays of notes with these, a little after each other."""
        track = Track(tuple(Note(60 * n, 60, steps * 1_200, velocity) for n, (steps, velocity) in enumerate(notes)))
        found = quantise(Piece(4_800, (track,)), played_grid(16))
        assert found.report.merged == len(notes) - 1
        return [(note.duration_ticks // STEP, note.velocity) for note in found.piece.notes]

    assert on_one_key((8, 40), (2, 64), (4, 61)) == [(2, 64)]
    assert on_one_key((2, 64), (8, 64)) == [(8, 64)]
    assert on_one_key((8, 64), (2, 64)) == [(8, 64)]


def test_pitches_beyond_a_piano_are_left_out_and_never_moved() -> None:
    piece = played((0, 20, 4), (0, 21, 4), (2, 60, 1), (4, 108, 4), (6, 109, 4))
    found = quantise(piece, played_grid(16))
    assert [pitch for _, pitch, _ in written(found.piece)] == [21, 60, 108]
    assert (found.report.notes_in, found.report.notes_kept, found.report.out_of_range) == (5, 3, 2)
    assert len(found.expression.onset_steps) == 3


def test_long_notes_and_notes_struck_again_are_cut_and_counted() -> None:
    piece = played((0, 60, 17), (1, 62, 16.4), (2, 64, 8), (6, 64, 4), (10, 64, 4))
    found = quantise(piece, played_grid(16, 16))
    assert written(found.piece) == [(0, 60, 16), (1, 62, 16), (2, 64, 4), (6, 64, 4), (10, 64, 4)]
    assert found.report.shortened == 2
    assert found.expression.duration_steps == pytest.approx([1, 0.4, 4, 0, 0], abs=1e-3)


def test_drums_are_left_out() -> None:
    piece = played((0, 60, 4))
    drums = Track((Note(0, 36, 100), Note(90_000, 38, 100)), is_drum=True)
    assert quantise(replace(piece, tracks=(drums, *piece.tracks)), played_grid(16)).report.notes_in == 1


def test_triplets_are_reported() -> None:
    def share(*starts: float, grid: MetricalGrid | None = None) -> float:
        piece = played(*((start, 60 + n, 1) for n, start in enumerate(starts)))
        return quantise(piece, grid or played_grid(16)).report.triplet_share

    assert share(0, 4 / 3, 8 / 3, 4, 16 / 3, 20 / 3) == pytest.approx(2 / 3)
    assert share(0, 2 / 3, 4 / 3, 2, 8 / 3, 10 / 3) == pytest.approx(2 / 3), "sixteenth triplets"
    assert share(0, 1, 2.2, 2.8, 5, 7) == 0
    assert share(0, 1.4, 2.6, 4) == 0.5, "played freely"
    in_six_eight = MetricalGrid(np.asarray([0, 7_200, 14_400.0]), np.asarray([0, 6, 12]), np.asarray([0]), False, 1.0)
    assert share(0, 4 / 3, 8 / 3, 4, grid=in_six_eight) == 0, "a compound beat is divided by three anyway"


def test_a_performance_has_a_tempo_for_each_bar_and_a_score_for_each_beat() -> None:
    tempos = (Tempo(0, 120.0), Tempo(4_800, 96.3), Tempo(16 * 1_200, 60.0))
    piece = played((0, 60, 1), (20, 60, 1), tempos=tempos)
    score = quantise(piece, played_grid(16, 16))
    assert [(t.start_ticks // STEP, t.quarters_per_minute) for t in score.piece.tempos] == [
        (0, 120.0),
        (4, 96.3),
        (16, 59.7),
    ]
    performance = quantise(piece, played_grid(16, 16, is_tracked=True))
    # four quarters in 0.5 s and three times 60 / 96.3 s: 101.3 a minute
    assert [(t.start_ticks // STEP, t.quarters_per_minute) for t in performance.piece.tempos] == [(0, 99.9), (16, 59.7)]
    assert performance.report.tempo_median == pytest.approx((240 / (0.5 + 180 / 96.3) + 60) / 2)
    stretches = performance.expression.beat_stretches
    assert stretches[:4] == pytest.approx([99.9 / 120, *[99.9 / 96.3] * 3])
    assert stretches[4:] == pytest.approx(59.7 / 60.0)


def test_own_chords_are_kept_on_sixteenths() -> None:
    chords = (Chord(0, 5, "maj"), Chord(4_700, 7, "7"), Chord(4_900, 0, "maj"), Chord(19_200, 9, "min"))
    piece = played((0, 60, 4), (5, 60, 4), chords=chords)
    found = quantise(piece, played_grid(16)).piece.chords
    assert found == (Chord(0, 5, "maj"), Chord(4 * STEP, 0, "maj")), "of two at a step the last; none after the end"
    late = quantise(replace(piece, chords=(Chord(2_400, 0, "maj"),)), played_grid(16)).piece.chords
    assert late == (Chord(2 * STEP, 0, "maj"),)


def test_chords_are_estimated_on_beats_where_there_are_none() -> None:
    harmony = {0: (48, 64, 67, 72), 16: (53, 65, 69, 72), 32: (55, 62, 65, 71), 48: (48, 64, 67, 72)}
    piece = played(*((start, pitch, 16) for start, pitches in harmony.items() for pitch in pitches))
    found = quantise(piece, played_grid(16, 16, 16, 16)).piece.chords
    assert [(chord.start_ticks // STEP, chord.name) for chord in found] == [
        (0, "C:maj"),
        (16, "F:maj"),
        (32, "G:7"),
        (48, "C:maj"),
    ]


def test_an_upbeat_keeps_its_place_before_the_first_whole_bar() -> None:
    piece = played((0, 67, 4), (4, 72, 12))
    found = quantise(piece, played_grid(16, 16, first_step=-12))
    assert written(found.piece) == [(12, 67, 4), (16, 72, 12)]
    assert found.expression.start_seconds == pytest.approx(-1.5)


def test_a_note_just_before_the_first_bar_line_belongs_to_it() -> None:
    found = quantise(played((0, 60, 4)), played_grid(16, first_step=0.7))
    assert written(found.piece) == [(0, 60, 4)]
    assert found.expression.onset_steps == pytest.approx([-0.7], abs=1e-3)


def test_a_last_note_that_is_rounded_up_begins_another_bar() -> None:
    found = quantise(played((0, 60, 4), (27.8, 60, 0.2)), played_grid(16, 12))
    assert written(found.piece)[-1] == (28, 60, 1)
    assert [(m.start_ticks // STEP, m.numerator) for m in found.piece.time_signatures] == [(0, 4), (16, 3)]
    assert encode(found.piece).bar_steps.tolist() == [16, 12, 12]
    longest = played_grid(*[1] * MAX_BARS)
    with pytest.raises(InputError, match="more than 2,000 bars"):
        quantise(played((0, 60, 4), (MAX_BARS - 0.2, 60, 0.2)), longest)


def test_bars_after_the_last_note_are_left_out() -> None:
    found = quantise(played((0, 60, 4), (17, 60, 30)), played_grid(16, 12, 16, 16))
    assert found.report.bars == 2
    assert encode(found.piece).bar_steps.tolist() == [16, 12]


def test_without_a_grid_the_pieces_own_is_taken() -> None:
    notes = [(step, 60 + step % 5, 2) for step in range(0, 48, 2)]
    piece = played(*notes, tempos=(Tempo(0, 96.3),), time_signatures=(TimeSignature(0, 3, 4),))
    found = quantise(piece)
    assert not found.report.is_tracked
    assert encode(found.piece).bar_steps.tolist() == [12] * 4
    assert written(found.piece) == notes


@pytest.mark.parametrize(
    "piece", [Piece(480, ()), played((0, 20, 4), (3, 109, 4)), Piece(480, (Track((Note(0, 60, 9),), is_drum=True),))]
)
def test_a_piece_without_notes_on_a_piano_is_refused(piece: Piece) -> None:
    with pytest.raises(InputError, match=r"no notes on the keys of a piano \(MIDI 21-108\)"):
        quantise(piece)


@pytest.mark.corpus
@pytest.mark.parametrize(("corpus", "kept"), [("emopia", 0.99), ("vgmidi", 0.98), ("pop909", 0.95)])
def test_most_notes_of_a_corpus_are_kept_near_where_they_were(shared_data: Path, corpus: str, kept: float) -> None:
    reports = [quantise(read_midi(path)).report for path in sorted((shared_data / corpus).rglob("*.mid"))[::40]]
    for report in reports:
        assert report.notes_in == report.notes_kept + report.merged + report.out_of_range
        assert report.onset_error_95 <= 0.75
    assert sum(r.notes_kept for r in reports) / sum(r.notes_in for r in reports) > kept
    assert np.mean([report.onset_error_mean for report in reports]) < 0.15


def test_the_samples_have_all_kinds_of_changes() -> None:
    """What the property above rests on: chance draws the cases it is about."""
    found = {"metre": False, "tempo": False, "chord": False, "several notes": False}

    @settings(deadline=None, max_examples=50, database=None, derandomize=True)
    @given(grid_pieces())
    def look(piece: Piece) -> None:
        found["metre"] |= len(piece.time_signatures) > 1
        found["tempo"] |= len(piece.tempos) > 1
        found["chord"] |= len(piece.chords) > 1
        found["several notes"] |= any(a.start_ticks == b.start_ticks for a, b in pairwise(piece.notes))

    look()
    assert all(found.values()), found
