"""The remainder of a performance: put back unchanged it is the performance, on changed words it moves along."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.analysis.metrical_grid import metrical_grid
from affetti.analysis.note_arrays import note_arrays, tempo_map
from affetti.midi import midi_bytes, read_midi
from affetti.piece import Note, Piece, Tempo, TimeSignature, Track
from affetti.tokens.compound_word import CompoundWords, encode
from affetti.tokens.elements import DURATION, NOTE, PITCH, TEMPO, TYPE, VELOCITY
from affetti.tokens.expression import PERFORMED_TICKS_PER_STEP, Expression, perform
from affetti.tokens.quantisation import Quantised, quantise
from tests.tokens.samples import grid_of

MILLISECOND = 1e-3


def first_bar_line(piece: Piece) -> float:
    """Seconds at the first bar line of a performed piece: after the first bar where notes come before the line."""
    lead = piece.time_signatures[0]
    if lead.numerator * 16 // lead.denominator == 1 and len(piece.time_signatures) > 1:
        return piece.seconds_at(piece.time_signatures[1].start_ticks)
    return 0.0


def assert_performs_itself(piece: Piece, found: Quantised, performed: Piece) -> None:
    """Each note of `performed` is a note of `piece`, a millisecond off at most; none is lost but those counted."""
    original, got = note_arrays(piece), note_arrays(performed)
    assert len(got) == found.report.notes_kept == len(original) - found.report.merged - found.report.out_of_range
    shift = found.expression.start_seconds - first_bar_line(performed)
    times = np.column_stack([got.start_seconds, got.end_seconds]) + shift
    played = np.column_stack([original.start_seconds, original.end_seconds])
    for pitch in np.unique(got.pitches):
        mine, theirs = got.pitches == pitch, original.pitches == pitch
        same_velocity = got.velocities[mine][:, None] == original.velocities[theirs]
        distances = np.abs(times[mine][:, None] - played[theirs]).max(axis=2)
        assert np.where(same_velocity, distances, np.inf).min(axis=1).max() < MILLISECOND


@st.composite
def performances(draw: st.DrawFn) -> Piece:
    """Notes at any time, any length and loudness, under a tempo that jumps anywhere."""
    notes = st.builds(Note, st.integers(0, 15_000), st.integers(21, 108), st.integers(1, 9_000), st.integers(1, 127))
    tempos = st.builds(Tempo, st.integers(0, 15_000), st.floats(100, 150))
    return Piece(
        480, (Track(tuple(draw(st.lists(notes, min_size=1, max_size=20)))),), tuple(draw(st.lists(tempos, max_size=8)))
    )


@settings(deadline=None)
@given(performances(), st.floats(-1_900, 0), st.floats(80, 180), st.booleans())
def test_unchanged_words_give_the_performance(piece: Piece, first: float, step: float, is_tracked: bool) -> None:
    bars = [16, 12, 7] * int(1 + 26_000 / step / 35)
    found = quantise(piece, grid_of(bars, ticks_per_step=step, first_tick=first, is_tracked=is_tracked))
    assert_performs_itself(piece, found, perform(encode(found.piece), found.expression))


def small_performance() -> tuple[CompoundWords, Expression]:
    """Notes at 0.1, 3.8 and 8.25 sixteenths of a bar at 120 quarters a minute, played with a tempo of its own."""
    starts, lengths, velocities = (10, 380, 825), (390, 180, 1_900), (65, 30, 99)
    notes = tuple(Note(*note) for note in zip(starts, (60, 64, 67), lengths, velocities, strict=True))
    tempos = (Tempo(0, 118.0), Tempo(400, 123.0))
    found = quantise(Piece(400, (Track(notes),), tempos), grid_of([16, 16], ticks_per_step=100, is_tracked=True))
    return encode(found.piece), found.expression


def with_values(words: CompoundWords, column: int, *values: int) -> CompoundWords:
    """Words whose note words (or Bar words, for the tempo) have other values."""
    changed = words.words.copy()
    rows = changed[:, TYPE] == NOTE if column != TEMPO else changed[:, column] > 1
    changed[rows, column] = values
    return CompoundWords(changed, words.bar_steps)


def test_the_remainder_is_measured_from_the_grid() -> None:
    words, expression = small_performance()
    assert words.words[words.words[:, TYPE] == NOTE][:, [PITCH, DURATION, VELOCITY]].tolist() == [
        [40, 4, 21],
        [44, 2, 10],
        [47, 16, 33],
    ]
    assert expression.onset_steps == pytest.approx([0.1, -0.2, 0.25], abs=1e-6)
    assert expression.duration_steps == pytest.approx([-0.1, -0.2, 3.0], abs=1e-6)
    assert expression.velocities.tolist() == [1, -1, -1]
    assert expression.beat_steps.tolist() == list(range(0, 33, 4))
    assert expression.start_seconds == 0


def test_louder_words_keep_their_accents() -> None:
    words, expression = small_performance()
    louder = perform(with_values(words, VELOCITY, 30, 20, 41), expression)
    assert [note.velocity for note in louder.notes] == [92, 60, 123]
    loudest = replace(expression, velocities=np.asarray([127, -128, 3], np.int8))
    assert [note.velocity for note in perform(words, loudest).notes] == [127, 1, 103]
    assert [note.start_ticks for note in louder.notes] == [
        note.start_ticks for note in perform(words, expression).notes
    ]


def test_slower_words_stretch_every_time_by_as_much() -> None:
    words, expression = small_performance()
    before, after = (note_arrays(perform(played, expression)) for played in (words, with_values(words, TEMPO, 20)))
    ratio = 120.0 / 62.0
    assert words.words[0, TEMPO] == 38
    assert after.start_seconds == pytest.approx(before.start_seconds * ratio, abs=MILLISECOND)
    assert after.end_seconds == pytest.approx(before.end_seconds * ratio, abs=MILLISECOND)


def test_a_tempo_that_changes_within_a_beat_is_followed() -> None:
    words, expression = small_performance()
    inserted = np.insert(words.words, 3, [20, 1, 2 + 2, 2, 0, 0, 0], axis=0)
    performed = perform(CompoundWords(inserted, words.bar_steps), expression)
    assert PERFORMED_TICKS_PER_STEP * 2 in [tempo.start_ticks for tempo in performed.tempos]
    speeds = [tempo.quarters_per_minute for tempo in performed.tempos]
    assert speeds == pytest.approx([118.0, 118 * 62 / 120, 123 * 62 / 120], rel=1e-4)


def test_other_pitches_keep_the_time_of_their_notes() -> None:
    words, expression = small_performance()
    before, after = (perform(played, expression) for played in (words, with_values(words, PITCH, 41, 43, 50)))
    assert [note.pitch for note in after.notes] == [61, 63, 70]
    assert [replace(note, pitch=0) for note in after.notes] == [replace(note, pitch=0) for note in before.notes]


def test_what_was_cut_off_a_long_note_returns_only_to_a_long_note() -> None:
    words, expression = small_performance()

    def lengths(*values: int) -> list[float]:
        performed = perform(with_values(words, DURATION, *values), expression)
        return [note.duration_ticks / PERFORMED_TICKS_PER_STEP for note in performed.notes]

    assert lengths(4, 2, 16) == pytest.approx([3.9, 1.8, 19.0], abs=0.01)
    assert lengths(6, 1, 8) == pytest.approx([5.9, 0.8, 8.0], abs=0.01)


def test_a_note_before_the_first_bar_line_gets_a_bar_of_its_own() -> None:
    piece = Piece(400, (Track((Note(0, 60, 400, 64), Note(470, 62, 400, 64))),))
    found = quantise(piece, grid_of([12, 12], ticks_per_step=100, first_tick=40))
    performed = perform(encode(found.piece), found.expression)
    step = PERFORMED_TICKS_PER_STEP
    assert performed.time_signatures == (TimeSignature(0, 1, 16), TimeSignature(step, 3, 4))
    assert [note.start_ticks for note in performed.notes] == [round(0.6 * step), round(5.3 * step)]
    assert performed.tempos == (Tempo(0, 120.0),)
    assert_performs_itself(piece, found, performed)


def test_a_note_early_by_less_than_a_tick_is_not_early() -> None:
    words, expression = small_performance()
    expression = replace(expression, onset_steps=np.asarray([-1e-4, 0, 0], np.float32))
    assert perform(words, expression).notes[0].start_ticks == 0
    assert perform(words, expression).time_signatures == (TimeSignature(0, 4, 4),)


def test_a_steady_tempo_is_said_once_and_exactly() -> None:
    notes = tuple(Note(480 * beat + 7, 60, 400, 64) for beat in range(64))
    piece = Piece(480, (Track(notes),), (Tempo(0, 97.0),))
    found = quantise(piece, grid_of([16] * 17))
    assert [tempo.quarters_per_minute for tempo in found.piece.tempos] == [96.3]
    tempos = perform(encode(found.piece), found.expression).tempos
    assert len(tempos) == 1
    assert read_midi(midi_bytes(Piece(480, piece.tracks, tempos))).tempos == (Tempo(0, 97.0),)


def test_an_expression_of_other_words_is_refused() -> None:
    words, expression = small_performance()
    fewer = CompoundWords(np.delete(words.words, [1, 2], axis=0), words.bar_steps)
    with pytest.raises(ValueError, match="an expression of 3 notes for words of 2"):
        perform(fewer, expression)


@pytest.mark.corpus
@pytest.mark.parametrize("corpus", ["emopia", "vgmidi", "pop909"])
def test_performances_of_a_corpus_survive_also_as_midi(shared_data: Path, corpus: str) -> None:
    for path in sorted((shared_data / corpus).rglob("*.mid"))[:: 20 if corpus == "emopia" else 60]:
        piece = read_midi(path)
        found = quantise(piece, metrical_grid(piece))
        words = encode(found.piece)
        performed = perform(words, found.expression)
        assert_performs_itself(piece, found, performed)
        # A file can say whole microseconds a quarter, so compare what it adds: nothing that is heard.
        again = read_midi(midi_bytes(performed))
        ticks = np.asarray([note.start_ticks for note in performed.notes])
        assert np.abs(tempo_map(again).seconds_at(ticks) - tempo_map(performed).seconds_at(ticks)).max() < MILLISECOND
