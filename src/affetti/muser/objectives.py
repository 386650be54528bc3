"""What the two networks are trained on: the loss of a batch, and what is measured on the way.

All figures are means over the real words (for the prior: over codes and ends) of an epoch, whatever it was cut into.

Shapes: B pieces, T words, E = 7 elements, G codebooks, K codes of a codebook.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from affetti.muser.batches import Batch, BatchTensors, tensors
from affetti.muser.config import VqvaeTrainingConfig
from affetti.muser.element_regularization import order_loss
from affetti.muser.losses import prior_loss, vqvae_losses
from affetti.muser.prior import Prior
from affetti.muser.vqvae import MuserVqvae
from affetti.tokens.elements import ELEMENTS
from affetti.training.processes import Processes


class Result(NamedTuple):
    """What a process found in its rows of a part of a batch."""

    loss: Tensor
    """Summed over the steps, a scalar. The gradients of all processes together are those of the whole part's loss."""
    sums: dict[str, Tensor]
    """Figures summed over the steps, of any shape."""


class Objective(Protocol):
    """A network and what it is to become good at."""

    @property
    def network(self) -> nn.Module:
        """What is trained, on its device."""
        ...

    def steps(self, batch: Batch) -> int:
        """How many predictions the loss of these pieces is a mean over."""
        ...

    def result(self, part: Batch, processes: Processes) -> Result:
        """The loss of this process's rows of a part of a batch."""
        ...

    def describe(self, means: Mapping[str, Tensor]) -> dict[str, float]:
        """Figures for the log from the means over an epoch."""
        ...


class Sums:
    """Figures summed over an epoch."""

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Add to the sums; the same names each time."""
        for name, value in values.items():
            total = value.detach().double()
            self.values[name] = self.values[name] + total if name in self.values else total

    def means(self, steps: int, processes: Processes) -> dict[str, Tensor]:
        """The sums of all processes over so many steps, on the CPU."""
        joined = torch.cat([value.flatten() for value in self.values.values()])
        parts = processes.sum_(joined).cpu().split([value.numel() for value in self.values.values()])
        named = zip(self.values.items(), parts, strict=True)
        return {name: part.view_as(value) / steps for (name, value), part in named}


@dataclass(frozen=True, slots=True)
class VqvaeObjective:
    """Reconstruction, commitment and order of the latents."""

    network: MuserVqvae
    training: VqvaeTrainingConfig

    def steps(self, batch: Batch) -> int:
        """Words."""
        return int(batch.lengths.sum())

    def result(self, part: Batch, processes: Processes) -> Result:
        """As in Objective."""
        own = part.rows(processes.rows(len(part.lengths)))
        words, mask, emotions, _ = tensors(own, processes.device)
        with _autocast(self.training.precision, processes.device):
            output = self.network(words, mask, emotions)
        losses = vqvae_losses(
            output,
            words,
            mask,
            commitment_weight=self.training.commitment_weight,
            kl_weight=self.training.kl_weight,
            balanced=self.training.balanced,
        )
        steps = self.steps(own)
        loss = losses.total * steps
        sums = {
            "loss": losses.total * steps,
            "reconstruction": losses.reconstruction * steps,
            "accuracy": _correct(output.logits, words, mask),
            "commitment": losses.commitment * steps,
            "divergence": losses.divergence * steps,
        }
        if output.reduced is not None:
            whole = tensors(part, processes.device)
            reduced = processes.gathered(output.reduced.float(), len(part.lengths))
            regularization = order_loss(reduced, self.network.ordered_values(whole.words), whole.mask)
            weighted = self.training.regularization_weight * regularization.sum()
            loss = loss + weighted * self.steps(part)
            sums["loss"] = sums["loss"] + weighted * steps
            sums["regularization"] = regularization * steps
        if output.latents.codes is not None:
            sums["codes"] = code_counts(output.latents.codes, mask, self.network.config.codes)
        return Result(loss, sums)

    def describe(self, means: Mapping[str, Tensor]) -> dict[str, float]:
        """As in Objective; "reconstruction" and "accuracy" are means over the elements, "regularization" the sum."""
        figures = {name: means[name].item() for name in ("loss", "commitment", "divergence")}
        figures |= {name: means[name].mean().item() for name in ("reconstruction", "accuracy")}
        if "regularization" in means:
            figures["regularization"] = means["regularization"].sum().item()
        for name in ("reconstruction", "accuracy", "regularization"):
            if name in means:
                named = zip(ELEMENTS, means[name].tolist(), strict=True)
                figures |= {f"{name}/{element.name}": value for element, value in named}
        return figures | (code_usage(means["codes"]) if "codes" in means else {})


@dataclass(frozen=True, slots=True)
class PriorObjective:
    """The codes of pieces, which a finished VQ-VAE gives them as they are asked for: augmentation moves codes too."""

    network: Prior
    vqvae: MuserVqvae
    """In evaluation mode. It encodes in float32, as it does where the weights are used."""
    precision: str

    def steps(self, batch: Batch) -> int:
        """Codes, and the ends of the pieces that are there to their end."""
        return int(batch.lengths.sum() - (~batch.ends).sum() + batch.ends.sum())

    def result(self, part: Batch, processes: Processes) -> Result:
        """As in Objective. The loss is a step's: the sum over its codebooks."""
        own = part.rows(processes.rows(len(part.lengths)))
        words, mask, emotions, ends = batch = tensors(own, processes.device)
        with torch.no_grad():
            codes = self.vqvae.encode(words, mask).codes
        assert codes is not None
        mask = before_cut(batch)
        with _autocast(self.precision, processes.device):
            logits = self.network(codes, emotions)
        counts = mask.sum() + functional.pad(ends.sum()[None], (0, len(logits) - 1))  # [G]: ends are the first's
        losses = prior_loss(logits, codes, mask, ends)
        loss = (losses * counts).sum()
        correct = torch.stack(
            [((own[:, : mask.shape[1]].argmax(-1) == codes[..., book]) & mask).sum() for book, own in enumerate(logits)]
        )
        sums = {"loss": loss, "accuracy": correct, "codes": code_counts(codes, mask, self.vqvae.config.codes)}
        return Result(loss, sums)

    def describe(self, means: Mapping[str, Tensor]) -> dict[str, float]:
        """As in Objective; "accuracy" is of the codes alone, without ends, a mean over the codebooks."""
        accuracy = means["accuracy"] / means["codes"].sum(1)
        figures = {"loss": means["loss"].item(), "accuracy": accuracy.mean().item()}
        return figures | code_usage(means["codes"])


def before_cut(batch: BatchTensors) -> Tensor:
    """The mask [B, T] without the end word of excerpts, which stands where their piece goes on."""
    lengths = batch.mask.sum(1) - (~batch.ends).long()
    return torch.arange(batch.mask.shape[1], device=lengths.device) < lengths[:, None]


def code_counts(codes: Tensor, mask: Tensor, size: int) -> Tensor:
    """How often each code occurs, [G, K]; codes: int64 [B, T, G]; mask: bool [B, T]."""
    return torch.stack([torch.bincount(book[mask], minlength=size) for book in codes.unbind(-1)])


def code_usage(counts: Tensor) -> dict[str, float]:
    """Perplexity (how many codes used evenly would surprise as much) and unused codes of a codebook, from the codes'
    counts or shares [G, K]; means over the codebooks."""
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1e-12)
    entropy = -(shares * shares.clamp(min=1e-12).log()).sum(1)
    unused = (counts == 0).sum(1).double()
    return {"perplexity": entropy.exp().mean().item(), "unused_codes": unused.mean().item()}


def _correct(logits: tuple[Tensor, ...], words: Tensor, mask: Tensor) -> Tensor:
    """How many words have each element right, [E]."""
    right = [(own.argmax(-1) == words[..., column]) & mask for column, own in enumerate(logits)]
    return torch.stack([one.sum() for one in right])


def _autocast(precision: str, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
