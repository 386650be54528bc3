"""The piano system's report: how well each model writes down again what it has read."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from affetti.evaluation.likeness import Likeness, Overlap
from affetti.evaluation.reconstruction import CodeUsage, FreeRunning, Reconstruction, TeacherForced
from affetti.evaluation.report import Table, number, percent, plain
from affetti.tokens.elements import ELEMENTS

_NAMES = tuple(element.name.replace("_", "-") for element in ELEMENTS)


@dataclass(frozen=True, slots=True, eq=False)
class ModelReconstruction:
    """A model and what was measured of it."""

    name: str
    weights_hash: str
    is_test_model: bool
    measured: Reconstruction


@dataclass(frozen=True, slots=True, eq=False)
class ReconstructionReport:
    """Everything measured in one call, on one split of one corpus."""

    corpus: str
    split: str
    models: tuple[ModelReconstruction, ...]

    def tables(self) -> list[Table]:
        """The report as tables."""
        return [_teacher_forced_table(self), _free_running_table(self), _aligned_table(self), _usage_table(self)]

    def remarks(self) -> list[str]:
        """What the reader must know besides the tables."""
        first = self.models[0].measured
        remarks = [
            f"{first.pieces} pieces of {self.corpus}'s {self.split} split, {first.teacher_forced.words:,} words; "
            f"{first.left_out} more are mostly not in 4/4 and left out."
        ]
        remarks += [f"{model.name}: weights {model.weights_hash}" for model in self.models]
        remarks += [
            f"{model.name} is a test model: its weights are not trained in earnest."
            for model in self.models
            if model.is_test_model
        ]
        return remarks

    def document(self) -> dict[str, Any]:
        """All figures for machines. Shares are 0-1, null is where there is no figure."""
        figures: dict[str, Any] = plain(
            {
                "corpus": self.corpus,
                "split": self.split,
                "models": {model.name: _model(model) for model in self.models},
            }
        )
        return figures


def _teacher_forced_table(report: ReconstructionReport) -> Table:
    reference = report.models[0].measured.teacher_forced
    columns = ["element", "words", "commonest value"]
    for model in report.models:
        columns += [model.name, f"{model.name}: of all words", f"{model.name}: nats"]
    rows = []
    for column, name in enumerate(_NAMES):
        cells = [name, f"{reference.said[column]:,}", percent(reference.commonest[column])]
        for model in report.models:
            found = model.measured.teacher_forced
            cells += [
                percent(found.accuracy_where_said[column]),
                percent(found.accuracy[column]),
                number(found.nats[column], 3),
            ]
        rows.append(tuple(cells))
    means = ["mean", "–", percent(float(reference.commonest.mean()))]
    for model in report.models:
        found = model.measured.teacher_forced
        means += [percent(float(found.accuracy_where_said.mean())), percent(float(found.accuracy.mean()))]
        means.append(number(float(found.nats.mean()), 3))
    note = (
        "Share of the words that use the element whose value is the likeliest after the true words before it. "
        "Commonest value: what guessing it always would have right. Of all words: with those that do not use the "
        "element, where the type gives its 0 away; this and the cross-entropy in nats are as in the training log."
    )
    return Table("Reconstruction, the true words before each known", tuple(columns), (*rows, tuple(means)), note)


def _free_running_table(report: ReconstructionReport) -> Table:
    columns = {"another piece": report.models[0].measured.free_running.chance}
    columns |= {model.name: model.measured.free_running.likeness for model in report.models}
    rows = [
        ("notes: same pitch, same place (F1)", *(percent(one.notes.f1) for one in columns.values())),
        ("onsets: same place (F1)", *(percent(one.onsets.f1) for one in columns.values())),
        ("pitches: same pitch, same bar (F1)", *(percent(one.pitches.f1) for one in columns.values())),
        ("durations of shared notes", *(percent(one.durations) for one in columns.values())),
        ("velocities of shared notes", *(percent(one.velocities) for one in columns.values())),
        ("bars that begin in the same tempo", *(percent(one.tempos) for one in columns.values())),
        ("bars that begin with the same chord", *(percent(one.chords) for one in columns.values())),
        ("notes written, of the real number", *(percent(_of_real(one.notes)) for one in columns.values())),
        ("bars written, of the real number", *(percent(one.bars[0] / one.bars[1]) for one in columns.values())),
        ("words written, of the real number", "–", *(percent(_of_real_words(model)) for model in report.models)),
    ]
    note = (
        "What the decoder writes from the codes alone, always the likeliest value that the grammar allows, beside the "
        "real piece. Another piece: the same between each real piece and the next of the split. F1 is the harmonic "
        "mean of the shares of written and of real notes that have a partner."
    )
    return Table("Reconstruction from codes alone", ("what is the same", *columns), tuple(rows), note)


def _aligned_table(report: ReconstructionReport) -> Table:
    rows = [
        (name, *(percent(model.measured.free_running.aligned[column]) for model in report.models))
        for column, name in enumerate(_NAMES)
    ]
    note = (
        "From codes alone, the share of all words whose value is that of the real word of the same number. One word "
        "too many or too few shifts all that follow, so this falls faster than the music departs."
    )
    return Table("Codes alone, word by word", ("element", *(model.name for model in report.models)), tuple(rows), note)


def _usage_table(report: ReconstructionReport) -> Table:
    rows = [
        (
            model.name,
            split,
            f"{usage.counts[0].sum():,}",
            f"{usage.counts.shape[0]} × {usage.counts.shape[1]}",
            number(usage.perplexity, 1),
            number(usage.unused, 0 if len(usage.counts) == 1 else 1),
        )
        for model in report.models
        for split, usage in model.measured.usage.items()
    ]
    note = (
        "Perplexity: how many codes, used equally often, would be as hard to guess. With several codebooks both "
        "figures are means over them. A code that does not occur in the training split is dead."
    )
    columns = ("model", "split", "words", "codes", "perplexity", "codes that do not occur")
    return Table("Use of codes", columns, tuple(rows), note)


def _of_real(found: Overlap) -> float:
    return found.written / max(found.real, 1)


def _of_real_words(model: ModelReconstruction) -> float:
    written, real = model.measured.free_running.words
    return written / real


def _model(model: ModelReconstruction) -> dict[str, Any]:
    found = model.measured
    return {
        "weights_hash": model.weights_hash,
        "is_test_model": model.is_test_model,
        "pieces": found.pieces,
        "left_out": found.left_out,
        "teacher_forced": _teacher_forced(found.teacher_forced),
        "free_running": _free_running(found.free_running),
        "codes": {split: _usage(usage) for split, usage in found.usage.items()},
    }


def _teacher_forced(found: TeacherForced) -> dict[str, Any]:
    named = {
        "words": found.said,
        "accuracy_where_said": found.accuracy_where_said,
        "accuracy": found.accuracy,
        "nats": found.nats,
        "commonest": found.commonest,
    }
    elements = {name: {what: values[column] for what, values in named.items()} for column, name in enumerate(_NAMES)}
    means = {what: float(np.mean(values)) for what, values in named.items() if what != "words"}
    return {"words": found.words, "elements": elements, "mean": means}


def _free_running(found: FreeRunning) -> dict[str, Any]:
    return {
        "likeness": _likeness(found.likeness),
        "likeness_of_another_piece": _likeness(found.chance),
        "words": {"written": found.words[0], "real": found.words[1]},
        "accuracy_word_by_word": dict(zip(_NAMES, found.aligned, strict=True)),
    }


def _likeness(found: Likeness) -> dict[str, Any]:
    overlaps = {"notes": found.notes, "onsets": found.onsets, "pitches_in_bars": found.pitches}
    return {
        **{
            name: asdict(one) | {"precision": one.precision, "recall": one.recall, "f1": one.f1}
            for name, one in overlaps.items()
        },
        "durations_of_shared_notes": found.durations,
        "velocities_of_shared_notes": found.velocities,
        "tempos_of_bars": found.tempos,
        "chords_of_bars": found.chords,
        "bars": {"written": found.bars[0], "real": found.bars[1]},
    }


def _usage(usage: CodeUsage) -> dict[str, Any]:
    return {
        "words": usage.counts[0].sum(),
        "codebooks": usage.counts.shape[0],
        "codes": usage.counts.shape[1],
        "perplexity": usage.perplexity,
        "unused": usage.unused,
    }
