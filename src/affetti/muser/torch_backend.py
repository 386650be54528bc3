"""The piano networks in torch behind the steps that composing asks for: for GPUs.

The sampler and its random numbers are the runtime's own (numpy); only the arithmetic is done here. It rounds otherwise
than ONNX Runtime's, so with the same seed now and then another value is drawn, and from there on another piece.

Shapes: B rows (pieces), S steps, E = 7 elements, G codebooks of K codes, L latent numbers.
"""

from typing import Self

import numpy as np
import torch
from torch import Tensor

from affetti.layers.attention import State
from affetti.muser.export import build_exported
from affetti.muser.prior import Prior
from affetti.muser.two_level_decoder import TwoLevelDecoder
from affetti.runtime.piano_steps import DecoderSteps, Floats, PriorSteps
from affetti.runtime.weights import PianoWeights
from affetti.tokens.elements import Integers


class TorchSteps:
    """The networks of a weights folder. Raises InputError for a damaged one.

    device: default: a GPU where there is one.
    """

    def __init__(self, weights: PianoWeights, device: str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        vqvae, prior = build_exported(weights)
        self.prior_network, self.decoder_network = prior.to(self.device), vqvae.decoder.to(self.device)

    def prior(self, emotions: Floats) -> PriorSteps:
        """Begin to compose codes."""
        return _TorchPrior(self.prior_network, torch.from_numpy(emotions).to(self.device))

    def decoder(self, emotions: Floats) -> DecoderSteps:
        """Begin to write words."""
        return _TorchDecoder(self.decoder_network, torch.from_numpy(emotions).to(self.device))


class _TorchPrior:
    def __init__(self, network: Prior, emotions: Tensor) -> None:
        self.network, self.emotions = network, emotions
        self.state = network.initial_state(len(emotions))
        self.hidden = emotions.new_zeros(0)

    def feel(self, emotions: Floats) -> None:
        self.emotions = torch.from_numpy(emotions).to(self.emotions.device)

    @torch.inference_mode()
    def step(self, previous: Integers) -> Floats:
        codes = torch.from_numpy(previous).to(self.emotions.device)
        self.hidden, self.state = self.network.step(self.state, codes, self.emotions)
        return _numpy(self.network.book_logits(0, self.hidden, codes))

    @torch.inference_mode()
    def adopt(self, row: int, other: Self, other_row: int) -> None:
        for own, others in zip((self.hidden, *self.state[1:]), (other.hidden, *other.state[1:]), strict=True):
            own[row] = others[other_row]

    @torch.inference_mode()
    def book(self, chosen: Integers) -> Floats:
        codes = torch.from_numpy(chosen).to(self.emotions.device)
        return _numpy(self.network.book_logits(chosen.shape[1], self.hidden, codes))


class _TorchDecoder:
    def __init__(self, network: TwoLevelDecoder, emotions: Tensor) -> None:
        self.network, self.emotions = network, emotions
        self.type_state = network.initial_type_state(len(emotions))
        self.element_state = network.initial_element_state(len(emotions))
        self.memory: State = ()
        self.hidden = self.latents = emotions.new_zeros(0)

    def feel(self, emotions: Floats) -> None:
        self.emotions = torch.from_numpy(emotions).to(self.emotions.device)

    @torch.inference_mode()
    def remember(self, row: int, latents: Floats) -> None:
        sequence = torch.from_numpy(latents).to(self.emotions.device)[None]
        found = self.network.prepare(sequence, torch.ones(1, len(latents), dtype=torch.bool, device=sequence.device))
        if not self.memory:
            self.memory = tuple(one.new_zeros(len(self.emotions), *one.shape[1:]) for one in found)
        for memory, own in zip(self.memory, found, strict=True):
            memory[row] = own[0]

    @torch.inference_mode()
    def types(self, previous: Integers, latents: Floats) -> Floats:
        device = self.emotions.device
        self.latents = torch.from_numpy(latents).to(device)
        words = torch.from_numpy(previous).to(device)
        logits, self.hidden, self.type_state = self.network.step_type(
            self.type_state, self.memory, words, self.latents, self.emotions
        )
        return _numpy(logits)

    @torch.inference_mode()
    def elements(self, types: Integers) -> list[Floats]:
        drawn = torch.from_numpy(types).to(self.emotions.device)
        logits, self.element_state = self.network.step_elements(self.element_state, self.hidden, drawn, self.latents)
        return [_numpy(one) for one in logits]

    def keep(self, rows: Integers) -> None:
        kept = torch.from_numpy(rows).to(self.emotions.device)
        self.emotions = self.emotions[kept]
        self.type_state, self.memory = (tuple(one[kept] for one in state) for state in (self.type_state, self.memory))
        # The states of the six other elements are stacked: [6, B, ...].
        self.element_state = tuple(one[:, kept] for one in self.element_state)


def _numpy(logits: Tensor) -> Floats:
    array: Floats = logits.float().cpu().numpy()
    return np.ascontiguousarray(array)
