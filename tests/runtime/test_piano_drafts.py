"""Which of several drafts is kept."""

import dataclasses

import numpy as np
import pytest

from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.piece import Note, Piece, Tempo, TimeSignature, Track
from affetti.runtime import piano_drafts
from affetti.runtime.emotion_path import parse_path
from affetti.runtime.piano_config import MAX_DRAFTS
from affetti.runtime.piano_drafts import choose, chosen, goes_on, rests_on_tonic
from affetti.runtime.piano_sampling import Seed
from affetti.tokens.compound_word import TICKS_PER_STEP, GridMusic, encode, read_words
from affetti.tokens.elements import BAR, BAR_BEAT
from affetti.tokens.excerpts import excerpt
from affetti.tokens.grammar import Words, check
from affetti.tokens.quantisation import quantise

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def words(last: tuple[int, ...]) -> Words:
    """A cadence in C major over scales, eight bars; then a bar with these notes."""
    quarter = 4 * TICKS_PER_STEP
    notes = [Note(beat * quarter, pitch, quarter, 80) for beat, pitch in enumerate(4 * SCALE)]
    for bar, bass in enumerate((48, 53, 55, 48) * 2):
        notes += [Note(4 * bar * quarter, bass + interval, 4 * quarter, 80) for interval in (0, 4, 7)]
    notes += [Note(32 * quarter, pitch, 4 * quarter, 80) for pitch in sorted(last)]
    piece = Piece(quarter, (Track(tuple(notes)),), (Tempo(0, 100.0),), (TimeSignature(0, 4, 4),))
    return encode(quantise(piece).piece).words


def resting(one: Words) -> bool:
    return rests_on_tonic(read_words(one))


def test_a_piece_rests_where_its_last_bass_is_the_tonic() -> None:
    assert resting(words((48, 64, 67)))
    assert resting(words((60,)))
    assert not resting(words((52, 60, 67)))  # in first inversion
    assert not resting(words((55, 59, 62)))  # on the dominant


def test_the_first_draft_that_is_heard_as_asked_and_rests_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rest, open_end = words((48, 64, 67)), words((55, 59, 62))
    left: list[float] = []

    def probability(music: GridMusic, wanted: Quadrant) -> float:
        assert wanted is Quadrant.Q3
        return left.pop(0)

    monkeypatch.setattr(piano_drafts, "_probability", probability)
    for drafts, probabilities, kept in (
        ([open_end, rest, rest], [0.9, 0.6, 0.8], 1),
        ([open_end, open_end], [0.6, 0.9], 0),  # none rests
        ([rest, open_end, rest], [0.1, 0.7, 0.3], 1),  # heard as asked comes first
        ([rest, rest, rest], [0.2, 0.5, 0.4], 1),  # none is surely heard as asked
    ):
        left[:] = probabilities
        assert choose([read_words(one) for one in drafts], Quadrant.Q3) == kept


def without(one: Words, first: int, last: int) -> GridMusic:
    """The music without what is struck from one sixteenth up to another."""
    music = read_words(one)
    kept = (music.steps < first) | (music.steps >= last)
    notes = {name: getattr(music, name)[kept] for name in ("steps", "pitches", "durations", "velocities")}
    return dataclasses.replace(music, **notes)


def test_a_piece_goes_on_where_it_has_no_hole_of_three_quarters() -> None:
    one = words((48, 64, 67))  # a note on every quarter, then a bar
    assert goes_on(read_words(one))
    assert goes_on(without(one, 20, 24))
    assert not goes_on(without(one, 20, 28))  # from 16 to 28
    assert goes_on(without(one, 0, 8))
    assert not goes_on(without(one, 0, 12))


def test_of_drafts_that_pass_one_without_a_hole_that_rests_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piano_drafts, "_probability", lambda music, wanted: 0.9)
    rest, open_end = words((48, 64, 67)), words((55, 59, 62))
    whole, torn, torn_and_open = read_words(rest), without(rest, 20, 40), without(open_end, 20, 40)
    assert choose([torn_and_open, torn, whole], Quadrant.Q1) == 2
    assert choose([torn_and_open, torn], Quadrant.Q1) == 1
    assert choose([torn_and_open, read_words(open_end), torn], Quadrant.Q1) == 1  # either is as good as the other
    assert choose([torn_and_open, torn, whole], Quadrant.Q1, closes=False) == 0


def test_no_two_drafts_and_streams_share_random_numbers() -> None:
    streams = [Seed(1, 2, draft).generator(stream) for draft in range(MAX_DRAFTS) for stream in (0, 1)]
    assert len({random.random() for random in streams}) == len(streams)


def test_what_cannot_be_heard_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def features(piece: Piece) -> None:
        raise InputError("too little music")

    monkeypatch.setattr(piano_drafts, "piece_features", features)
    assert choose([read_words(words((60,))), read_words(words((62,)))], Quadrant.Q1) == 0


def heard_in_turn(monkeypatch: pytest.MonkeyPatch, points: list[tuple[float, float]]) -> list[int]:
    """Let these points be heard one after another; how many bars each was heard in."""
    left, bars = [*points], []

    def probabilities(music: GridMusic) -> np.ndarray:
        valence, arousal = left.pop(0)
        bars.append(len(music.bar_steps))
        signs = [(one.valence_sign, one.arousal_sign) for one in Quadrant]
        return np.array([(1 + v * valence) * (1 + a * arousal) / 4 for v, a in signs])

    monkeypatch.setattr(piano_drafts, "_probabilities", probabilities)
    return bars


def test_of_a_point_the_first_draft_near_to_it_that_rests_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rest, open_end = read_words(words((48, 64, 67))), read_words(words((55, 59, 62)))
    near, far, middling = (0.4, 0.6), (-0.9, 0.9), (0.0, 0.4)
    for drafts, points, kept in (
        ([open_end, rest, rest], [near, near, near], 1),
        ([rest, open_end, open_end], [far, near, near], 1),
        ([rest, rest, rest], [far, middling, far], 1),  # none is near: the nearest
    ):
        heard_in_turn(monkeypatch, points)
        assert choose(drafts, Emotion(0.5, 0.5)) == kept


def test_of_a_path_every_section_is_chosen_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    low, high = (-0.9, -0.9), (0.9, 0.9)
    one, other = words((48, 64, 67)), words((48, 60, 72))
    bars = heard_in_turn(monkeypatch, [high, low, high, low])
    kept = chosen([one, other], parse_path("sad:4,1/1:5"))
    assert bars == [4, 4, 5, 5]
    assert check(kept) == []
    line = np.flatnonzero(kept[:, BAR_BEAT] == BAR)[4]
    first, second = excerpt(read_words(kept), 0, 4), excerpt(read_words(kept), 4, 5)
    assert first.pitches.tolist() == excerpt(read_words(other), 0, 4).pitches.tolist()
    assert second.pitches.tolist() == excerpt(read_words(one), 4, 5).pitches.tolist()
    np.testing.assert_array_equal(kept[line:], one[line:])
    assert chosen([one], parse_path("sad:4,1/1:5")) is one
