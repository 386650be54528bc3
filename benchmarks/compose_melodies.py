"""How fast melodies are composed: `python benchmarks/compose_melodies.py [--json]`, in any environment.

- cold start: `affetti compose --system emoreg --emotion happy` from process start to exit, so the time to the
  written file at most; seconds, median of 5 (target 1.0).
- many: one call of `affetti compose --count 1000` with its files, seconds (target 10).
- imports: the slowest imports of a cold start, cumulative milliseconds as `python -X importtime` tells them.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COMPOSE = [
    sys.executable,
    "-m",
    "affetti",
    "compose",
    "--system",
    "emoreg",
    "--emotion",
    "happy",
    "--seed",
    "1",
]
COLD_RUNS = 5
MANY = 1_000
IMPORTS_SHOWN = 8


def seconds_of(command: list[str], folder: Path) -> float:
    """Wall time of a command run in `folder`, seconds."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def slowest_imports(folder: Path) -> dict[str, float]:
    """The packages that take longest to import in a cold start, cumulative milliseconds."""
    command = [COMPOSE[0], "-X", "importtime", *COMPOSE[1:], "--out", "imports.mid"]
    report = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stderr
    found: dict[str, float] = {}
    for line in report.splitlines():
        _, cumulative, name = line.removeprefix("import time:").split("|")
        name = name.strip()
        if cumulative.strip().isdigit() and "." not in name.removeprefix("affetti."):
            found[name] = round(int(cumulative) / 1000, 1)
    return dict(sorted(found.items(), key=lambda item: -item[1])[:IMPORTS_SHOWN])


def measure() -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cold = [seconds_of([*COMPOSE, "--out", f"cold{run}.mid"], folder) for run in range(COLD_RUNS)]
        many = seconds_of([*COMPOSE, "--count", str(MANY), "--out", "many"], folder)
        written = len(list((folder / "many").glob("*.mid")))
        assert written == MANY, written
        return {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cold_start_seconds": [round(seconds, 3) for seconds in cold],
            "cold_start_median_seconds": round(statistics.median(cold), 3),
            "many_count": MANY,
            "many_seconds": round(many, 2),
            "imports_milliseconds": slowest_imports(folder),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    as_json = parser.parse_args().json
    figures = measure()
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    runs = ", ".join(f"{seconds:.2f}" for seconds in figures["cold_start_seconds"])
    median = figures["cold_start_median_seconds"]
    print(f"cold start: {median:.2f} s (median of {COLD_RUNS}: {runs}); target 1.0 s")
    print(f"{MANY:,} melodies in one call: {figures['many_seconds']:.1f} s; target 10 s")
    print("slowest imports (ms): " + ", ".join(f"{k} {v:.0f}" for k, v in figures["imports_milliseconds"].items()))


if __name__ == "__main__":
    main()
