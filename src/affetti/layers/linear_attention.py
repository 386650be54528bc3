"""Linear attention (Katharopoulos et al., 2020): the softmax replaced by φ(q)·φ(k) with φ(x) = elu(x) + 1.

The sum over keys can then be carried along as one matrix, so a causal Transformer is a recurrent network: training
sees all steps at once, composing carries a state of constant size. Both forms give the same numbers.

Shapes: leading dimensions `...`, T steps, H heads, d width of a head, C steps of a chunk, N chunks of all rows.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from affetti.layers.attention import State

EPSILON = 1e-6
"""Added to the sum that an attention is divided by: with keys far below zero φ underflows."""

CHUNK = 64
"""Steps that are compared pair by pair; between chunks a summary is carried. Fastest of 32-128 on CPUs."""


class LinearAttention:
    """Attention whose state and memory are one tensor: Σ φ(k)ᵀ [v, 1] over the steps so far, [..., H, d, d + 1].

    The last column sums the keys alone, and is what attention is divided by.
    """

    state_tensors = 1

    def causal(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Every step attends to itself and to those before it; all [..., T, H, d] as the result."""
        rows = [x.flatten(0, -4) for x in (queries, keys, values)]
        with torch.autocast(queries.device.type, enabled=False):  # which number is of which type is said there
            result: Tensor = _ChunkedCausal.apply(*rows, min(CHUNK, queries.shape[-3]))  # type: ignore[no-untyped-call]
        return result.view(values.shape)

    def initial_state(self, keys: Tensor) -> State:
        """An empty sum for keys like `keys` [..., H, d]."""
        width = keys.shape[-1]
        return (keys.new_zeros(*keys.shape, width + 1),)

    def step(self, state: State, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, State]:
        """One step of what `causal` does; all [..., H, d] as the result."""
        (sums,) = state
        sums = sums + feature_map(key)[..., None] * _with_one(value)[..., None, :]
        return _divided((feature_map(query)[..., None, :] @ sums).squeeze(-2)), (sums,)

    def remember(self, keys: Tensor, values: Tensor, mask: Tensor | None) -> State:
        """The sum over a whole sequence; [..., S, H, d] both, mask: bool [..., S], true where real (None: all)."""
        features = feature_map(keys)
        if mask is not None:
            features = features * mask[..., None, None].to(features.dtype)
        return (features.movedim(-3, -1) @ _with_one(values).transpose(-3, -2),)

    def read(self, memory: State, queries: Tensor) -> Tensor:
        """Every step attends to the whole memory; queries [..., T, H, d] as the result."""
        (sums,) = memory
        return _divided(feature_map(queries).transpose(-3, -2) @ sums).transpose(-3, -2)


def feature_map(x: Tensor) -> Tensor:
    """φ(x) = elu(x) + 1, which is exp(x) below zero and x + 1 above it, precise for every float type."""
    result: Tensor = _FeatureMap.apply(x)  # type: ignore[no-untyped-call]
    return result


def _with_one(values: Tensor) -> Tensor:
    return functional.pad(values, (0, 1), value=1.0)


def _divided(sums: Tensor) -> Tensor:
    """Weighted sums [..., d + 1] divided by their last column."""
    return sums[..., :-1] / (sums[..., -1:] + EPSILON)


def _features(x: Tensor) -> Tensor:
    # Not elu(x) + 1: what elu leaves near -1 is lost to rounding in bfloat16.
    return x.clamp(max=0).exp_().add_(x.clamp(min=0))


class _FeatureMap(torch.autograd.Function):
    """φ, keeping only its result for the way back: φ'(x) = min(φ(x), 1)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        features = _features(x)
        ctx.save_for_backward(features)
        return features

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        slope: Tensor = features.clamp(max=1)
        return gradient * slope


class _ChunkedCausal(torch.autograd.Function):
    """Causal linear attention in chunks of C steps: T·C pairs and T/C summaries, never T x T.

    Written out with its gradient because that is 2.2 to 2.6 times faster than what autograd makes of it, and keeps no
    [C, C] matrices. Sums over chunks are carried in float32 at least, whatever the inputs are.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, chunk: int) -> Tensor:
        rows, steps, heads, width = queries.shape
        chunks = -(-steps // chunk)
        q, k, v = (_cut(x, chunks, chunk) for x in (_features(queries), _features(keys), values))
        weights = (q @ k.mT).tril_()
        state = _sum_of_earlier(k.mT @ v, chunks)
        key_sum = _sum_of_earlier(k.sum(1, dtype=_sum_type(k))[..., None], chunks).to(k.dtype)
        total = weights.sum(-1, keepdim=True, dtype=_sum_type(q)).add_(q @ key_sum).add_(EPSILON)
        inverse = total.reciprocal_().to(q.dtype)
        result = (weights @ v).baddbmm_(q, state).mul_(inverse)
        ctx.save_for_backward(q, k, v, state, key_sum, inverse, result)
        ctx.shape = (rows, steps, heads, width)
        return _joined(result, ctx.shape).contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, state, key_sum, inverse, result = ctx.saved_tensors
        chunks = -(-ctx.shape[1] // q.shape[1])
        gradient = _cut(gradient, chunks, q.shape[1])
        # result = weighted sum / total: the gradients of the two
        of_total = (gradient * result).sum(-1, keepdim=True, dtype=_sum_type(q)).mul_(inverse).neg_().to(q.dtype)
        of_sum = gradient.mul_(inverse)
        of_weights = (of_sum @ v.mT).add_(of_total).tril_()
        weights = (q @ k.mT).tril_()
        of_q = (of_weights @ k).baddbmm_(of_sum, state.mT).addcmul_(of_total, key_sum.mT)
        # what later chunks ask of the summary that this one contributes to
        of_state = _sum_of_later(q.mT @ of_sum, chunks)
        of_key_sum = _sum_of_later(q.mT @ of_total, chunks)
        of_k = (of_weights.mT @ q).baddbmm_(v, of_state.mT).add_(of_key_sum.mT)
        of_v = (weights.mT @ of_sum).baddbmm_(k, of_state)
        of_q.mul_(q.clamp(max=1))
        of_k.mul_(k.clamp(max=1))
        return _joined(of_q, ctx.shape), _joined(of_k, ctx.shape), _joined(of_v, ctx.shape), None


def _cut(x: Tensor, chunks: int, chunk: int) -> Tensor:
    """[R, T, H, d] as chunks [R·H·chunks, C, d], steps beyond T zero."""
    rows, steps, heads, width = x.shape
    cut = x.new_empty(rows, heads, chunks * chunk, width)
    cut[:, :, :steps] = x.transpose(1, 2)
    cut[:, :, steps:] = 0
    return cut.view(rows * heads * chunks, chunk, width)


def _joined(cut: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    rows, steps, heads, width = shape
    return cut.view(rows, heads, -1, width)[:, :, :steps].transpose(1, 2)


def _sum_type(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _sum_of_earlier(x: Tensor, chunks: int) -> Tensor:
    """For each chunk the sum over the chunks before it in its row; x: [N, ...]."""
    parts = x.view(-1, chunks, *x.shape[1:]).to(_sum_type(x))
    sums = torch.zeros_like(parts)  # not cumsum - parts, which leaves a rounding error of the present chunk
    torch.cumsum(parts[:, :-1], 1, out=sums[:, 1:])
    return sums.to(x.dtype).flatten(0, 1)


def _sum_of_later(x: Tensor, chunks: int) -> Tensor:
    """For each chunk the sum over the chunks after it in its row; x: [N, ...]."""
    parts = x.view(-1, chunks, *x.shape[1:]).flip(1).to(_sum_type(x))
    return _sum_of_earlier(parts.flatten(0, 1), chunks).view(parts.shape).flip(1).to(x.dtype).flatten(0, 1)
