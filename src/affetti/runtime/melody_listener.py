"""Who hears the drafts of melodies that are to lie at a point of the plane, or along a path.

Shapes: B melodies, K drafts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affetti.emotion import Emotion, Quadrant
from affetti.runtime.drafts import FAR
from affetti.runtime.emotion_path import point_of
from affetti.tokens.melody import PHRASE_STEPS, Tokens

if TYPE_CHECKING:
    from affetti.runtime.melody_model import MelodyModel

_TOLERANCE = 0.25
"""How far from the point asked for a draft may be heard, in a plane whose sides are 2 long."""


@dataclass(frozen=True, slots=True)
class MelodyListener:
    """A model that was told no label, and what its positions mean."""

    model: "MelodyModel"
    slopes: tuple[float, float]
    """Log-odds of positive valence and of high arousal per unit of position."""

    def heard(self, phrases: Tokens) -> NDArray[np.float64]:
        """Valence and arousal of phrases [N, 64] as expected signs, [N, 2]."""
        positions = self.model.positions(self.model.vocabulary.nearest(phrases))[:, :2].astype(np.float64)
        return np.tanh(positions * self.slopes / 2)

    def misses(self, drafts: Tokens, asked: Sequence[Quadrant | Emotion]) -> NDArray[np.float64]:
        """How far from what is asked drafts [B, K, 64] are heard, times FAR, and 0 within the tolerance: [B, K].

        An emotion asked for by its name is its quadrant, to whose corner the distance is.
        """
        heard = self.heard(drafts.reshape(-1, PHRASE_STEPS)).reshape(*drafts.shape[:2], 2)
        points = np.array([(one.valence, one.arousal) for one in map(point_of, asked)])[:, None]
        named = np.array([isinstance(one, Quadrant) for one in asked])[:, None]
        missed = np.sqrt(((heard - points) ** 2).sum(axis=-1))
        fits = np.where(named, (heard * points > 0).all(axis=-1), missed <= _TOLERANCE)
        return np.where(fits, 0.0, FAR * missed)
