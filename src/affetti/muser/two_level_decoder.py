"""The decoder in two levels: one network over whole words, then one for each element that sees its own latent block.

Training sees all words of a piece at once. Composing goes word by word with a state, in two steps a word, because the
type is drawn first and the other elements see what was drawn. With linear attention state and memory have a constant
size, so a word costs the same at any length. Steps are free of decisions on values, for export.

Choices where the paper is silent:

- Word t is predicted from the words before it; what stands before the first is a word of zeros. The emotion goes with
  that one alone ("start"; the other steps have emotion 0), or with every word.
- The memory is the quantised sequence, projected to the decoder's width, with positions.
- An element decoder is given the sum of the global output, its own block projected to that width, and, but for the
  type's, an embedding of the type. A sum, because an element decoder's first map would mix them all the same.
- Element decoders alone ("element") are given the embedded words in place of the global output; with the global one
  alone ("global") the heads are on its output, and the latents reach it by memory or concatenation only.

Shapes: B pieces, T words, E = 7 elements, D width, L = E·W latent numbers, W of an element.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from affetti.layers.attention import State
from affetti.layers.dropout import ByteDropout
from affetti.layers.grouped import GroupedLinear
from affetti.layers.positions import with_positions
from affetti.layers.transformer import AttentionKind, Transformer
from affetti.muser.word_embedding import WordEmbedding, emotion_vectors
from affetti.tokens.elements import ELEMENTS, SIZES, TYPE

OTHERS = tuple(column for column in range(len(ELEMENTS)) if column != TYPE)
"""The columns of the elements that are predicted after the type, in order."""


class TypeStep(NamedTuple):
    """The first step of a word: logits of the type [B, 4], what the second step needs [B, D], the next state."""

    logits: Tensor
    hidden: Tensor
    state: State


class ElementStep(NamedTuple):
    """The second step of a word: logits [B, size] of the six other elements in the order of OTHERS, the next state."""

    logits: tuple[Tensor, ...]
    state: State


class TwoLevelDecoder(nn.Module):
    """Latents and the words so far to the logits of the next word."""

    def __init__(
        self,
        *,
        embedding_sizes: Sequence[int],
        emotion_size: int,
        width: int,
        layers: int,
        element_layers: int,
        heads: int,
        feed_forward: int,
        latent_block: int,
        attention: AttentionKind = "linear",
        norm_first: bool = False,
        dropout: float = 0.0,
        latent_into_decoder: Literal["cross", "concatenate"] = "cross",
        decoding: Literal["two_level", "global", "element"] = "two_level",
        emotion_input: Literal["start", "every_step"] = "start",
        keeps_activations: bool = True,
    ) -> None:
        super().__init__()
        self.width, self.latent_block = width, latent_block
        self.tells_emotion_once = emotion_input == "start"
        latent_size = len(ELEMENTS) * latent_block
        has_memory = decoding != "element" and latent_into_decoder == "cross"
        self.has_positions = has_memory or attention != "decaying"  # by which a word finds its own latent
        concatenates = decoding != "element" and latent_into_decoder == "concatenate"

        def transformer(layers: int, groups: int | None = None, has_memory: bool = False) -> Transformer:
            return Transformer(
                layers=layers,
                width=width,
                heads=heads,
                feed_forward=feed_forward,
                attention=attention,
                is_causal=True,
                has_memory=has_memory,
                norm_first=norm_first,
                dropout=dropout,
                groups=groups,
                keeps_activations=keeps_activations,
            )

        self.embedding = WordEmbedding(
            sizes=embedding_sizes,
            emotion_size=emotion_size,
            latent_size=latent_size * concatenates,
            width=width,
        )
        self.dropout = ByteDropout(dropout)
        self.memory = nn.Linear(latent_size, width) if has_memory else None
        self.global_layers = transformer(layers, has_memory=has_memory) if decoding != "element" else None
        self.global_tensors = 0 if self.global_layers is None else self.global_layers.state_tensors
        self.type_embedding = nn.Embedding(SIZES[TYPE], width)
        self.type_block = self.other_blocks = self.type_layers = self.other_layers = None
        if decoding != "global":
            self.type_block = nn.Linear(latent_block, width)
            self.other_blocks = GroupedLinear(len(OTHERS), latent_block, width)
            self.type_layers = transformer(element_layers)
            self.other_layers = transformer(element_layers, groups=len(OTHERS))
        self.type_head = nn.Linear(width, SIZES[TYPE])
        self.other_heads = nn.ModuleList(nn.Linear(width, SIZES[column]) for column in OTHERS)

    def forward(self, words: Tensor, latents: Tensor, mask: Tensor, emotions: Tensor) -> tuple[Tensor, ...]:
        """Logits [B, T, size] of each element of `words`, in the order of ELEMENTS.

        Those of a word see the words before it, the latents and, but for the type's, its own type.
        words: int64 [B, T, E]; latents: [B, T, L]; mask: bool [B, T], true where real; emotions: labels,
        int64 [B], 1-4, 0 for none, or their weights, [B, 5].
        """
        previous = torch.cat([torch.zeros_like(words[:, :1]), words[:, :-1]], dim=1)
        positions = torch.arange(words.shape[1], device=words.device).expand(words.shape[:2])
        hidden = self._embedded(previous, positions, self._told(emotions).unsqueeze(1), latents)
        if self.global_layers is not None:
            hidden = self.global_layers(hidden, memory=self.prepare(latents, mask))
        x = self._type_input(hidden, latents)
        if self.type_layers is not None:
            x = self.type_layers(x)
        others = self._other_input(hidden, words[..., TYPE], latents)
        if self.other_layers is not None:
            others = self.other_layers(others)
        logits = self._other_logits(others)
        return *logits[:TYPE], self.type_head(x), *logits[TYPE:]

    def prepare(self, latents: Tensor, mask: Tensor) -> State:
        """What the steps read of a whole latent sequence [B, T, L], as a flat tuple; mask: bool [B, T].

        With linear attention one [B, H, D / H, D / H + 1] for each global layer; nothing without cross-attention.
        """
        if self.memory is None or self.global_layers is None:
            return ()
        positions = torch.arange(latents.shape[1], device=latents.device)
        return self.global_layers.remember(with_positions(self.memory(latents), positions), mask)

    def initial_type_state(self, batch: int) -> State:
        """The state of `step_type` before the first word: the position, int64 [B], and those of the layers."""
        position = torch.zeros(batch, dtype=torch.int64, device=self.type_head.weight.device)
        states = [
            layers.initial_state(batch) for layers in (self.global_layers, self.type_layers) if layers is not None
        ]
        return position, *(tensor for state in states for tensor in state)

    def initial_element_state(self, batch: int) -> State:
        """The state of `step_elements` before the first word; empty without element decoders."""
        return () if self.other_layers is None else self.other_layers.initial_state(batch)

    def step_type(self, state: State, memory: State, previous: Tensor, latent: Tensor, emotions: Tensor) -> TypeStep:
        """The first step of a word, up to its type.

        previous: the word before, int64 [B, E], zeros for the first; latent: of this word, [B, L]; emotions: as
        `forward` takes them, and they may differ from step to step; memory: what `prepare` gave.
        """
        position, global_state, type_state = (
            state[0],
            state[1 : 1 + self.global_tensors],
            state[1 + self.global_tensors :],
        )
        hidden = self._embedded(previous, position, self._told(emotions), latent)
        if self.global_layers is not None:
            hidden, global_state = self.global_layers.step(hidden, global_state, memory)
        x = self._type_input(hidden, latent)
        if self.type_layers is not None:
            x, type_state = self.type_layers.step(x, type_state)
        return TypeStep(self.type_head(x), hidden, (position + 1, *global_state, *type_state))

    def step_elements(self, state: State, hidden: Tensor, types: Tensor, latent: Tensor) -> ElementStep:
        """The second step of a word: what `step_type` gave as hidden, the type that was drawn, int64 [B], and the
        word's latent [B, L].
        """
        x = self._other_input(hidden, types, latent)
        if self.other_layers is not None:
            x, state = self.other_layers.step(x, state)
        return ElementStep(self._other_logits(x), state)

    def _told(self, emotions: Tensor) -> Tensor:
        """The vectors [B, emotion's] of emotions."""
        assert self.embedding.emotion is not None
        return emotion_vectors(self.embedding.emotion, emotions)

    def _embedded(self, previous: Tensor, positions: Tensor, emotion: Tensor, latents: Tensor) -> Tensor:
        assert self.embedding.emotion is not None
        if self.tells_emotion_once:
            emotion = torch.where((positions == 0).unsqueeze(-1), emotion, self.embedding.emotion.weight[0])
        words = self.embedding(previous, emotion.expand(*positions.shape, -1), latents)
        if self.has_positions:
            words = with_positions(words, positions)
        embedded: Tensor = self.dropout(words)
        return embedded

    def _blocks(self, latents: Tensor) -> Tensor:
        """[..., L] as [E, ..., W]."""
        blocks: Tensor = latents.unflatten(-1, (len(ELEMENTS), self.latent_block))
        return blocks.movedim(-2, 0)

    def _type_input(self, hidden: Tensor, latents: Tensor) -> Tensor:
        if self.type_block is not None:
            hidden = hidden + self.type_block(self._blocks(latents)[TYPE])
        return hidden

    def _other_input(self, hidden: Tensor, types: Tensor, latents: Tensor) -> Tensor:
        """[6, ..., D]"""
        x: Tensor = (hidden + self.type_embedding(types)).expand(len(OTHERS), *hidden.shape)
        if self.other_blocks is not None:
            x = x + self.other_blocks(self._blocks(latents)[list(OTHERS)])
        return x

    def _other_logits(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(head(own) for head, own in zip(self.other_heads, x, strict=True))
