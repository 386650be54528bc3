import numpy as np
import pytest

from affetti.analysis.key import estimate_key
from affetti.piece import Chord, Note, Piece, Tempo, Track
from affetti.runtime.piano_form import finished_piece, transposed
from affetti.tokens.compound_word import encode, read_words
from affetti.tokens.grammar import Words

C_MAJOR = (60, 64, 67, 65, 69, 72, 67, 71, 74, 72, 67, 64, 62, 65, 59, 60)


def words_of(pitches: tuple[int, ...], chord: tuple[int, str] = (0, "maj")) -> Words:
    notes = tuple(Note(480 * place, pitch, 480, 64) for place, pitch in enumerate(pitches))
    return encode(Piece(480, (Track(notes),), (Tempo(0, 120.0),), chords=(Chord(0, *chord),))).words


def heard(piece: Piece) -> str:
    return estimate_key(piece).name


def test_a_piece_keeps_its_own_key_and_tempo_where_none_is_asked_for() -> None:
    piece = finished_piece(words_of(C_MAJOR))
    assert [note.pitch for note in piece.notes] == list(C_MAJOR)
    assert piece.tempos == (Tempo(0, 120.0),)
    assert heard(piece) == "C major"
    assert (piece.key_signatures[0].sharps, piece.key_signatures[0].is_minor) == (0, False)


@pytest.mark.parametrize(
    ("key", "semitones", "sharps", "is_minor"),
    [
        ("D", 2, 2, False),
        ("Eb", 3, -3, False),
        ("F#", -6, 6, False),
        ("A", -3, 3, False),
        ("B major", -1, 5, False),
        ("D minor", 5, -1, True),  # heard in major: to F major, which has the same signature
        ("Am", 0, 0, True),
    ],
)
def test_a_key_that_is_asked_for(key: str, semitones: int, sharps: int, is_minor: bool) -> None:
    piece = finished_piece(words_of(C_MAJOR), key=key)
    assert [note.pitch - semitones for note in piece.notes] == list(C_MAJOR)
    assert (piece.key_signatures[0].sharps, piece.key_signatures[0].is_minor) == (sharps, is_minor)
    assert piece.chords == (Chord(0, semitones % 12, "maj"),)


def test_a_tonic_alone_leaves_a_minor_piece_minor() -> None:
    minor = (57, 60, 64, 62, 65, 69, 64, 68, 71, 69, 64, 60, 59, 62, 56, 57)
    assert heard(finished_piece(words_of(minor, (9, "min")))) == "A minor"
    piece = finished_piece(words_of(minor, (9, "min")), key="B")
    assert heard(piece) == "B minor"
    assert (piece.key_signatures[0].sharps, piece.key_signatures[0].is_minor) == (2, True)
    assert finished_piece(words_of(minor, (9, "min")), key="D").chords == (Chord(0, 2, "min"),)


def test_a_tempo_that_is_asked_for_is_exact() -> None:
    assert finished_piece(words_of(C_MAJOR), quarters_per_minute=93.5).tempos == (Tempo(0, 93.5),)


@pytest.mark.parametrize("semitones", range(-12, 13))
def test_notes_stay_on_the_piano(semitones: int) -> None:
    music = read_words(words_of((21, 108, 60, 22, 107, 33, 96, 100)))
    moved = transposed(music, semitones)
    assert 21 <= moved.pitches.min() <= moved.pitches.max() <= 108
    np.testing.assert_array_equal((moved.pitches - music.pitches - semitones) % 12, 0)


def test_low_music_moves_up_rather_than_off_the_piano() -> None:
    music = read_words(words_of((21, 24, 28, 33)))
    np.testing.assert_array_equal(transposed(music, -5).pitches, music.pitches + 7)


def test_notes_that_meet_on_a_key_become_one() -> None:
    wide = (Note(0, 21, 480, 64), Note(0, 33, 240, 64), Note(0, 108, 480, 64), Note(0, 96, 480, 64))
    music = read_words(encode(Piece(480, (Track(wide),), (Tempo(0, 120.0),))).words)
    moved = transposed(music, -2)
    assert (
        len(set(moved.pitches.tolist())) == len(moved.pitches) == 3
    )  # 21 - 2 is off the piano, so it goes up to 31, which is 33 - 2


def test_no_chord_stays_none() -> None:
    notes = (Note(0, 60, 480, 64),)
    music = read_words(encode(Piece(480, (Track(notes),), (Tempo(0, 120.0),))).words)
    np.testing.assert_array_equal(transposed(music, 3).chords, music.chords)
