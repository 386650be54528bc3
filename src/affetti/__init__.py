"""affetti: compose symbolic music with a chosen emotion, see what carries it, and change it.

import affetti
model = affetti.load("emoreg")                     # shipped weights; no network, no torch
model.compose("sad", bars=8, seed=7).save("sad.mid")
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affetti.runtime.melody_model import MelodyModel

__all__ = ["load"]


def load(name: "str | Path") -> "MelodyModel":
    """The model of a system ("emoreg"), of shipped weights ("emoreg_reader") or of a weights folder.

    Raises affetti.errors.InputError, which is a ValueError, where there is none.
    """
    from affetti.runtime.melody_model import MelodyModel  # loaded when used: `import affetti` stays instant

    return MelodyModel.load(name)
