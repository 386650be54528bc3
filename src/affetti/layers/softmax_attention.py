"""Softmax attention behind the same interface: exact attention, whose state grows with every step.

Shapes: leading dimensions `...`, T steps, H heads, d width of a head.
"""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from affetti.layers.attention import State


class SoftmaxAttention:
    """Attention whose state is the keys and values so far, [..., t, H, d] each, and whose memory also has the mask.

    A sequence to attend to must have one real step at least.
    """

    state_tensors = 2

    def causal(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Every step attends to itself and to those before it; all [..., T, H, d] as the result."""
        return _attention(queries, keys, values, is_causal=True)

    def initial_state(self, keys: Tensor) -> State:
        """Nothing yet, for keys like `keys` [..., H, d]."""
        empty = keys.new_zeros(*keys.shape[:-2], 0, *keys.shape[-2:])
        return empty, empty

    def step(self, state: State, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, State]:
        """One step of what `causal` does; all [..., H, d] as the result."""
        keys = torch.cat([state[0], key.unsqueeze(-3)], dim=-3)
        values = torch.cat([state[1], value.unsqueeze(-3)], dim=-3)
        return _attention(query.unsqueeze(-3), keys, values).squeeze(-3), (keys, values)

    def remember(self, keys: Tensor, values: Tensor, mask: Tensor | None) -> State:
        """The sequence itself; [..., S, H, d] both, mask: bool [..., S], true where real (None: all)."""
        if mask is None:
            mask = keys.new_ones(keys.shape[:-2], dtype=torch.bool)
        return keys, values, mask

    def read(self, memory: State, queries: Tensor) -> Tensor:
        """Every step attends to the whole memory; queries [..., T, H, d] as the result."""
        keys, values, mask = memory
        return _attention(queries, keys, values, mask=mask[..., None, None, :])


def _attention(
    queries: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None = None, is_causal: bool = False
) -> Tensor:
    """[..., T, H, d] as the result; mask: bool, like [..., H, T, S]."""
    # torch's fast kernels take one leading dimension only
    q, k, v = (x.flatten(0, -4).transpose(1, 2) for x in (queries, keys, values))
    if mask is not None:
        mask = mask.expand(*queries.shape[:-3], 1, 1, -1).flatten(0, -4)
    result = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=is_causal)
    return result.transpose(1, 2).reshape(queries.shape)
