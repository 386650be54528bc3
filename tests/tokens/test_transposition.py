"""A piece moved in words is the same piece moved in notes, and never leaves the vocabulary."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.analysis.key import Key, estimate_key
from affetti.piece import Note, Piece, Track
from affetti.tokens.compound_word import decode, encode
from affetti.tokens.elements import PITCH, SIZES
from affetti.tokens.transposition import in_c, transposed, transposed_nearest
from tests.tokens.samples import grid_pieces


def _batch(*pieces: np.ndarray) -> np.ndarray:
    words = np.zeros((len(pieces), max(map(len, pieces)) + 2, len(SIZES)), np.uint8)
    for row, piece in zip(words, pieces, strict=True):
        row[: len(piece)] = piece
    return words


def _notes_moved(piece: Piece, semitones: int) -> Piece:
    """The piece transposed note by note and chord by chord."""
    (track,) = piece.tracks
    notes = tuple(replace(note, pitch=note.pitch + semitones) for note in track.notes)
    chords = tuple(
        chord if chord.root is None else replace(chord, root=(chord.root + semitones) % 12) for chord in piece.chords
    )
    return replace(piece, tracks=(replace(track, notes=notes),), chords=chords)


@given(grid_pieces(), st.integers(-5, 6))
@settings(max_examples=50, deadline=None)
def test_transposed_words_are_the_transposed_piece(piece: Piece, semitones: int) -> None:
    pitches = [note.pitch + semitones for note in piece.notes]
    if min(pitches) < 21 or max(pitches) > 108:
        return
    words = encode(piece)
    batch = _batch(words.words)
    moved = transposed(batch, np.asarray([semitones]))
    assert decode(moved[0, : len(words)], words.bar_steps) == _notes_moved(piece, semitones)
    assert not moved[0, len(words) :].any()  # padding stays padding
    assert (transposed(moved, np.asarray([-semitones])) == batch).all()


def _cadence(tonic: int, third: int) -> Piece:
    """The chords on the first, fourth, fifth and first degree, in quarters."""
    chords = [[0, third, 7], [5, 5 + third, 12], [7, 11, 14], [0, third, 7], [0, third, 7]]
    notes = (Note(480 * n, tonic + step, 480, 64) for n, chord in enumerate(chords) for step in chord)
    return Piece(480, (Track(tuple(notes)),))


@pytest.mark.parametrize("tonic", range(55, 67))
@pytest.mark.parametrize(("third", "key"), [(4, Key(0, False)), (3, Key(9, True))])
def test_every_key_becomes_c_major_or_a_minor(tonic: int, third: int, key: Key) -> None:
    piece = _cadence(tonic, third)
    assert estimate_key(piece) == Key(tonic % 12, key.is_minor)
    words = encode(piece)
    (moved,) = in_c(_batch(words.words))
    assert estimate_key(decode(moved[: len(words)])) == key
    pitches = words.words[:, PITCH].astype(int)
    assert np.abs(moved[: len(words), PITCH] - pitches).max() <= 6


@given(st.integers(21, 108), st.integers(21, 108), st.integers(-30, 30))
def test_the_nearest_way_that_stays_on_the_piano(low: int, high: int, semitones: int) -> None:
    piece = Piece(480, (Track((Note(0, low, 480, 64), Note(960, high, 480, 64))),))
    words = encode(piece)
    (moved,) = transposed_nearest(_batch(words.words), np.asarray([semitones]))
    after = decode(moved[: len(words)]).notes
    (by,) = {note.pitch - before.pitch for note, before in zip(after, piece.notes, strict=True)}
    room = range(21 - min(low, high), 109 - max(low, high))
    possible = [abs(way) for way in room if (way - semitones) % 12 == 0]
    assert (by - semitones) % 12 == 0 or not possible
    assert abs(by) == min(possible, default=0)
