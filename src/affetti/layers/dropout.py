"""Dropout that is not the slowest part of a training step on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_BYTE = 256
_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Of the size of a float, in bytes."""


class ByteDropout(nn.Module):
    """Dropout whose mask is drawn eight elements a random number and applied to bits, on CPUs; elsewhere torch's own.

    torch draws a number an element, on one thread: for 7,168 x 1,024 elements as long as four matrix products of 256 x
    1,024 with them in bfloat16, and seven times as long as this. A probability is rounded to the next 1/256 (0.1 to
    0.1016; at least one), and what is kept is scaled to match.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0 <= probability < 1:
            raise ValueError(f"a dropout probability is at least 0 and below 1, not {probability}")
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """x, in training with a share of its elements set to zero."""
        if not self.training or self.probability == 0:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.probability)
        dropped = min(max(round(self.probability * _BYTE), 1), _BYTE - 1)
        result: Tensor = _MaskedScale.apply(x, dropped)  # type: ignore[no-untyped-call]
        return result

    def extra_repr(self) -> str:
        """The probability, for printing a network."""
        return f"probability={self.probability}"


class _MaskedScale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dropped: int) -> Tensor:
        """Drop each element with probability dropped / 256."""
        numbers = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        drawn = numbers.view(torch.uint8)[: x.numel()].view(x.shape)
        # All bits set where a byte is `dropped` or more, none below, in place. Booleans would take four times as long.
        kept = drawn.clamp_(min=dropped - 1).sub_(dropped - 1).clamp_(max=1).neg_().view(torch.int8)
        ctx.save_for_backward(kept)
        ctx.scale = _BYTE / (_BYTE - dropped)
        return _scaled(x, kept, ctx.scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (kept,) = ctx.saved_tensors
        return _scaled(gradient, kept, ctx.scale), None


def _scaled(x: Tensor, kept: Tensor, scale: float) -> Tensor:
    bits = _INTEGERS[x.element_size()]
    return kept.to(bits).bitwise_and_(x.view(bits)).view(x.dtype).mul_(scale)
