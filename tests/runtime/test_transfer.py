from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import affetti
from affetti.corpora.corpus import prepared_path
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.midi import read_midi
from affetti.piece import Note, Piece, Tempo, TimeSignature, Track
from affetti.runtime.emotion_elements import AUTO_ELEMENTS
from affetti.runtime.transfer import Candidate, apply, heard, ranked, transfer
from affetti.runtime.transfer_exchange import NAMES, auto_elements, exact_elements, exchange, parse_elements
from affetti.runtime.transfer_measures import Kept, differing
from affetti.runtime.transfer_music import Reference, Source
from affetti.tokens.compound_word import GridMusic, read_words, write_words
from affetti.tokens.grammar import check
from tests.evaluation.tiny_pieces import piano_piece, tiny_pieces
from tests.tokens.samples import sampled_words

SOME_ELEMENTS = st.sets(st.sampled_from(NAMES), min_size=1).map(lambda names: tuple(sorted(names, key=NAMES.index)))


def drawn_music(seed: int, metre: int = 16, bars: int = 6) -> GridMusic:
    random = np.random.default_rng(seed)
    words = sampled_words(random, 1, bar_steps=np.full((1, bars), metre), min_bars=2, max_bars=bars)[0]
    return read_words(words.words, words.bar_steps)


def played(seed: int, bars: int = 8) -> Piece:
    """A performance: a piece whose notes, loudness and tempo are off the grid a little."""
    random = np.random.default_rng(seed)
    piece = piano_piece(1, bars=bars)
    notes = tuple(
        Note(
            max(0, note.start_ticks + int(random.integers(-12, 13))), note.pitch, note.duration_ticks, note.velocity + 1
        )
        for note in piece.notes
    )
    tempos = tuple(Tempo(480 * beat, float(random.uniform(108, 114))) for beat in range(4 * bars))
    return replace(piece, tracks=(Track(notes),), tempos=tempos, time_signatures=(TimeSignature(0, 4, 4),), chords=())


@settings(max_examples=60)
@given(seed=st.integers(0, 999), metres=st.sampled_from([(16, 16), (16, 12), (14, 16)]), elements=SOME_ELEMENTS)
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_what_is_promised_stays(strength: float, seed: int, metres: tuple[int, int], elements: tuple[str, ...]) -> None:
    source, reference = drawn_music(seed, metres[0]), drawn_music(seed + 1, metres[1], bars=4)
    arranged = exchange(source, reference, elements, strength, seed)
    found = arranged.music
    words = write_words(found)
    assert not check(words.words, words.bar_steps)
    np.testing.assert_array_equal(found.bar_steps, source.bar_steps)
    changed = set(differing(source, found))
    assert not changed & set(exact_elements(elements))
    assert len(arranged.origins) == len(found.steps)
    if not {"bar_beat", "type"} & set(elements):
        np.testing.assert_array_equal(arranged.origins, np.arange(len(source.steps)))
        np.testing.assert_array_equal(found.steps, source.steps)
    if not {"bar_beat", "type", "pitch", "chord", "duration"} & set(elements):
        assert changed <= {"tempo", "velocity"}


@settings(max_examples=30)
@given(seed=st.integers(0, 999), elements=SOME_ELEMENTS)
def test_no_strength_and_no_difference_change_nothing(seed: int, elements: tuple[str, ...]) -> None:
    source, reference = drawn_music(seed), drawn_music(seed + 1)
    assert differing(source, exchange(source, reference, elements, 0.0, seed).music) == ()
    if not {"bar_beat", "type"} <= set(elements):  # random notes are no tune with an accompaniment
        assert differing(source, exchange(source, source, elements, 1.0, seed).music) == ()


@given(seed=st.integers(0, 99))
@settings(max_examples=15)
def test_a_greater_strength_goes_further(seed: int) -> None:
    source, reference = drawn_music(seed), drawn_music(seed + 1)
    elements = ("tempo", "velocity")
    found = [exchange(source, reference, elements, strength).music for strength in np.linspace(0, 1, 5)]
    for less, more in pairwise(found):
        assert (np.abs(less.velocities - source.velocities) <= np.abs(more.velocities - source.velocities)).all()
    half = exchange(source, reference, ("duration",), 0.5).music.durations
    whole = exchange(source, reference, ("duration",), 1.0).music.durations
    assert (np.minimum(source.durations, whole) <= half).mean() > 0.9  # but for keys struck again
    full = found[-1]
    assert set(full.tempos.tolist()) <= set(reference.tempos.tolist())
    assert set(full.velocities.tolist()) <= set(reference.velocities.tolist())


def test_the_real_piece_given_to_itself_is_itself() -> None:
    for quadrant in Quadrant:
        music = Source.of(piano_piece(quadrant)).music
        for elements in (*((name,) for name in NAMES), ("bar_beat", "type"), NAMES):
            arranged = exchange(music, music, elements)
            assert differing(music, arranged.music) == ()
            np.testing.assert_array_equal(arranged.origins, np.arange(len(music.steps)))


def test_no_strength_gives_the_source_itself(tmp_path: Path) -> None:
    source = played(0)
    found = transfer(source, "calm", elements="all", strength=0.0, candidates=1, references="tiny_corpus_of_its_own")
    (one,) = found.candidates
    assert replace(one.piece, markers=()) == source
    assert (one.kept.mean, found.strength) == (1.0, 0.0)
    one.piece.save(tmp_path / "same.mid")
    assert read_midi(tmp_path / "same.mid").notes == source.notes


@pytest.fixture(autouse=True)
def corpus() -> None:
    """A prepared corpus with two pieces of each quadrant."""
    for name in ("tiny", "tiny_corpus_of_its_own"):
        tiny_pieces(corpus=name).save(prepared_path(name))


def test_the_player_s_timing_survives() -> None:
    source = played(1)
    reference = Reference.of(piano_piece(3, bars=4))
    own = Source.of(source)
    tempo, loud = (apply(own, reference, (element,), 1.0, 0).piece for element in ("tempo", "velocity"))

    def onsets(piece: Piece) -> list[float]:
        return [4 * note.start_ticks / piece.ticks_per_quarter for note in piece.notes]

    played_onsets = [4 * note.start_ticks / 480 for note in source.notes]
    for found in (tempo, loud):
        np.testing.assert_allclose(onsets(found), played_onsets, atol=2e-3)
        assert [note.pitch for note in found.notes] == [note.pitch for note in source.notes]
    assert [note.velocity for note in tempo.notes] == [note.velocity for note in source.notes]
    assert {note.velocity for note in loud.notes} == {40}
    assert abs(loud.duration_seconds - source.duration_seconds) < 0.02
    # The rubato of the player goes on at the other tempo: the same beats are longer than others by as much.
    ratio = [tempo.seconds_at(3840 * beat) / source.seconds_at(480 * beat) for beat in range(4, 32, 4)]
    assert max(ratio) / min(ratio) < 1.02
    assert np.mean(ratio) > 1.5


def test_a_note_that_stays_keeps_its_fine_loudness() -> None:
    own = Source.of(played(2))
    found = apply(own, Reference.of(piano_piece(2, bars=4)), ("bar_beat", "type"), 1.0, 0)
    old = {(note.pitch, note.velocity) for note in own.piece.notes}
    assert any((note.pitch, note.velocity) in old for note in found.piece.notes)
    assert len(found.piece.notes) > len(own.piece.notes)


def test_pieces_of_other_lengths_and_metres() -> None:
    waltz = replace(piano_piece(2, bars=3), time_signatures=(TimeSignature(0, 3, 4),))
    for source, reference in ((piano_piece(4, bars=7), waltz), (waltz, piano_piece(1, bars=1))):
        found = transfer(source, reference=reference, elements="all")
        (one,) = found.candidates
        np.testing.assert_array_equal(one.music.bar_steps, found.source.music.bar_steps)
        assert one.piece.notes


def test_references_of_a_corpus() -> None:
    source = piano_piece(4, 5)
    found = transfer(source, "angry", elements="velocity,tempo", references="tiny", candidates=2, seed=3)
    assert (found.to, found.elements, found.references) == (Quadrant.Q2, ("tempo", "velocity"), "tiny")
    assert sorted(one.reference for one in found.candidates) == ["tiny: 2.mid", "tiny: 3.mid"]
    assert all(one.reached is not None and 0 <= one.reached <= 1 for one in found.candidates)
    best = found.candidates[0].piece
    assert {note.velocity for note in best.notes} == {94}
    assert heard(best).emotion.arousal > heard(source).emotion.arousal
    with pytest.raises(InputError, match="tiny has 2 pieces of Q2 angry, not 3"):
        transfer(source, "angry", references="tiny", candidates=3)


def test_composed_references(piano_weights: Path) -> None:
    source = piano_piece(1)
    options = {"elements": "velocity", "weights": piano_weights, "candidates": 3, "seed": 5}
    first, again = (transfer(source, "sad", **options) for _ in range(2))  # type: ignore[arg-type]
    assert [one.piece for one in first.candidates] == [one.piece for one in again.candidates]
    assert all(one.reference.startswith("composed by tiny_piano, sad, seed 5") for one in first.candidates)
    piece = affetti.transfer(source, "sad", **options)  # type: ignore[arg-type]
    assert piece == first.candidates[0].piece
    assert '"affetti_transfer"' in piece.markers[0].text


def test_auto_takes_the_axes_that_differ() -> None:
    arousal, valence = AUTO_ELEMENTS["arousal"], AUTO_ELEMENTS["valence"]
    assert set(auto_elements(Quadrant.Q1, Quadrant.Q4)) == set(arousal)
    assert set(auto_elements(Quadrant.Q3, Quadrant.Q4)) == set(valence)
    assert set(auto_elements(Quadrant.Q3, Quadrant.Q1)) == {*arousal, *valence}
    assert set(auto_elements(Quadrant.Q2, Quadrant.Q2)) == {*arousal, *valence}
    found = transfer(piano_piece(3, bars=8), reference=piano_piece(2, bars=8))
    assert found.elements == auto_elements(
        heard(piano_piece(3, bars=8)).quadrant, heard(piano_piece(2, bars=8)).quadrant
    )


def test_ranking() -> None:
    def candidate(name: str, reached: float, kept: float) -> Candidate:
        source = Source.of(piano_piece(1))
        return Candidate(source.piece, source.music, name, reached, Kept(kept, kept, kept))

    found = ranked(
        [
            candidate("sure", 0.9, 0.2),
            candidate("far", 0.1, 1.0),
            candidate("near", 0.45, 0.1),
            candidate("kept", 0.6, 0.8),
        ]
    )
    assert [one.reference for one in found] == ["kept", "sure", "near", "far"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("velocity, Bar-Beat,tempo", ("tempo", "bar_beat", "velocity")),
        ("all", NAMES),
        ("auto", ()),
        (["pitch"], ("pitch",)),
    ],
)
def test_names_of_elements(text: str | list[str], names: tuple[str, ...]) -> None:
    assert parse_elements(text) == names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "name a reference or an emotion"),
        ({"to": "sad", "reference": piano_piece(1)}, "and not both"),
        ({"to": "gloomy"}, "unknown emotion"),
        ({"to": "sad", "elements": "melody"}, "unknown element 'melody'"),
        ({"to": "sad", "elements": ""}, "unknown element ''"),
        ({"to": "sad", "elements": []}, "no elements"),
        ({"to": "sad", "strength": 1.5}, "between 0 and 1"),
        ({"to": "sad", "strength": float("nan")}, "between 0 and 1"),
        ({"to": "sad", "candidates": 0}, "1 to 64"),
        ({"to": "sad", "candidates": 65}, "1 to 64"),
        ({"to": "sad", "seed": -1}, "seed is -1"),
        ({"to": "sad", "references": "absent"}, "absent is not prepared"),
        ({"to": "sad", "weights": "emoreg"}, "composes no piano pieces"),
        ({"reference": piano_piece(1), "candidates": 2}, "candidates are references to choose among"),
        ({"reference": Piece(480, ())}, "the reference: no notes"),
    ],
)
def test_what_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        transfer(piano_piece(2), **options)  # type: ignore[arg-type]


def test_a_source_without_notes() -> None:
    with pytest.raises(InputError, match="the source: no notes"):
        transfer(Piece(480, ()), "sad")
