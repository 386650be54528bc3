"""Several small networks of one shape computed as one: their parameters are stacked, G groups along the first axis.

Shapes: G groups, any dimensions `...`, features last.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class GroupedLinear(nn.Module):
    """G linear maps side by side: [G, ..., in] to [G, ..., out]; weight [G, in, out], bias [G, out]."""

    def __init__(self, groups: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)  # as torch starts a Linear
        self.weight = nn.Parameter(torch.empty(groups, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(groups, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """[G, ..., in] to [G, ..., out]."""
        flat = torch.baddbmm(self.bias[:, None], x.flatten(1, -2), self.weight)
        return flat.view(*x.shape[:-1], flat.shape[-1])


class GroupedLayerNorm(nn.Module):
    """Layer normalisation with G sets of scales and shifts, [G, D] each."""

    def __init__(self, groups: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(groups, width))
        self.bias = nn.Parameter(torch.zeros(groups, width))

    def forward(self, x: Tensor) -> Tensor:
        """[G, ..., D] normalised over D."""
        groups, width = self.weight.shape
        shape = (groups, *(1,) * (x.ndim - 2), width)
        normalised = functional.layer_norm(x, (width,))
        weight, bias = (parameter.view(shape).to(x.dtype) for parameter in (self.weight, self.bias))
        return torch.addcmul(bias, normalised, weight)


def linear(groups: int | None, inputs: int, outputs: int) -> nn.Module:
    """One linear map, or one for each group."""
    return nn.Linear(inputs, outputs) if groups is None else GroupedLinear(groups, inputs, outputs)


def layer_norm(groups: int | None, width: int) -> nn.Module:
    """One layer normalisation, or one for each group."""
    return nn.LayerNorm(width) if groups is None else GroupedLayerNorm(groups, width)
