"""The melody system's report for people: the paper's tables with ours beside them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from affetti.emotion import Quadrant
from affetti.evaluation import emoreg_paper, melodic
from affetti.evaluation.emoreg_measures import PAPER_EACH, ModelMeasures, Profile, Reference, distances_between
from affetti.evaluation.pitch_table import (
    PAPER_BASE,
    PAPER_EMOREG,
    PAPER_TRAINING,
    PITCH_MEASURES,
    TARGET_CELLS,
    PitchTable,
    cells_nearer,
)
from affetti.evaluation.notes import Reals
from affetti.evaluation.novelty import NEAR_IDENTICAL, RUN, Novelty
from affetti.evaluation.report import Table, mean_and_deviation, number, percent

EMOTIONS = tuple(f"e{quadrant.value} {quadrant.label}" for quadrant in Quadrant)
_D = ("D1", "D2", "D3", "D4", "mean D")
_NOT_HERE = "the published examples are not here: affetti corpus get musgenvae, or --corpus-dir"


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationReport:
    """Everything measured in one call: the real melodies and one or several models, with the seed they composed by."""

    reference: Reference
    models: tuple[ModelMeasures, ...]
    each: int
    """Melodies composed per emotion."""
    seed: int

    def tables(self) -> list[Table]:
        """The report as tables, in the order of the paper."""
        snapshots = [self._snapshot_table()] if any(model.snapshots for model in self.models) else []
        pitches = [
            self._pitch_table(f"Table 3, {4 * self.each:,} melodies", lambda model: model.profile.pitches)
        ]
        if self.each > PAPER_EACH:
            small = self._pitch_table(
                f"Table 3, {4 * PAPER_EACH} melodies as in the paper", lambda model: model.paper_sized
            )
            pitches.insert(0, small)
        return [
            self._placement_table(),
            *snapshots,
            *pitches,
            self._nearer_table(),
            self._novelty_table(),
            self._melodic_table(),
            self._figure_8_table(),
        ]

    def remarks(self) -> list[str]:
        """What the reader must know besides the tables."""
        corpus = self.reference.corpus
        composed = f"seed {self.seed}, {self.each} melodies per emotion"
        remarks = [f"{len(corpus)} real melodies, {len(np.unique(corpus.tunes))} tunes; {composed}."]
        remarks += [f"{model.name}: weights {model.weights_hash}." for model in self.models]
        return remarks if self.reference.published else [*remarks, _NOT_HERE]

    def _placement_table(self) -> Table:
        rows = [
            (f"{name} (the paper)", "training data", *_shares(np.asarray(values), float(np.mean(values))))
            for name, values in emoreg_paper.PLACEMENT.items()
        ]
        for model in self.models:
            label = "label given to the encoder" if model.label_in_encoder else "label unseen"
            found = model.training.placement
            rows.append((model.name, f"training data, {label}", *_shares(found.accuracies, found.mean)))
            if model.wrong_label is not None:
                true, given = model.wrong_label
                rows.append((model.name, "training data, wrong label: true quadrant", *["–"] * 4, percent(true)))
                rows.append((model.name, "training data, wrong label: given quadrant", *["–"] * 4, percent(given)))
            if model.held_out is not None:
                held = model.held_out
                folds = len(held.folds)
                what = f"held out, mean of {folds} folds by tune, {label}"
                mean = f"{percent(held.mean)} ± {100 * held.deviation:.1f}"
                rows.append((model.name, what, *_shares(held.accuracies, held.mean)[:4], mean))
                rows += [
                    (model.name, f"held out, fold {index}", *_shares(fold.accuracies, fold.mean))
                    for index, fold in enumerate(held.folds)
                ]
        held_out = [model for model in self.models if model.held_out is not None]
        notes = ["Share of the melodies of each emotion that lie in its quadrant; chance gives 25 %."]
        notes += [
            f"{model.name}: {model.held_out.melodies} melodies held out once each, "
            f"{model.held_out.split_tunes} tunes in more than one fold."
            for model in held_out
            if model.held_out is not None
        ]
        if not held_out:
            notes.append("Held-out figures: evaluate the folder of a run with folds.")
        return Table("Table 2: placement accuracy", ("model", "data", *_D), tuple(rows), " ".join(notes))

    def _snapshot_table(self) -> Table:
        rows = []
        for model in self.models:
            for snapshot in model.snapshots:
                found = snapshot.placement
                rows.append((model.name, snapshot.moment, *_shares(found.accuracies, found.mean)))
        note = "Placement on the training data while the model learns."
        return Table("Figures 5-7: the latent map in time", ("model", "moment", *_D), tuple(rows), note)

    def _pitch_table(self, title: str, of_model: Callable[[ModelMeasures], PitchTable]) -> Table:
        reference = self.reference
        columns = {
            "training (recomputed)": reference.profile.pitches,
            "training (the paper)": PAPER_TRAINING,
            "CVAE-Base (the paper)": PAPER_BASE,
            "CVAE-EmoReg (the paper)": PAPER_EMOREG,
        }
        columns |= {one.name: one.profile.pitches for one in reference.published}
        columns |= {model.name: of_model(model) for model in self.models}
        rows = [
            (
                measure,
                EMOTIONS[emotion],
                *(mean_and_deviation(t.mean[row, emotion], t.deviation[row, emotion]) for t in columns.values()),
            )
            for row, measure in enumerate(PITCH_MEASURES)
            for emotion in range(4)
        ]
        silent = [f"{name}: {table.silent}" for name, table in columns.items() if table.silent]
        note = "Mean (standard deviation). Range in semitones, scales as shares; c minor is the natural minor."
        note += f" Without any note: {', '.join(silent)}." if silent else ""
        return Table(title, ("measure", "emotion", *columns), tuple(rows), note)

    def _nearer_table(self) -> Table:
        target = self.reference.profile.pitches.mean
        rows = []

        def add(name: str, melodies: str, mean: Reals) -> None:
            ours, paper = cells_nearer(mean, target), cells_nearer(mean, PAPER_TRAINING.mean)
            counts = (ours.than_base, ours.than_emoreg, ours.than_both, paper.than_both)
            rows.append((name, melodies, *(str(count) for count in counts)))

        add("CVAE-EmoReg (the paper)", "80", PAPER_EMOREG.mean)
        for one in self.reference.published:
            add(one.name, str(len(one.profile.quadrants)), one.profile.pitches.mean)
        for model in self.models:
            if self.each > PAPER_EACH:
                add(model.name, f"{4 * PAPER_EACH}", model.paper_sized.mean)
            add(model.name, f"{4 * self.each:,}", model.profile.pitches.mean)
        for each, cells in self.reference.ceilings.items():
            name = f"real melodies drawn at random, mean of {len(cells)} draws"
            base, emoreg, both = (number(mean, 1) for mean in cells.mean(axis=0))
            often = f"{both} ({TARGET_CELLS} or more: {percent((cells[:, 2] >= TARGET_CELLS).mean(), 0)})"
            rows.append((name, f"{4 * each:,}", base, emoreg, often, "–"))
        note = (
            "Of 16 cells, those in which the mean is nearer to the recomputed training mean than the paper's models' "
            "means (last column: to the training mean as the paper prints it). The rows of real melodies are what a "
            "model that had learnt the training distribution exactly would reach."
        )
        columns = ("mean of", "melodies", "than CVAE-Base", "than CVAE-EmoReg", "than both", "than both, paper's column")
        return Table("Table 3: cells nearer to the training mean", columns, tuple(rows), note)

    def _novelty_table(self) -> Table:
        reference = self.reference
        rows = [
            _novelty_row("real melodies", "all others", reference.among_all),
            _novelty_row("real melodies", "those of other tunes", reference.among_other_tunes),
        ]
        rows += [_novelty_row(one.name, "training melodies", one.novelty) for one in reference.published]
        for model in self.models:
            rows.append(_novelty_row(model.name, "training melodies", model.novelty))
            rows.append(_novelty_row(model.name, "each other", model.among))
        columns = ("melodies", "beside", "number", "identical", "near-identical", "copied 8-note runs")
        note = (
            f"Pitches only. Near-identical: at most {percent(NEAR_IDENTICAL, 0)} edits per note to the nearest melody. "
            f"Copied: share of all runs of {RUN} pitches that occur there. Longest run: pitches in a row shared with "
            "one melody there. Tunes are grouped so that no two of them hold near-identical melodies."
        )
        runs = ("longest run (mean)", "(median)", "(most)", "longest run / melody")
        return Table("Novelty", (*columns, *runs), tuple(rows), note)

    def _melodic_table(self) -> Table:
        reference = self.reference
        columns = ["real", "shuffled", "real/shuffled"]
        for model in self.models:
            columns += [model.name, f"real/{model.name}"]
        rows = []
        for name in melodic.MEASURES:
            real, shuffled = reference.profile.melodic[name], reference.shuffled.melodic[name]
            cells = [number(melodic.mean(real), 3), number(melodic.mean(shuffled), 3), number(melodic.separation(real, shuffled))]
            for model in self.models:
                values = model.profile.melodic[name]
                cells += [number(melodic.mean(values), 3), number(melodic.separation(real, values))]
            rows.append((name, *cells))
        note = (
            "Means; shuffled: the real melodies' pitches in random order in their own rhythm. real/…: how far the "
            "measure tells the two apart, 0.5 (not at all) to 1; it says something where real/shuffled is high."
        )
        return Table("Are they melodies?", ("measure", *columns), tuple(rows), note)

    def _figure_8_table(self) -> Table:
        reference = self.reference
        profiles = [("real", reference.profile), *((one.name, one.profile) for one in reference.published)]
        profiles += [(model.name, model.profile) for model in self.models]
        rows = []
        for emotion in range(4):
            for name, profile in profiles:
                distances = (
                    reference.halves[:, emotion]
                    if profile is reference.profile
                    else distances_between(profile, reference.profile)[:, emotion]
                )
                rows.append((EMOTIONS[emotion], name, *_figure_8_cells(profile, emotion), *map(number, distances)))
        note = (
            "Distances: total variation to the real melodies' distribution, 0 the same, 1 nothing in common; "
            "for the real melodies, of one random half from the other."
        )
        scales = ("notes in C major", "notes in c minor")
        columns = ("emotion", "melodies", "notes in four bars", "notes per quarter", *scales, "length distance", "interval distance")
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
    return (mean_and_deviation(mean, deviation), number(mean / 16), *scales)
