"""The folder a training run writes: its recipe, environment, log, checkpoint and results."""

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from torch.utils.tensorboard import SummaryWriter

from affetti.errors import InputError
from affetti.files import read_bounded, write_whole
from affetti.training.recipe import Recipe, load_recipe

MAX_RECORD_BYTES = 64 * 1024

Scalars = Mapping[str, float]


class RunFolder:
    """Paths and logs of one run. A cross-validation fold is a run folder inside its run's `folds/`, a phase of a run
    that has several is one inside `phases/`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.safetensors"
        self.weights = path / "weights"
        self.latents = path / "latents"

    def start(self, recipe: Recipe, corpora: Mapping[str, str], *, resume: bool) -> None:
        """Create the folder with environment.json and config.yaml, or check that it holds the same run.

        corpora: the digest of each by its name.

        Raises InputError when the folder holds a run and `resume` is false, or a run of another recipe or corpus.
        """
        config, record = self.path / "config.yaml", self.path / "environment.json"
        if config.exists():
            if not resume:
                raise InputError(f"{self.path} already holds a run; continue it with --resume or choose another --out")
            if load_recipe(config) != recipe:
                raise InputError(f"{self.path} holds a run of another recipe; choose another --out")
            recorded = read_bounded(record, max_bytes=MAX_RECORD_BYTES).decode(errors="replace")
            for name, digest in corpora.items():
                if f'"{digest}"' not in recorded:
                    raise InputError(f"{self.path} holds a run on another {name}; choose another --out")
            for left_over in self.path.rglob(".*.safetensors.*"):  # of a process killed while it wrote
                left_over.unlink(missing_ok=True)
            return
        content = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)
        described = environment() | {"corpora": dict(corpora)}
        write_whole(record, json.dumps(described, indent=2).encode(), force=True)
        write_whole(config, content.encode())

    def fold(self, index: int) -> "RunFolder":
        """The run folder of one cross-validation fold."""
        return RunFolder(self.path / "folds" / str(index))

    def phase(self, number: int, part: str) -> "RunFolder":
        """The run folder of one phase, numbered from 1, that trains this part."""
        return RunFolder(self.path / "phases" / f"{number}_{part}")

    def open_log(self, *, finished_epochs: int) -> "RunLog":
        """The run's log, cut back to the epochs that the checkpoint holds."""
        return RunLog(self.path, finished_epochs)


class RunLog:
    """Scalars per epoch as JSON lines (log.jsonl) and for TensorBoard (tensorboard/)."""

    def __init__(self, path: Path, finished_epochs: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        file = path / "log.jsonl"
        kept: list[str] = []
        if file.exists():
            kept = [line for line in file.read_text().splitlines() if _epoch_of(line) <= finished_epochs]
        write_whole(file, "".join(f"{line}\n" for line in kept).encode(), force=True)
        self._lines = file.open("a")
        self._board = SummaryWriter(path / "tensorboard", purge_step=finished_epochs + 1)

    def write(self, epoch: int, scalars: Scalars) -> None:
        """Add one epoch's scalars."""
        rounded = {name: round(value, 6) for name, value in scalars.items()}
        self._lines.write(json.dumps({"epoch": epoch, **rounded}) + "\n")
        self._lines.flush()
        for name, value in scalars.items():
            self._board.add_scalar(name, value, epoch)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *exception: object) -> None:
        self._lines.close()
        self._board.close()


def _epoch_of(line: str) -> float:
    try:
        return int(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # the line that a killed process left half-written


def environment() -> dict[str, Any]:
    """What the run ran on, for the record."""
    packages = ("affetti", "torch", "numpy", "safetensors", "onnx", "onnxruntime", "symusic")
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607  # whatever git the user has
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        commit = ""
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": {name: _version(name) for name in packages},
        "commit": commit or None,
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ModuleNotFoundError:
        return None
