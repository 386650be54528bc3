"""Linear attention (Katharopoulos et al., 2020): the softmax replaced by φ(q)·φ(k) with φ(x) = elu(x) + 1.

The sum over keys can then be carried along as one matrix, so a causal Transformer is a recurrent network: training
sees all steps at once, composing carries a state of constant size. Both forms give the same numbers.

Such sums hardly tell what was just now from what was long ago. A decaying attention forgets: what is left of a
step in a head halves with every so many steps (as in Sun et al., "Retentive Network", 2023, here with the division by
the keys), in each head at another pace, and in one not at all. State and cost are the same.

Shapes: leading dimensions `...`, T steps, H heads, d width of a head, C steps of a chunk, N chunks of all rows.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from affetti.layers.attention import State

EPSILON = 1e-6
"""Added to the sum that an attention is divided by: with keys far below zero φ underflows."""

CHUNK = 64
"""Steps that are compared pair by pair; between chunks a summary is carried. Fastest of 32-128 on CPUs."""


_SHORTEST_HALF_LIFE, _LONGEST_HALF_LIFE = 2.0, 128.0
"""Steps: a chord's notes, and eight bars of a piano piece."""


class LinearAttention:
    """Attention whose state and memory are one tensor: Σ φ(k)ᵀ [v, 1] over the steps so far, [..., H, d, d + 1].

    The last column sums the keys alone, and is what attention is divided by.

    Args:
        decays: whether causal attention forgets, by `keep_rates`. A memory does not.
    """

    state_tensors = 1

    def __init__(self, *, decays: bool = False) -> None:
        self.decays = decays

    def causal(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Every step attends to itself and to those before it; all [..., T, H, d] as the result."""
        rows = [x.flatten(0, -4) for x in (queries, keys, values)]
        with torch.autocast(queries.device.type, enabled=False):  # which number is of which type is said there
            result: Tensor = _ChunkedCausal.apply(  # type: ignore[no-untyped-call]
                *rows, min(CHUNK, queries.shape[-3]), self.decays
            )
        return result.view(values.shape)

    def initial_state(self, keys: Tensor) -> State:
        """An empty sum for keys like `keys` [..., H, d]."""
        width = keys.shape[-1]
        return (keys.new_zeros(*keys.shape, width + 1),)

    def step(self, state: State, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, State]:
        """One step of what `causal` does; all [..., H, d] as the result."""
        (sums,) = state
        if self.decays:
            sums = sums * keep_rates(sums.shape[-3], sums.device).to(sums.dtype)[:, None, None]
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


def keep_rates(heads: int, device: torch.device | None = None) -> Tensor:
    """What is left of a sum after a step, for each head of a decaying attention: float64 [H], the first 1.

    Half-lives of the others are spread evenly between 2 and 128 steps on a scale of ratios.
    """
    ends = math.log(_LONGEST_HALF_LIFE), math.log(_SHORTEST_HALF_LIFE)
    half_lives = torch.linspace(*ends, heads - 1, dtype=torch.float64).exp()
    return torch.cat([torch.ones(1, dtype=torch.float64), 0.5 ** (1 / half_lives)]).to(device)


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


class _Fading(NamedTuple):
    """What is left of steps in chunks of C, for each of H heads; in the number format of the queries."""

    of_steps: Tensor
    """At each step of a chunk, of each step of it: [H, 1, C, C], 0 for later ones."""
    of_summary: Tensor
    """At each step of a chunk, of the summary that the chunk began with: [H, 1, C, 1]."""
    into_summary: Tensor
    """Of each step of a chunk, at its end: [H, 1, C, 1]."""
    by_chunk: Tensor
    """Of a summary, a chunk later: float64 [H, 1, 1]."""


def _fading(heads: int, chunk: int, like: Tensor) -> _Fading:
    logs = keep_rates(heads, like.device).log()[:, None, None, None]
    steps = torch.arange(chunk, device=like.device, dtype=torch.float64)[:, None]
    of_steps = (logs * (steps - steps.mT).clamp(min=0)).exp().tril()
    of_summary, into_summary = ((logs * gone).exp() for gone in (steps + 1, chunk - 1 - steps))
    return _Fading(
        of_steps.to(like.dtype), of_summary.to(like.dtype), into_summary.to(like.dtype), (logs * chunk).exp()[:, 0]
    )


class _ChunkedCausal(torch.autograd.Function):
    """Causal linear attention in chunks of C steps: T·C pairs and T/C summaries, never T x T.

    Written out with its gradient because that is 2.2 to 2.6 times faster than what autograd makes of it, and keeps no
    [C, C] matrices. Sums over chunks are carried in float32 at least, whatever the inputs are.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, chunk: int, decays: bool) -> Tensor:
        rows, steps, heads, width = queries.shape
        chunks = -(-steps // chunk)
        q, k, v = (_cut(x, chunks, chunk) for x in (_features(queries), _features(keys), values))
        fading = _fading(heads, chunk, q) if decays else None
        late_q, late_k = _late(q, k, chunks, fading)
        weights = _seen(q @ k.mT, chunks, fading)
        state = _sum_of_earlier(late_k.mT @ v, chunks, fading)
        key_sum = _sum_of_earlier(late_k.sum(1, dtype=_sum_type(k))[..., None], chunks, fading).to(k.dtype)
        total = weights.sum(-1, keepdim=True, dtype=_sum_type(q)).add_(late_q @ key_sum).add_(EPSILON)
        inverse = total.reciprocal_().to(q.dtype)
        result = (weights @ v).baddbmm_(late_q, state).mul_(inverse)
        ctx.save_for_backward(q, k, v, state, key_sum, inverse, result)
        ctx.shape, ctx.fading = (rows, steps, heads, width), fading
        return _joined(result, ctx.shape).contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        q, k, v, state, key_sum, inverse, result = ctx.saved_tensors
        fading: _Fading | None = ctx.fading
        chunks = -(-ctx.shape[1] // q.shape[1])
        gradient = _cut(gradient, chunks, q.shape[1])
        late_q, late_k = _late(q, k, chunks, fading)
        # result = weighted sum / total: the gradients of the two
        of_total = (gradient * result).sum(-1, keepdim=True, dtype=_sum_type(q)).mul_(inverse).neg_().to(q.dtype)
        of_sum = gradient.mul_(inverse)
        of_weights = _seen((of_sum @ v.mT).add_(of_total), chunks, fading)
        weights = _seen(q @ k.mT, chunks, fading)
        of_late_q = (of_sum @ state.mT).addcmul_(of_total, key_sum.mT)
        # what later chunks ask of the summary that this one contributes to
        of_state = _sum_of_later(late_q.mT @ of_sum, chunks, fading)
        of_key_sum = _sum_of_later(late_q.mT @ of_total, chunks, fading)
        of_late_k = (v @ of_state.mT).add_(of_key_sum.mT)
        of_v = (weights.mT @ of_sum).baddbmm_(late_k, of_state)
        if fading is not None:
            of_late_q, of_late_k = _late(of_late_q, of_late_k, chunks, fading)
        of_q = of_late_q.baddbmm_(of_weights, k).mul_(q.clamp(max=1))
        of_k = of_late_k.baddbmm_(of_weights.mT, q).mul_(k.clamp(max=1))
        return _joined(of_q, ctx.shape), _joined(of_k, ctx.shape), _joined(of_v, ctx.shape), None, None


def _late(q: Tensor, k: Tensor, chunks: int, fading: _Fading | None) -> tuple[Tensor, Tensor]:
    """Queries as they meet the summary of earlier chunks, and keys as they go into that of theirs; [N, C, d]."""
    if fading is None:
        return q, k
    return _times(q, fading.of_summary, chunks), _times(k, fading.into_summary, chunks)


def _seen(weights: Tensor, chunks: int, fading: _Fading | None) -> Tensor:
    """Weights [N, C, C] of pairs of steps without those of later ones, changed in place."""
    if fading is None:
        return weights.tril_()
    return _times(weights, fading.of_steps, chunks)


def _times(x: Tensor, factors: Tensor, chunks: int) -> Tensor:
    """x [R·H·chunks, C, w] times factors [H, 1, C, 1 or w]."""
    return (x.view(-1, len(factors), chunks, *x.shape[1:]) * factors).view(x.shape)


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


def _sum_of_earlier(x: Tensor, chunks: int, fading: _Fading | None) -> Tensor:
    """For each chunk the sum over the chunks before it in its row; x: [N, ...]."""
    parts = x.view(-1, chunks, *x.shape[1:]).to(_sum_type(x))
    return _sums(parts, fading).to(x.dtype).flatten(0, 1)


def _sum_of_later(x: Tensor, chunks: int, fading: _Fading | None) -> Tensor:
    """For each chunk the sum over the chunks after it in its row; x: [N, ...]."""
    parts = x.view(-1, chunks, *x.shape[1:]).flip(1).to(_sum_type(x))
    return _sums(parts, fading).flip(1).to(x.dtype).flatten(0, 1)


def _sums(parts: Tensor, fading: _Fading | None) -> Tensor:
    """For each chunk the sum over those before it, faded; parts: [R·H, chunks, ...]."""
    sums = torch.zeros_like(parts)
    if fading is None:  # not cumsum - parts, which leaves a rounding error of the present chunk
        torch.cumsum(parts[:, :-1], 1, out=sums[:, 1:])
        return sums
    by_chunk = fading.by_chunk.to(parts.dtype).repeat(len(parts) // len(fading.by_chunk), 1, 1)
    for chunk in range(1, parts.shape[1]):
        torch.addcmul(parts[:, chunk - 1], sums[:, chunk - 1], by_chunk, out=sums[:, chunk])
    return sums
