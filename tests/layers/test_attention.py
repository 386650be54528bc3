"""Both kinds of attention against their definitions, and their forms against each other."""

import math

import pytest
import torch

from affetti.layers.attention import Attention
from affetti.layers.linear_attention import CHUNK, EPSILON, LinearAttention, feature_map, keep_rates
from affetti.layers.softmax_attention import SoftmaxAttention

LINEAR = [LinearAttention(), LinearAttention(decays=True)]
KINDS = [*LINEAR, SoftmaxAttention()]


def queries_keys_values(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator, dtype=dtype) for _ in range(3)]


def defined(kind: Attention, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Attention written as weights of all pairs; [..., T, H, d], seen: bool [..., T, S]."""
    q, k, v = (x.transpose(-3, -2) for x in (q, k, v))
    if isinstance(kind, SoftmaxAttention):
        weights = (q @ k.mT / math.sqrt(q.shape[-1])).exp() * seen.unsqueeze(-3)
        return (weights @ v / weights.sum(-1, keepdim=True)).transpose(-3, -2)
    weights = (torch.nn.functional.elu(q) + 1) @ (torch.nn.functional.elu(k) + 1).mT * seen.unsqueeze(-3)
    if isinstance(kind, LinearAttention) and kind.decays and q.shape[-2] == k.shape[-2]:
        gone = torch.arange(q.shape[-2])[:, None] - torch.arange(k.shape[-2])
        weights = weights * keep_rates(q.shape[-3])[:, None, None].to(q.dtype) ** gone
    return (weights @ v / (weights.sum(-1, keepdim=True) + EPSILON)).transpose(-3, -2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [1, CHUNK - 1, CHUNK, 2 * CHUNK, 2 * CHUNK + 7])
def test_causal_attention_is_the_definition_at_any_length(kind: Attention, steps: int) -> None:
    q, k, v = queries_keys_values(2, steps, 2, 8)
    expected = defined(kind, q, k, v, torch.ones(steps, steps, dtype=torch.bool).tril())
    torch.testing.assert_close(kind.causal(q, k, v), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_the_causal_attention(kind: Attention) -> None:
    q, k, v = queries_keys_values(3, 2, 2 * CHUNK + 5, 2, 4)  # with groups: two leading dimensions
    at_once = kind.causal(q, k, v)
    state = kind.initial_state(k[..., 0, :, :])
    assert len(state) == kind.state_tensors
    for step in range(q.shape[-3]):
        result, state = kind.step(state, *(x[..., step, :, :] for x in (q, k, v)))
        torch.testing.assert_close(result, at_once[..., step, :, :], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_memory_is_read_as_the_definition_and_padding_is_left_out(kind: Attention) -> None:
    q, _, _ = queries_keys_values(2, 5, 2, 4)
    _, k, v = queries_keys_values(2, 9, 2, 4, seed=1)
    mask = torch.arange(9) < torch.tensor([[9], [4]])
    expected = defined(kind, q, k, v, mask[:, None])
    torch.testing.assert_close(kind.read(kind.remember(k, v, mask), q), expected, atol=1e-5, rtol=1e-5)
    shorter = kind.read(kind.remember(k[1:, :4], v[1:, :4], None), q[1:])
    torch.testing.assert_close(shorter, expected[1:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", LINEAR)
@pytest.mark.parametrize("steps", [5, 2 * CHUNK + 3])
def test_the_written_out_gradient_of_causal_linear_attention(kind: LinearAttention, steps: int) -> None:
    inputs = [x.requires_grad_() for x in queries_keys_values(2, steps, 2, 3, dtype=torch.float64)]
    weight = queries_keys_values(2, steps, 2, 3, seed=5, dtype=torch.float64)[0]
    expected = torch.autograd.grad(
        (defined(kind, *inputs, torch.ones(steps, steps, dtype=torch.bool).tril()) * weight).sum(), inputs
    )
    for gradient, wanted in zip(
        torch.autograd.grad((kind.causal(*inputs) * weight).sum(), inputs), expected, strict=True
    ):
        torch.testing.assert_close(gradient, wanted, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_causality_by_gradient(kind: Attention) -> None:
    inputs = [x.requires_grad_() for x in queries_keys_values(1, 2 * CHUNK + 2, 1, 4)]
    step = CHUNK + 10
    kind.causal(*inputs)[0, step].sum().backward()
    for name, x in zip(("queries", "keys", "values"), inputs, strict=True):
        assert x.grad is not None
        reached = x.grad[0].abs().sum((1, 2)) > 0
        assert not reached[step + 1 :].any()
        assert reached[step]
        assert name == "queries" or reached[:step].all()


def test_heads_forget_at_their_own_pace_and_the_first_not_at_all() -> None:
    rates = keep_rates(6)
    assert rates[0] == 1
    torch.testing.assert_close(rates[[1, -1]], 0.5 ** (1 / torch.tensor([128, 2.0], dtype=torch.float64)))
    assert (rates.diff() < 0).all()
    assert [len(keep_rates(heads)) for heads in (1, 2, 8)] == [1, 2, 8]


@pytest.mark.parametrize("kind", LINEAR)
def test_what_comes_later_changes_no_bit_of_what_was(kind: LinearAttention) -> None:
    q, k, v = queries_keys_values(1, 3 * CHUNK, 2, 4)
    before = kind.causal(q, k, v)
    for x in (q, k, v):
        x[:, CHUNK + 1 :] += 100
    torch.testing.assert_close(kind.causal(q, k, v)[:, : CHUNK + 1], before[:, : CHUNK + 1], rtol=0, atol=0)


def test_the_feature_map_and_its_gradient() -> None:
    x = torch.tensor([-80.0, -3.0, -1e-3, 0.0, 1e-3, 2.0, 50.0], dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(feature_map(x), torch.nn.functional.elu(x) + 1)
    (gradient,) = torch.autograd.grad(feature_map(x).sum(), x)
    torch.testing.assert_close(gradient, torch.where(x > 0, 1.0, x.exp()))


@pytest.mark.parametrize("kind", LINEAR)
def test_bfloat16_stays_near_float32_over_long_sequences(kind: LinearAttention) -> None:
    q, k, v = queries_keys_values(1, 2048, 2, 16)
    exact = kind.causal(q, k, v)
    rounded = kind.causal(*(x.bfloat16() for x in (q, k, v))).float()
    assert (rounded - exact).abs().max() < 0.03  # values are about 1: eight bits of each number
    assert torch.isfinite(kind.causal(q * 0 - 200, k * 0 - 200, v)).all()  # φ underflows to 0
