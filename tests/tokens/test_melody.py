"""Melody tokens: exact on the corpus, the same as muspy's, and defined for any sequence of tokens."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.errors import InputError
from affetti.midi import midi_bytes, read_midi
from affetti.piece import Note, Piece, Track
from affetti.tokens.melody import HOLD, PHRASE_STEPS, REST, MelodyVocabulary, decode, encode


def canonical(tokens: list[int]) -> list[int]:
    """The tokens with each HOLD that has nothing to hold written as the rest it is."""
    found: list[int] = []
    for token in tokens:
        silent = not found or found[-1] == REST
        found.append(REST if token == HOLD and silent else token)
    return found


def melody_of(*notes: tuple[int, int, int], ticks_per_quarter: int = 480) -> Piece:
    """A piece of (start, pitch, duration) in ticks."""
    track = Track(tuple(Note(start, pitch, duration) for start, pitch, duration in notes))
    return Piece(ticks_per_quarter, (track,))


TOKENS = st.lists(st.integers(0, 129) | st.sampled_from([60, HOLD, REST]), max_size=80)


@settings(deadline=None)
@given(TOKENS)
def test_any_tokens_are_music_whose_encoding_is_their_canonical_form(tokens: list[int]) -> None:
    piece = decode(tokens)
    expected = canonical(tokens)
    if all(token == REST for token in expected):
        assert piece.notes == ()
        with pytest.raises(InputError, match="no pitched notes"):
            encode(piece, len(tokens))
        return
    assert encode(piece, len(tokens)).tolist() == expected
    assert decode(expected) == piece, "canonical forms are fixed points"
    assert canonical(expected) == expected
    assert read_midi(midi_bytes(piece)) == piece


def test_the_papers_example() -> None:
    piece = decode([64, HOLD, HOLD, HOLD, 64, HOLD, 65, HOLD], quarters_per_minute=90)
    assert piece.notes == (Note(0, 64, 480), Note(480, 64, 240), Note(720, 65, 240))
    assert piece.duration_seconds == pytest.approx(2 * 60 / 90)


def test_short_pieces_end_in_rests_and_long_ones_are_cut() -> None:
    piece = melody_of((0, 60, 480), (480, 62, 10_000))
    assert encode(piece, 6).tolist() == [60, HOLD, HOLD, HOLD, 62, HOLD]
    assert encode(melody_of((240, 60, 120)), 5).tolist() == [REST, REST, 60, REST, REST]
    assert encode(piece).shape == (PHRASE_STEPS,)


def test_times_are_rounded_to_the_nearest_sixteenth() -> None:
    early_and_late = melody_of((10, 60, 225), (235, 62, 250), (481, 64, 1))
    assert encode(early_and_late, 6).tolist() == [60, HOLD, 62, HOLD, 64, REST]
    coarse = melody_of((0, 60, 2), (2, 62, 1), ticks_per_quarter=2)  # some musgenvae files
    assert encode(coarse, 6).tolist() == [60, HOLD, HOLD, HOLD, 62, HOLD]


def test_the_highest_of_notes_on_one_step_is_the_melody() -> None:
    assert encode(melody_of((0, 60, 480), (0, 72, 240), (0, 64, 480)), 4).tolist() == [72, HOLD, REST, REST]
    arpeggio = melody_of((0, 72, 240), (12, 60, 240))  # the upper note is early, but on the same sixteenth
    assert encode(arpeggio, 2).tolist() == [72, HOLD]
    assert encode(melody_of((0, 72, 960), (240, 60, 120)), 4).tolist() == [72, HOLD, 60, REST]


def test_drums_are_no_melody() -> None:
    drums = Track((Note(0, 100, 480),), is_drum=True)
    melody = melody_of((0, 60, 480))
    assert encode(Piece(480, (drums, *melody.tracks)), 2).tolist() == [60, HOLD]
    with pytest.raises(InputError, match="no pitched notes"):
        encode(Piece(480, (drums,)))


@pytest.mark.parametrize("token", [-1, 130])
def test_a_token_that_is_none_is_an_error(token: int) -> None:
    with pytest.raises(ValueError, match=f"token {token} at step 1 is outside 0-129"):
        decode([60, token])


def test_a_grid_without_sixteenths_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be divided into sixteenths"):
        decode([60], ticks_per_quarter=90)


# ---- vocabulary


def test_a_vocabulary_is_inverted_exactly() -> None:
    vocabulary = MelodyVocabulary.of_corpus(np.array([[60, 129, 67], [64, 60, 60]], np.int16))
    assert vocabulary.values == (60, 64, 67, REST, HOLD)
    assert len(vocabulary) == 5
    tokens = np.array([[129, 128], [67, 60]], np.int16)
    assert vocabulary.indices(tokens).tolist() == [[4, 3], [2, 0]]
    assert np.array_equal(vocabulary.tokens(vocabulary.indices(tokens)), tokens)


@pytest.mark.parametrize("pitch", [0, 61, 127])
def test_an_unknown_pitch_is_refused(pitch: int) -> None:
    vocabulary = MelodyVocabulary((60, 64, REST, HOLD))
    with pytest.raises(InputError, match=rf"pitch {pitch} is outside .* \(2 pitches from 60 to 64\)"):
        vocabulary.indices(np.array([60, pitch], np.int16))
    with pytest.raises(InputError, match="no pitches"):
        MelodyVocabulary((REST, HOLD)).indices(np.array([pitch], np.int16))


def test_the_nearest_known_pitch_keeps_its_name_where_it_can() -> None:
    vocabulary = MelodyVocabulary((60, 64, 67, 72, REST, HOLD))
    tokens = np.array([48, 84, 76, 61, 63, HOLD, REST, 67], np.int16)
    assert vocabulary.nearest(tokens).tolist() == [60, 72, 64, 60, 64, HOLD, REST, 67]


@pytest.mark.parametrize("values", [(60, 60, 128, 129), (64, 60, 128, 129), (60, 128), (-1, 128, 129), (128, 129, 130)])
def test_a_vocabulary_is_ascending_and_complete(values: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a melody vocabulary"):
        MelodyVocabulary(values)


# ---- the 344 published melodies

MUSGENVAE_STEPS = {64: 317, 56: 9, 60: 5, 66: 2, 68: 5, 72: 6}  # measured with muspy; see papers/emoreg.md


@pytest.mark.corpus
def test_every_published_melody_survives_and_equals_muspys_encoding(shared_data: Path) -> None:
    muspy = pytest.importorskip("muspy")
    files = sorted((shared_data / "musgenvae" / "dataset").rglob("*.mid"))
    assert len(files) == 344
    lengths: Counter[int] = Counter()
    corpus = []
    for path in files:
        piece = read_midi(path)
        music = muspy.read_midi(path)
        music.adjust_resolution(4)
        oracle = muspy.to_pitch_representation(music, use_hold_state=True).ravel()
        lengths[len(oracle)] += 1
        assert encode(piece, len(oracle)).tolist() == oracle.tolist(), path
        tokens = encode(piece)
        padded = np.pad(oracle, (0, max(0, PHRASE_STEPS - len(oracle))), constant_values=REST)
        assert tokens.tolist() == padded[:PHRASE_STEPS].tolist(), path
        assert np.array_equal(encode(read_midi(midi_bytes(decode(tokens)))), tokens), path
        corpus.append(tokens)
    assert lengths == MUSGENVAE_STEPS
    tokens = np.stack(corpus)
    vocabulary = MelodyVocabulary.of_corpus(tokens)
    assert len(vocabulary) == 31
    assert vocabulary.range_text() == "(29 pitches from 48 to 81)"
    assert np.array_equal(vocabulary.tokens(vocabulary.indices(tokens)), tokens)
    assert np.array_equal(vocabulary.nearest(tokens), tokens)
