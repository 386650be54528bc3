"""One phase of training: epochs over the same pieces until they are done or validation says that it is enough.

An epoch depends only on the seed, its number and the weights before it, so a phase resumed from a checkpoint ends with
the same weights as one never interrupted. The weights kept at the end are those of the epoch with the best validation
loss, where there is a validation split, else the last.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from affetti.errors import InputError
from affetti.files import write_whole
from affetti.muser.batches import Batching, TrainingPieces, measuring_batches, training_batches
from affetti.muser.config import TrainingConfig
from affetti.muser.objectives import Objective, Sums
from affetti.training.checkpoint import load_checkpoint, save_checkpoint
from affetti.training.optimizers import optimizers_of
from affetti.training.processes import Processes
from affetti.training.run_folder import RunFolder, RunLog

Progress = Callable[[int, int, float], None]
"""Called after every epoch with finished epochs, all epochs, loss."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a call is to end, by time.monotonic()."""

    at: float = math.inf

    @classmethod
    def after_minutes(cls, minutes: float | None) -> "Deadline":
        """So many minutes from now, or never."""
        return cls(math.inf if minutes is None else time.monotonic() + 60 * minutes)

    def forbids(self, seconds: float) -> bool:
        """Whether what takes so long would not be over in time."""
        return time.monotonic() + seconds > self.at


@dataclass(slots=True)
class _State:
    """What a phase carries from epoch to epoch, beside network and optimizer."""

    epoch: int = 0
    steps: int = 0
    """Optimizer steps."""
    best_epoch: int = 0
    best_loss: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    """The network's tensors after the best epoch; nothing before the first and without a validation split."""
    average: dict[str, Tensor] = field(default_factory=dict)
    """The moving average of its parameters; nothing where there is none."""

    def as_tensors(self) -> dict[str, Tensor]:
        """For the checkpoint."""
        numbers = torch.tensor([self.steps, self.best_epoch, self.best_loss], dtype=torch.float64)
        kept = {"numbers": numbers}
        kept |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        return kept | {f"average.{name}": tensor for name, tensor in self.average.items()}

    def take(self, epoch: int, kept: dict[str, Tensor]) -> None:
        """What `as_tensors` gave, from a checkpoint after this epoch."""
        self.epoch = epoch
        steps, best_epoch, self.best_loss = kept["numbers"].tolist()
        self.steps, self.best_epoch = int(steps), int(best_epoch)
        for name, tensor in kept.items():
            section, _, own = name.partition(".")
            if section == "best":
                self.best[own] = tensor
            elif section == "average":
                self.average[own] = self.average[own].copy_(tensor)


class Phase:
    """A phase under way.

    Args:
        objective: the network, on its device, and its loss.
        pieces: to learn from.
        validation: to measure on; there may be none.
        training: how.
        run: the phase's own folder.
        processes: this one's place among those that train together.
        seed: of the phase.
    """

    def __init__(
        self,
        objective: Objective,
        pieces: TrainingPieces,
        validation: TrainingPieces,
        training: TrainingConfig,
        run: RunFolder,
        processes: Processes,
        *,
        seed: int,
    ) -> None:
        self.objective, self.pieces, self.validation = objective, pieces, validation
        self.training, self.run, self.processes, self.seed = training, run, processes, seed
        self.batching = batching_of(training)
        self.optimizers = optimizers_of(
            objective.network,
            training.optimizer,
            learning_rate=training.learning_rate,
            weight_decay=training.weight_decay,
        )
        self.state = _State()
        if training.weight_average:
            self.state.average = {name: one.detach().clone() for name, one in objective.network.named_parameters()}

    def fit(self, deadline: Deadline, progress: Progress) -> bool:
        """Train to the end, from the checkpoint if there is one. False where the deadline came first: then the
        checkpoint is there, else the phase's `model.safetensors` is and the network has those weights.
        """
        network, finished = self.objective.network, finished_weights(self.run)
        if finished.exists():
            network.load_state_dict(load_file(finished))
            return True
        if self.run.checkpoint.exists():
            self.state.take(*load_checkpoint(self.run.checkpoint, network, self.optimizers))
        with self._log() as log:
            while not self._is_over():
                scalars = self._epoch()
                if log is not None:
                    log.write(self.state.epoch, scalars)
                stops = self.processes.agreed(deadline.forbids(scalars["seconds"])) and not self._is_over()
                if stops or self._is_over() or self.state.epoch % self.training.checkpoint_every == 0:
                    self._save_checkpoint()
                progress(self.state.epoch, self.training.epochs, scalars["loss"])
                if stops:
                    return False
        self._finish()
        return True

    def _is_over(self) -> bool:
        """Whether all epochs are done, or so many without a better one that no more are wanted."""
        patience = self.training.patience
        waited = self.state.epoch - self.state.best_epoch if self.state.best else 0
        return self.state.epoch >= self.training.epochs or bool(patience and waited >= patience)

    def _epoch(self) -> dict[str, float]:
        """One epoch and what it gave."""
        self.state.epoch += 1
        started = time.perf_counter()
        torch.manual_seed(_number(self.seed, self.state.epoch, self.processes.rank))
        scalars = self._train()
        if not math.isfinite(scalars["loss"]):
            raise InputError(f"epoch {self.state.epoch}: the loss is no number any more; lower the learning rate")
        if len(self.validation):
            with _weights(self.objective.network, self.state.average):
                measured = measure(self.objective, self.validation, self.batching, self.processes)
                if measured["loss"] < self.state.best_loss:
                    self.state.best_loss, self.state.best_epoch = measured["loss"], self.state.epoch
                    self.state.best = _copied(self.objective.network)
            scalars |= {f"validation/{name}": value for name, value in measured.items()}
        return scalars | {"seconds": time.perf_counter() - started}

    def _train(self) -> dict[str, float]:
        """One pass over the pieces; the epoch's figures."""
        started, words, norms = time.perf_counter(), 0, 0.0
        self.objective.network.train()
        sums, steps = Sums(), 0
        batches = training_batches(self.pieces, self.batching, seed=self.seed, epoch=self.state.epoch)
        for number, batch in enumerate(batches):
            rate = learning_rate(self.training, self.state.steps, self.state.epoch - 1 + number / len(batches))
            for optimizer in self.optimizers:
                optimizer.zero_grad()
                for group in optimizer.param_groups:
                    group["lr"] = rate
            total = self.objective.steps(batch)
            steps += total
            for part in batch.parts(self.training.accumulation):
                result = self.objective.result(part, self.processes)
                (result.loss / total).backward()
                sums.add(result.sums)
            norms += self._step()
            words += int(batch.lengths.sum())
        means = sums.means(steps, self.processes)
        rates = {"learning_rate": rate, "gradient_norm": norms / len(batches)}
        return self.objective.describe(means) | rates | {"words_per_second": words / (time.perf_counter() - started)}

    def _step(self) -> float:
        """Move the weights by the gradients of all processes, whose norm this is."""
        parameters = list(self.objective.network.parameters())
        self.processes.sum_gradients(parameters)
        norm = clip_grad_norm_(parameters, self.training.gradient_clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.state.steps += 1
        if self.state.average:
            # A young average follows quickly, lest it remember where the weights began.
            decay = min(self.training.weight_average, (1 + self.state.steps) / (10 + self.state.steps))
            for name, parameter in self.objective.network.named_parameters():
                self.state.average[name].lerp_(parameter.detach(), 1 - decay)
        return float(norm)

    @contextmanager
    def _log(self) -> Iterator[RunLog | None]:
        """The phase's log, which the first process keeps."""
        if not self.processes.is_first:
            yield None
            return
        with self.run.open_log(finished_epochs=self.state.epoch) as log:
            yield log

    def _save_checkpoint(self) -> None:
        if self.processes.is_first:
            kept = self.state.as_tensors()
            save_checkpoint(
                self.run.checkpoint, self.objective.network, self.optimizers, epoch=self.state.epoch, kept=kept
            )
        self.processes.wait()

    def _finish(self) -> None:
        """Give the network the weights that are kept, and write them in place of the checkpoint."""
        network = self.objective.network
        if self.state.best:
            network.load_state_dict(self.state.best)
        else:
            _put(network, self.state.average)
        network.eval()
        if self.processes.is_first:
            tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
            write_whole(finished_weights(self.run), save(tensors), force=True)
            self.run.checkpoint.unlink(missing_ok=True)
        self.processes.wait()


def finished_weights(run: RunFolder) -> Path:
    """Where a phase's weights lie once it is over; before that there is no such file."""
    return run.path / "model.safetensors"


def batching_of(training: TrainingConfig) -> Batching:
    """How this configuration wants batches."""
    return Batching(**{name: getattr(training, name) for name in Batching.__slots__})


def learning_rate(training: TrainingConfig, steps: int, epochs: float) -> float:
    """The learning rate after so many steps of the optimizer and so many epochs (with fractions)."""
    rate = training.learning_rate
    if training.schedule == "cosine":
        rate *= 0.5 * (1 + math.cos(math.pi * epochs / training.epochs))
    return rate * min(1.0, (steps + 1) / (training.warmup_steps + 1))


@torch.no_grad()
def measure(objective: Objective, pieces: TrainingPieces, batching: Batching, processes: Processes) -> dict[str, float]:
    """The figures of pieces that are not learned from, batches shared out among the processes."""
    objective.network.eval()
    batches = measuring_batches(pieces, batching)
    alone = Processes(0, 1, processes.device)
    sums, steps = Sums(), 0
    for number, batch in enumerate(batches):
        steps += objective.steps(batch)
        is_own = number % processes.count == processes.rank
        if is_own or (number == 0 and processes.rank >= len(batches)):  # who has nothing adds zeros
            found = objective.result(batch, alone).sums
            sums.add({name: value * is_own for name, value in found.items()})
    return objective.describe(sums.means(steps, processes))


def _number(*parts: int) -> int:
    """One number from several, for a generator that takes one."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


@contextmanager
def _weights(network: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Lend these parameters to the network, which has its own back afterwards; nothing for no parameters."""
    own = {name: one.detach().clone() for name, one in network.named_parameters()} if weights else {}
    _put(network, weights)
    try:
        yield
    finally:
        _put(network, own)


@torch.no_grad()
def _put(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    parameters = dict(network.named_parameters())
    for name, value in weights.items():
        parameters[name].copy_(value)
