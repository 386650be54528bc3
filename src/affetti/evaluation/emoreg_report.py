"""The melody system's report for people: the paper's tables with ours beside them."""

from dataclasses import dataclass

import numpy as np

from affetti.analysis.pitch import Reals
from affetti.corpora.tunes import NEAR_IDENTICAL
from affetti.emotion import Quadrant
from affetti.evaluation import emoreg_paper, melodic
from affetti.evaluation.emoreg_measures import (
    PAPER_EACH,
    ModelMeasures,
    Profile,
    Reference,
    distances_between,
)
from affetti.evaluation.novelty import RUN, Novelty
from affetti.evaluation.pitch_table import (
    PAPER_BASE,
    PAPER_EMOREG,
    PAPER_TRAINING,
    PITCH_MEASURES,
    TARGET_CELLS,
    cells_nearer,
)
from affetti.evaluation.placement import Placement
from affetti.evaluation.report import Table, mean_and_deviation, number, percent
from affetti.evaluation.run_results import HeldOut
from affetti.tokens.melody import PHRASE_STEPS, STEPS_PER_QUARTER
from affetti.tokens.melody_notes import known_mean

EMOTIONS = tuple(f"e{quadrant.value} {quadrant.label}" for quadrant in Quadrant)
_QUARTERS = PHRASE_STEPS // STEPS_PER_QUARTER
_D = ("D1", "D2", "D3", "D4", "mean D")
_NOT_HERE = "the published examples are not here: affetti corpus get musgenvae, or --corpus-dir"


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationReport:
    """Everything measured in one call: the real melodies, and what each model composed by one seed."""

    reference: Reference
    models: tuple[ModelMeasures, ...]
    each: int
    """Melodies composed per emotion."""
    seed: int

    def tables(self) -> list[Table]:
        """The report as tables, in the order of the paper."""
        in_time = [_snapshot_table(self)] if any(model.snapshots for model in self.models) else []
        paper_sized = [_pitch_table(self, PAPER_EACH)] if self.each > PAPER_EACH else []
        return [
            _placement_table(self),
            *in_time,
            *paper_sized,
            _pitch_table(self, self.each),
            _nearer_table(self),
            *([_heard_table(self)] if self.reference.heard else []),
            _novelty_table(self),
            _melodic_table(self),
            _figure_8_table(self),
        ]

    def remarks(self) -> list[str]:
        """What the reader must know besides the tables."""
        corpus = self.reference.corpus
        composed = f"each model composed {self.each:,} melodies per emotion with seed {self.seed}"
        remarks = [f"{len(corpus)} real melodies of {len(np.unique(corpus.tunes))} tunes; {composed}."]
        remarks += [f"{model.name}: weights {model.weights_hash}" for model in self.models]
        return remarks if self.reference.published else [*remarks, _NOT_HERE]


def _placement_table(report: EvaluationReport) -> Table:
    rows = [
        (f"{name} (paper)", "training data", *_shares(np.asarray(values), float(np.mean(values))))
        for name, values in emoreg_paper.PLACEMENT.items()
    ]
    notes = ["Share of the melodies of each emotion that lie in its quadrant; random quadrants give 25 %."]
    for model in report.models:
        label = "label given to the encoder" if model.label_in_encoder else "label unseen"
        found = model.training.placement
        rows.append((model.name, f"training data, {label}", *_shares(found.accuracies, found.mean)))
        if model.wrong_label is not None:
            for what, mean in zip(("true", "given"), model.wrong_label, strict=True):
                data = f"training data, wrong label given: in the {what} quadrant"
                rows.append((model.name, data, *["–"] * 4, percent(mean)))
        if model.held_out is not None:
            rows += _held_out_rows(model.name, label, model.held_out)
            notes.append(
                f"{model.name}: {model.held_out.melodies} melodies held out once each, "
                f"{model.held_out.split_tunes} tunes in more than one fold."
            )
    if not any(model.held_out for model in report.models):
        notes.append("For held-out melodies, evaluate the folder of a run that has folds.")
    return Table("Table 2: placement accuracy", ("model", "data", *_D), tuple(rows), " ".join(notes))


def _held_out_rows(name: str, label: str, held: HeldOut) -> list[tuple[str, ...]]:
    data = f"held out, mean of {len(held.folds)} folds, {label}"
    mean = f"{percent(held.mean)} ± {100 * held.deviation:.1f}"
    rows: list[tuple[str, ...]] = [(name, data, *(percent(share) for share in held.accuracies), mean)]
    for index, fold in enumerate(held.folds, start=1):
        rows.append((name, f"held out, fold {index}", *_shares(fold.accuracies, fold.mean)))
    return rows


def _snapshot_table(report: EvaluationReport) -> Table:
    rows = [
        (model.name, one.moment, *_shares(one.placement.accuracies, one.placement.mean))
        for model in report.models
        for one in model.snapshots
    ]
    note = "Placement on the training data while the model learns."
    return Table("Figures 5-7: the latent map in time", ("model", "moment", *_D), tuple(rows), note)


def _pitch_table(report: EvaluationReport, each: int) -> Table:
    """Table 3 for the first `each` melodies of every emotion: PAPER_EACH, or all."""
    columns = {
        "training": report.reference.profile.pitches,
        "training (paper)": PAPER_TRAINING,
        "CVAE-Base (paper)": PAPER_BASE,
        "CVAE-EmoReg (paper)": PAPER_EMOREG,
    }
    if each == PAPER_EACH:  # the published examples are so many too
        columns |= {one.name: one.profile.pitches for one in report.reference.published}
    for model in report.models:
        columns[model.name] = model.paper_sized if each == PAPER_EACH else model.profile.pitches
    rows = [
        (
            measure,
            EMOTIONS[e],
            *(mean_and_deviation(t.mean[row, e], t.deviation[row, e]) for t in columns.values()),
        )
        for row, measure in enumerate(PITCH_MEASURES)
        for e in range(4)
    ]
    note = (
        "Mean (standard deviation). Range in semitones, scales as shares; c minor is the natural minor. "
        "training: recomputed here; (paper): as the paper prints it."
    )
    if silent := [f"{name} {table.silent}" for name, table in columns.items() if table.silent]:
        note += f" Melodies without notes: {', '.join(silent)}."
    title = f"Table 3: {4 * each:,} melodies" + (", as in the paper" if each == PAPER_EACH else "")
    return Table(title, ("measure", "emotion", *columns), tuple(rows), note)


def _nearer_table(report: EvaluationReport) -> Table:
    reference = report.reference
    rows: list[tuple[str, ...]] = []

    def add(name: str, melodies: int, mean: Reals) -> None:
        found = cells_nearer(mean, reference.profile.pitches.mean)
        printed = cells_nearer(mean, PAPER_TRAINING.mean)
        counts = (found.than_base, found.than_emoreg, found.than_both, printed.than_both)
        rows.append((name, f"{melodies:,}", *map(str, counts)))

    for one in reference.published:
        add(one.name, len(one.profile.quadrants), one.profile.pitches.mean)
    for model in report.models:
        if report.each > PAPER_EACH:
            add(model.name, 4 * PAPER_EACH, model.paper_sized.mean)
        add(model.name, 4 * report.each, model.profile.pitches.mean)
    for each, cells in reference.ceilings.items():
        base, emoreg, both = (number(mean, 1) for mean in cells.mean(axis=0))
        often = f"{both} ({TARGET_CELLS} or more in {percent((cells[:, 2] >= TARGET_CELLS).mean(), 0)})"
        rows.append((f"real, mean of {len(cells)} random draws", f"{4 * each:,}", base, emoreg, often, "–"))
    own = cells_nearer(PAPER_EMOREG.mean, reference.profile.pitches.mean).than_base
    note = (
        "Of 16 cells, those whose mean is nearer to the training mean than the paper's models' means: to the "
        "mean recomputed here; in the last column, to the mean that the paper prints. Random draws of real "
        "melodies are what a model that had learnt the training distribution exactly would reach. The "
        f"paper's CVAE-EmoReg is nearer than its CVAE-Base in {own} cells."
    )
    nearer = ("than CVAE-Base", "than CVAE-EmoReg", "than both", "than both (paper's mean)")
    return Table("Table 3: cells nearer to the training mean", ("whose", "melodies", *nearer), tuple(rows), note)


def _heard_table(report: EvaluationReport) -> Table:
    reference = report.reference
    found = [("real melodies", reference.heard), *((one.name, one.heard) for one in reference.published)]
    found += [(model.name, model.heard) for model in report.models]
    rows = [(name, *_shares(one.accuracies, one.mean), *_signs(one)) for name, one in found if one is not None]
    note = (
        "Share of the melodies of each emotion, as labelled or as asked for, that the reader hears in their quadrant. "
        "The reader was trained on the real melodies: its figure for melodies held out is in Table 2 of its run. It "
        "hears scale and density, so it says whether an emotion is expressed, not whether a melody is good."
    )
    return Table(
        "Emotion heard by the reader",
        ("melodies", "e1", "e2", "e3", "e4", "mean", "valence", "arousal"),
        tuple(rows),
        note,
    )


def _signs(found: Placement) -> tuple[str, str]:
    """The shares of all examples whose valence and whose arousal lies on the right side."""
    signs = [(quadrant.valence_sign, quadrant.arousal_sign) for quadrant in Quadrant]
    right = [np.asarray([[a[axis] == b[axis] for b in signs] for a in signs]) for axis in (0, 1)]
    total = max(int(found.confusion.sum()), 1)
    valence, arousal = (percent(float(found.confusion[mask].sum()) / total) for mask in right)
    return valence, arousal


def _novelty_table(report: EvaluationReport) -> Table:
    reference = report.reference
    rows = [
        _novelty_row("real melodies", "all others", reference.among_all),
        _novelty_row("real melodies", "those of other tunes", reference.among_other_tunes),
    ]
    rows += [_novelty_row(one.name, "training melodies", one.novelty) for one in reference.published]
    for model in report.models:
        rows.append(_novelty_row(model.name, "training melodies", model.novelty))
        rows.append(_novelty_row(model.name, "each other", model.among))
    note = (
        f"Pitches only. Near-identical: at most {NEAR_IDENTICAL} edits per note to the nearest melody. "
        f"Copied: share of all runs of {RUN} pitches that occur there. Longest run: pitches in a row shared "
        "with one melody there. Tunes are grouped so that no two of them hold near-identical melodies."
    )
    shares = ("identical", "near-identical", f"copied {RUN}-note runs")
    runs = ("longest run: mean", "median", "most", "share of melody")
    return Table("Novelty", ("melodies", "beside", "number", *shares, *runs), tuple(rows), note)


def _melodic_table(report: EvaluationReport) -> Table:
    real, shuffled = report.reference.profile.melodic, report.reference.shuffled.melodic
    columns = ["measure", "real", "shuffled", "real/shuffled"]
    for model in report.models:
        columns += [model.name, f"real/{model.name}"]
    rows = []
    for name in melodic.MEASURES:
        cells = [number(known_mean(real[name]), 3)]
        for values in (shuffled[name], *(model.profile.melodic[name] for model in report.models)):
            cells += [number(known_mean(values), 3), number(melodic.separation(real[name], values))]
        rows.append((name, *cells))
    note = (
        "Means; shuffled: the real melodies' pitches in random order in their own rhythm. real/…: how far "
        "the measure tells the two apart, from 0.5 (not at all) to 1. Where real/shuffled is near 0.5 the "
        "measure does not know a melody from its shuffled pitches."
    )
    return Table("Are they melodies?", tuple(columns), tuple(rows), note)


def _figure_8_table(report: EvaluationReport) -> Table:
    reference = report.reference
    sets = [("real melodies", reference.profile, reference.halves)]
    others = [(one.name, one.profile) for one in reference.published]
    others += [(model.name, model.profile) for model in report.models]
    sets += [(name, profile, distances_between(profile, reference.profile)) for name, profile in others]
    rows = [
        (EMOTIONS[e], name, *_figure_8_cells(profile, e), *(number(distance) for distance in distances[:, e]))
        for e in range(4)
        for name, profile, distances in sets
    ]
    note = (
        "Distances of note lengths and intervals to those of the real melodies (total variation: 0 the same, "
        "1 nothing in common); for the real melodies, of one random half from the other."
    )
    notes = ("notes in four bars", "notes per quarter", "notes in C major", "notes in c minor")
    columns = ("emotion", "melodies", *notes, "length distance", "interval distance")
    return Table("Figure 8: density and scale use", columns, tuple(rows), note)


def _shares(accuracies: Reals, mean: float) -> tuple[str, ...]:
    return (*(percent(value) for value in accuracies), percent(mean))


def _novelty_row(name: str, beside: str, found: Novelty) -> tuple[str, ...]:
    longest = found.longest_run
    return (
        name,
        beside,
        f"{len(longest):,}",
        percent(found.identical_share),
        percent(found.near_identical_share),
        percent(found.copied_run_share),
        number(float(longest.mean()), 1),
        number(float(np.median(longest)), 1),
        str(int(longest.max())),
        percent(float(found.longest_run_shares.mean())),
    )


def _figure_8_cells(profile: Profile, emotion: int) -> tuple[str, ...]:
    notes = profile.melodic["notes in four bars"][profile.quadrants == emotion + 1]
    mean, deviation = (float(notes.mean()), float(notes.std())) if notes.size else (np.nan, np.nan)
    scales = (percent(profile.pitches.mean[row, emotion]) for row in (2, 3))
    return (mean_and_deviation(mean, deviation), number(mean / _QUARTERS), *scales)
