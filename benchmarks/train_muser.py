"""How fast the piano system trains at the paper's sizes: `python benchmarks/train_muser.py [--json FILE]`.

Needs the prepared corpus emopia and the extra "train". One optimizer step of the VQ-VAE (forward, backward, gradient
clip, AdamW) on 16 real pieces of EMOPIA, in float32 and bfloat16, with each reduction of the regulariser, each
configuration in a process of its own, whose peak memory is that of the whole process.

- typical: the batch of middle length of an epoch as training draws it, pieces of like length together; the median of
  `--steps` after one that is not counted.
- longest: the epoch's longest batch, once. The published implementation pads every batch to 1,024 words, so this is the
  step that does as much as its own.

Targets: ten times as fast as the published 36 s, and 4 GB instead of 17 GB with what the preset says.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from muser_figures import (
    PIECES,
    PUBLISHED_STEP_GIGABYTES,
    PUBLISHED_STEP_SECONDS,
    add_threads,
    machine,
    middle_and_longest,
    parser,
    peak_gigabytes,
    report,
    run_alone,
    times,
)

from affetti.evaluation.report import Table
from affetti.muser.config import PRESETS, MuserConfig

if TYPE_CHECKING:
    from affetti.muser.batches import Batch

PRESET = "muser_aaai24"
LEAST_SPEED_UP = 10.0
MOST_GIGABYTES = 4.0
WARM_UPS = 1


class Choice(NamedTuple):
    """A configuration, of which the rest is the preset's."""

    precision: str
    block_reduction: str
    keeps_activations: bool = True
    accumulation: int = 1

    def config(self) -> MuserConfig:
        """The preset so changed."""
        preset = PRESETS[PRESET]()
        model = preset.model.model_copy(update={"block_reduction": self.block_reduction})
        training = preset.training.model_copy(
            update={
                "precision": self.precision,
                "keeps_activations": self.keeps_activations,
                "accumulation": self.accumulation,
            }
        )
        return preset.model_copy(update={"model": model, "training": training})

    def __str__(self) -> str:
        again = "" if self.keeps_activations else ", activations computed again"
        parts = "" if self.accumulation == 1 else f", in {self.accumulation} parts"
        return f"{self.precision}, {self.block_reduction} reduction{again}{parts}"


def preset_choice() -> Choice:
    """What the preset says."""
    preset = PRESETS[PRESET]()
    training = preset.training
    return Choice(training.precision, preset.model.block_reduction, training.keeps_activations, training.accumulation)


def choices() -> list[Choice]:
    """All that are measured: precisions and reductions, and what makes the faster precision need less memory."""
    plain = [Choice(*both) for both in product(("bfloat16", "float32"), ("transformer", "mean", "learned"))]
    smaller = [Choice("bfloat16", reduction, keeps_activations=False) for reduction in ("transformer", "learned")]
    smaller.append(Choice("bfloat16", "transformer", accumulation=4))
    return list(dict.fromkeys([preset_choice(), *plain, *smaller]))


# ---- in a process of its own


def measure_one(choice: Choice, steps: int, threads: int) -> dict[str, Any]:
    """Seconds of steps and peak memory of one configuration."""
    from affetti.training.memory import keep_freed_memory

    keep_freed_memory()  # as training does
    import torch

    from affetti.muser.objectives import VqvaeObjective
    from affetti.muser.vqvae import MuserVqvae, parameter_counts
    from affetti.training.processes import Processes

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    config = choice.config()
    typical, longest = middle_and_longest(config)
    network = MuserVqvae(config.model, keeps_activations=config.training.keeps_activations).train()
    objective = VqvaeObjective(network, config.training)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.training.learning_rate, fused=True)
    alone = Processes(0, 1, torch.device("cpu"))

    def seconds(batch: "Batch") -> float:
        start = time.perf_counter()
        optimizer.zero_grad()
        for part in batch.parts(config.training.accumulation):
            (objective.result(part, alone).loss / objective.steps(batch)).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.training.gradient_clip)
        optimizer.step()
        return time.perf_counter() - start

    of_typical = [seconds(typical) for _ in range(WARM_UPS + steps)][WARM_UPS:]
    typical_peak = peak_gigabytes()
    return {
        "parameters": parameter_counts(network),
        "typical_seconds": of_typical,
        "typical_peak_gigabytes": typical_peak,
        "typical_shape": typical.words.shape[:2],
        "longest_seconds": seconds(longest),
        "longest_peak_gigabytes": peak_gigabytes(),
        "longest_shape": longest.words.shape[:2],
    }


# ---- all of them


def measure(wanted: list[Choice], steps: int, threads: int) -> dict[str, Any]:
    """All figures."""
    figures: dict[str, Any] = {
        "machine": machine() | {"threads": threads},
        "published": {"seconds": PUBLISHED_STEP_SECONDS, "gigabytes": PUBLISHED_STEP_GIGABYTES},
        "steps": [],
    }
    for choice in wanted:
        arguments = ["--one", json.dumps(choice), "--steps", str(steps), "--threads", str(threads)]
        found = run_alone("train_muser.py", arguments, threads=threads)
        median = statistics.median(found["typical_seconds"])
        figures["steps"].append(
            {
                "configuration": str(choice),
                **choice._asdict(),
                "is_preset": choice == preset_choice(),
                **found,
                "typical_median_seconds": median,
                "speed_up": {
                    "typical": PUBLISHED_STEP_SECONDS[0] / median,
                    "longest": PUBLISHED_STEP_SECONDS[0] / found["longest_seconds"],
                },
            }
        )
    return figures


def step_table(figures: dict[str, Any]) -> Table:
    """A row for each configuration."""
    return Table(
        f"A training step of {PRESET} on {PIECES} pieces of EMOPIA",
        ("configuration", "typical", "faster", "memory", "longest", "faster ", "memory ", "less"),
        tuple(_rows(figures)),
        f"Published: {PUBLISHED_STEP_SECONDS[0]:.0f}-{PUBLISHED_STEP_SECONDS[1]:.0f} s and "
        f"{PUBLISHED_STEP_GIGABYTES:.0f} GB. * what the preset says; targets: {LEAST_SPEED_UP:.0f} x as fast, at most "
        f"{MOST_GIGABYTES:.0f} GB.",
    )


def _rows(figures: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in figures["steps"]:
        yield (
            one["configuration"] + (" *" if one["is_preset"] else ""),
            f"{one['typical_median_seconds']:.2f} s ({one['typical_shape'][1]} words)",
            times(PUBLISHED_STEP_SECONDS[0], one["typical_median_seconds"]),
            f"{one['typical_peak_gigabytes']:.1f} GB",
            f"{one['longest_seconds']:.2f} s ({one['longest_shape'][1]} words)",
            times(PUBLISHED_STEP_SECONDS[0], one["longest_seconds"]),
            f"{one['longest_peak_gigabytes']:.1f} GB",
            times(PUBLISHED_STEP_GIGABYTES, one["longest_peak_gigabytes"]),
        )


def main() -> None:
    """Measure and print."""
    options = parser(__doc__)
    add_threads(options)
    options.add_argument("--steps", type=int, default=2, help="counted steps of each configuration (default 2)")
    options.add_argument("--preset-only", action="store_true", help="only the configuration that the preset says")
    options.add_argument("--one", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one is not None:
        print(json.dumps(measure_one(Choice(*json.loads(given.one)), given.steps, given.threads)))
        return
    figures = measure([preset_choice()] if given.preset_only else choices(), given.steps, given.threads)
    parts = figures["steps"][0]["parameters"]
    counts = ", ".join(f"{name.replace('_', ' ')} {count / 1e6:.1f} M" for name, count in parts.items())
    report([step_table(figures)], [f"Parameters: {counts}."], figures, given.json)


if __name__ == "__main__":
    main()
