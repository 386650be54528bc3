"""Drafts: a piano piece is composed several times, and one that is heard as asked is kept.

What is drawn from the model is heard as asked more often than not, but not always, and it ends anywhere, as the clips
that it learned from do. A recogniser of its own (not the one that reports are written with) hears every draft. Taking
any that passes, and not the one that it is surest of, leaves the accepted drafts as varied as the model made them: what
a recogniser is surest of is an exaggeration. Of those that pass a song keeps the ones that go on without a hole and
come to rest, and where there is a target (`piano_profiles`) the one nearest to it is taken, else the first.

Where a point of the plane is asked for, a draft passes that is heard near to it. Of a path every section is chosen by
itself and from any draft, since nothing of a section is heard in the next one.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from affetti.analysis.features import piece_features
from affetti.analysis.key import estimate_key
from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.runtime.emotion_path import EmotionPath, Wanted, point_of
from affetti.runtime.piano_profiles import Profile
from affetti.runtime.recogniser import Reals, Recogniser, expected_emotions, load_recogniser
from affetti.tokens.compound_word import TICKS_PER_STEP, GridMusic, piece_of, read_words
from affetti.tokens.elements import BAR, BAR_BEAT
from affetti.tokens.excerpts import excerpt
from affetti.tokens.grammar import Words

CHOOSER = "piano_recogniser_selection"
"""The shipped weights that hear drafts."""

_HEARD = 0.5  # a quadrant that is more probable than the three others together


_HOLE = 12
"""Sixteenths in which nothing is struck: half of the clips of EMOPIA have no more than 6 anywhere, but what is composed
beyond the length of a clip often stops, as at the end of one, before it goes on.
"""

_TOLERANCE = 0.25
"""How far from the point asked for a draft may be heard, in a plane whose sides are 2 long."""

_FARTHEST = 8**0.5
"""From one corner of the plane to the other."""


class Target(NamedTuple):
    """What a piece is to come near to beside its emotion."""

    profile: Profile
    place: Reals
    """[3], of the profile's."""


def chosen(drafts: Sequence[Words], wanted: Wanted, *, closes: bool = True, target: Target | None = None) -> Words:
    """The piece [T, 7] to keep of drafts: one of them, or of a path the sections to keep, one after another.

    closes, target: as of `choose`; a path always closes, and has no target.
    """
    if len(drafts) == 1:
        return drafts[0]
    if not isinstance(wanted, EmotionPath):
        return drafts[choose([read_words(words) for words in drafts], wanted, closes=closes, target=target)]
    music = [read_words(words) for words in drafts]
    lines = [np.append(np.flatnonzero(words[:, BAR_BEAT] == BAR), len(words)) for words in drafts]
    kept, first = [], 0
    for section in wanted.sections:
        parts = [excerpt(one, first, section.bars) for one in music]
        last = first + section.bars
        draft = choose(parts, point_of(section.emotion), closes=last == wanted.bars)
        kept.append(drafts[draft][lines[draft][first] : lines[draft][last]])
        first = last
    return np.concatenate(kept)


def choose(
    drafts: Sequence[GridMusic], wanted: Quadrant | Emotion, *, closes: bool = True, target: Target | None = None
) -> int:
    """The number of the draft to keep, of those that are heard as asked; where none is, the one nearest to it.

    closes: whether those that go on and come to rest are preferred; target: what it is to be near to, else the first is
    taken.
    """
    if isinstance(wanted, Quadrant):
        missed = np.asarray([1 - _probability(one, wanted) for one in drafts])
        fitting = np.flatnonzero(missed < 1 - _HEARD)
    else:
        missed = np.asarray([_distance(one, wanted) for one in drafts])
        fitting = np.flatnonzero(missed <= _TOLERANCE)
    if not len(fitting):
        return int(missed.argmin())
    kept = fitting.tolist()
    if closes:
        merits = {draft: int(goes_on(drafts[draft])) + int(rests_on_tonic(drafts[draft])) for draft in kept}
        kept = [draft for draft in kept if merits[draft] == max(merits.values())]
    return kept[0] if target is None else min(kept, key=lambda one: target.profile.distance(drafts[one], target.place))


def chooser_sha256(drafts: int) -> str | None:
    """The name of the recogniser that chooses among so many drafts; None where there is nothing to choose."""
    return _chooser().weights_hash if drafts > 1 else None


def rests_on_tonic(music: GridMusic) -> bool:
    """Whether the tonic is the lowest note that sounds when the last note is struck."""
    last = int(music.steps.max())
    sounding = (music.steps <= last) & (music.steps + music.durations > last)
    return int(music.pitches[sounding].min()) % 12 == estimate_key(piece_of(music, TICKS_PER_STEP)).tonic


def goes_on(music: GridMusic) -> bool:
    """Whether there is no hole in a piece, from its beginning to where its last note is struck."""
    return int(np.diff(np.unique(music.steps), prepend=0).max()) < _HOLE


def _distance(music: GridMusic, asked: Emotion) -> float:
    """How far from the point asked for a piece is heard."""
    probabilities = _probabilities(music)
    if probabilities is None:
        return _FARTHEST
    (heard,) = expected_emotions(probabilities[None])
    return math.dist((heard.valence, heard.arousal), (asked.valence, asked.arousal))


def _probability(music: GridMusic, wanted: Quadrant) -> float:
    probabilities = _probabilities(music)
    return 0.0 if probabilities is None else float(probabilities[wanted - 1])


def _probabilities(music: GridMusic) -> Reals | None:
    """Of Q1 to Q4 [4]; None where there is too little to be heard, or too much."""
    try:
        features = piece_features(piece_of(music, TICKS_PER_STEP))
    except InputError:
        return None
    (probabilities,) = _chooser().quadrant_probabilities(features[None])
    return np.asarray(probabilities)


@cache
def _chooser() -> Recogniser:
    return load_recogniser(CHOOSER)
