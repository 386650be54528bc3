"""How emotion moves through real pieces, as listeners followed it: what a path through the plane may look like.

Shapes: R pieces, S stretches of a piece (not of all as many), each of STRETCH_BARS bars.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.emotion import Emotion
from affetti.evaluation.recognition import STRETCH_BARS
from affetti.tokens.elements import Reals

RATED = "vgmidi_pieces"
"""The prepared corpus whose bars listeners rated."""


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """How far trajectories reach and how they step, of valence and arousal: each [2], in a plane from -1 to 1."""

    pieces: int
    between: Reals
    """Standard deviation of the pieces' means."""
    within: Reals
    """Standard deviation of a piece's stretches about its mean."""
    step: Reals
    """Mean distance from one stretch to the next."""
    large_steps: Reals
    """The share of steps of more than 0.5."""
    quadrants: float
    """How many quadrants a piece visits, on the mean."""


def listeners_trajectories(pieces: PreparedPieces) -> list[Reals]:
    """Of each piece that listeners rated, and that has two stretches or more, their valence and arousal: R × [S, 2]."""
    found = []
    for index in range(len(pieces)):
        bars = pieces.bar_emotions[pieces.bar_offsets[index] : pieces.bar_offsets[index + 1]].astype(np.float64)
        stretches = [bars[start : start + STRETCH_BARS] for start in range(0, len(bars), STRETCH_BARS)]
        means = [one.mean(axis=0) for one in stretches if 2 * len(one) >= STRETCH_BARS and np.isfinite(one).all()]
        if len(means) > 1:
            found.append(np.stack(means))
    return found


def movement(trajectories: Sequence[Reals]) -> Movement:
    """How trajectories R × [S, 2] move. Raises ValueError for none."""
    if not trajectories:
        raise ValueError("no trajectories")
    steps = np.abs(np.concatenate([np.diff(one, axis=0) for one in trajectories]))
    about_means = np.concatenate([one - one.mean(axis=0) for one in trajectories])
    visited = [len({Emotion(*point).quadrant for point in one.clip(-1, 1).tolist()}) for one in trajectories]
    return Movement(
        len(trajectories),
        np.stack([one.mean(axis=0) for one in trajectories]).std(axis=0),
        np.sqrt((about_means**2).mean(axis=0)),
        steps.mean(axis=0),
        (steps > 0.5).mean(axis=0),
        float(np.mean(visited)),
    )
