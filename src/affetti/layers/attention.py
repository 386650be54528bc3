"""What every kind of attention offers, so that a Transformer is written once for all of them.

Shapes: leading dimensions `...` (B pieces; or G groups and B pieces), T steps, S steps of another sequence, H heads,
d width of a head. A state or a memory is a flat tuple of tensors, so that it can cross the border of an ONNX graph.
"""

from typing import Protocol

from torch import Tensor

State = tuple[Tensor, ...]


class Attention(Protocol):
    """One kind of attention, without parameters: queries, keys and values come projected and split into heads."""

    state_tensors: int
    """How many tensors a state has."""

    def causal(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Every step attends to itself and to those before it, all steps at once; all [..., T, H, d] as the result."""
        ...

    def initial_state(self, keys: Tensor) -> State:
        """The state before the first step, for keys like `keys` [..., H, d]."""
        ...

    def step(self, state: State, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, State]:
        """One step of what `causal` does; all [..., H, d] as the result."""
        ...

    def remember(self, keys: Tensor, values: Tensor, mask: Tensor | None) -> State:
        """A whole sequence as a memory; [..., S, H, d] both, mask: bool [..., S], true where real (None: all)."""
        ...

    def read(self, memory: State, queries: Tensor) -> Tensor:
        """Every step attends to the whole memory; queries [..., T, H, d] as the result."""
        ...
