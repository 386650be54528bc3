"""What the shipped piano weights compose is no noise. How good it is `affetti evaluate` measures."""

import numpy as np

import affetti
from affetti.emotion import Quadrant
from affetti.runtime.recogniser import load_recogniser
from affetti.tokens.compound_word import encode
from affetti.tokens.grammar import check
from affetti.tokens.quantisation import quantise


def test_aroused_pieces_are_heard_as_aroused_and_all_are_in_some_key() -> None:
    model, recogniser = affetti.load("muser"), load_recogniser("piano_recogniser_evaluation")
    arousal = {}
    for quadrant in Quadrant:
        pieces = model.compose_many(2, quadrant, bars=8, seed=3)
        arousal[quadrant] = np.mean([heard.emotion.arousal for heard in recogniser.read(pieces)])
        for piece in pieces:
            assert check(encode(quantise(piece).piece).words) == []
            counts = np.bincount([note.pitch % 12 for note in piece.notes], minlength=12)
            assert np.sort(counts)[-7:].sum() > 0.85 * counts.sum()  # seven pitch classes: a scale
    assert min(arousal[Quadrant.Q1], arousal[Quadrant.Q2]) > max(arousal[Quadrant.Q3], arousal[Quadrant.Q4])
