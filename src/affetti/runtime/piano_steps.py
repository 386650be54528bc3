"""The piano networks one step at a time: what composing asks of them, and its answer by ONNX Runtime.

Composing is written against the three protocols here, so that the networks in torch (`affetti.muser.torch_backend`) can
stand in for the graphs with the same sampler and the same seeds.

Rows do not touch each other: on the processors tried ONNX Runtime gives a row the same bits whatever stands beside it,
1 row or 97, and on any number of threads; tests hold it to that. So a batch may be of any size and may shrink.

Shapes: B rows (pieces), S steps, E = 7 elements, G codebooks of K codes, L latent numbers.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from affetti.runtime.piano_config import OTHERS
from affetti.runtime.weights import Graph, PianoWeights
from affetti.tokens.elements import ELEMENTS, Integers

Floats = NDArray[np.float32]


class PriorSteps(Protocol):
    """The prior at work on B pieces, all at the same step."""

    def feel(self, emotions: Floats) -> None:
        """Let every row hear these emotions [B, 5] from the next step on."""
        ...

    def adopt(self, row: int, other: Self, other_row: int) -> None:
        """Let one row go on from where a row of another prior, of the same network, has come to."""
        ...

    def step(self, previous: Integers) -> Floats:
        """After the codes [B, G] of the step before (anything at first): logits of the first codebook, [B, K + 1], the
        last of which is the end.
        """
        ...

    def book(self, chosen: Integers) -> Floats:
        """After the codes [B, g] that were chosen at this step: logits of the next codebook, [B, K]."""
        ...


class DecoderSteps(Protocol):
    """The decoder at work on B pieces, all at the same word."""

    def feel(self, emotions: Floats) -> None:
        """Let every row hear these emotions [B, 5] from the next word on."""
        ...

    def remember(self, row: int, latents: Floats) -> None:
        """Let one row see this whole sequence of latents [S, L] from now on."""
        ...

    def types(self, previous: Integers, latents: Floats) -> Floats:
        """Logits of a word's type [B, 4], after the word before [B, E] (zeros at first); latents: its own, [B, L]."""
        ...

    def elements(self, types: Integers) -> list[Floats]:
        """With the types [B] that were drawn: logits of the other elements [B, size], in the order of OTHERS."""
        ...

    def keep(self, rows: Integers) -> None:
        """Go on with these rows alone."""
        ...


class PianoSteps(Protocol):
    """Both networks; emotions are weights [B, 5], see `emotion_weights`."""

    def prior(self, emotions: Floats) -> PriorSteps:
        """Begin to compose codes."""
        ...

    def decoder(self, emotions: Floats) -> DecoderSteps:
        """Begin to write words."""
        ...


class Sessions:
    """The networks as ONNX Runtime sessions. Raises InputError for a damaged folder once a graph is used.

    threads: of each session. Two are much slower than one where something else wants the cores.
    """

    def __init__(self, weights: PianoWeights, *, threads: int = 1) -> None:
        self.weights, self.threads = weights, threads
        self.graphs: dict[str, Graph] = {}

    def prior(self, emotions: Floats) -> PriorSteps:
        """Begin to compose codes."""
        books = [self._graph(name) for name in self.weights.config.graphs if name.startswith("prior_book_")]
        return _PriorSessions(self._graph("prior_step"), books, emotions)

    def decoder(self, emotions: Floats) -> DecoderSteps:
        """Begin to write words."""
        prepare = self._graph("decoder_prepare") if self.weights.config.model.has_memory else None
        return _DecoderSessions(
            prepare, self._graph("decoder_type_step"), self._graph("decoder_element_step"), emotions
        )

    @cached_property
    def encoder(self) -> Graph:
        """Words to codes."""
        return self._graph("encoder")

    def _graph(self, name: str) -> Graph:
        if name not in self.graphs:
            self.graphs[name] = self.weights.graph(name, threads=self.threads)
        return self.graphs[name]


class _Bound:
    """A graph with inputs and outputs in arrays of its own, which it reads and writes without copying.

    States (inputs x with an output next_x) have two arrays each, which take turns. shared: arrays of another graph that
    are to be inputs of this one.
    """

    def __init__(self, graph: Graph, rows: int, shared: Mapping[str, NDArray[Any]] | None = None) -> None:
        self.graph, self.turn = graph, 0
        inputs = {value.name: _array(value, rows) for value in graph.session.get_inputs()} | dict(shared or {})
        outputs = {value.name: _array(value, rows) for value in graph.session.get_outputs()}
        self.states = {
            name: (inputs.pop(name), outputs.pop(f"next_{name}")) for name in list(inputs) if f"next_{name}" in outputs
        }
        self.inputs, self.outputs = inputs, outputs
        self.bindings = [self._binding(turn) for turn in (0, 1)]

    def _binding(self, turn: int) -> Any:
        binding = self.graph.session.io_binding()
        read = self.inputs | {name: arrays[turn] for name, arrays in self.states.items()}
        written = self.outputs | {f"next_{name}": arrays[1 - turn] for name, arrays in self.states.items()}
        for bind, arrays in ((binding.bind_input, read), (binding.bind_output, written)):
            for name, array in arrays.items():
                bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        return binding

    def run(self) -> dict[str, NDArray[Any]]:
        """One step; its outputs, which the next step overwrites."""
        try:
            self.graph.session.run_with_iobinding(self.bindings[self.turn])
        except Exception as error:  # onnxruntime raises many kinds, all of which mean a bad folder here
            raise self.graph.failure(error) from error
        self.turn = 1 - self.turn
        return self.outputs

    def adopt(self, row: int, other: "_Bound", other_row: int) -> None:
        """Put the states of a row of another run of this graph in the place of those of one row."""
        for name, arrays in self.states.items():
            arrays[self.turn][row] = other.states[name][other.turn][other_row]

    def kept(self, rows: Integers, shared: Mapping[str, NDArray[Any]] | None = None) -> "_Bound":
        """The same at the same step with these rows alone."""
        fewer = _Bound(self.graph, len(rows), shared)
        for name, arrays in self.states.items():
            fewer.states[name][0][:] = arrays[self.turn][rows]
        for name, array in self.inputs.items():
            if name not in (shared or {}):
                fewer.inputs[name][...] = array[rows] if array.ndim else array
        return fewer


class _PriorSessions:
    def __init__(self, step: Graph, books: list[Graph], emotions: Floats) -> None:
        self.bound, self.books = _Bound(step, len(emotions)), books
        self.hidden: NDArray[Any] = self.bound.outputs["hidden"]
        self.feel(emotions)

    def feel(self, emotions: Floats) -> None:
        self.bound.inputs["emotions"][:] = emotions

    def adopt(self, row: int, other: Self, other_row: int) -> None:
        self.bound.adopt(row, other.bound, other_row)
        self.hidden[row] = other.hidden[other_row]

    def step(self, previous: Integers) -> Floats:
        inputs = self.bound.inputs
        inputs["previous"][:] = previous
        logits: Floats = self.bound.run()["logits"]
        inputs["position"][...] += 1
        return logits

    def book(self, chosen: Integers) -> Floats:
        graph = self.books[chosen.shape[1] - 1]
        logits: Floats
        (logits,) = graph.run(["logits"], {"hidden": self.hidden, "chosen": chosen})
        return logits


class _DecoderSessions:
    def __init__(self, prepare: Graph | None, type_step: Graph, element_step: Graph, emotions: Floats) -> None:
        self.prepare = prepare
        self.type_step = _Bound(type_step, len(emotions))
        self.element_step = _Bound(element_step, len(emotions), _handed_on(self.type_step, element_step))
        self.feel(emotions)

    def feel(self, emotions: Floats) -> None:
        self.type_step.inputs["emotions"][:] = emotions

    def remember(self, row: int, latents: Floats) -> None:
        if self.prepare is None:
            return
        names = [value.name for value in self.prepare.session.get_outputs()]
        inputs = {"latents": latents[None], "mask": np.ones((1, len(latents)), np.float32)}
        for name, memory in zip(names, self.prepare.run(names, inputs), strict=True):
            self.type_step.inputs[name][row] = memory[0]

    def types(self, previous: Integers, latents: Floats) -> Floats:
        inputs = self.type_step.inputs
        inputs["previous"][:] = previous
        inputs["latent"][:] = latents
        logits: Floats = self.type_step.run()["logits"]
        inputs["position"][...] += 1
        return logits

    def elements(self, types: Integers) -> list[Floats]:
        self.element_step.inputs["types"][:] = types
        outputs = self.element_step.run()
        return [outputs[f"{ELEMENTS[column].name}_logits"] for column in OTHERS]

    def keep(self, rows: Integers) -> None:
        self.type_step = self.type_step.kept(rows)
        shared = _handed_on(self.type_step, self.element_step.graph)
        self.element_step = self.element_step.kept(rows, shared)


def _handed_on(type_step: _Bound, element_step: Graph) -> dict[str, NDArray[Any]]:
    """What the second graph of a word reads where the first has it."""
    has = {"hidden": type_step.outputs["hidden"], "latent": type_step.inputs["latent"]}
    return {value.name: has[value.name] for value in element_step.session.get_inputs() if value.name in has}


def _array(value: Any, rows: int) -> NDArray[Any]:
    """Zeros for an input or output of a graph."""
    shape = [rows if size == "B" else size for size in value.shape]
    return np.zeros(shape, np.int64 if value.type == "tensor(int64)" else np.float32)
