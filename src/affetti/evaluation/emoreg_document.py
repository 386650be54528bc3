"""The melody system's report for machines: every figure in one JSON document, every melody in one CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from affetti.analysis.pitch import Integers, Reals
from affetti.evaluation import emoreg_paper, melodic
from affetti.evaluation.emoreg_measures import (
    PAPER_EACH,
    ModelMeasures,
    Profile,
    Published,
    Reference,
    distances_between,
)
from affetti.evaluation.emoreg_report import EvaluationReport
from affetti.evaluation.novelty import Novelty
from affetti.evaluation.pitch_table import (
    PAPER_BASE,
    PAPER_EMOREG,
    PAPER_TRAINING,
    TARGET_CELLS,
    PitchTable,
    cells_nearer,
)
from affetti.evaluation.placement import Placement
from affetti.evaluation.report import plain
from affetti.evaluation.run_results import HeldOut
from affetti.tokens.melody_notes import known_mean

Document = dict[str, Any]


def document(report: EvaluationReport) -> Document:
    """All figures of a report. Shares are 0-1, lists of four are e1..e4, null is where there is no figure."""
    reference = report.reference
    figures: Document = plain(
        {
            "melodies_per_emotion": report.each,
            "seed": report.seed,
            "corpus": {
                "melodies": len(reference.corpus),
                "tunes": len(np.unique(reference.corpus.tunes)),
                "per_emotion": reference.profile.pitches.count,
            },
            "paper": {
                "source": emoreg_paper.SOURCE,
                "placement": dict(emoreg_paper.PLACEMENT),
                "pitch_measures": {
                    "CVAE-Base": asdict(PAPER_BASE),
                    "CVAE-EmoReg": asdict(PAPER_EMOREG),
                    "training": asdict(PAPER_TRAINING),
                },
                "cells_nearer": _cells(PAPER_EMOREG, reference),
            },
            "reader": reference.reader and reference.reader.weights_hash,
            "real": {**_real(reference), "heard": reference.heard and _placement(reference.heard)},
            "shuffled": _profile(reference.shuffled),
            "published": {one.name: _published(one, reference) for one in reference.published},
            "models": {model.name: _model(model, reference) for model in report.models},
        }
    )
    return figures


def nearest_csv(model: ModelMeasures, names: Sequence[str]) -> bytes:
    """Each composed melody's nearest training melody (by `names`) and what they share, one melody a line."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("melody", "emotion", "notes", "nearest", "distance", "runs", "copied_runs", "longest_run"))
    found = model.novelty
    for index, quadrant in enumerate(model.melodies.quadrants.tolist()):
        nearest = (names[int(found.nearest_index[index])], f"{found.nearest[index]:.4f}")
        runs = (found.runs[index], found.copied_runs[index], found.longest_run[index])
        writer.writerow((index, f"e{quadrant}", found.notes[index], *nearest, *runs))
    return stream.getvalue().encode()


def _real(reference: Reference) -> Document:
    return {
        **_profile(reference.profile),
        "novelty": _novelty(reference.among_all, reference.profile),
        "novelty_beside_other_tunes": _novelty(reference.among_other_tunes, reference.profile),
        "distance_of_halves": _distances(reference.halves),
        "cells_nearer_by_random_draws": {4 * each: _draws(cells) for each, cells in reference.ceilings.items()},
    }


def _published(one: Published, reference: Reference) -> Document:
    return {
        **_profile(one.profile),
        "heard": one.heard and _placement(one.heard),
        "novelty": _novelty(one.novelty, one.profile),
        "cells_nearer": _cells(one.profile.pitches, reference),
        "distance_to_real": _distances(distances_between(one.profile, reference.profile)),
    }


def _model(model: ModelMeasures, reference: Reference) -> Document:
    real, wrong = reference.profile, model.wrong_label
    return {
        "weights_hash": model.weights_hash,
        "label_in_encoder": model.label_in_encoder,
        "placement": {
            "training": _placement(model.training.placement),
            "training_with_wrong_label": wrong and {"true_quadrant": wrong[0], "given_quadrant": wrong[1]},
            "snapshots": {one.moment: _placement(one.placement) for one in model.snapshots},
            "held_out": model.held_out and _held_out(model.held_out),
        },
        **_profile(model.profile),
        "heard": model.heard and _placement(model.heard),
        "cells_nearer": _cells(model.profile.pitches, reference),
        f"first_{4 * PAPER_EACH}": {
            "pitch_measures": asdict(model.paper_sized),
            "cells_nearer": _cells(model.paper_sized, reference),
        },
        "novelty": _novelty(model.novelty, model.profile),
        "novelty_among_themselves": _novelty(model.among),
        "distance_to_real": _distances(distances_between(model.profile, real)),
        "separation_from_real": {
            name: melodic.separation(real.melodic[name], values) for name, values in model.profile.melodic.items()
        },
    }


def _cells(table: PitchTable, reference: Reference) -> Document:
    """Cells nearer than the paper's models: to the recomputed training mean, and to the printed one."""
    return {
        "to_recomputed": asdict(cells_nearer(table.mean, reference.profile.pitches.mean)),
        "to_printed": asdict(cells_nearer(table.mean, PAPER_TRAINING.mean)),
    }


def _draws(cells: Integers) -> Document:
    than_base, than_emoreg, than_both = cells.T
    return {
        "than_base": than_base.mean(),
        "than_emoreg": than_emoreg.mean(),
        "than_both": than_both.mean(),
        f"share_with_{TARGET_CELLS}_or_more_than_both": (than_both >= TARGET_CELLS).mean(),
    }


def _placement(found: Placement) -> Document:
    return {"accuracies": found.accuracies, "mean": found.mean, "confusion": found.confusion}


def _held_out(held: HeldOut) -> Document:
    return {
        "folds": [_placement(fold) for fold in held.folds],
        "accuracies": held.accuracies,
        "mean": held.mean,
        "deviation": held.deviation,
        "all_folds": _placement(held.all_folds),
        "melodies": held.melodies,
        "tunes_in_several_folds": held.split_tunes,
    }


def _profile(profile: Profile) -> Document:
    each = [profile.quadrants == emotion for emotion in (1, 2, 3, 4)]
    return {
        "pitch_measures": asdict(profile.pitches),
        "melodic_measures": {
            name: {
                "mean": known_mean(values),
                "per_emotion": [known_mean(values[chosen]) for chosen in each],
            }
            for name, values in profile.melodic.items()
        },
        "note_length_distribution": profile.note_lengths,
        "interval_distribution": profile.intervals,
    }


def _distances(distances: Reals) -> Mapping[str, Any]:
    return {"note_lengths": distances[0], "intervals": distances[1]}


def _novelty(found: Novelty, profile: Profile | None = None) -> Document:
    figures: Document = {
        "melodies": len(found.nearest),
        "identical_share": found.identical_share,
        "near_identical_share": found.near_identical_share,
        "copied_run_share": found.copied_run_share,
        "longest_run": {
            "mean": found.longest_run.mean(),
            "median": np.median(found.longest_run),
            "most": found.longest_run.max(),
        },
        "longest_run_share_of_melody": found.longest_run_shares.mean(),
        "nearest_distance": {"mean": found.nearest.mean(), "median": np.median(found.nearest)},
    }
    if profile is not None:
        each = [found.of(profile.quadrants == emotion) for emotion in (1, 2, 3, 4)]
        for share in ("identical_share", "near_identical_share", "copied_run_share"):
            figures[f"{share}_per_emotion"] = [getattr(one, share) for one in each]
    return figures
