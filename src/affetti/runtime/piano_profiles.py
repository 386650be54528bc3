"""What real pieces of a quadrant are like in range, pitch classes and fullness, and how near a composed one comes.

What is drawn from a small model is a little thinner than the music that it learned from. So each piece draws a target
as real pieces are spread, and of the drafts that are heard as asked the one nearest to it is kept (`piano_drafts`).
Profiles are counted when weights are exported and kept in their config.json. Reports that compare the same measures
with real music then say that this works, not that the model alone is so near.
"""

from collections.abc import Iterable

import numpy as np

from affetti.analysis.pitch import measures_of_notes
from affetti.runtime.stored import Stored
from affetti.tokens.compound_word import GridMusic, read_words
from affetti.tokens.elements import Reals
from affetti.tokens.grammar import Words

_MEASURES = 3  # pitch range, pitch classes, polyphony
_FARTHEST = 1.5
"""Deviations from the mean that a target lies at most: what lies farther hardly any draft comes near to."""


class Profile(Stored):
    """Means and deviations of pitch range, number of pitch classes and polyphony over pieces."""

    means: tuple[float, float, float]
    deviations: tuple[float, float, float]

    @classmethod
    def of_pieces(cls, pieces: Iterable[Words]) -> "Profile":
        """Of words [T, 7] of pieces, at least two."""
        measured = np.asarray([_measured(read_words(words)) for words in pieces])
        means, deviations = measured.mean(axis=0), np.maximum(measured.std(axis=0), 1e-3)
        return cls.model_validate({"means": means.round(4).tolist(), "deviations": deviations.round(4).tolist()})

    def target(self, random: np.random.Generator) -> Reals:
        """What one piece is to come near to, [3], in deviations from the mean."""
        return np.clip(random.standard_normal(_MEASURES), -_FARTHEST, _FARTHEST)

    def distance(self, music: GridMusic, target: Reals) -> float:
        """How far a piece is from a target, in deviations."""
        places = (_measured(music) - np.asarray(self.means)) / np.maximum(np.asarray(self.deviations), 1e-3)
        return float(np.sqrt(((places - target) ** 2).mean()))


def _measured(music: GridMusic) -> Reals:
    found = measures_of_notes(music.steps, music.steps + music.durations, music.pitches, music.bar_starts)
    return np.asarray(found[:_MEASURES])
