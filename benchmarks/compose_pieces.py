"""How fast piano pieces are composed at the paper's sizes: `python benchmarks/compose_pieces.py [--json FILE]`.

Needs the extra "train", to make weights: they are random, which takes the same time as trained ones, and lie in a
temporary folder, marked as a test model. The runtime is the one of `affetti compose`: ONNX Runtime with one thread, the
sampler and the masks of the grammar. Two threads, which a caller can ask for, are measured beside it.

- pieces: 1, 16 and 64 pieces of exactly 512 words at once, the prior (512 codes a piece) and the decoder apart; the
  published implementation composes 1,024 codes for such a piece. Of one piece the median of 3. Targets: one in 2.8 s,
  of 64 each in 0.5 s.
- length: milliseconds a word and a code on the way to 8,192, medians of the stretch from half of each length to it.
  Target: within 10 % of each other.
- cold start: `affetti compose --system muser --bars 8` from process start to exit, median of 3. Target: 4 s.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from muser_figures import (
    PUBLISHED_CODE_SECONDS,
    PUBLISHED_PIECE_SECONDS,
    PUBLISHED_WORD_SECONDS,
    machine,
    parser,
    random_weights,
    report,
    times,
)

from affetti.analysis.metrical_grid import MAX_BARS
from affetti.evaluation.report import Table
from affetti.midi import read_midi
from affetti.runtime.emotion_weights import Conditions
from affetti.runtime.guided_prior import GuidedPrior
from affetti.runtime.piano_model import PianoModel
from affetti.runtime.piano_sampling import Plan, Request, Writing
from affetti.runtime.piano_steps import Sessions
from affetti.runtime.weights import PianoWeights

PRESET = "muser_aaai24"
WORDS = 512
BATCHES = (1, 16, 64)
RUNS_OF_ONE = 3
COLD_RUNS = 3
COLD_BARS = 8
SHORTEST, LONGEST = 256, 8192
TARGET_ONE_SECONDS, TARGET_EACH_SECONDS, TARGET_COLD_SECONDS, TARGET_SPREAD = 2.8, 0.5, 4.0, 0.10


class _EnoughError(Exception):
    """As many words as wanted are written."""


class _Clock:
    """Notes the time whenever it is called, and stops whoever calls it so many times."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.moments = [time.perf_counter()]

    def __call__(self, done: float) -> None:
        self.moments.append(time.perf_counter())
        if len(self.moments) > self.calls:
            raise _EnoughError


def compose(model: PianoModel, pieces: int, words: int) -> tuple[list[float], list[float]]:
    """Seconds of each code and of each word, of so many pieces side by side, all of exactly `words` words."""
    # More bars than there can be in so few words, lest a piece end.
    request = Request(model.sampling(), bars=MAX_BARS)
    conditions = Conditions.of_labels([piece % 4 + 1 for piece in range(pieces)])
    codes_random, words_random = ([np.random.default_rng([n, stream]) for n in range(pieces)] for stream in (0, 1))
    plan = Plan(GuidedPrior(model.steps, conditions, 1.0), model.codebook, request, codes_random)
    moments = [time.perf_counter()]
    for length in range(1, words + 1):
        plan.reach(length)
        moments.append(time.perf_counter())
    plan.planned[:] = words
    writing = Writing(model.steps, conditions, plan, request, words_random)
    clock = _Clock(words)
    try:
        writing.complete(clock)
    except _EnoughError:
        return np.diff(moments).tolist(), np.diff(clock.moments).tolist()
    raise RuntimeError("all pieces ended before they had their words")


def measure_pieces(weights: PianoWeights, words: int, batches: Sequence[int], threads: int) -> list[dict[str, Any]]:
    """Seconds of pieces by how many there are at once."""
    model = PianoModel(weights, Sessions(weights, threads=threads))
    compose(model, 1, 16)  # loads the graphs
    rows = []
    for pieces in batches:
        runs = [compose(model, pieces, words) for _ in range(RUNS_OF_ONE if pieces == 1 else 1)]
        codes, own_words = (statistics.median(sum(run[part]) for run in runs) for part in (0, 1))
        rows.append(
            {
                "threads": threads,
                "pieces": pieces,
                "words": words,
                "prior_seconds": codes,
                "decoder_seconds": own_words,
                "seconds": codes + own_words,
                "seconds_a_piece": (codes + own_words) / pieces,
            }
        )
    return rows


def measure_lengths(model: PianoModel, longest: int) -> dict[str, Any]:
    """Milliseconds a code and a word at growing lengths of one piece."""
    codes, words = compose(model, 1, longest)
    lengths = [SHORTEST * 2**n for n in range(20) if SHORTEST * 2**n <= longest]

    def median(seconds: list[float], length: int) -> float:
        return 1e3 * statistics.median(seconds[length // 2 : length])

    rows = [
        {"length": length, "code_milliseconds": median(codes, length), "word_milliseconds": median(words, length)}
        for length in lengths
    ]
    spreads = {
        what: max(row[f"{what}_milliseconds"] for row in rows) / min(row[f"{what}_milliseconds"] for row in rows) - 1
        for what in ("code", "word")
    }
    return {"lengths": rows, "spread": spreads}


def measure_cold_start(weights: Path, folder: Path) -> dict[str, Any]:
    """Seconds of the command line, files and all."""
    command = [sys.executable, "-m", "affetti", "compose", "--system", "muser", "--emotion", "happy", "--seed", "1"]
    command += ["--weights", str(weights), "--bars", str(COLD_BARS)]
    seconds = []
    for run in range(COLD_RUNS):
        start = time.perf_counter()
        subprocess.run([*command, "--out", f"cold{run}.mid"], cwd=folder, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    notes = len(read_midi(folder / "cold0.mid").notes)
    return {"seconds": seconds, "median_seconds": statistics.median(seconds), "bars": COLD_BARS, "notes": notes}


def measure(words: int, batches: Sequence[int], threads: Sequence[int], longest: int) -> dict[str, Any]:
    """All figures."""
    figures: dict[str, Any] = {
        "machine": machine(),
        "weights": f"{PRESET}, random",
        "published": {
            "code_seconds": PUBLISHED_CODE_SECONDS,
            "word_seconds": PUBLISHED_WORD_SECONDS,
            "piece_seconds": PUBLISHED_PIECE_SECONDS,
        },
    }
    with tempfile.TemporaryDirectory() as name:
        weights = Path(name) / "weights"
        # In a process of its own, so that torch's threads and memory are not in the way of what is measured.
        subprocess.run([sys.executable, __file__, "--make-weights", str(weights)], check=True)
        found = PianoModel.load(weights).weights
        figures["pieces"] = [row for number in threads for row in measure_pieces(found, words, batches, number)]
        figures |= measure_lengths(PianoModel(found), longest)
        figures["cold_start"] = measure_cold_start(weights, Path(name))
    return figures


def tables(figures: dict[str, Any]) -> list[Table]:
    """The figures beside the published ones."""
    of_pieces = []
    for row in figures["pieces"]:
        words = row["pieces"] * row["words"]
        # A published piece has 1,024 codes and its words one after another, whatever its length.
        published = 1024 * PUBLISHED_CODE_SECONDS[0] + row["words"] * PUBLISHED_WORD_SECONDS[0]
        of_pieces.append(
            (
                f"{row['pieces']}, {row['threads']} thread{'s' * (row['threads'] > 1)}",
                f"{row['seconds']:.2f} s",
                f"{row['seconds_a_piece']:.2f} s",
                times(published, row["seconds_a_piece"]),
                f"{1e3 * row['prior_seconds'] / words:.2f} ms",
                times(PUBLISHED_CODE_SECONDS[0], row["prior_seconds"] / words),
                f"{1e3 * row['decoder_seconds'] / words:.2f} ms",
                times(PUBLISHED_WORD_SECONDS[0], row["decoder_seconds"] / words),
            )
        )
    low, high = PUBLISHED_PIECE_SECONDS
    note = (
        f"Published: {low:.0f}-{high:.0f} s for a piece of 512 words with 2 threads; ratios to the faster of its runs. "
        f"Targets: one piece in {TARGET_ONE_SECONDS} s, of 64 each in {TARGET_EACH_SECONDS} s."
    )
    columns = ("pieces", "all", "a piece", "faster", "a code", "faster ", "a word", "faster  ")
    of_lengths = [
        (
            f"{row['length']:,}",
            f"{row['code_milliseconds']:.2f} ms",
            f"{row['word_milliseconds']:.2f} ms",
            f"{1e3 / row['word_milliseconds']:.0f}",
        )
        for row in figures["lengths"]
    ]
    spread = ", ".join(f"{what}s {100 * value:.0f} %" for what, value in figures["spread"].items())
    return [
        Table(
            f"Pieces of {figures['pieces'][0]['words']} words, {figures['weights']} weights",
            columns,
            tuple(of_pieces),
            note,
        ),
        Table(
            "Cost against length, one piece, 1 thread",
            ("length", "a code", "a word", "words a second, decoder"),
            tuple(of_lengths),
            f"Slowest over fastest: {spread} more; target {100 * TARGET_SPREAD:.0f} %.",
        ),
    ]


def main() -> None:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--words", type=int, default=WORDS, help=f"words of a piece (default {WORDS})")
    options.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="pieces at once (default 1 16 64)")
    options.add_argument(
        "--threads", type=int, nargs="+", default=sorted({1, min(2, os.cpu_count() or 1)}), help="default 1 2"
    )
    options.add_argument("--longest", type=int, default=LONGEST, help=f"longest piece (default {LONGEST})")
    options.add_argument("--make-weights", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.make_weights is not None:
        random_weights(given.make_weights, PRESET)
        return
    figures = measure(given.words, given.batches, given.threads, given.longest)
    cold = figures["cold_start"]
    remark = (
        f"cold start of affetti compose --system muser --bars {cold['bars']}: {cold['median_seconds']:.2f} s, "
        f"{cold['notes']} notes; target {TARGET_COLD_SECONDS:.1f} s"
    )
    report(tables(figures), [remark], figures, given.json)


if __name__ == "__main__":
    main()
