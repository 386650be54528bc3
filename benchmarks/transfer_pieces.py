"""How long element transfer takes: `python benchmarks/transfer_pieces.py [--json FILE]`.

The source is a piece of 32 bars that the shipped weights compose, saved as MIDI. Seconds are of the processor (all is
done on one thread, so on an idle machine they are what one waits, but for loading files), medians of 3.

- in a running process: from the piece to the best result, all elements of a reference that is given, and of four
  references composed for an emotion;
- cold: `affetti transfer` from process start to exit, with its report, both ways. Target: 2 s.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import affetti
from affetti.emotion import Quadrant
from affetti.runtime.transfer import transfer

BARS, RUNS, SEED = 32, 3, 1


def median_seconds(run: Callable[[], object]) -> float:
    """The median of RUNS runs, of this process and of those that it started."""
    taken = []
    for _ in range(RUNS):
        before = os.times()
        run()
        after = os.times()
        taken.append(sum(after[:4]) - sum(before[:4]))
    return round(statistics.median(taken), 2)


def measure(folder: Path) -> dict[str, Any]:
    """All figures, in seconds."""
    model = affetti.load("muser")
    source = model.compose(Quadrant.Q1, bars=BARS, seed=SEED, drafts=1)
    reference = model.compose(Quadrant.Q4, bars=BARS, seed=SEED + 1, drafts=1)
    source.save(folder / "source.mid")
    reference.save(folder / "reference.mid")

    def command(*options: str) -> Callable[[], object]:
        line = ["transfer", "source.mid", "--seed", str(SEED), "--out", "out.mid", "--force", *options]
        return lambda: subprocess.run(
            [sys.executable, "-m", "affetti", *line], cwd=folder, check=True, capture_output=True
        )

    return {
        "bars": BARS,
        "notes": len(source.notes),
        "given_reference": median_seconds(lambda: transfer(source, reference=reference, elements="all")),
        "to_emotion": median_seconds(lambda: transfer(source, Quadrant.Q4, weights=model, seed=SEED)),
        "cold_given_reference": median_seconds(command("--from", "reference.mid", "--elements", "all")),
        "cold_to_emotion": median_seconds(command("--to", "calm")),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        figures = measure(Path(made))
    print(json.dumps(figures, indent=1))
    if "--json" in sys.argv:
        Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps(figures, indent=1) + "\n")
