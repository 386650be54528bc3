"""The VQ-VAE of a run in torch, as what is measured of its latents. Not every run has exported weights: a VAE has no
codes that a prior could compose.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from affetti.errors import InputError
from affetti.muser.train import resolve
from affetti.muser.vqvae import MuserVqvae
from affetti.tokens.elements import Integers
from affetti.training.recipe import MuserRecipe, load_recipe

Floats = NDArray[np.float32]


class RunNetwork:
    """The VQ-VAE that the last finished phase of a run folder left (evaluation.latent_systems.LatentSystem).

    Raises InputError for a folder that is no run of the piano system, or has not finished a phase of the VQ-VAE.
    """

    def __init__(self, name: str, run: Path) -> None:
        recipe = load_recipe(run / "config.yaml")
        if not isinstance(recipe, MuserRecipe):
            raise InputError(f"{run}: a run of {recipe.system}, which has no latents by element")
        config = resolve(recipe).model
        found = sorted(run.glob("phases/*_vqvae/model.safetensors"), key=lambda path: _number(path.parent.name))
        if not found:
            raise InputError(f"{run} has not finished a phase of the VQ-VAE: go on with affetti train --resume")
        network = MuserVqvae(config)
        try:
            network.load_state_dict(load_file(found[-1]))
        except Exception as error:  # safetensors and torch each raise their own kinds for a damaged file
            raise InputError(f"{found[-1]}: not the numbers that config.yaml describes ({str(error)[:200]})") from error
        self.name, self.network = name, network.eval()
        self.weights_hash = hashlib.sha256(found[-1].read_bytes()).hexdigest()
        self.is_test_model = recipe.is_test_model
        self.codes: Literal["shared", "per_element", "none"] = "none" if config.latent == "vae" else config.codebook

    @torch.inference_mode()
    def latents(self, words: NDArray[np.integer]) -> Floats:
        """The latents [T, L] of a piece [T, 7] that the decoder is given: those of its codes, a VAE's means."""
        given = torch.from_numpy(np.asarray(words, np.int64))[None]
        found: Floats = self.network.encode(given, torch.ones(given.shape[:2], dtype=torch.bool)).vectors[0].numpy()
        return found

    @torch.inference_mode()
    def predict(
        self, words: Sequence[NDArray[np.integer]], latents: Sequence[Floats], emotions: Integers
    ) -> list[Integers]:
        """The likeliest value of each element in each word, piece by piece, [T, 7]; see LatentSystem."""
        found = []
        for own, its_latents, emotion in zip(words, latents, emotions.tolist(), strict=True):
            given, told = torch.from_numpy(np.asarray(own, np.int64))[None], torch.from_numpy(its_latents)[None]
            mask = torch.ones(given.shape[:2], dtype=torch.bool)
            logits = self.network.decoder(given, told, mask, torch.tensor([emotion]))
            found.append(np.stack([one[0].argmax(dim=-1).numpy() for one in logits], axis=1))
        return found


def _number(phase: str) -> int:
    first = phase.partition("_")[0]
    return int(first) if first.isascii() and first.isdigit() and len(first) < 5 else 0
