"""Russell's plane of emotion: valence (unpleasant to pleasant) and arousal (calm to excited).

Both papers number the quadrants counter-clockwise from the upper right: Q1 happy, Q2 angry, Q3 sad, Q4 calm.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

from affetti.errors import InputError


class Quadrant(IntEnum):
    """A quadrant of Russell's plane; the value is the number the corpora use (Q1..Q4, e1..e4)."""

    Q1 = 1
    Q2 = 2
    Q3 = 3
    Q4 = 4

    @property
    def valence_sign(self) -> int:
        """+1 where valence is positive (Q1, Q4), else -1."""
        return 1 if self in (Quadrant.Q1, Quadrant.Q4) else -1

    @property
    def arousal_sign(self) -> int:
        """+1 where arousal is high (Q1, Q2), else -1."""
        return 1 if self in (Quadrant.Q1, Quadrant.Q2) else -1

    @property
    def label(self) -> str:
        """The quadrant's everyday name: happy, angry, sad or calm."""
        return _ALIASES[self][0]

    @classmethod
    def of_signs(cls, valence_sign: int, arousal_sign: int) -> "Quadrant":
        """The quadrant with these signs (+1 or -1)."""
        if arousal_sign > 0:
            return cls.Q1 if valence_sign > 0 else cls.Q2
        return cls.Q4 if valence_sign > 0 else cls.Q3


_ALIASES = {
    Quadrant.Q1: ("happy", "happiness", "joy", "joyful", "excited"),
    Quadrant.Q2: ("angry", "anger", "tense", "fear", "fearful"),
    Quadrant.Q3: ("sad", "sadness", "melancholy", "depressed"),
    Quadrant.Q4: ("calm", "relaxed", "relaxation", "content", "contentment", "peaceful"),
}
_QUADRANT_OF_NAME = {name: quadrant for quadrant, names in _ALIASES.items() for name in names} | {
    f"{prefix}{quadrant.value}": quadrant for quadrant in Quadrant for prefix in ("q", "e")
}


@dataclass(frozen=True, slots=True)
class Emotion:
    """A point of Russell's plane; valence and arousal are each in [-1, 1]."""

    valence: float
    arousal: float

    def __post_init__(self) -> None:
        for axis in ("valence", "arousal"):
            value = getattr(self, axis)
            if not (math.isfinite(value) and -1.0 <= value <= 1.0):
                raise InputError(f"{axis} is {value}; it must be between -1 and 1")

    @property
    def quadrant(self) -> Quadrant:
        """The quadrant the point lies in; an axis counts to its positive side."""
        return Quadrant.of_signs(1 if self.valence >= 0 else -1, 1 if self.arousal >= 0 else -1)

    @classmethod
    def of_quadrant(cls, quadrant: Quadrant) -> "Emotion":
        """The middle of a quadrant: (±0.5, ±0.5)."""
        return cls(0.5 * quadrant.valence_sign, 0.5 * quadrant.arousal_sign)

    def __str__(self) -> str:
        quadrant = self.quadrant
        return f"valence {self.valence:+.2f}, arousal {self.arousal:+.2f} ({quadrant.name} {quadrant.label})"


def parse_quadrant(text: str) -> Quadrant:
    """The quadrant meant by a name in any case: happy, anger, Q3, e4, calm …

    Raises InputError that lists the names when `text` is none of them.
    """
    quadrant = _QUADRANT_OF_NAME.get(text.strip().lower())
    if quadrant is None:
        names = ", ".join(f"{q.label} ({q.name})" for q in Quadrant)
        raise InputError(f"unknown emotion {text[:40]!r}; use one of {names}, or --valence and --arousal")
    return quadrant


def wanted_emotion(
    emotion: "str | Quadrant | Emotion | None", valence: float | None, arousal: float | None
) -> Quadrant | Emotion:
    """What is asked for: a quadrant (by name or itself), or a point (by both its coordinates or itself).

    Raises InputError for neither, both, half a point, or values that are no emotion.
    """
    if emotion is not None:
        if valence is not None or arousal is not None:
            raise InputError("use either --emotion, or --valence with --arousal")
        return emotion if isinstance(emotion, Quadrant | Emotion) else parse_quadrant(emotion)
    if valence is None and arousal is None:
        raise InputError("which emotion? use --emotion happy, angry, sad or calm, or --valence with --arousal")
    if valence is None or arousal is None:
        raise InputError("--valence and --arousal go together: one of them is missing")
    return Emotion(float(valence), float(arousal))
