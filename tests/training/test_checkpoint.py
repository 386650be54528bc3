from pathlib import Path

import pytest
import torch
from torch import nn

from affetti.errors import InputError
from affetti.training.checkpoint import load_checkpoint, save_checkpoint


def _stepped(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    model, optimizer = _stepped(0)
    save_checkpoint(path, model, [optimizer], epoch=7, kept={"best.weight": torch.ones(2), "steps": torch.tensor(3)})
    other, other_optimizer = _stepped(1)
    checkpoint = load_checkpoint(path, other, [other_optimizer])
    assert checkpoint.epoch == 7
    assert {name: value.tolist() for name, value in checkpoint.kept.items()} == {"best.weight": [1, 1], "steps": 3}
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
        for name, value in optimizer.state[one].items():
            assert torch.equal(value, other_optimizer.state[two][name])


@pytest.mark.parametrize("damage", ["cut", "noise", "another model", "missing"])
def test_what_is_no_checkpoint_is_one_clear_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "checkpoint.safetensors"
    model, optimizer = _stepped(0)
    save_checkpoint(path, model, [optimizer], epoch=1)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "noise":
        path.write_bytes(b"\xff" * 64)
    elif damage == "another model":
        model = nn.Linear(4, 2)
        optimizer = torch.optim.AdamW(model.parameters())
    else:
        path.unlink()
    with pytest.raises(InputError, match="not a checkpoint") as caught:
        load_checkpoint(path, model, [optimizer])
    assert "\n" not in str(caught.value)
