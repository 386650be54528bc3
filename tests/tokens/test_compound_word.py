"""Compound words: exact on the grid in both directions, through MIDI as well, and refusing what they cannot say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.analysis.metrical_grid import MAX_BARS
from affetti.errors import InputError
from affetti.midi import midi_bytes, read_midi
from affetti.piece import Chord, Note, Piece, Tempo, TimeSignature, Track
from affetti.tokens.compound_word import CompoundWords, decode, encode, read_words, write_words
from affetti.tokens.elements import BAR, BAR_BEAT, DURATION, TYPE
from affetti.tokens.grammar import check
from affetti.tokens.quantisation import quantise
from tests.tokens.samples import STEP, grid_pieces, sampled_words


def same(first: CompoundWords, second: CompoundWords) -> bool:
    return np.array_equal(first.words, second.words) and np.array_equal(first.bar_steps, second.bar_steps)


def on_grid(*notes: tuple[int, int, int], **settings: object) -> Piece:
    """A piece of (step, pitch, sixteenths)."""
    track = Track(tuple(Note(step * STEP, pitch, steps * STEP, 64) for step, pitch, steps in notes), name="Piano")
    return Piece(480, (track,), **settings)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=200)
@given(grid_pieces())
def test_a_piece_on_the_grid_survives_exactly(piece: Piece) -> None:
    words = encode(piece)
    assert check(words.words, words.bar_steps) == []
    assert decode(words.words, words.bar_steps) == piece
    assert same(encode(read_midi(midi_bytes(piece))), words)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1).map(np.random.default_rng), st.booleans())
def test_grammatical_words_survive_but_for_notes_struck_again(random: np.random.Generator, any_metre: bool) -> None:
    bar_steps = random.integers(1, 17, (4, 6)) if any_metre else None
    for words in sampled_words(random, bar_steps=bar_steps, max_bars=6):
        piece = decode(words.words, words.bar_steps)
        assert read_midi(midi_bytes(piece)) == piece
        again = encode(piece)
        assert np.array_equal(np.delete(again.words, DURATION, 1), np.delete(words.words, DURATION, 1))
        assert (again.words[:, DURATION] <= words.words[:, DURATION]).all()
        assert np.array_equal(again.bar_steps, words.bar_steps)
        assert decode(again.words, again.bar_steps) == piece
        assert same(write_words(read_words(again.words, again.bar_steps)), again)


def test_a_bar_spelt_out() -> None:
    piece = on_grid(
        (0, 60, 4),
        (0, 64, 16),
        (6, 60, 2),
        (17, 21, 1),
        tempos=(Tempo(0, 120.0), Tempo(12 * STEP, 124.5)),
        time_signatures=(TimeSignature(0, 4, 4),),
        chords=(Chord(0, 0, "maj"), Chord(6 * STEP, 9, "min7"), Chord(16 * STEP)),
    )
    words = encode(piece)
    assert words.words.tolist() == [
        [38, 3, 1, 2, 0, 0, 0],
        [1, 1, 2, 2, 0, 0, 0],
        [0, 0, 0, 3, 40, 4, 21],
        [0, 0, 0, 3, 44, 16, 21],
        [1, 3 + 9 * 11 + 8, 8, 2, 0, 0, 0],
        [0, 0, 0, 3, 40, 2, 21],
        [39, 1, 14, 2, 0, 0, 0],
        [39, 2, 1, 2, 0, 0, 0],
        [1, 1, 3, 2, 0, 0, 0],
        [0, 0, 0, 3, 1, 1, 21],
        [0, 0, 0, 1, 0, 0, 0],
    ]
    assert words.words.dtype == words.bar_steps.dtype == np.uint8
    assert words.bar_steps.tolist() == [16, 16]
    assert len(words) == 11
    assert decode(words.words) == decode(words.words.astype(np.int64), words.bar_steps) == piece


def test_one_music_in_other_files_has_the_same_words() -> None:
    piece = on_grid((0, 60, 4), (2, 64, 2), (16, 60, 1), tempos=(Tempo(0, 120.0),))
    other = Piece(
        12,  # three ticks in a sixteenth
        (
            Track((Note(0, 60, 12, 65), Note(48, 60, 3, 63)), program=3),
            Track((Note(1, 40, 2),), is_drum=True),
            Track((Note(6, 64, 6, 64),)),
        ),
        tempos=(Tempo(9, 120.0), Tempo(0, 33.2), Tempo(0, 120.0)),
        chords=(Chord(0, 4, "sus4"), Chord(0)),
    )
    expected = replace(other, tracks=tuple(_at_velocity_64(track) for track in other.tracks))
    assert same(encode(piece), encode(expected))
    with pytest.raises(ValueError, match="a velocity"):
        encode(other)


def _at_velocity_64(track: Track) -> Track:
    return replace(track, notes=tuple(replace(note, velocity=64) for note in track.notes))


@pytest.mark.parametrize(
    ("metres", "bar_steps", "written"),
    [
        ([(0, 4, 4)], [16, 16, 16], [(0, 4, 4)]),
        ([], [16, 16, 16], [(0, 4, 4)]),
        ([(0, 3, 4)], [12, 12, 12], [(0, 3, 4)]),
        ([(0, 6, 8)], [12, 12, 12], [(0, 3, 4)]),
        ([(0, 7, 8)], [14, 14, 14], [(0, 7, 8)]),
        ([(0, 2, 2)], [16, 16, 16], [(0, 4, 4)]),
        ([(0, 13, 16)], [13, 13, 13], [(0, 13, 16)]),
        ([(0, 1, 4), (4, 4, 4)], [4, 16, 16], [(0, 1, 4), (4, 4, 4)]),  # an upbeat
        (
            [(0, 4, 4), (16, 1, 4), (20, 4, 4)],
            [16, 4, 16],
            [(0, 4, 4), (16, 1, 4), (20, 4, 4)],
        ),  # 5/4 as cut by the grid
        ([(0, 3, 4), (24, 7, 8)], [12, 12, 14], [(0, 3, 4), (24, 7, 8)]),
        ([(0, 3, 4), (0, 2, 4)], [8] * 5, [(0, 2, 4)]),  # the last of two at once
    ],
)
def test_metres(metres: list, bar_steps: list[int], written: list) -> None:
    piece = on_grid(
        (3, 60, 1), (35, 60, 16), time_signatures=tuple(TimeSignature(step * STEP, *metre) for step, *metre in metres)
    )
    words = encode(piece)
    assert words.bar_steps.tolist() == bar_steps
    decoded = decode(words.words, words.bar_steps)
    assert [(m.start_ticks // STEP, m.numerator, m.denominator) for m in decoded.time_signatures] == written
    assert decoded.tracks == piece.tracks
    assert same(encode(decoded), words)


def test_silent_bars_stay_but_none_after_the_last_note() -> None:
    words = encode(on_grid((40, 60, 16)))
    assert words.words[:, BAR_BEAT].tolist() == [BAR, BAR, BAR, 2 + 8, 0, 0]
    assert words.words[:, TYPE].tolist() == [2, 2, 2, 2, 3, 1]


def test_a_note_ends_where_its_pitch_is_struck_again() -> None:
    words = encode(on_grid((0, 60, 4), (4, 60, 4), (6, 64, 2)))
    words.words[2, DURATION] = 12
    words.words[4, DURATION] = 15
    assert decode(words.words).notes == (
        Note(0, 60, 4 * STEP, 64),
        Note(4 * STEP, 60, 15 * STEP, 64),
        Note(6 * STEP, 64, 2 * STEP, 64),
    )


@pytest.mark.parametrize(
    ("piece", "complaint"),
    [
        (Piece(480, (Track((Note(1, 60, 120, 64),)),)), "a note between the sixteenths"),
        (Piece(480, (Track((Note(0, 60, 121, 64),)),)), "a note's length between the sixteenths"),
        (Piece(3, (Track((Note(0, 60, 3, 64), Note(1, 60, 3, 64))),)), "a note between"),
        (on_grid((0, 20, 4)), "a pitch outside 21-108"),
        (on_grid((0, 109, 4)), "a pitch outside 21-108"),
        (on_grid((0, 60, 17)), "not 1 to 16 sixteenths long"),
        (on_grid((0, 60, 0)), "not 1 to 16 sixteenths long"),
        (on_grid((0, 60, 4), (0, 60, 2)), "two notes on one key at once"),
        (on_grid((0, 60, 4), (3, 60, 2)), "notes on one key that overlap"),
        (on_grid((0, 60, 4), tempos=(Tempo(0, 100.0),)), "a tempo that is not in the table"),
        (on_grid((0, 60, 4), tempos=(Tempo(1, 120.0),)), "a tempo between the sixteenths"),
        (on_grid((0, 60, 4), chords=(Chord(7, 0, "maj"),)), "a chord between the sixteenths"),
        (on_grid((0, 60, 4), chords=(Chord(16 * STEP, 0, "maj"),)), "a change after the last bar"),
        (on_grid((0, 60, 4), tempos=(Tempo(16 * STEP, 32.0),)), "a change after the last bar"),
        (on_grid((0, 60, 4), time_signatures=(TimeSignature(16 * STEP, 3, 4),)), "a time signature after the last bar"),
        (on_grid((20, 60, 4), time_signatures=(TimeSignature(15 * STEP, 3, 4),)), "does not begin a bar"),
        (on_grid((20, 60, 4), time_signatures=(TimeSignature(7, 3, 4),)), "a time signature between the sixteenths"),
        (on_grid((0, 60, 4), time_signatures=(TimeSignature(0, 5, 4),)), "a bar of 5/4"),
        (on_grid((0, 60, 4), time_signatures=(TimeSignature(0, 1, 32),)), "a bar of 1/32"),
    ],
)
def test_what_words_cannot_write_is_refused(piece: Piece, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"words cannot write .*{complaint}.*; quantise the piece first") as refusal:
        encode(piece)
    assert not isinstance(refusal.value, InputError)


def test_pieces_without_notes_or_end_are_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="no pitched notes"):
        encode(Piece(480, (Track((Note(0, 60, 120, 64),), is_drum=True),)))
    longest = on_grid((MAX_BARS * 16 - 1, 60, 1))
    assert len(encode(longest).bar_steps) == MAX_BARS
    with pytest.raises(InputError, match="more than 2,000 bars"):
        encode(on_grid((MAX_BARS * 16, 60, 1)))
    with pytest.raises(InputError, match="more than 2,000 bars"):
        encode(on_grid((2**28 // STEP, 60, 1), time_signatures=(TimeSignature(0, 1, 16),)))


def test_ungrammatical_words_are_refused_with_the_first_violation() -> None:
    words = encode(on_grid((0, 60, 4), (4, 60, 4))).words
    with pytest.raises(InputError, match=r"^not a piece in compound words: word 1: a note without a position$"):
        decode(np.delete(words, 1, axis=0))
    with pytest.raises(InputError, match="a position beyond the end of its bar"):
        decode(words, np.asarray([4]))


CORPORA = [("emopia", 20, 48), ("vgmidi", 20, 18), ("pop909", 40, 23)]
"""Name, every how many of its files, how many that are."""


@pytest.mark.corpus
@pytest.mark.parametrize(("corpus", "every", "count"), CORPORA)
def test_pieces_of_a_corpus_survive_once_they_are_on_the_grid(
    shared_data: Path, corpus: str, every: int, count: int
) -> None:
    files = sorted((shared_data / corpus).rglob("*.mid"))[::every]
    assert len(files) == count
    for path in files:
        piece = quantise(read_midi(path)).piece
        words = encode(piece)
        assert check(words.words, words.bar_steps) == []
        assert decode(words.words, words.bar_steps) == piece, path
        assert same(encode(read_midi(midi_bytes(piece))), words), path
