"""The regulariser of MusER: along each element's latent block, pieces are ordered as that element's values are.

Nothing here is about music: any sequences with several attributes a step can be tied to blocks of a latent sequence
(after the pairwise distances of AR-VAE, Pati and Lerch 2021, here at each step of sequences).

Shapes: B pieces, T steps, E elements, W numbers of an element's block.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from affetti.layers.transformer import AttentionKind, Transformer

SHARPNESS = 1.0
"""δ of the paper: how soon a difference of two reduced values counts as fully ordered."""


class BlockReduction(nn.Module):
    """Makes one number a step of every element's block.

    - "mean": the mean of the block's numbers (ablation of the paper).
    - "learned": a weighted sum at each step, its weights one set for each element, beginning as the mean (ours). It
      takes sequences of any length.
    - "transformer": the paper's. A block's sequence is seen as W rows of `width` steps, zero beyond its end; a
      Transformer of that width lets the rows attend to one another, and the first of them is the result. One
      Transformer serves all elements; the rows carry no positions. Sequences longer than `width` are refused.
    """

    def __init__(
        self,
        kind: Literal["transformer", "mean", "learned"],
        *,
        elements: int,
        block: int,
        width: int = 1024,
        layers: int = 4,
        heads: int = 8,
        feed_forward: int = 4096,
        attention: AttentionKind = "linear",
        dropout: float = 0.0,
        keeps_activations: bool = True,
    ) -> None:
        super().__init__()
        self.elements, self.block, self.width = elements, block, width
        self.weights = nn.Parameter(torch.full((elements, block), 1 / block)) if kind == "learned" else None
        self.rows = None
        if kind == "transformer":
            self.rows = Transformer(
                layers=layers,
                width=width,
                heads=heads,
                feed_forward=feed_forward,
                attention=attention,
                is_causal=False,
                dropout=dropout,
                keeps_activations=keeps_activations,
            )

    def forward(self, latents: Tensor) -> Tensor:
        """latents: [B, T, E·W], zero in padding; to [B, T, E]."""
        blocks: Tensor = latents.unflatten(-1, (self.elements, self.block))
        if self.weights is not None:
            return (blocks * self.weights).sum(-1)
        if self.rows is None:
            return blocks.mean(-1)
        batch, steps = latents.shape[:2]
        if steps > self.width:
            raise ValueError(f"the Transformer reduction takes {self.width} words at most, not {steps}")
        rows = blocks.permute(0, 2, 3, 1).flatten(0, 1)  # [B·E, W, T]
        reduced = self.rows(functional.pad(rows, (0, self.width - steps)))[:, 0, :steps]
        result: Tensor = reduced.view(batch, self.elements, steps).transpose(1, 2)
        return result


def order_loss(reduced: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """mean |tanh(δ (z_j - z_k)) - sign(a_j - a_k)| over steps and over the pairs of pieces j ≠ k that both have them.

    Args:
        reduced: z, a number for each step and element, [B, T, E].
        values: a, the elements' values, int64 [B, T, E].
        mask: bool [B, T], true where real.

    Returns:
        A loss for each element, each in [0, 2], shape [E]; 0 where there is no pair. A pair and its mirror image
        cost the same, so each is looked at once.
    """
    with torch.autocast(reduced.device.type, enabled=False):
        first, second = torch.triu_indices(len(reduced), len(reduced), 1, device=reduced.device)
        reduced = reduced.float()
        distances = torch.tanh(SHARPNESS * (reduced[first] - reduced[second]))  # [pairs, T, E]
        signs = torch.sign(values[first] - values[second])
        both = (mask[first] & mask[second]).unsqueeze(-1)
        total = ((distances - signs).abs() * both).sum((0, 1))
        return total / both.sum().clamp(min=1)
