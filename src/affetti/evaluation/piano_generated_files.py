"""The pictures of composed piano pieces: their elements beside real ones, emotion, sanity, and some of the pieces."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from affetti.analysis.features import EARS
from affetti.analysis.metrical_grid import MetricalGrid
from affetti.emotion import Quadrant
from affetti.evaluation.drawing import COLOURS, new_figure, picture_of
from affetti.evaluation.element_pictures import elements_beside
from affetti.evaluation.musical_sanity import MEASURES, distance
from affetti.evaluation.piano_collections import Collection
from affetti.evaluation.piano_emotion import Heard
from affetti.evaluation.piano_generated import Measured
from affetti.evaluation.piano_generated_report import GeneratedReport
from affetti.evaluation.piano_rolls import Roll, piano_roll_sheet
from affetti.evaluation.report import Picture
from affetti.tokens.compound_word import TICKS_PER_STEP, GridMusic
from affetti.tokens.elements import STEPS_PER_QUARTER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROLLS = 2
"""Pieces of each emotion that are drawn."""
_GREY = "#909090"
_CORRUPTED = ("#D55E00", "#E69F00", "#CC79A7", "#009E73")
_FARTHEST = 3.0
"""Where the axis of distances ends; what lies beyond is drawn there."""


def generated_pictures(report: GeneratedReport, collections: Sequence[Collection]) -> Iterator[Picture]:
    """Of each collection its elements, its confusion of emotions, and piano rolls; of all their sanity.

    Raises InputError that names the extra when matplotlib is not installed.
    """
    for one, collection in zip(report.measured, collections, strict=True):
        suffix = "" if len(collections) == 1 else f"-{one.name}"
        real = report.references.everything.element_counts
        title = f"{one.name} beside {report.references.corpus}: elements"
        yield elements_beside(f"elements{suffix}", title, real, one.counts)
        if EARS[0] in one.heard:
            ceiling = report.references.ceilings.get(EARS[0])
            yield _confusions(f"emotion{suffix}", one, None if ceiling is None else ceiling[0])
        yield from _rolls(f"rolls{suffix}", collection)
    yield _distances("sanity", report)


def _confusions(name: str, one: Measured, real: Heard | None) -> Picture:
    title = f"{one.name}: emotion asked for and heard"
    shown = [(one.name, one.heard[EARS[0]]), *([] if real is None else [("real, songs not known to it", real)])]
    with new_figure(3.6 * len(shown) + 0.4, 3.8) as figure:
        panels = figure.subplots(1, len(shown), squeeze=False)[0]
        for panel, (label, heard) in zip(panels, shown, strict=True):
            _draw_confusion(panel, f"{label}: {100 * heard.four_way:.0f} % right", heard)
        figure.suptitle(title)
        return picture_of(figure, name, f"{title}: shares of each row, in percent")


def _draw_confusion(panel: "Axes", title: str, heard: Heard) -> None:
    counts = heard.confusion
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    panel.imshow(shares, cmap="Greys", vmin=0, vmax=100)
    for row in range(4):
        for column in range(4):
            ink = "white" if shares[row, column] > 55 else "black"
            panel.text(column, row, f"{shares[row, column]:.0f}", ha="center", va="center", color=ink)
    names = [f"{quadrant.name} {quadrant.label}" for quadrant in Quadrant]
    panel.set_xticks(range(4), [quadrant.name for quadrant in Quadrant])
    panel.set_yticks(range(4), names)
    panel.set(xlabel="heard", ylabel="asked for", title=title)


def _distances(name: str, report: GeneratedReport) -> Picture:
    own = report.references
    reference = own.held_out_measured.sanity
    shown = [
        *((one.name, one.sanity, "o", "#0072B2", 40 / (1 + place)) for place, one in enumerate(report.measured)),
        (own.training_measured.name, own.training_measured.sanity, "s", _GREY, 24),
        *(
            (one.name, one.sanity, "x", colour, 24)
            for one, colour in zip(own.corrupted_measured, _CORRUPTED, strict=True)
        ),
    ]
    rows = np.arange(len(MEASURES))[::-1]
    title = "Musical sanity: distance from real pieces that were held out"
    with new_figure(9, 0.24 * len(MEASURES) + 1.6) as figure:
        panel = figure.subplots()
        for label, values, marker, colour, size in shown:
            found = [distance(values[:, column], reference[:, column]) for column in range(len(MEASURES))]
            panel.scatter(np.minimum(found, _FARTHEST), rows, marker=marker, c=colour, s=size, label=label, zorder=2)
        panel.set_yticks(rows, [measure.name for measure in MEASURES])
        panel.set_xlim(-0.05, _FARTHEST * 1.02)
        panel.grid(axis="y", color="#EEEEEE", zorder=0)
        panel.set(xlabel="Wasserstein's distance, standard deviations of the real pieces", title=title)
        figure.legend(loc="outside lower center", ncols=4)
        return picture_of(figure, name, f"{title}; crosses are of pieces made wrong, and what lies beyond 3 is at 3")


def _rolls(name: str, collection: Collection) -> Iterator[Picture]:
    """The first pieces of each emotion."""
    for quadrant in Quadrant:
        chosen = np.flatnonzero(collection.quadrants == quadrant)[:ROLLS].tolist()
        rolls = [
            Roll(f"number {index}", collection.pieces[index], _grid(collection.music[index]), COLOURS[quadrant])
            for index in chosen
        ]
        if rolls:
            title = f"{collection.name}: {quadrant.name} {quadrant.label}"
            yield piano_roll_sheet(
                f"{name}-{quadrant.name.lower()}", title, rolls, caption=f"{title}, the first pieces"
            )


def _grid(music: GridMusic) -> MetricalGrid:
    """The beats and bars of music on the grid."""
    beats = np.unique(
        np.concatenate(
            [
                np.append(np.arange(start, end, STEPS_PER_QUARTER), end)
                for start, end in zip(music.bar_starts[:-1].tolist(), music.bar_starts[1:].tolist(), strict=True)
            ]
        )
    )
    bars = np.searchsorted(beats, music.bar_starts[:-1])
    return MetricalGrid((beats * TICKS_PER_STEP).astype(np.float64), beats, bars, False, 1.0)
