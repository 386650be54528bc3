"""What the benchmarks of the piano system share: the figures to beat, how they are printed, runs of their own.

The published figures are of the authors' implementation of MusER, measured in this project on a 2-core x86 machine: two
runs of training, three of composing. Ratios are to the faster of them.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affetti.evaluation.report import Table, print_tables

if TYPE_CHECKING:
    from affetti.muser.batches import Batch
    from affetti.muser.config import MuserConfig

PUBLISHED_CODE_SECONDS = (0.082, 0.095)
"""Of one code from the prior, which gives 1,024 for a piece whatever its length."""
PUBLISHED_WORD_SECONDS = (0.22, 0.27)
PUBLISHED_PIECE_SECONDS = (196.0, 235.0)
"""Of a piece of 512 words: 1,024 codes and 512 words, float32, 2 threads."""
PUBLISHED_STEP_SECONDS = (36.0, 44.0)
"""Of a training step of 16 pieces padded to 1,024 words, paper's sizes."""
PUBLISHED_STEP_GIGABYTES = 17.0
PIECES = 16
"""Of a training step, published and ours."""


def parser(documentation: str | None) -> argparse.ArgumentParser:
    """A parser with what all benchmarks can be asked for, its description the documentation's first line."""
    made = argparse.ArgumentParser(description=(documentation or "").splitlines()[0])
    made.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as JSON")
    return made


def add_threads(options: argparse.ArgumentParser) -> None:
    """The option that says how many CPU threads torch has."""
    options.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="CPU threads (default 2)")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "load_at_start": load,
    }


def busy_remark(figures: Mapping[str, Any]) -> list[str]:
    """A line of warning where something else was running when the benchmark began."""
    load = figures["machine"]["load_at_start"]
    if load is None or load < 0.5:
        return []
    return [f"The machine was busy (load {load:.1f}) when this began: times are too long."]


def random_weights(folder: Path, preset: str) -> None:
    """Write run-time weights of a preset as they are before training, good for timing, and marked as a test model.

    But for two biases, which make bars of about as many words as EMOPIA's, so that so many bars take as long. Needs
    torch, so call it in a process of its own where memory or the time of imports is measured.
    """
    import torch

    from affetti.muser.config import PRESETS
    from affetti.muser.export import export_weights
    from affetti.muser.prior import build_prior
    from affetti.muser.two_level_decoder import OTHERS
    from affetti.muser.vqvae import MuserVqvae
    from affetti.tokens.elements import BAR, BAR_BEAT, NOTE, SIZES

    torch.manual_seed(0)
    config = PRESETS[preset]()
    vqvae = MuserVqvae(config.model)
    with torch.no_grad():
        vqvae.decoder.type_head.bias[NOTE] += 0.7  # two notes for a position
        # The nearest of the positions that are left is the likeliest, and a new bar only then.
        places = torch.arange(SIZES[BAR_BEAT], dtype=torch.float32)
        places[BAR] = SIZES[BAR_BEAT]
        vqvae.decoder.get_submodule("other_heads").get_parameter(f"{OTHERS.index(BAR_BEAT)}.bias").sub_(0.8 * places)
    export_weights(
        vqvae,
        build_prior(config.model, config.prior),
        folder,
        config=config,
        name=preset,
        preset=preset,
        licence="none",
        corpora=(),
        is_test_model=True,
    )


def middle_and_longest(config: "MuserConfig") -> tuple["Batch", "Batch"]:
    """Of the first epoch on EMOPIA, as training draws it, the batches of 16 pieces of middle and of greatest length."""
    from affetti.corpora.prepared_pieces import load_pieces
    from affetti.muser.batches import training_batches, training_pieces
    from affetti.muser.fitting import batching_of

    pieces = training_pieces([load_pieces("emopia")], "train")
    epoch = training_batches(pieces, batching_of(config.training), seed=0, epoch=1)
    full = sorted((batch for batch in epoch if len(batch.lengths) == PIECES), key=lambda batch: batch.words.shape[1])
    return full[len(full) // 2], full[-1]


def run_alone(script: str, arguments: Sequence[str], *, threads: int) -> dict[str, Any]:
    """What a script of this folder prints as JSON, run in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    ran = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def peak_gigabytes() -> float:
    """The most memory that this process has had at once, in 10^9 bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def times(reference: float, figure: float) -> str:
    """How many times as large the reference is: "14 x"."""
    ratio = reference / figure
    return f"{ratio:.0f} x" if ratio >= 10 else f"{ratio:.1f} x"


def report(tables: Sequence[Table], remarks: Sequence[str], figures: Mapping[str, Any], file: Path | None) -> None:
    """Print tables and remarks; write the figures where they are wanted."""
    print_tables(tables, [*remarks, *busy_remark(figures)])
    if file is not None:
        file.write_text(json.dumps(figures, indent=2) + "\n")
