"""Drafts: a piano piece is composed several times, and the first that is heard as asked is kept.

What is drawn from the model is heard as asked more often than not, but not always, and it ends anywhere, as the clips
that it learned from do. A recogniser of its own (not the one that reports are written with) hears every draft. Taking
the first that passes, and not the one that it is surest of, leaves the accepted drafts as varied as the model made
them: what a recogniser is surest of is an exaggeration.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from affetti.analysis.features import piece_features
from affetti.analysis.key import estimate_key
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.piece import Piece
from affetti.runtime.recogniser import Recogniser, load_recogniser
from affetti.tokens.compound_word import TICKS_PER_STEP, GridMusic, piece_of, read_words
from affetti.tokens.grammar import Words

CHOOSER = "piano_recogniser_selection"
"""The shipped weights that hear drafts."""

_HEARD = 0.5  # a quadrant that is more probable than the three others together


def choose(drafts: Sequence[Words], wanted: Quadrant) -> int:
    """The number of the draft [T, 7] to keep: the first that is heard as asked and comes to rest, else the first that
    is heard as asked, else the one most probably so.
    """
    music = [read_words(words) for words in drafts]
    pieces = [piece_of(one, TICKS_PER_STEP) for one in music]
    heard = np.asarray([_probability(piece, wanted) for piece in pieces])
    fitting = np.flatnonzero(heard > _HEARD)
    resting = [int(draft) for draft in fitting if rests_on_tonic(music[draft], pieces[draft])]
    if resting:
        return resting[0]
    return int(fitting[0]) if len(fitting) else int(heard.argmax())


def chooser_sha256(drafts: int) -> str | None:
    """The name of the recogniser that chooses among so many drafts; None where there is nothing to choose."""
    return _chooser().weights_hash if drafts > 1 else None


def rests_on_tonic(music: GridMusic, piece: Piece) -> bool:
    """Whether the tonic is the lowest note that sounds when the last note is struck."""
    last = int(music.steps.max())
    sounding = (music.steps <= last) & (music.steps + music.durations > last)
    return int(music.pitches[sounding].min()) % 12 == estimate_key(piece).tonic


def _probability(piece: Piece, wanted: Quadrant) -> float:
    try:
        features = piece_features(piece)
    except InputError:  # too little to be heard, or too much
        return 0.0
    return float(_chooser().quadrant_probabilities(features[None])[0, wanted - 1])


@cache
def _chooser() -> Recogniser:
    return load_recogniser(CHOOSER)
