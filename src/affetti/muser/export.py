"""Export of a trained MusER: config.json, model.safetensors and ONNX graphs that share its numbers.

As for the melody system the numbers are stored once, as float16 in model.safetensors, and the graphs point into that
file, so torch and ONNX Runtime compute with the same values. What serves training alone (the regulariser's reduction,
the codebook's moving sums) is left out.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.files import write_whole
from affetti.muser.config import ElementSampling, MuserConfig
from affetti.muser.onnx_graphs import PRIOR, VQVAE, graphs
from affetti.muser.prior import Prior, build_prior
from affetti.muser.vqvae import MuserVqvae
from affetti.runtime.piano_config import PianoModelConfig
from affetti.runtime.piano_profiles import Profile
from affetti.runtime.weights import NUMBERS, PianoWeights, find_weights
from affetti.tokens.elements import BAR, BAR_BEAT

WORDS_PER_BAR = 25
"""Where no pieces say how often a code begins a bar: about as many as EMOPIA has."""

MAX_COUNTED_PIECES = 300
"""More pieces would not make it clearer how often a code begins a bar."""

_TRAINING_ONLY = ("reduction.", "quantizer.counts", "quantizer.sums")


def export_weights(
    vqvae: MuserVqvae,
    prior: Prior | None,
    folder: Path,
    *,
    config: MuserConfig,
    name: str,
    preset: str,
    licence: str,
    corpora: Sequence[str],
    composes_in_c: bool = False,
    is_test_model: bool = False,
    pieces: Sequence[NDArray[np.uint8]] = (),
    emotions: Sequence[int] = (),
) -> str:
    """Write a weights folder; the SHA-256 that names it. The two networks keep the rounded numbers that were stored.

    composes_in_c: whether the prior has learned pieces in C major and A minor alone. pieces: words [T, 7] of pieces of
    the training split, from which it is counted how often each code begins a bar; emotions: their quadrants, from which
    profiles are made where each has two pieces.
    Raises InputError for a network that cannot be exported: a VAE, which has no codes, or one with softmax attention,
    whose state grows with every step.
    """
    if prior is None or vqvae.config.latent == "vae":
        raise InputError("a VAE has no codes for a prior to compose: it is not exported")
    if "softmax" in (vqvae.config.attention, config.prior.attention):
        raise InputError("softmax attention has no state of constant size: it is not exported")
    vqvae.eval()
    prior.eval()
    tensors = {f"{VQVAE}.{key}": value for key, value in _exported(vqvae).items()}
    tensors |= {f"{PRIOR}.{key}": value for key, value in prior.state_dict().items()}
    data = save({key: value.detach().cpu().half().contiguous() for key, value in tensors.items()})
    write_whole(folder / NUMBERS, data, force=True)
    load_exported(folder, vqvae, prior)
    for graph, content in graphs(vqvae, prior, data).items():
        write_whole(folder / f"{graph}.onnx", content, force=True)
    stored = PianoModelConfig.model_validate(
        {
            "name": name,
            "system": "muser",
            "preset": preset,
            "licence": licence,
            "trained_on": tuple(corpora),
            "is_test_model": is_test_model,
            "model": vqvae.config.model_dump(mode="json"),
            "prior": config.prior.model_dump(mode="json"),
            "composes_in_c": composes_in_c,
            "profiles": _profiles(pieces, emotions),
            "bar_shares": bar_shares(vqvae, pieces),
            "codes": _sampling(config.composing.codes),
            "elements": [_sampling(element) for element in config.composing.elements],
            "fullness": config.composing.fullness,
            "repetition_penalty": config.composing.repetition_penalty,
            "strength": config.composing.strength,
            "drafts": config.composing.drafts,
        }
    )
    text = json.dumps(stored.model_dump(mode="json"), indent=1) + "\n"
    write_whole(folder / "config.json", text.encode(), force=True)  # last: with it the folder is whole
    return find_weights(folder).sha256


def load_exported(folder: Path, vqvae: MuserVqvae, prior: Prior) -> None:
    """Put exported numbers into networks of the same configuration; what serves training alone stays as it is.

    Raises InputError where they do not fit.
    """
    path = folder / NUMBERS
    try:
        tensors = {name: value.float() for name, value in load_file(path).items()}
        own = {key: value for key, value in vqvae.state_dict().items() if key.startswith(_TRAINING_ONLY)}
        vqvae.load_state_dict(own | _section(tensors, f"{VQVAE}."))
        prior.load_state_dict(_section(tensors, f"{PRIOR}."))
    except Exception as error:  # safetensors and torch each raise their own kinds for a damaged file
        raise InputError(f"{path}: not the numbers that config.json describes ({str(error)[:200]})") from error


def build_exported(weights: PianoWeights) -> tuple[MuserVqvae, Prior]:
    """The networks of a weights folder, in torch, as they compose: without the regulariser. Raises InputError."""
    try:
        config = MuserConfig.model_validate(
            {"model": weights.config.model.model_dump() | {"latent": "vq"}, "prior": weights.config.prior.model_dump()}
        )
    except ValueError as error:
        raise InputError(f"{weights.folder / 'config.json'}: not networks of this version of affetti") from error
    vqvae, prior = MuserVqvae(config.model), build_prior(config.model, config.prior)
    load_exported(weights.folder, vqvae, prior)
    return vqvae.eval(), prior.eval()


def _profiles(pieces: Sequence[NDArray[np.uint8]], emotions: Sequence[int]) -> list[Profile] | None:
    """Of each quadrant."""
    chosen = [[words for words, own in zip(pieces, emotions, strict=False) if own == quadrant] for quadrant in Quadrant]
    return [Profile.of_pieces(own) for own in chosen] if min(map(len, chosen)) >= 2 else None


@torch.no_grad()
def bar_shares(vqvae: MuserVqvae, pieces: Iterable[NDArray[np.integer]]) -> list[float]:
    """[K]: of the words that each code stands for in the first MAX_COUNTED_PIECES, the share that begin a bar.

    For codes that stand for none, and without pieces, one in WORDS_PER_BAR.
    """
    assert vqvae.quantizer is not None
    books, codes, _ = vqvae.quantizer.codebook.shape
    device = vqvae.quantizer.codebook.device
    counts = np.zeros((2, codes))  # of words, of bars
    for words, _ in zip(pieces, range(MAX_COUNTED_PIECES), strict=False):
        batch = torch.from_numpy(np.asarray(words, np.int64))[None].to(device)
        found = vqvae.encode(batch, torch.ones(batch.shape[:2], dtype=torch.bool, device=device)).codes
        assert found is not None
        numbers = found[0, :, BAR_BEAT if books > 1 else 0].cpu().numpy()
        begins = np.asarray(words)[:, BAR_BEAT] == BAR
        counts += [np.bincount(numbers, minlength=codes), np.bincount(numbers, begins, minlength=codes)]
    shares = (counts[1] + 1 / WORDS_PER_BAR) / (counts[0] + 1)
    return [round(float(share), 6) for share in shares]


def _exported(vqvae: MuserVqvae) -> dict[str, Tensor]:
    return {key: value for key, value in vqvae.state_dict().items() if not key.startswith(_TRAINING_ONLY)}


def _section(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _sampling(sampling: ElementSampling) -> dict[str, Any]:
    return {"temperature": sampling.temperature, "nucleus": sampling.nucleus}
