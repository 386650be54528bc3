"""A vector quantiser whose codes follow the vectors given to them by a moving average (van den Oord et al., 2017).

Own code, because vector-quantize-pytorch 1.32 refuses a padding mask together with several codebooks, compares
distances in bfloat16 under CPU autocast (a hundredth of the codes come out different), and moves dead codes by a draw
that depends on the number of processes; it would bring five packages for this one file.

Shapes: B pieces, T steps, G codebooks beside each other, K codes of a codebook, W width of a code.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional


class Quantized(NamedTuple):
    """What quantising gives."""

    vectors: Tensor
    """Codes in place of the vectors, with the straight-through gradient; float32 [B, T, G·W], zero in padding and in
    blocks that say nothing."""

    codes: Tensor
    """Numbers of the codes; int64 [B, T, G], zero likewise."""

    commitment: Tensor
    """Mean square distance of the real vectors to their codes, which pulls the vectors; a scalar. The mean is over all
    numbers of steps in which any block says something; a block that does not is at no distance."""


class VectorQuantizer(nn.Module):
    """Each block of W numbers becomes the nearest of the K codes of its own codebook.

    In training the codes follow their vectors: code = Σ vectors / Σ count, both sums decaying. A code that is hardly
    ever used is moved to a vector of the batch, taken evenly from the worst served half of them: a rule without chance,
    so that any number of processes that share a batch move the same codes to the same places. The first batch places
    all codes, evenly from all its vectors by their length. Padding takes no part in anything.

    Args:
        codebooks: G, quantised independently.
        codes: K of each codebook.
        width: W.
        sizes: of each codebook how many of its K codes it uses, the first ones; by default all.
        has_silence: whether code 0 of every codebook stands for blocks that say nothing: it is zero and never moves.
        decay: of the sums, a batch (van den Oord et al.: 0.99).
        dead_share: codes used less than this share of the average use are moved.
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor
    of_use: Tensor
    """bool [G, K]: the codes that vectors may become; not silence, and none beyond a codebook's size."""

    def __init__(
        self,
        *,
        codebooks: int,
        codes: int,
        width: int,
        sizes: Sequence[int] | None = None,
        has_silence: bool = False,
        decay: float = 0.99,
        dead_share: float = 0.03,
    ) -> None:
        super().__init__()
        self.decay, self.dead_share = decay, dead_share
        numbers = torch.arange(codes)
        ends = torch.tensor([codes] * codebooks if sizes is None else sizes)
        of_use = (numbers < ends[:, None]) & (numbers >= int(has_silence))
        self.register_buffer("of_use", of_use, persistent=False)
        self.register_buffer("codebook", torch.zeros(codebooks, codes, width))
        self.register_buffer("counts", torch.zeros(codebooks, codes))
        self.register_buffer("sums", torch.zeros(codebooks, codes, width))

    def forward(self, vectors: Tensor, mask: Tensor) -> Quantized:
        """vectors: [B, T, G·W]; mask: bool [B, T], true where real, or [B, T, G], true where a block says something.
        In training the codes move.
        """
        books, _, width = self.codebook.shape
        if mask.ndim == 2:
            mask = mask.unsqueeze(-1).expand(*mask.shape, books)
        # Autocast would compare distances in bfloat16, in which one code in a hundred comes out as another.
        with torch.autocast(vectors.device.type, enabled=False):
            return self._quantized(vectors.float() * mask.repeat_interleave(width, -1).float(), mask)

    def _quantized(self, vectors: Tensor, mask: Tensor) -> Quantized:
        books, _, width = self.codebook.shape
        blocks = vectors.detach().view(-1, books, width).transpose(0, 1)  # [G, B·T, W]
        real = mask.flatten(0, 1).T  # [G, B·T]
        if self.training:
            self._revive([block[is_real] for block, is_real in zip(blocks, real, strict=True)])
        codes = self.nearest(blocks).T.view(mask.shape) * mask
        chosen = self.look_up(codes) * mask.repeat_interleave(width, -1).float()
        if self.training:
            self._follow(blocks, codes.view(-1, books).T, real)
        distance = (vectors - chosen).square().sum()
        commitment = distance / (mask.any(-1).sum().clamp(min=1) * vectors.shape[-1])
        # The chosen codes to the last bit, with the gradient of the vectors.
        return Quantized(chosen + (vectors - vectors.detach()), codes, commitment)

    def nearest(self, blocks: Tensor) -> Tensor:
        """Numbers of the nearest codes; blocks [G, N, W] to int64 [G, N]."""
        # |x - c|² without |x|², which is the same for all codes
        lengths = self.codebook.square().sum(-1).masked_fill(~self.of_use, math.inf)
        return (lengths[:, None] - 2 * blocks @ self.codebook.mT).argmin(-1)

    def look_up(self, codes: Tensor) -> Tensor:
        """The codes of these numbers; [..., G] to [..., G·W]."""
        books = torch.arange(len(self.codebook), device=codes.device)
        return self.codebook[books, codes].flatten(-2)

    @torch.no_grad()
    def _follow(self, blocks: Tensor, codes: Tensor, mask: Tensor) -> None:
        """Move each code towards the vectors that chose it; codes and mask [G, N]."""
        chosen = functional.one_hot(codes, self.codebook.shape[1]).to(blocks.dtype) * mask[..., None]  # [G, N, K]
        counts, sums = chosen.sum(1), chosen.mT @ blocks
        if _is_shared():
            distributed.all_reduce(counts)
            distributed.all_reduce(sums)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        used = self.counts.unsqueeze(-1)
        self.codebook.copy_(torch.where(used > 0, self.sums / used.clamp(min=1e-12), self.codebook))

    @torch.no_grad()
    def _revive(self, blocks: Sequence[Tensor]) -> None:
        """Move dead codes to vectors of the batch; blocks: the real ones of each codebook [N, W]."""
        average = self.counts.sum(-1, keepdim=True) / self.of_use.sum(-1, keepdim=True)
        dead = (self.counts <= self.dead_share * average) & self.of_use
        for book, is_dead in enumerate(dead):
            if not bool(is_dead.any()):  # the same in every process, as the counts are
                continue
            candidates = _gathered(blocks[book])
            if not len(candidates):
                continue
            numbers = is_dead.nonzero().flatten()
            is_first = not bool(average[book])
            usual = len(candidates) / self.of_use[book].sum() if is_first else average[book]
            # A new code counts twice what would make it dead: unused, it is moved again after some seventy batches.
            count = 2 * self.dead_share * usual
            distances = torch.cdist(candidates, self.codebook[book, self.of_use[book]]).square().amin(-1)
            worst_first = distances.argsort(descending=True)
            last = (len(worst_first) - 1) * (1.0 if is_first else 0.5)
            places = torch.linspace(0, last, len(numbers), device=candidates.device).round().long()
            self.codebook[book, numbers] = candidates[worst_first[places]]
            self.counts[book, numbers] = count
            self.sums[book, numbers] = self.codebook[book, numbers] * count


def _is_shared() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _gathered(vectors: Tensor) -> Tensor:
    """The vectors [N, W] of all processes, which may have different N."""
    if not _is_shared():
        return vectors
    lengths = [torch.zeros(1, dtype=torch.int64, device=vectors.device) for _ in range(distributed.get_world_size())]
    distributed.all_gather(lengths, torch.tensor([len(vectors)], device=vectors.device))
    longest = max(int(length) for length in lengths)
    padded = functional.pad(vectors, (0, 0, 0, longest - len(vectors))).contiguous()
    parts = [torch.empty_like(padded) for _ in lengths]
    distributed.all_gather(parts, padded)
    return torch.cat([part[: int(length)] for part, length in zip(parts, lengths, strict=True)])
