"""Transformers with linear attention as ONNX nodes: one recurrent step, or a whole sequence at once.

What is written here is what `transformer.py` and `linear_attention.py` compute; tests compare the two. The structure is
read off the module, its numbers are named by the place that the module has in a state dictionary.

Shapes: B pieces, S steps of a sequence, D width, H heads, d = D / H.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from affetti.layers.linear_attention import EPSILON, LinearAttention, keep_rates
from affetti.layers.onnx_graph import GraphBuilder
from affetti.layers.positions import frequencies
from affetti.layers.transformer import Transformer, TransformerLayer

OPSET = 20
"""The first that has Gelu."""


def check_exportable(transformer: Transformer) -> None:
    """Raise ValueError for softmax attention, whose state grows: its steps are torch's alone."""
    if any(not isinstance(layer.self_attention.attention, LinearAttention) for layer in blocks(transformer)):
        raise ValueError("softmax attention is not exported: its state grows with every step")


@dataclass(frozen=True)
class Place:
    """A module's place in the stored numbers, and which of its groups is meant where it is several networks as one."""

    graph: GraphBuilder
    name: str
    group: int | None = None

    def __truediv__(self, name: str | int) -> "Place":
        return Place(self.graph, f"{self.name}.{name}", self.group)

    def parameter(self, name: str) -> str:
        """A parameter, of a group its own slice."""
        stored = self.graph.parameter(f"{self.name}.{name}")
        if self.group is None:
            return stored
        return self.graph.node("Gather", [stored, self.graph.integer(self.group)], axis=0)


def linear(place: Place, x: str) -> str:
    """x [B, in] to [B, out]."""
    # A Linear stores its weight as [out, in], a group of several as [in, out].
    weight, bias = place.parameter("weight"), place.parameter("bias")
    return place.graph.node("Gemm", [x, weight, bias], transB=int(place.group is None))


def linear_of_sequence(place: Place, x: str) -> str:
    """x [B, S, in] to [B, S, out]."""
    graph = place.graph
    weight = graph.node("Transpose", [place.parameter("weight")], perm=[1, 0])
    return graph.node("Add", [graph.node("MatMul", [x, weight]), place.parameter("bias")])


def layer_norm(place: Place, x: str) -> str:
    """x [..., D] normalised."""
    return place.graph.node(
        "LayerNormalization", [x, place.parameter("weight"), place.parameter("bias")], axis=-1, epsilon=1e-5
    )


def sinusoids(graph: GraphBuilder, positions: str, width: int) -> str:
    """Those of `positions.sinusoids`; positions: float32 [..., 1] to [..., width]."""
    angles = graph.node("Mul", [positions, graph.reals(f"frequencies_{width}", frequencies(width).tolist())])
    return graph.node("Concat", [graph.node("Sin", [angles]), graph.node("Cos", [angles])], axis=-1)


# ---- one step


def transformer_step(
    place: Place, transformer: Transformer, x: str, states: Sequence[str], memories: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """One causal step: x [B, D] and each layer's state (and memory) [B, H, d, d + 1] to [B, D] and the next states."""
    carried = []
    for number, layer in enumerate(blocks(transformer)):
        here = place / "layers" / number
        attended, state = _self_attention_step(
            here / "self_attention", layer, _before(here / "self_norm", layer, x), states[number]
        )
        carried.append(state)
        x = _after(here / "self_norm", layer, x, attended)
        if memories:
            read = _read_step(here / "cross_attention", layer, _before(here / "cross_norm", layer, x), memories[number])
            x = _after(here / "cross_norm", layer, x, read)
        norm = here / "feed_forward_norm"
        widened = linear(here / "widen", _before(norm, layer, x))
        x = _after(norm, layer, x, linear(here / "narrow", place.graph.node("Gelu", [widened])))
    return _last_norm(place, transformer, x), carried


def _self_attention_step(place: Place, layer: TransformerLayer, x: str, state: str) -> tuple[str, str]:
    graph, heads = place.graph, layer.self_attention.heads
    projected = linear(place / "input", x)
    width = _width(layer)
    queries_keys, values = graph.node_pair("Split", [projected, graph.constant([2 * width, width])], axis=-1)
    queries, keys = graph.node_pair("Split", [_feature_map(graph, queries_keys), graph.constant([width] * 2)], axis=-1)
    head = width // heads
    new = graph.node(
        "Mul",
        [
            graph.reshaped(keys, [-1, heads, head, 1]),
            _with_one(graph, graph.reshaped(values, [-1, heads, 1, head])),
        ],
    )
    attention = layer.self_attention.attention
    if isinstance(attention, LinearAttention) and attention.decays:
        rates = graph.reals(f"keep_rates_{heads}", keep_rates(heads).tolist())
        state = graph.node("Mul", [state, graph.reshaped(rates, [1, heads, 1, 1])])
    sums = graph.node("Add", [state, new])
    return linear(place / "output", _read(graph, queries, sums, heads, head)), sums


def _read_step(place: Place, layer: TransformerLayer, x: str, memory: str) -> str:
    graph, heads = place.graph, layer.cross_attention.heads
    queries = _feature_map(graph, linear(place / "queries", x))
    return linear(place / "output", _read(graph, queries, memory, heads, _width(layer) // heads))


def _read(graph: GraphBuilder, queries: str, sums: str, heads: int, head: int) -> str:
    """What queries [B, D] find in sums [B, H, d, d + 1]: [B, D]."""
    found = graph.node("MatMul", [graph.reshaped(queries, [-1, heads, 1, head]), sums])
    return graph.reshaped(_divided(graph, found, head), [-1, heads * head])


# ---- a whole sequence


def bidirectional(place: Place, transformer: Transformer, x: str, mask: str) -> str:
    """All steps at once, each of which sees all: x [B, S, D], mask float32 [B, S, 1] (1: real) to [B, S, D]."""
    graph = place.graph
    for number, layer in enumerate(blocks(transformer)):
        here = place / "layers" / number
        x = _after(
            here / "self_norm",
            layer,
            x,
            _self_attention(here / "self_attention", layer, _before(here / "self_norm", layer, x), mask),
        )
        norm = here / "feed_forward_norm"
        widened = graph.node("Gelu", [linear_of_sequence(here / "widen", _before(norm, layer, x))])
        x = _after(norm, layer, x, linear_of_sequence(here / "narrow", widened))
    return _last_norm(place, transformer, x)


def remembered(place: Place, transformer: Transformer, sequence: str, mask: str) -> list[str]:
    """The memory of every layer, [B, H, d, d + 1], of a sequence [B, S, D] with its mask float32 [B, S, 1]."""
    memories = []
    for number, layer in enumerate(blocks(transformer)):
        here = place / "layers" / number / "cross_attention"
        width = _width(layer)
        keys_values = linear_of_sequence(here / "memory", sequence)
        keys, values = place.graph.node_pair("Split", [keys_values, place.graph.constant([width, width])], axis=-1)
        memories.append(_summed(place.graph, _feature_map(place.graph, keys), values, mask, layer))
    return memories


def _self_attention(place: Place, layer: TransformerLayer, x: str, mask: str) -> str:
    graph, width = place.graph, _width(layer)
    projected = linear_of_sequence(place / "input", x)
    queries_keys, values = graph.node_pair("Split", [projected, graph.constant([2 * width, width])], axis=-1)
    queries, keys = graph.node_pair("Split", [_feature_map(graph, queries_keys), graph.constant([width] * 2)], axis=-1)
    sums = _summed(graph, keys, values, mask, layer)
    heads = layer.self_attention.heads
    found = graph.node("MatMul", [_heads(graph, queries, heads, [0, 2, 1, 3]), sums])
    result = graph.node("Transpose", [_divided(graph, found, width // heads)], perm=[0, 2, 1, 3])
    return linear_of_sequence(place / "output", graph.reshaped(result, [0, 0, width]))


def _summed(graph: GraphBuilder, keys: str, values: str, mask: str, layer: TransformerLayer) -> str:
    """Sums over a sequence, [B, H, d, d + 1], of its keys as features and values, [B, S, D] both."""
    heads = layer.self_attention.heads
    keys = _heads(graph, graph.node("Mul", [keys, mask]), heads, [0, 2, 3, 1])
    return graph.node("MatMul", [keys, _with_one(graph, _heads(graph, values, heads, [0, 2, 1, 3]))])


def _heads(graph: GraphBuilder, x: str, heads: int, order: list[int]) -> str:
    """[B, S, D] by heads, its dimensions [B, S, H, d] in this order."""
    return graph.node("Transpose", [graph.node("Reshape", [x, graph.constant([0, 0, heads, -1])])], perm=order)


# ---- parts of both


def blocks(transformer: Transformer) -> list[TransformerLayer]:
    """A Transformer's layers."""
    return [layer for layer in transformer.layers if isinstance(layer, TransformerLayer)]


def _width(layer: TransformerLayer) -> int:
    """D"""
    weight = layer.self_attention.output.weight
    assert isinstance(weight, torch.Tensor)
    return weight.shape[-1]


def _feature_map(graph: GraphBuilder, x: str) -> str:
    """φ(x) = exp(min(x, 0)) + max(x, 0)"""
    below = graph.node("Exp", [graph.node("Min", [x, graph.real(0.0)])])
    return graph.node("Add", [below, graph.node("Relu", [x])])


def _with_one(graph: GraphBuilder, values: str) -> str:
    """[B, H, ..., d] with a one at the end of each row."""
    return graph.node("Pad", [values, graph.constant([0, 0, 0, 0, 0, 0, 0, 1]), graph.real(1.0)])


def _divided(graph: GraphBuilder, sums: str, head: int) -> str:
    """Weighted sums [..., d + 1] divided by their last column."""
    weighted, total = graph.node_pair("Split", [sums, graph.constant([head, 1])], axis=-1)
    return graph.node("Div", [weighted, graph.node("Add", [total, graph.real(EPSILON)])])


def _before(norm: Place, layer: TransformerLayer, x: str) -> str:
    return layer_norm(norm, x) if layer.norm_first else x


def _after(norm: Place, layer: TransformerLayer, x: str, part: str) -> str:
    total = norm.graph.node("Add", [x, part])
    return total if layer.norm_first else layer_norm(norm, total)


def _last_norm(place: Place, transformer: Transformer, x: str) -> str:
    return x if isinstance(transformer.norm, torch.nn.Identity) else layer_norm(place / "norm", x)
