"""The regulariser over arrays against the loop in its formula: `python benchmarks/regularize_elements.py [--json F]`.

Needs the prepared corpus emopia and the extra "train". The values are those of 16 real pieces of EMOPIA; what they are
compared with are random numbers. The loop runs over elements, steps and pairs of pieces, one number at a time, as the
formula reads:

    mean over steps and pairs (j, k) of |tanh(z_j - z_k) - sign(a_j - a_k)|

Printed are the time of both, their ratio, and the greatest difference between their results.
"""

import math
import statistics
import time
from typing import TYPE_CHECKING, Any

from muser_figures import add_threads, machine, middle_and_longest, parser, report, times

from affetti.evaluation.report import Table
from affetti.muser.config import PRESETS
from affetti.tokens.elements import ELEMENTS

if TYPE_CHECKING:
    from torch import Tensor

PRESET = "muser_aaai24"
RUNS = 10


def loop(reduced: "Tensor", values: "Tensor", lengths: list[int]) -> list[float]:
    """The loss of each element by the formula; reduced and values [B, T, E]."""
    z, a = reduced.double().tolist(), values.tolist()
    losses = []
    for element in range(len(ELEMENTS)):
        total, count = 0.0, 0
        for step in range(max(lengths)):
            there = [piece for piece, length in enumerate(lengths) if step < length]
            for j in there:
                for k in there:
                    if j != k:
                        difference = a[j][step][element] - a[k][step][element]
                        sign = (difference > 0) - (difference < 0)
                        total += abs(math.tanh(z[j][step][element] - z[k][step][element]) - sign)
                        count += 1
        losses.append(total / count)
    return losses


def measure(threads: int) -> dict[str, Any]:
    """All figures."""
    import torch

    from affetti.muser.batches import tensors
    from affetti.muser.element_regularization import order_loss

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    batch, _ = middle_and_longest(PRESETS[PRESET]())
    words, mask, _, _ = tensors(batch, torch.device("cpu"))
    reduced = torch.randn(words.shape, requires_grad=True)

    def seconds(with_gradient: bool) -> float:
        start = time.perf_counter()
        total = order_loss(reduced, words, mask).sum()
        if with_gradient:
            total.backward()
        return time.perf_counter() - start

    for warm in (False, True):
        seconds(warm)
    forward, both = (statistics.median(seconds(way) for _ in range(RUNS)) for way in (False, True))
    start = time.perf_counter()
    expected = loop(reduced.detach(), words, batch.lengths.tolist())
    of_loop = time.perf_counter() - start
    found = order_loss(reduced, words, mask).tolist()
    return {
        "machine": machine() | {"threads": threads},
        "shape": list(words.shape),
        "loop_seconds": of_loop,
        "seconds": forward,
        "seconds_with_gradient": both,
        "ratio": of_loop / forward,
        "greatest_difference": max(abs(one - other) for one, other in zip(expected, found, strict=True)),
    }


def table(figures: dict[str, Any]) -> Table:
    """The two beside each other."""
    pieces, words, elements = figures["shape"]
    rows = (
        ("loop, forward", f"{1e3 * figures['loop_seconds']:.1f} ms", "1.0 x"),
        ("arrays, forward", f"{1e3 * figures['seconds']:.1f} ms", times(figures["loop_seconds"], figures["seconds"])),
        (
            "arrays, forward and backward",
            f"{1e3 * figures['seconds_with_gradient']:.1f} ms",
            times(figures["loop_seconds"], figures["seconds_with_gradient"]),
        ),
    )
    note = f"Greatest difference between the losses of an element: {figures['greatest_difference']:.1e}."
    title = f"The regulariser of {pieces} pieces of up to {words} words, {elements} elements"
    return Table(title, ("what", "time", "faster"), rows, note)


def main() -> None:
    """Measure and print."""
    options = parser(__doc__)
    add_threads(options)
    given = options.parse_args()
    figures = measure(given.threads)
    report([table(figures)], [], figures, given.json)


if __name__ == "__main__":
    main()
