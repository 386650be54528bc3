"""The prior: a causal Transformer that composes the codes of a piece from an emotion.

The first token is the emotion; after a piece's last code comes an end, so that the prior also models how long pieces
are. With several codebooks the codes of a step are composed one after another: each is predicted from the steps
before and from the codes already chosen at its own step, so that nothing is assumed independent and a step is still
one step of the Transformer. With one codebook that is the paper's prior.

Shapes: B pieces, T steps, G codebooks, K codes of a codebook, D width.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from affetti.layers.attention import State
from affetti.layers.dropout import ByteDropout
from affetti.layers.positions import with_positions
from affetti.layers.transformer import AttentionKind, Transformer
from affetti.muser.config import ModelConfig, PriorConfig
from affetti.muser.word_embedding import emotion_vectors
from affetti.runtime.emotion_weights import EMOTIONS


class PriorStep(NamedTuple):
    """One step: what the codes of the step are predicted from [B, D], and the next state."""

    hidden: Tensor
    state: State


class Prior(nn.Module):
    """Emotion and the codes so far to the logits of the next codes.

    The first codebook has K + 1 logits: the last of them, number K, is the end. The other codebooks have K.
    """

    def __init__(
        self,
        *,
        codebooks: int,
        codes: int,
        layers: int,
        width: int,
        heads: int,
        feed_forward: int,
        attention: AttentionKind = "linear",
        norm_first: bool = False,
        dropout: float = 0.0,
        emotion_input: Literal["start", "every_step"] = "start",
        keeps_activations: bool = True,
    ) -> None:
        super().__init__()
        self.end = codes
        self.tells_emotion_once = emotion_input == "start"
        self.has_positions = attention != "decaying"
        self.emotion = nn.Embedding(EMOTIONS, width)
        self.codes = nn.ModuleList(nn.Embedding(codes, width) for _ in range(codebooks))
        self.dropout = ByteDropout(dropout)
        self.layers = Transformer(
            layers=layers,
            width=width,
            heads=heads,
            feed_forward=feed_forward,
            attention=attention,
            is_causal=True,
            norm_first=norm_first,
            dropout=dropout,
            keeps_activations=keeps_activations,
        )
        # What a codebook is told of the codes chosen at its own step; the first is told nothing.
        self.chosen = nn.ModuleList(nn.Embedding(codes, width) for _ in range(codebooks - 1))
        self.mixing = nn.ModuleList(_Mixing(width) for _ in range(codebooks - 1))
        self.heads = nn.ModuleList(nn.Linear(width, codes + (book == 0)) for book in range(codebooks))

    def forward(self, codes: Tensor, emotions: Tensor) -> tuple[Tensor, ...]:
        """Logits of every codebook at every step and of the end, [B, T + 1, K + 1] and for the others [B, T, K].

        codes: int64 [B, T, G], any number in padding, which comes last; emotions: labels, int64 [B], 1-4, 0 for
        none, or their weights, [B, 5].
        """
        previous = functional.pad(codes, (0, 0, 1, 0))  # at step 0 the emotion stands in place of codes
        positions = torch.arange(previous.shape[1], device=codes.device).expand(previous.shape[:2])
        hidden = self.layers(self._embedded(previous, positions, emotion_vectors(self.emotion, emotions).unsqueeze(1)))
        first = self.book_logits(0, hidden, codes)
        others = (self.book_logits(book, hidden[:, :-1], codes) for book in range(1, len(self.heads)))
        return first, *others

    def initial_state(self, batch: int) -> State:
        """The state before the first step of `batch` pieces: the position, int64 [B], and those of the layers."""
        position = torch.zeros(batch, dtype=torch.int64, device=self.emotion.weight.device)
        return position, *self.layers.initial_state(batch)

    def step(self, state: State, previous: Tensor, emotions: Tensor) -> PriorStep:
        """One step; previous: the codes of the step before, int64 [B, G] (anything at the first step); emotions: as
        `forward` takes them, and they may differ from step to step.
        """
        position, layer_state = state[0], state[1:]
        hidden, layer_state = self.layers.step(
            self._embedded(previous, position, emotion_vectors(self.emotion, emotions)), layer_state
        )
        return PriorStep(hidden, (position + 1, *layer_state))

    def book_logits(self, book: int, hidden: Tensor, chosen: Tensor) -> Tensor:
        """Logits of one codebook; hidden [..., D]; chosen: codes of this step, int64 [..., G or fewer], of which those
        before `book` are looked at.
        """
        if book > 0:
            told = sum(self.chosen[earlier](chosen[..., earlier]) for earlier in range(book))
            hidden = self.mixing[book - 1](hidden + told)
        logits: Tensor = self.heads[book](hidden)
        return logits

    def _embedded(self, previous: Tensor, positions: Tensor, emotion: Tensor) -> Tensor:
        """previous: [..., G]; positions: [...]; emotion: vectors [..., D], where one stands for all steps [B, 1, D]."""
        codes = sum((embedding(previous[..., book]) for book, embedding in enumerate(self.codes)), torch.zeros(()))
        if not self.tells_emotion_once:
            codes = codes + emotion
        token = torch.where((positions == 0).unsqueeze(-1), emotion, codes)
        if self.has_positions:
            token = with_positions(token, positions)
        embedded: Tensor = self.dropout(token)
        return embedded


class _Mixing(nn.Module):
    """What the Transformer says of a step and the codes chosen at it, brought together."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] to the same."""
        mixed: Tensor = self.narrow(functional.gelu(self.widen(self.norm(x))))
        return x + mixed


def build_prior(model: ModelConfig, config: PriorConfig, *, keeps_activations: bool = True) -> Prior:
    """The prior for the codes of a VQ-VAE. Raises ValueError for a VAE, which has none."""
    if model.latent == "vae":
        raise ValueError("a VAE has no codes, so no prior over them")
    return Prior(
        codebooks=model.codebooks,
        codes=model.codes,
        layers=config.layers,
        width=config.width,
        heads=config.heads,
        feed_forward=config.feed_forward_ratio * config.width,
        attention=config.attention,
        norm_first=config.norm_first,
        dropout=config.dropout,
        emotion_input=config.emotion_input,
        keeps_activations=keeps_activations,
    )
