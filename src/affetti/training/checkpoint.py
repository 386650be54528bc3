"""Resumable checkpoints as one safetensors file: model and optimizer tensors, nothing pickled, written atomically."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, safe_open, save
from torch import Tensor, nn

from affetti.errors import InputError
from affetti.files import write_whole

_NOTHING: Mapping[str, Tensor] = {}


class Checkpoint(NamedTuple):
    """What a checkpoint holds beside the model and its optimizers."""

    epoch: int
    """Finished epochs."""
    kept: dict[str, Tensor]
    """What else was given to be kept."""


def save_checkpoint(
    path: Path,
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    *,
    epoch: int,
    kept: Mapping[str, Tensor] = _NOTHING,
) -> None:
    """Write model, states of optimizers and the number of finished epochs; the file appears whole or not at all.

    kept: any other tensors that a resumed run needs.
    """
    tensors: dict[str, Tensor] = {f"model.{name}": value for name, value in model.state_dict().items()}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            place = f"optimizer.{number}.{index}"
            tensors |= {f"{place}.{name}": torch.as_tensor(value) for name, value in state.items()}
    tensors |= {f"kept.{name}": value for name, value in kept.items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_whole(path, save(tensors, metadata={"epoch": str(epoch)}), force=True)


def load_checkpoint(path: Path, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> Checkpoint:
    """Put a checkpoint back into model and optimizers; the rest of it is the result, on the CPU.

    Raises InputError when the file is damaged or belongs to another model.
    """
    try:
        tensors = load_file(path)
        with safe_open(path, framework="pt") as stream:
            epoch = int(stream.metadata()["epoch"])
        model.load_state_dict(_section(tensors, "model."))
        for number, optimizer in enumerate(optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in _section(tensors, f"optimizer.{number}.").items():
                index, key = name.split(".", 1)
                state.setdefault(int(index), {})[key] = value
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    except Exception as error:  # safetensors, torch and int each raise their own kinds for a damaged file
        raise InputError(f"{path}: not a checkpoint of this model ({str(error)[:200]})") from error
    return Checkpoint(epoch, _section(tensors, "kept."))


def _section(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
