"""The losses of the VQ-VAE and of its prior.

Shapes: B pieces, T words, E = 7 elements, G codebooks, V values.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from affetti.muser.vqvae import VqvaeOutput
from affetti.tokens.elements import FIRST_VALUES


@dataclass(frozen=True)
class VqvaeLosses:
    """The parts of the loss, unweighted, and the weighted sum that is trained on."""

    total: Tensor
    reconstruction: Tensor
    """Cross-entropy of each element in nats, mean over real words, [E]."""

    commitment: Tensor
    divergence: Tensor


def vqvae_losses(
    output: VqvaeOutput,
    words: Tensor,
    mask: Tensor,
    *,
    commitment_weight: float,
    kl_weight: float,
    balanced: bool = False,
) -> VqvaeLosses:
    """The loss of one pass without the regulariser, which looks at the pieces of all processes: means over real words,
    of the elements' cross-entropies their mean.

    words: int64 [B, T, E]; mask: bool [B, T]; balanced: train on `balanced_cross_entropy` (what is reported stays).
    """
    columns = list(enumerate(output.logits))
    reconstruction = torch.stack([mean_cross_entropy(own, words[..., column], mask) for column, own in columns])
    trained_on = reconstruction
    if balanced:
        trained_on = torch.stack(
            [
                balanced_cross_entropy(own, words[..., column], mask, first_value=FIRST_VALUES[column])
                for column, own in columns
            ]
        )
    total = trained_on.mean() + commitment_weight * output.latents.commitment + kl_weight * output.latents.divergence
    return VqvaeLosses(total, reconstruction, output.latents.commitment, output.latents.divergence)


def mean_cross_entropy(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy in nats, mean over real steps; logits [B, T, V], targets int64 [B, T], mask bool [B, T]."""
    losses = functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    return (losses * mask.flatten()).sum() / mask.sum().clamp(min=1)


def balanced_cross_entropy(logits: Tensor, targets: Tensor, mask: Tensor, *, first_value: int) -> Tensor:
    """As `mean_cross_entropy`, but the mean of two: over the words in which the element says something, which is a
    value from `first_value` on, and over those in which it does not.

    One word in 25 has a tempo. In the mean over all words, what it is hardly counts.
    """
    speaks = targets >= first_value
    means = [mean_cross_entropy(logits, targets, mask & some) for some in (speaks, ~speaks)]
    return (means[0] + means[1]) / 2


def prior_loss(logits: tuple[Tensor, ...], codes: Tensor, mask: Tensor, ends: Tensor) -> Tensor:
    """Cross-entropy in nats of each codebook, mean over its steps, [G]; their sum is a step's.

    logits: what the prior gave; codes: int64 [B, T, G]; mask: bool [B, T], true where real; ends: bool [B], false for
    an excerpt that is cut before the piece's end, which teaches nothing about ends.
    """
    lengths = mask.sum(1)
    end = logits[0].shape[-1] - 1
    targets = functional.pad(codes[..., 0], (0, 1), value=end)
    steps = torch.arange(targets.shape[1], device=codes.device)
    targets = torch.where(steps == lengths[:, None], end, targets)
    counts = (steps < lengths[:, None]) | ((steps == lengths[:, None]) & ends[:, None])
    first = mean_cross_entropy(logits[0], targets, counts)
    others = (mean_cross_entropy(own, codes[..., book], mask) for book, own in enumerate(logits[1:], start=1))
    return torch.stack([first, *others])
