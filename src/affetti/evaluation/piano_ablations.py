"""Several piano models in one table, after the paper's ablations: reconstruction, disentanglement, emotion."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affetti.analysis.features import EARS
from affetti.errors import InputError
from affetti.evaluation.muser_report import ModelReconstruction
from affetti.evaluation.piano_generated import Measured
from affetti.evaluation.report import Table, number, percent
from affetti.files import read_bounded

_MAX_CONFIG_BYTES = 1024 * 1024
_MAX_LOG_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Ablation:
    """One model and what there is of it."""

    reconstruction: ModelReconstruction
    model: Mapping[str, Any]
    """What its run's config.yaml says under `model`; empty for weights without a run."""
    regularization: float
    """The regulariser of the weights that the run kept, on the validation split: the smaller, the more are pieces in
    the order of an element's values along its block. NaN where no log says it."""
    measured: Measured | None
    """Of what it composes."""


def ablation_of(reconstruction: ModelReconstruction, run: Path | None, measured: Measured | None) -> Ablation:
    """A model with what its run folder says. Raises InputError for a config.yaml or log that is none."""
    if run is None:
        return Ablation(reconstruction, {}, float("nan"), measured)
    return Ablation(reconstruction, _configured(run), read_regularization(run), measured)


def read_regularization(run: Path) -> float:
    """The regulariser on the validation split where the last phase of the VQ-VAE was best; NaN without a log.

    Raises InputError for a log that is none.
    """
    logs = sorted(run.glob("phases/*_vqvae/log.jsonl"), key=lambda log: int(log.parent.name.split("_")[0]))
    if not logs:
        return float("nan")
    try:
        lines = read_bounded(logs[-1], max_bytes=_MAX_LOG_BYTES).decode().splitlines()
        epochs = [json.loads(line) for line in lines if line.strip()]
        best = min(epochs, key=lambda epoch: float(epoch["validation/loss"]))
        return float(best["validation/regularization"])
    except KeyError:
        return float("nan")  # nothing to validate with
    except (ValueError, TypeError) as error:
        raise InputError(f"{logs[-1]} is not a training log ({error})") from error


def ablation_table(models: Sequence[Ablation]) -> Table:
    """All models, one line each, with the settings in which they differ."""
    settings = [dict(_flat(one.model)) for one in models]
    differing = [name for name in sorted({name for one in settings for name in one}) if _differs(settings, name)]
    rows = []
    for one, own in zip(models, settings, strict=True):
        found, composed = one.reconstruction.measured, one.measured
        heard = None if composed is None else composed.heard.get(EARS[0])
        emotion = ("–",) * 3 if heard is None else tuple(map(percent, (heard.four_way, heard.arousal, heard.valence)))
        rows.append(
            (
                one.reconstruction.name,
                ", ".join(f"{name}={own[name]}" for name in differing if name in own) or "–",
                percent(float(found.teacher_forced.accuracy_where_said.mean())),
                percent(found.free_running.likeness.notes.f1),
                number(next(iter(found.usage.values())).perplexity, 1),
                number(one.regularization, 3),
                *emotion,
                "–" if composed is None else percent(composed.taken_for_real),
            )
        )
    note = (
        "Reconstruction: mean accuracy of the elements with the true words before known, and notes from codes alone. "
        "Regulariser: how far pieces are from lying in the order of the elements' values, on validation songs (smaller "
        "is better; the log of a run has it for each element). The rest is of composed pieces, where some were."
    )
    columns = ("model", "differs in", "accuracy", "notes (F1)", "codes: perplexity", "regulariser")
    return Table(
        "Models side by side", (*columns, "four quadrants", "arousal", "valence", "taken for real"), tuple(rows), note
    )


def _configured(run: Path) -> Mapping[str, Any]:
    import yaml

    path = run / "config.yaml"
    try:
        recipe = yaml.safe_load(read_bounded(path, max_bytes=_MAX_CONFIG_BYTES))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not a recipe") from error
    model = recipe.get("model") if isinstance(recipe, dict) else None
    return model if isinstance(model, dict) else {}


def _flat(settings: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Settings as (name with dots, value)."""
    flat: list[tuple[str, str]] = []
    for name, value in settings.items():
        flat += _flat(value, f"{before}{name}.") if isinstance(value, dict) else [(f"{before}{name}", str(value))]
    return flat


def _differs(settings: Sequence[Mapping[str, str]], name: str) -> bool:
    return len({one.get(name) for one in settings}) > 1
