"""Dropout and positions."""

import math

import pytest
import torch

from affetti.layers.dropout import ByteDropout
from affetti.layers.positions import sinusoids, with_positions


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_dropout_drops_its_share_and_keeps_the_mean(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    dropout, x = ByteDropout(0.1), torch.ones(300, 333, dtype=dtype, requires_grad=True)
    result = dropout(x)
    dropped = result == 0
    assert abs(dropped.float().mean().item() - 26 / 256) < 4 * math.sqrt(0.1 * 0.9 / x.numel())
    torch.testing.assert_close(result[~dropped], torch.full_like(result[~dropped], 256 / 230))
    result.sum().backward()
    torch.testing.assert_close(x.grad, result.detach())  # the gradient passes where the number did


def test_dropout_keeps_every_bit_of_what_it_keeps_and_is_seeded() -> None:
    dropout, x = ByteDropout(0.5), torch.randn(7, 9, 11)
    torch.manual_seed(3)
    first = dropout(x)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(x))
    assert torch.equal(first[first != 0], 2 * x[first != 0])
    torch.testing.assert_close(dropout(x.transpose(0, 2)).shape, x.transpose(0, 2).shape)


def test_dropout_does_nothing_in_evaluation_or_at_zero() -> None:
    x = torch.randn(5, 5)
    assert ByteDropout(0.5).eval()(x) is x
    assert ByteDropout(0.0)(x) is x
    with pytest.raises(ValueError, match="probability"):
        ByteDropout(1.0)


def test_dropout_is_without_pattern_along_any_axis() -> None:
    torch.manual_seed(0)
    kept = (ByteDropout(0.25)(torch.ones(512, 512)) != 0).double()
    for axis in (0, 1):
        shares = kept.mean(axis)
        assert abs(shares.std().item() / math.sqrt(0.25 * 0.75 / 512) - 1) < 0.15
        following = torch.corrcoef(
            torch.stack([kept.narrow(axis, 0, 511).flatten(), kept.narrow(axis, 1, 511).flatten()])
        )
        assert abs(following[0, 1].item()) < 0.01


def test_positions_by_their_definition() -> None:
    table = sinusoids(torch.tensor([[0, 1], [7, 10_000]]), 6)
    assert table.shape == (2, 2, 6)
    assert table[0, 0].tolist() == [0, 0, 0, 1, 1, 1]
    for column, wavelength in enumerate(10_000 ** (torch.arange(3) / 3)):
        assert table[1, 0, column].item() == pytest.approx(math.sin(7 / wavelength), abs=1e-6)
        assert table[1, 0, 3 + column].item() == pytest.approx(math.cos(7 / wavelength), abs=1e-6)
    assert with_positions(torch.zeros(2, 2, 6, dtype=torch.bfloat16), torch.zeros(2, 2)).dtype == torch.bfloat16
    with pytest.raises(ValueError, match="even"):
        sinusoids(torch.arange(3), 5)
