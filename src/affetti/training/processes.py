"""One training run in one process or in several on one machine, which `torchrun` starts: same command, same result.

Every process makes the same batches and takes its rows of each; gradients are summed before each step. So the number
of processes changes the order of sums and the dropout that is drawn, nothing else.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Processes:
    """What one process needs to know of all; without others every exchange gives back what it was given."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes files and speaks."""
        return self.rank == 0

    def rows(self, total: int) -> slice:
        """Which of a batch's rows are this process's."""
        return slice(total * self.rank // self.count, total * (self.rank + 1) // self.count)

    def sum_(self, tensor: Tensor) -> Tensor:
        """The sum over the processes, in place."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum the gradients of all processes, in one exchange."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        total = self.sum_(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, part in zip(gradients, total.split([one.numel() for one in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def gathered(self, tensor: Tensor, total: int) -> Tensor:
        """The rows of all processes one after another, `total` in all; gradients reach this process's own."""
        if self.count == 1:
            return tensor
        most = -(-total // self.count)
        padded = functional.pad(tensor.detach(), (*(0, 0) * (tensor.ndim - 1), 0, most - len(tensor))).contiguous()
        everyone = [torch.empty_like(padded) for _ in range(self.count)]
        distributed.all_gather(everyone, padded)
        sizes = [rows.stop - rows.start for rows in (self._rows_of(rank, total) for rank in range(self.count))]
        parts = [part[:size] for part, size in zip(everyone, sizes, strict=True)]
        parts[self.rank] = tensor
        return torch.cat(parts)

    def agreed(self, opinion: bool) -> bool:
        """The first process's opinion, in all of them."""
        told = torch.tensor(float(opinion and self.is_first), device=self.device)
        return bool(self.sum_(told) > 0)

    def wait(self) -> None:
        """Until all processes are here."""
        self.agreed(True)

    def _rows_of(self, rank: int, total: int) -> slice:
        return Processes(rank, self.count, self.device).rows(total)


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """The processes that torchrun started together, or this one alone; on a GPU each where there is one."""
    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if has_gpu else torch.device("cpu")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes(0, 1, device)
        return
    if has_gpu:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if has_gpu else "gloo")
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        distributed.destroy_process_group()
