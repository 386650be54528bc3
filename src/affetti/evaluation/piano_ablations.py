"""Piano models side by side, after the paper's ablations: reconstruction, disentanglement, emotion, in one table.

A run that has no weights, as a VAE has not, is measured by its network alone: it composes nothing.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affetti.analysis.features import EARS
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.errors import InputError
from affetti.evaluation.disentanglement import STEPS, Disentanglement, MeasuredPieces
from affetti.evaluation.disentanglement import measure as measure_disentanglement
from affetti.evaluation.disentanglement_report import NAMES, system_figures, system_tables
from affetti.evaluation.latent_systems import LatentSystem
from affetti.evaluation.musical_sanity import mean_distance
from affetti.evaluation.piano_generated import Measured, References, compose_collection
from affetti.evaluation.piano_generated import measure as measure_composed
from affetti.evaluation.piano_generated_report import heard_as_asked
from affetti.evaluation.reconstruction import CodeUsage, FreeRunning, code_usage, coded, free_running, split_pieces
from affetti.evaluation.report import Table, number, percent, plain
from affetti.files import read_bounded
from affetti.runtime.piano_model import PianoModel
from affetti.tokens.elements import Reals

SPLIT = "test"
"""The songs whose pieces are reconstructed; disentanglement takes those of validation as well."""

_MAX_CONFIG_BYTES = 1024 * 1024
_MAX_LOG_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A model to measure."""

    system: LatentSystem
    run: Path | None
    """Where it was trained, if that is known."""
    model: PianoModel | None
    """What composes with it; None for a run without weights."""


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """What only a model with weights has."""

    usage: CodeUsage
    """Of the pieces of SPLIT."""
    free_running: FreeRunning
    measured: Measured | None
    """Of what it composes; None where nothing was to be composed."""


@dataclass(frozen=True, slots=True, eq=False)
class Ablation:
    """One model and what was measured of it."""

    name: str
    settings: Mapping[str, str]
    """What its run's config.yaml says under `model`, names with dots; empty for weights without a run."""
    regularization: float
    """The regulariser of the weights that the run kept, on the validation split: the smaller, the more are pieces in
    the order of an element's values along its block. NaN where no log says it."""
    accuracy: Reals
    """[E] of the words that use the element, the share whose likeliest value, the true words before known, is right."""
    disentanglement: Disentanglement
    composed: Composed | None


def steps_of(subject: Subject, count: int) -> int:
    """How much `measure` tells `advance` of."""
    return STEPS + 1 + (0 if subject.model is None else 1 + 4 * count)


def measure(
    subject: Subject,
    corpus: PreparedPieces,
    pieces: MeasuredPieces,
    references: References | None,
    count: int,
    seed: int,
    advance: Callable[[float], None],
) -> Ablation:
    """Everything of one model; `count` pieces of each emotion are composed and measured beside the references.

    Raises InputError for a corpus without pieces of SPLIT in 4/4, and for a config.yaml or log that is none.
    """
    indices, _ = split_pieces(corpus, SPLIT)
    if not indices:
        raise InputError(f"{corpus.origin.corpus} has no pieces in 4/4 in its {SPLIT} split")
    run, system, model = subject.run, subject.system, subject.model
    settings = {} if run is None else dict(_flat(_configured(run)))
    regularization = float("nan") if run is None else read_regularization(run)
    accuracy = _accuracy(system, corpus, indices)
    advance(1)
    disentanglement = measure_disentanglement(system, pieces, seed, advance)
    composed = None
    if model is not None:
        own = coded(model, corpus, indices, _unwatched)
        written = free_running(model, own, _unwatched)
        advance(1)
        found = None
        if count and references is not None:
            collection = compose_collection(system.name, model, count, seed=seed, progress=advance)
            found = measure_composed(collection, references)
        composed = Composed(code_usage(model, own), written, found)
    return Ablation(system.name, settings, regularization, accuracy, disentanglement, composed)


def _unwatched(words: int) -> None:
    """Who waits for several models is told of larger steps."""


def _accuracy(system: LatentSystem, corpus: PreparedPieces, indices: Sequence[int]) -> Reals:
    """See `Ablation.accuracy`."""
    words = [np.asarray(corpus.piece(index).words) for index in indices]
    emotions = corpus.quadrants[list(indices)].astype(np.int64)
    likeliest = np.concatenate(system.predict(words, [system.latents(own) for own in words], emotions))
    truth = np.concatenate(words)
    said = truth > 0
    accuracy: Reals = (said & (likeliest == truth)).sum(axis=0) / np.maximum(said.sum(axis=0), 1)
    return accuracy


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


# ---- the report


@dataclass(frozen=True, slots=True, eq=False)
class AblationReport:
    """Several models, the first of which the others are compared with."""

    pieces: MeasuredPieces
    models: tuple[Ablation, ...]
    references: References | None
    """None where nothing was composed."""
    count: int
    seed: int

    def tables(self) -> list[Table]:
        """All in one table, then the blocks of each."""
        details = [table for one in self.models for table in system_tables(one.disentanglement)]
        return [_side_by_side(self), *details]

    def remarks(self) -> list[str]:
        """What the reader must know besides the tables."""
        composed = f"{self.count} pieces of each emotion, seed {self.seed}, as many bars as each model finds right."
        nothing = "Nothing was composed."
        remarks = [
            f"Reconstruction: {self.pieces.corpus}'s {SPLIT} split. Disentanglement: learned from "
            f"{int((~self.pieces.is_held_out).sum())} pieces of training songs, said of "
            f"{int(self.pieces.is_held_out.sum())} of others. {nothing if self.references is None else composed}"
        ]
        remarks += [f"{one.name}: network {one.disentanglement.weights_hash}" for one in self.models]
        remarks += [
            f"{one.name} is a test model: its weights are not trained in earnest."
            for one in self.models
            if one.disentanglement.is_test_model
        ]
        return [*remarks, *(() if self.references is None else self.references.missing)]

    def document(self) -> dict[str, Any]:
        """All figures for machines. Shares are 0-1, null is where there is no figure."""
        figures: dict[str, Any] = plain(
            {
                "corpus": self.pieces.corpus,
                "split": SPLIT,
                "seed": self.seed,
                "count": self.count,
                "models": {one.name: self._figures(one) for one in self.models},
            }
        )
        return figures

    def sanity_distance(self, found: Measured) -> float:
        """How far composed pieces are from held-out ones, in deviations of these."""
        assert self.references is not None
        return mean_distance(found.sanity, self.references.held_out_measured.sanity)

    def _figures(self, one: Ablation) -> dict[str, Any]:
        own: dict[str, Any] = {
            "settings": dict(one.settings),
            "regularization": one.regularization,
            "accuracy_where_said": dict(zip(NAMES, one.accuracy.tolist(), strict=True)),
            "disentanglement": system_figures(one.disentanglement),
        }
        if one.composed is None:
            return own
        own |= {
            "notes_f1": one.composed.free_running.likeness.notes.f1,
            "perplexity": one.composed.usage.perplexity,
        }
        found = one.composed.measured
        if found is None:
            return own
        return own | {
            "heard": {
                ear: {"four_way": heard.four_way, "arousal": heard.arousal, "valence": heard.valence}
                for ear, heard in found.heard.items()
            },
            "taken_for_real": found.taken_for_real,
            "sanity_distance": self.sanity_distance(found),
        }


def _side_by_side(report: AblationReport) -> Table:
    rows = []
    for one in report.models:
        own = one.disentanglement
        rows.append(
            (
                one.name,
                _differences(one.settings, report.models[0].settings),
                percent(float(one.accuracy.mean())),
                *_of_codes(one.composed),
                number(one.regularization, 3),
                *map(percent, own.exchanged),
                *map(number, own.told),
                number(own.apart),
                *_of_composed(report, one.composed),
            )
        )
    if (real := report.references) is not None and (ceiling := real.ceilings.get(EARS[0])) is not None:
        others, unknown = real.training_measured, ceiling[0]
        heard = (unknown.four_way, unknown.arousal, unknown.valence, others.taken_for_real)
        rows.append(("real, other songs", *("–",) * 10, *map(percent, heard), number(report.sanity_distance(others))))
    columns = (
        "model",
        "differs from the first in",
        "accuracy",
        "notes from codes (F1)",
        "codes: perplexity",
        "regulariser",
        "exchange: own element changes",
        "the others",
        "probe: own element",
        "the others",
        "silhouette",
        "four quadrants",
        "arousal",
        "valence",
        "taken for real",
        "distance in sanity",
    )
    note = (
        "Reconstruction: mean accuracy over the elements with the true words before known, and notes from codes alone. "
        "Regulariser: how far pieces are from lying in the order of the elements' values, on validation songs (smaller "
        "is better). Disentanglement: of the words that say an element, the share that changes where its own block, or "
        "another, is exchanged; what its own block, or another, tells of it beyond guessing; how apart quadrants lie "
        "on the map (t-SNE) of all blocks. Emotion: the share of composed pieces that are heard as asked, beside real "
        "ones that the recogniser does not know; what the judges take for real music; the mean distance of the "
        "measures of musical sanity from held-out pieces, in deviations. Where that is far from the real pieces' the "
        "pieces are no music, and what emotion is heard in them says nothing."
    )
    return Table("Models side by side", columns, tuple(rows), note)


def _differences(own: Mapping[str, str], first: Mapping[str, str]) -> str:
    differing = [name for name, value in own.items() if first.get(name) != value]
    return ", ".join(f"{name}={own[name]}" for name in sorted(differing)) or "–"


def _of_codes(composed: Composed | None) -> tuple[str, str]:
    if composed is None:
        return "–", "–"
    return percent(composed.free_running.likeness.notes.f1), number(composed.usage.perplexity, 1)


def _of_composed(report: AblationReport, composed: Composed | None) -> tuple[str, ...]:
    found = None if composed is None else composed.measured
    if found is None:
        return ("–",) * 5
    return (*heard_as_asked(found), percent(found.taken_for_real), number(report.sanity_distance(found)))
