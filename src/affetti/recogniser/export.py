"""Export of a recogniser: config.json, model.safetensors and one ONNX graph for each ear.

Trees are plain arrays and are walked by Gather, all at once, level by level: so they lie in model.safetensors like all
numbers of the other systems, and a graph needs no operator beyond the standard ones.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from safetensors.numpy import save

from affetti.analysis.features import Ear
from affetti.files import write_whole
from affetti.layers.onnx_graph import GraphBuilder, StoredNumbers
from affetti.recogniser.experts import CLIP, OUTPUTS, Floats, Forest, Linear
from affetti.recogniser.fitting import SIGNS, FittedEar
from affetti.runtime.recogniser_config import RecogniserConfig
from affetti.runtime.weights import NUMBERS, find_weights

Numbers = dict[str, NDArray[Any]]


def export_weights(folder: Path, config: RecogniserConfig, ears: Mapping[Ear, FittedEar]) -> str:
    """Write a weights folder; the SHA-256 that names it."""
    rounded = {ear: as_stored(fitted) for ear, fitted in ears.items()}
    numbers: Numbers = {}
    for ear, fitted in rounded.items():
        for expert in fitted.experts:
            numbers |= {f"{ear}.{name}": array for name, array in _arrays(expert).items()}
    data = save({name: np.ascontiguousarray(array) for name, array in sorted(numbers.items())})
    write_whole(folder / NUMBERS, data, force=True)
    stored = StoredNumbers(data)
    for ear, fitted in rounded.items():
        write_whole(folder / f"{ear}.onnx", _graph(stored, ear, fitted, len(config.features)), force=True)
    text = json.dumps(config.model_dump(mode="json"), indent=1) + "\n"
    write_whole(folder / "config.json", text.encode(), force=True)  # last: with it the folder is whole
    return find_weights(folder).sha256


def as_stored(fitted: FittedEar) -> FittedEar:
    """An ear with the numbers that its graph computes with."""
    return replace(fitted, experts=tuple(_rounded(expert) for expert in fitted.experts))


def _rounded(expert: Forest | Linear) -> Forest | Linear:
    if isinstance(expert, Forest):
        return replace(expert, values=_half(expert.values))
    return replace(expert, weights=_half(expert.weights), bias=_half(expert.bias))


def _half(array: Floats) -> Floats:
    return array.astype(np.float16).astype(np.float32)


def _arrays(expert: Forest | Linear) -> Numbers:
    """An expert's numbers as they are stored: float16 where that is exact or exact enough, else float32."""
    if isinstance(expert, Forest):
        return {
            "trees.roots": expert.roots.astype(np.float32),
            "trees.features": expert.features.astype(np.float16),
            "trees.thresholds": expert.thresholds,
            "trees.children": expert.children.astype(np.float16),
            "trees.values": expert.values.astype(np.float16),
        }
    return {
        "logistic.centre": expert.centre,
        "logistic.scale": expert.scale,
        "logistic.weights": expert.weights.astype(np.float16),
        "logistic.bias": expert.bias.astype(np.float16),
    }


def _graph(stored: StoredNumbers, ear: Ear, fitted: FittedEar, features: int) -> bytes:
    """features [B, F] -> probabilities [B, 4]."""
    graph = GraphBuilder(stored)
    graph.input("features", ["B", features])
    combined = []
    for expert in fitted.experts:
        if isinstance(expert, Forest):
            scores = _walk(graph, f"{ear}.trees", expert.depth)
        else:
            scores = _regress(graph, f"{ear}.logistic")
        combined.append(_combine(graph, scores))
    total = combined[0] if len(combined) == 1 else graph.node("Mean", combined)
    scaled = graph.node("Div", [total, graph.real(fitted.temperature)])
    graph.node("Softmax", [scaled], output="probabilities", axis=1)
    graph.output("probabilities", ["B", 4])
    return graph.serialised(f"recogniser_{ear}")


def _walk(graph: GraphBuilder, name: str, depth: int) -> str:
    """Scores [B, 6] of boosted trees."""

    def whole(part: str) -> str:
        return graph.node("Cast", [graph.parameter(f"{name}.{part}")], to=TensorProto.INT64)

    features, children = whole("features"), whole("children")
    thresholds, values = graph.parameter(f"{name}.thresholds"), graph.parameter(f"{name}.values")
    rows = graph.node("Shape", ["features"], end=1)
    nodes = graph.node("Expand", [whole("roots"), graph.node("Concat", [rows, graph.constant([1])], axis=0)])
    for _ in range(depth):
        asked = graph.node("GatherElements", ["features", graph.node("Gather", [features, nodes])], axis=1)
        above = graph.node("Greater", [asked, graph.node("Gather", [thresholds, nodes])])
        further = graph.node("Add", [nodes, graph.node("Gather", [children, nodes])])
        nodes = graph.node("Add", [further, graph.node("Cast", [above], to=TensorProto.INT64)])
    said = graph.reshaped(graph.node("Gather", [values, nodes]), [0, OUTPUTS, -1])
    return graph.node("ReduceSum", [said, graph.constant([2])], keepdims=0)


def _regress(graph: GraphBuilder, name: str) -> str:
    """Scores [B, 6] of the logistic regression."""
    centred = graph.node("Sub", ["features", graph.parameter(f"{name}.centre")])
    scaled = graph.node("Div", [centred, graph.parameter(f"{name}.scale")])
    clipped = graph.node("Clip", [scaled, graph.real(-CLIP), graph.real(CLIP)])
    inputs = [clipped, graph.parameter(f"{name}.weights"), graph.parameter(f"{name}.bias")]
    return graph.node("Gemm", inputs, transB=1)


def _combine(graph: GraphBuilder, scores: str) -> str:
    """Log-likelihoods [B, 4] of the quadrants from scores [B, 6] (fitting._combined)."""
    quadrants, valence, arousal = graph.nodes("Split", [scores, graph.constant([4, 1, 1])], 3, axis=1)
    parts = [graph.node("LogSoftmax", [quadrants], axis=1)]
    for score, axis, signs in ((valence, "valence", SIGNS[0]), (arousal, "arousal", SIGNS[1])):
        against = graph.node("Mul", [score, graph.reals(f"{axis}_against", (-signs).tolist())])
        parts.append(graph.node("Neg", [graph.node("Softplus", [against])]))
    return graph.node("Mul", [graph.node("Sum", parts), graph.real(0.5)])
