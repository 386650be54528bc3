"""Transformers over any kind of attention: bidirectional or causal, with or without a memory, all at once or by steps.

Shapes: B pieces, T steps, S steps of a memory, D width, H heads; with groups every tensor but a mask has G first.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from affetti.layers.attention import Attention, State
from affetti.layers.dropout import ByteDropout
from affetti.layers.grouped import layer_norm, linear
from affetti.layers.linear_attention import LinearAttention
from affetti.layers.softmax_attention import SoftmaxAttention

AttentionKind = Literal["linear", "decaying", "softmax"]
"""Linear, linear with heads that forget, or exact."""


def attention_of_kind(kind: AttentionKind) -> Attention:
    """The attention that a configuration names."""
    return SoftmaxAttention() if kind == "softmax" else LinearAttention(decays=kind == "decaying")


class SelfAttention(nn.Module):
    """Projections around an attention of a sequence to itself."""

    def __init__(self, *, width: int, heads: int, attention: Attention, is_causal: bool, groups: int | None) -> None:
        super().__init__()
        self.heads, self.attention, self.is_causal = heads, attention, is_causal
        self.input = linear(groups, width, 3 * width)  # queries, keys, values
        self.output = linear(groups, width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """x: [..., T, D]; mask: bool [..., T], true where real. A causal one needs no mask: padding comes last."""
        queries, keys, values = self._heads(x)
        if self.is_causal:
            result = self.attention.causal(queries, keys, values)
        else:
            result = self.attention.read(self.attention.remember(keys, values, mask), queries)
        attended: Tensor = self.output(result.flatten(-2))
        return attended

    def initial_state(self, x: Tensor) -> State:
        """The state before the first step, for inputs like x [..., D]."""
        return self.attention.initial_state(x.unflatten(-1, (self.heads, -1)))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step of a causal attention; x: [..., D]."""
        result, state = self.attention.step(state, *self._heads(x))
        return self.output(result.flatten(-2)), state

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        queries, keys, values = self.input(x).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        return queries, keys, values


class CrossAttention(nn.Module):
    """Projections around an attention of a sequence to another one, the memory."""

    def __init__(self, *, width: int, heads: int, attention: Attention, groups: int | None) -> None:
        super().__init__()
        self.heads, self.attention = heads, attention
        self.queries = linear(groups, width, width)
        self.memory = linear(groups, width, 2 * width)  # keys, values
        self.output = linear(groups, width, width)

    def remember(self, memory: Tensor, mask: Tensor | None) -> State:
        """What of a memory [..., S, D] is needed to read it; mask: bool [..., S], true where real."""
        keys, values = self.memory(memory).unflatten(-1, (2, self.heads, -1)).unbind(-3)
        return self.attention.remember(keys, values, mask)

    def forward(self, x: Tensor, memory: State) -> Tensor:
        """x: [..., T, D]; memory: what `remember` gave."""
        result = self.attention.read(memory, self.queries(x).unflatten(-1, (self.heads, -1)))
        attended: Tensor = self.output(result.flatten(-2))
        return attended


class TransformerLayer(nn.Module):
    """Self-attention, cross-attention where there is a memory, and two linear maps with a GELU between them."""

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        feed_forward: int,
        attention: Attention,
        is_causal: bool,
        has_memory: bool,
        norm_first: bool,
        dropout: float,
        groups: int | None,
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.self_attention = SelfAttention(
            width=width, heads=heads, attention=attention, is_causal=is_causal, groups=groups
        )
        self.self_norm = layer_norm(groups, width)
        if has_memory:
            self.cross_attention = CrossAttention(width=width, heads=heads, attention=attention, groups=groups)
            self.cross_norm = layer_norm(groups, width)
        self.widen = linear(groups, width, feed_forward)
        self.narrow = linear(groups, feed_forward, width)
        self.feed_forward_norm = layer_norm(groups, width)
        self.dropout = ByteDropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None, memory: State | None) -> Tensor:
        """x: [..., T, D]; mask: bool [..., T]; memory: what `remember` of the cross-attention gave."""
        attended = self.self_attention(self._before(x, self.self_norm), mask)
        return self._rest(self._after(x, attended, self.self_norm), memory)

    def step(self, x: Tensor, state: State, memory: State | None) -> tuple[Tensor, State]:
        """One step of a causal layer; x: [..., D]."""
        attended, state = self.self_attention.step(self._before(x, self.self_norm), state)
        x = self._after(x, attended, self.self_norm)
        return self._rest(x.unsqueeze(-2), memory).squeeze(-2), state  # a memory is read by a sequence, here of one

    def _rest(self, x: Tensor, memory: State | None) -> Tensor:
        """What follows the self-attention, the same for one step and for all; x: [..., T, D]."""
        if memory is not None:
            read = self.cross_attention(self._before(x, self.cross_norm), memory)
            x = self._after(x, read, self.cross_norm)
        widened = self.widen(self._before(x, self.feed_forward_norm))
        if self.training:
            # The widest tensors of a layer: computed again on the way back (but for the product, which needs not be),
            # for a few per cent more time and a quarter less memory.
            narrowed = checkpoint(self._narrowed, widened, use_reentrant=False)
        else:
            narrowed = self._narrowed(widened)
        return self._after(x, narrowed, self.feed_forward_norm)

    def _narrowed(self, widened: Tensor) -> Tensor:
        narrowed: Tensor = self.narrow(self.dropout(functional.gelu(widened)))
        return narrowed

    def _before(self, x: Tensor, norm: nn.Module) -> Tensor:
        """What a part of the layer is given."""
        given: Tensor = norm(x) if self.norm_first else x
        return given

    def _after(self, x: Tensor, part: Tensor, norm: nn.Module) -> Tensor:
        """The sum of what a part of the layer was given and what it made of it."""
        total: Tensor = x + self.dropout(part)
        if not self.norm_first:
            total = norm(total)
        return total


class Transformer(nn.Module):
    """A stack of layers; with `norm_first` a last normalisation follows, as its layers leave their sum as it is.

    Args:
        layers: how many.
        width: D, divisible by `heads`.
        heads: H.
        feed_forward: width between the two linear maps of a layer.
        attention: which kind. With a decaying one a causal network knows how long ago a step was, without positions.
        is_causal: whether a step sees only itself and those before it; only then are there states and steps.
        has_memory: whether every layer attends to another sequence as well.
        norm_first: normalise before each part of a layer (True) or after its sum (False, Vaswani et al., 2017).
        dropout: after each part, and between the two linear maps; in training only.
        groups: None, or G networks of this shape computed as one, with [G, ...] inputs.
        keeps_activations: False computes each layer again on the way back: a third more work, a fraction of the memory.
    """

    def __init__(
        self,
        *,
        layers: int,
        width: int,
        heads: int,
        feed_forward: int,
        attention: AttentionKind = "linear",
        is_causal: bool,
        has_memory: bool = False,
        norm_first: bool = False,
        dropout: float = 0.0,
        groups: int | None = None,
        keeps_activations: bool = True,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} does not divide into {heads} heads")
        self.groups, self.width, self.keeps_activations = groups, width, keeps_activations
        kind = attention_of_kind(attention)
        self.state_tensors = layers * kind.state_tensors
        self.layers = nn.ModuleList(
            TransformerLayer(
                width=width,
                heads=heads,
                feed_forward=feed_forward,
                attention=kind,
                is_causal=is_causal,
                has_memory=has_memory,
                norm_first=norm_first,
                dropout=dropout,
                groups=groups,
            )
            for _ in range(layers)
        )
        self.norm = layer_norm(groups, width) if norm_first else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor | None = None, memory: State = ()) -> Tensor:
        """All steps at once.

        x: [B, T, D]; mask: bool [B, T], true where real (padding comes last; None: all real);
        memory: what `remember` gave, where there is one.
        """
        device = x.device.type
        if torch.is_autocast_enabled(device):  # or the sums between the layers would stay float32
            x = x.to(torch.get_autocast_dtype(device))
        for layer, remembered in zip(self.layers, self._by_layer(memory), strict=True):
            if self.training and not self.keeps_activations:
                x = checkpoint(layer, x, mask, remembered, use_reentrant=False)
            else:
                x = layer(x, mask, remembered)
        result: Tensor = self.norm(x)
        return result

    def remember(self, memory: Tensor, mask: Tensor | None = None) -> State:
        """What every layer needs of a memory [B, S, D] to read it, as a flat tuple; mask: bool [B, S]."""
        return tuple(tensor for layer in self._blocks() for tensor in layer.cross_attention.remember(memory, mask))

    def initial_state(self, batch: int) -> State:
        """The state before the first step of `batch` pieces, as a flat tuple."""
        parameter = next(self.parameters())
        leading = (batch,) if self.groups is None else (self.groups, batch)
        x = parameter.new_zeros(*leading, self.width)
        return tuple(tensor for layer in self._blocks() for tensor in layer.self_attention.initial_state(x))

    def step(self, x: Tensor, state: State, memory: State = ()) -> tuple[Tensor, State]:
        """One step of what a causal `forward` does; x: [B, D]."""
        carried: list[Tensor] = []
        states = _split(state, len(self.layers))
        for layer, before, remembered in zip(self._blocks(), states, self._by_layer(memory), strict=True):
            x, after = layer.step(x, before, remembered)
            carried.extend(after)
        return self.norm(x), tuple(carried)

    def _blocks(self) -> list[TransformerLayer]:
        return [layer for layer in self.layers if isinstance(layer, TransformerLayer)]

    def _by_layer(self, memory: State) -> list[State] | list[None]:
        return _split(memory, len(self.layers)) if memory else [None] * len(self.layers)


def _split(tensors: State, parts: int) -> list[State]:
    """A flat tuple as `parts` tuples of equal length."""
    length = len(tensors) // parts
    return [tensors[start : start + length] for start in range(0, parts * length, length)]
