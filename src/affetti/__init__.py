"""affetti: compose symbolic music with a chosen emotion, see what carries it, and change it.

import affetti
model = affetti.load("emoreg")                     # shipped weights; no network, no torch
model.compose("sad", bars=8, seed=7).save("sad.mid")
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from affetti.emotion import Quadrant
    from affetti.piece import Piece
    from affetti.runtime.melody_model import MelodyModel
    from affetti.runtime.piano_model import PianoModel
    from affetti.runtime.recogniser import Recogniser

__all__ = ["load", "transfer"]


@overload
def load(name: Literal["emoreg", "emoreg_reader"]) -> "MelodyModel": ...
@overload
def load(name: Literal["muser"], *, backend: Literal["onnx", "torch"] = "onnx") -> "PianoModel": ...
@overload
def load(name: Literal["piano_recogniser"]) -> "Recogniser": ...
@overload
def load(
    name: "str | Path", *, backend: Literal["onnx", "torch"] = "onnx"
) -> "MelodyModel | PianoModel | Recogniser": ...


def load(name: "str | Path", *, backend: Literal["onnx", "torch"] = "onnx") -> "MelodyModel | PianoModel | Recogniser":
    """The model of a system ("emoreg", "muser"), of shipped weights ("emoreg_reader", "piano_recogniser") or of a
    weights folder.

    backend: what computes a piano model's networks; "torch" uses a GPU where there is one. With the same seed it mostly
    composes the same, but not to the last bit. Raises affetti.errors.InputError, which is a ValueError, where there are
    no such weights.
    """
    # Loaded when used: `import affetti` stays instant.
    from affetti.errors import InputError
    from affetti.runtime.weights import PianoWeights, RecogniserWeights, find_weights

    weights = find_weights(name)
    if isinstance(weights, PianoWeights):
        from affetti.runtime.piano_model import PianoModel

        if backend == "torch":
            from affetti.muser.torch_backend import TorchSteps

            return PianoModel(weights, TorchSteps(weights), backend="torch")
        return PianoModel(weights)
    if backend != "onnx":
        raise InputError(f"the weights {weights.config.name} have one backend only, onnx")
    if isinstance(weights, RecogniserWeights):
        from affetti.runtime.recogniser import Recogniser

        return Recogniser(weights)
    from affetti.runtime.melody_model import MelodyModel

    return MelodyModel(weights)


def transfer(
    source: "Piece",
    to: "str | Quadrant | None" = None,
    *,
    reference: "Piece | None" = None,
    elements: "str | Sequence[str]" = "auto",
    strength: float = 1.0,
    candidates: int | None = None,
    references: str = "prior",
    weights: "str | Path | PianoModel" = "muser",
    seed: int = 0,
) -> "Piece":
    """A piano piece with elements of another: of `reference`, or of music with the emotion `to`.

    As `affetti transfer` does it; `affetti.runtime.transfer.transfer` says what the options mean and gives all
    candidates. Raises affetti.errors.InputError for what cannot be.
    """
    from affetti.runtime.transfer import transfer as transferred

    return (
        transferred(
            source,
            to,
            reference=reference,
            elements=elements,
            strength=strength,
            candidates=candidates,
            references=references,
            weights=weights,
            seed=seed,
        )
        .candidates[0]
        .piece
    )
