"""From the emotion that is asked for to the one that the networks must be told so that it is heard.

What is told and what is heard are not the same: a model told a little pleasantness may sound very pleasant already, or
not pleasant at all. A calibration is a table over the plane, fitted by listening to composed pieces
(`affetti.evaluation.plane_fitting`), and is kept in the config.json of the weights that it belongs to.
"""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from affetti.runtime.stored import Stored
from affetti.tokens.elements import Reals

FARTHEST = 2.0
"""A condition may go beyond the plane, to twice its edge: the emotion is then exaggerated."""


class Listener(Stored):
    """Who hears the drafts of a melody: weights whose encoder was told no label."""

    weights: str = Field(max_length=100)
    """Shipped ones, by name."""
    numbers_sha256: str = Field(max_length=64)
    """Of their model.safetensors."""
    slopes: tuple[float, float]
    """Log-odds of positive valence and of high arousal per unit of their latent position."""


class PlaneCalibration(Stored):
    """What to tell the networks for what is asked: conditions at K × K places, between which lines are drawn."""

    heard_by: str = Field(max_length=200)
    """What listened."""
    pieces: int = Field(ge=1)
    """How many it listened to."""
    listener: Listener | None = None
    """Of melodies, who chooses among drafts; drafts of piano pieces are heard in any case (`piano_drafts`)."""
    conditions: tuple[tuple[tuple[float, float], ...], ...] = Field(min_length=2, max_length=41)
    """[K, K, 2] valence and arousal to tell, each -2 to 2, for valence (first index) and arousal asked from -1 to 1."""

    @model_validator(mode="after")
    def _is_square(self) -> Self:
        if {len(row) for row in self.conditions} != {len(self.conditions)}:
            raise ValueError("conditions are not a square of places")
        if not (np.abs(np.asarray(self.conditions)) <= FARTHEST).all():
            raise ValueError(f"a condition lies beyond {FARTHEST}")
        return self

    def told(self, asked: Reals) -> Reals:
        """The conditions [N, 2], each -2 to 2, for points [N, 2] asked."""
        table = np.asarray(self.conditions)
        places = len(table) - 1
        at = (asked + 1) / 2 * places
        low = np.minimum(at.astype(np.int64), places - 1)
        (i, j), (v, a) = low.T, (at - low).T[:, :, None]
        lower = (1 - a) * table[i, j] + a * table[i, j + 1]
        upper = (1 - a) * table[i + 1, j] + a * table[i + 1, j + 1]
        mixed: Reals = (1 - v) * lower + v * upper
        return mixed


def told_for(asked: Reals, calibration: PlaneCalibration | None) -> Reals:
    """What to tell [N, 2] for points [N, 2] asked: without a calibration the same."""
    return asked if calibration is None else calibration.told(asked)
