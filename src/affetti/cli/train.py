"""`affetti train`: run a recipe."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from affetti.cli.output import AsJson, print_json
from affetti.errors import InputError


def train(
    recipe: Annotated[Path, typer.Argument(help="YAML recipe.")],
    out: Annotated[Path | None, typer.Option(help="Run folder (default: runs/NAME).")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change one value: training.epochs=50.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on this machine; the run folder keeps the recipe, log, checkpoint and exported weights."""
    if find_spec("torch") is None:
        raise InputError("training needs torch: pip install 'affetti[train]'")
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from affetti.emoreg.train import train as train_emoreg
    from affetti.training.recipe import load_recipe
    from affetti.training.run_folder import RunFolder

    loaded = load_recipe(recipe, set_ or [])
    run = RunFolder(out if out is not None else Path("runs") / loaded.name)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} epochs, loss {task.fields[loss]:.3f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, int] = {}

        def show(stage: str, epoch: int, epochs: int, loss: float) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(f"{loaded.name} {stage}", total=epochs, loss=loss)
            bar.update(tasks[stage], completed=epoch, loss=loss)  # type: ignore[arg-type]

        weights_hash = train_emoreg(loaded, run, resume=resume, progress=show)
    if as_json:
        print_json({"run": str(run.path), "weights": str(run.weights), "weights_hash": weights_hash})
    else:
        print(f"trained {loaded.name}: weights in {run.weights} ({weights_hash[:12]})")
