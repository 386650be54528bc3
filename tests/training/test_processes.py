"""Sums and gathered rows of several processes, and that one alone gets back what it gave."""

from pathlib import Path

import pytest
import torch
from torch import distributed, multiprocessing, nn

from affetti.training.processes import Processes, joined_processes

CPU = torch.device("cpu")


@pytest.mark.parametrize("total", [1, 2, 5, 7, 16])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_row_belongs_to_one_process(total: int, count: int) -> None:
    rows = [row for rank in range(count) for row in range(total)[Processes(rank, count, CPU).rows(total)]]
    assert rows == list(range(total))


def test_one_process_gets_back_what_it_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined_processes() as alone:
        assert (alone.rank, alone.count, alone.is_first) == (0, 1, True)
        values = torch.arange(3.0)
        assert alone.sum_(values).tolist() == [0, 1, 2]
        assert alone.gathered(values, 3) is values
        assert alone.agreed(True)
        assert not alone.agreed(False)


def _exchange(rank: int, folder: str) -> None:
    """What each of two processes does and checks."""
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    own = Processes(rank, 2, CPU)
    weights = [nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(1))]
    weights[0].grad, weights[1].grad = torch.full((2, 2), rank + 1.0), torch.full((3,), 10.0 * rank)
    own.sum_gradients(weights)
    assert weights[0].grad.tolist() == [[3, 3], [3, 3]]
    assert weights[1].grad.tolist() == [10, 10, 10]
    assert weights[2].grad is None
    whole = torch.arange(10.0).view(5, 2)
    rows = whole[own.rows(5)].requires_grad_()
    gathered = own.gathered(rows, 5)
    assert gathered.tolist() == whole.tolist()
    gathered.square().sum().backward()
    assert rows.grad is not None
    assert rows.grad.tolist() == (2 * rows).tolist()  # its own, whatever the others do
    assert own.agreed(rank == 0)
    assert not own.agreed(rank == 1)
    distributed.destroy_process_group()


def test_two_processes_exchange(tmp_path: Path) -> None:
    multiprocessing.spawn(_exchange, (str(tmp_path),), nprocs=2)
