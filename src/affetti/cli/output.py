"""How every verb speaks: results to stdout (text, or one JSON document), errors and progress to stderr."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")]


def print_json(document: Any) -> None:
    """Print `document` as indented JSON in ASCII, so that any file name survives any terminal's encoding."""
    print(json.dumps(document, indent=2, allow_nan=False))


def printable(text: object) -> str:
    """`text` as one line that cannot steer a terminal: control characters, as in file names, are escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def complain(message: str) -> None:
    """Print one line to stderr: "affetti: MESSAGE"."""
    print(f"affetti: {printable(message)}", file=sys.stderr)


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on stderr while the block runs; tell the function it yields the steps just done.

    Without `total` the bar only shows that work goes on. Where stderr is not a terminal nothing is shown.
    """
    if not sys.stderr.isatty():
        yield lambda steps: None
        return
    from rich.console import Console  # 35 ms that only a person waiting for a bar should pay
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn()]
    counting = [MofNCompleteColumn(), TimeRemainingColumn()] if total is not None else []
    with Progress(*columns, *counting, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)
