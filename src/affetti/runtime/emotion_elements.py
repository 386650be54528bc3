"""Which elements of a piano piece carry arousal and which valence: what `affetti transfer --elements auto` exchanges.

Measured, not thought out; docs/what-carries-emotion.md tells how. In short: held-out pieces of EMOPIA were given one
element of a piece on the other side of an axis, and of a piece of their own quadrant, and `piano_recogniser_selection`
heard how much further the one moved their emotion than the other. An element belongs to the axis on which it moves what
is heard by the greatest share of the way to the giver's emotion, of those on which its interval of 95 % lies above 0;
one that has no such axis is left out. Bar-beat and type were also exchanged together: by itself neither changes how
many notes there are, which is what they carry. `affetti evaluate muser --disentanglement` measures it again.
"""

from typing import Literal, get_args

Axis = Literal["arousal", "valence"]
"""An axis of Russell's plane."""

AXES: tuple[Axis, ...] = get_args(Axis)

AUTO_ELEMENTS: dict[Axis, tuple[str, ...]] = {
    "arousal": ("velocity", "bar_beat", "type", "duration", "tempo"),
    "valence": ("chord", "pitch"),
}
"""Names of elements (tokens.elements), those that move the axis most first."""
