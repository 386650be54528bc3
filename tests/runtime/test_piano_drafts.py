"""Which of several drafts is kept."""

import pytest

from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.piece import Note, Piece, Tempo, TimeSignature, Track
from affetti.runtime import piano_drafts
from affetti.runtime.piano_config import MAX_DRAFTS
from affetti.runtime.piano_drafts import choose, rests_on_tonic
from affetti.runtime.piano_sampling import Seed
from affetti.tokens.compound_word import TICKS_PER_STEP, encode, piece_of, read_words
from affetti.tokens.grammar import Words
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
    music = read_words(one)
    return rests_on_tonic(music, piece_of(music, TICKS_PER_STEP))


def test_a_piece_rests_where_its_last_bass_is_the_tonic() -> None:
    assert resting(words((48, 64, 67)))
    assert resting(words((60,)))
    assert not resting(words((52, 60, 67)))  # in first inversion
    assert not resting(words((55, 59, 62)))  # on the dominant


def test_the_first_draft_that_is_heard_as_asked_and_rests_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rest, open_end = words((48, 64, 67)), words((55, 59, 62))
    left: list[float] = []

    def probability(piece: Piece, wanted: Quadrant) -> float:
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
        assert choose(drafts, Quadrant.Q3) == kept


def test_no_two_drafts_and_streams_share_random_numbers() -> None:
    streams = [Seed(1, 2, draft).generator(stream) for draft in range(MAX_DRAFTS) for stream in (0, 1)]
    assert len({random.random() for random in streams}) == len(streams)


def test_what_cannot_be_heard_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def features(piece: Piece) -> None:
        raise InputError("too little music")

    monkeypatch.setattr(piano_drafts, "piece_features", features)
    assert choose([words((60,)), words((62,))], Quadrant.Q1) == 0
