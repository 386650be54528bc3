"""`affetti train`: run a recipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affetti.cli.output import AsJson, print_json
from affetti.errors import InputError

if TYPE_CHECKING:
    from rich.progress import TaskID


def train(
    recipe: Annotated[Path, typer.Argument(help="YAML recipe.")],
    out: Annotated[Path | None, typer.Option(help="Run folder (default: runs/NAME).")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change one value: training.epochs=50.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on this machine; the run folder keeps the recipe, log, checkpoint and exported weights."""
    if missing := [name for name in ("torch", "tensorboard", "onnx") if find_spec(name) is None]:
        raise InputError(f"training needs {missing[0]}: pip install 'affetti[train]'")
    from affetti.emoreg.train import resolve
    from affetti.emoreg.train import train as train_emoreg
    from affetti.training.recipe import load_recipe
    from affetti.training.run_folder import RunFolder

    loaded = load_recipe(recipe, set_ or [])
    resolve(loaded)  # what is wrong with a recipe is said before a bar is shown
    run = RunFolder(out if out is not None else Path("runs") / loaded.name)
    with _epoch_bars(loaded.name) as show:
        weights_hash = train_emoreg(loaded, run, resume=resume, progress=show)
    if as_json:
        print_json({"run": str(run.path), "weights": str(run.weights), "weights_hash": weights_hash})
    else:
        print(f"trained {loaded.name}: weights in {run.weights} ({weights_hash[:12]})")


@contextmanager
def _epoch_bars(name: str) -> Iterator[Callable[[str, int, int, float], None]]:
    """Show a bar on stderr for each stage of the training while the block runs: tell the function it yields the stage,
    its finished epochs, all its epochs and the loss. Where stderr is not a terminal nothing is shown.
    """
    if not sys.stderr.isatty():
        yield lambda stage, epoch, epochs, loss: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} epochs, loss {task.fields[loss]:.3f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, epoch: int, epochs: int, loss: float) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(f"{name} {stage}", total=epochs, loss=loss)
            bar.update(tasks[stage], completed=epoch, loss=loss)

        yield show
