"""`affetti train`: run a recipe."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, Protocol

import typer

from affetti.cli.output import AsJson, print_json
from affetti.errors import InputError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from affetti.training.recipe import Recipe
    from affetti.training.run_folder import RunFolder


def train(
    recipe: Annotated[Path, typer.Argument(help="YAML recipe.")],
    out: Annotated[Path | None, typer.Option(help="Run folder (default: runs/NAME).")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change one value: training.epochs=50.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on this machine; the run folder keeps the recipe, log, checkpoint and exported weights."""
    if missing := [name for name in ("torch", "tensorboard", "onnx", "sklearn") if find_spec(name) is None]:
        raise InputError(f"training needs {missing[0]}: pip install 'affetti[train]'")
    from affetti.training.recipe import load_recipe
    from affetti.training.run_folder import RunFolder

    loaded = load_recipe(recipe, set_ or [])
    run = RunFolder(out if out is not None else Path("runs") / loaded.name)
    trained = _trained(loaded, run, resume=resume)
    if _rank() > 0:  # one of several processes speaks
        return
    weights_hash, is_finished = trained
    if as_json:
        weights = str(run.weights) if weights_hash else None
        print_json(
            {"run": str(run.path), "finished": is_finished, "weights": weights, "weights_hash": weights_hash or None}
        )
    elif weights_hash:
        print(f"trained {loaded.name}: weights in {run.weights} ({weights_hash[:12]})")
    elif is_finished:
        print(
            f"trained {loaded.name}: networks in {run.path}, and no weights (they take a prior, and linear attention)"
        )
    else:
        print(f"{loaded.name} is not finished; it goes on with --resume")


class _Show(Protocol):
    """What shows how far a stage has come."""

    def __call__(self, stage: str, done: int, total: int, loss: float | None = None, /) -> None: ...


class _Trained(NamedTuple):
    """What a run came to."""

    weights_hash: str
    """Of the exported weights; "" for none."""
    is_finished: bool = True


def _trained(recipe: "Recipe", run: "RunFolder", *, resume: bool) -> _Trained:
    """Train what the recipe's system is."""
    from affetti.training.recipe import EmoregRecipe, RecogniserRecipe

    if isinstance(recipe, RecogniserRecipe):
        from affetti.recogniser import train as recogniser

        recogniser.resolve(recipe)
        with _bars(recipe.name) as show:
            return _Trained(recogniser.train(recipe, run, resume=resume, progress=show))
    if isinstance(recipe, EmoregRecipe):
        from affetti.emoreg import train as emoreg

        emoreg.resolve(recipe)  # what is wrong with a recipe is said before a bar is shown
        with _bars(recipe.name) as show:
            return _Trained(emoreg.train(recipe, run, resume=resume, progress=show))
    from affetti.muser import train as muser

    muser.resolve(recipe)
    with _bars(recipe.name) as show:
        weights_hash = muser.train(recipe, run, resume=resume, progress=show)
    return _Trained(weights_hash or "", is_finished=weights_hash is not None)


def _rank() -> int:
    """Which of the processes that torchrun started this is."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def _bars(name: str) -> Iterator["_Show"]:
    """Show a bar on stderr for each stage of the training while the block runs: tell the function it yields the stage,
    what of it is done, all of it, and of epochs the loss. Where stderr is not a terminal nothing is shown.
    """
    if not sys.stderr.isatty() or _rank() > 0:
        yield lambda stage, done, total, loss=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}{task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int, loss: float | None = None) -> None:
            of_epochs = "" if loss is None else f" epochs, loss {loss:.3f}"
            if stage not in tasks:
                tasks[stage] = bar.add_task(f"{name} {stage}", total=total, loss=of_epochs)
            bar.update(tasks[stage], completed=done, loss=of_epochs)

        yield show
