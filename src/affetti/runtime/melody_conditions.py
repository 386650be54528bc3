"""What the melody decoder is told for an emotion: a place in the latent space, and a label where it learned with one.

Shapes: K drafts, L latent dimensions.
"""

import numpy as np
from numpy.typing import NDArray

from affetti.emotion import Emotion, Quadrant
from affetti.runtime.emotion_weights import mixture, one_hot
from affetti.runtime.melody_config import MelodyModelConfig
from affetti.runtime.plane_calibration import told_for

POINT_SPREAD = 0.1
"""Standard deviation around a point asked for, in a plane whose sides are 2 long."""


def conditions(
    config: MelodyModelConfig, wanted: Quadrant | Emotion, random: np.random.Generator, drafts: int
) -> NDArray[np.float32]:
    """What the decoder hears besides its own past, [K, L (+ 4)]: a latent position and, where it was trained with one,
    the label, for a point of the plane all four as near as it is to them.
    """
    found = np.zeros((drafts, config.condition_size), np.float32)
    quadrant = wanted if isinstance(wanted, Quadrant) else wanted.quadrant
    noise = random.standard_normal((drafts, config.latent_size))
    fitted = config.quadrant_positions[quadrant - 1]
    positions = np.asarray(fitted.mean) + noise @ np.asarray(fitted.cholesky).T
    told = None
    if isinstance(wanted, Emotion):
        near = np.array([wanted.valence, wanted.arousal]) + POINT_SPREAD * noise[:, :2]
        told = told_for(near.clip(-1, 1), config.plane)
    if config.is_map:
        if told is not None:
            positions[:, :2] = told * config.axis_reach
        else:  # the Gaussian's tail may cross an axis; the quadrant asked for does not
            positions[:, :2] = np.abs(positions[:, :2]) * (quadrant.valence_sign, quadrant.arousal_sign)
    found[:, : config.latent_size] = positions
    if config.label_in_decoder:
        weights = one_hot([quadrant]) if told is None else np.stack([mixture(*one)[0] for one in told])
        found[:, config.latent_size :] = weights[:, 1:]
    return found


def told_emotion(config: MelodyModelConfig, wanted: Quadrant | Emotion) -> Quadrant | Emotion:
    """The emotion that the decoder is told, as far as it lies in the plane."""
    if isinstance(wanted, Quadrant):
        return wanted
    (told,) = told_for(np.array([[wanted.valence, wanted.arousal]]), config.plane)
    return Emotion(*told.clip(-1, 1).tolist())
