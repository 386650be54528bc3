"""Where a step is, as sines: no table, so a sequence has no greatest length."""

import math

import torch
from torch import Tensor


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """Sines and cosines of the positions (integers, [...]) at wavelengths from 2π to 20,000π steps: [..., width].

    The first half are sines, the second cosines (Vaswani et al., 2017, interleave them, which is the same to a
    network). Float32; width is even.
    """
    angles = positions[..., None] * frequencies(width, positions.device)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def frequencies(width: int, device: torch.device | None = None) -> Tensor:
    """Radians a step of the `width` / 2 sines, from 1 down to about 1 / 10,000; float32. Raises ValueError for an odd
    width.
    """
    if width % 2:
        raise ValueError(f"positions take an even width, not {width}")
    exponents = torch.arange(0, width, 2, device=device, dtype=torch.float32) / width
    return torch.exp(-math.log(10_000) * exponents)


def with_positions(x: Tensor, positions: Tensor) -> Tensor:
    """x [..., D] with the sines of its positions (integers, [...]) added, in the number format of x."""
    return x + sinusoids(positions, x.shape[-1]).to(x.dtype)
