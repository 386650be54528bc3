"""The pictures of the plane of emotion: asked and heard, and how emotion moves along paths and real pieces."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from affetti.evaluation.drawing import new_figure, picture_of
from affetti.evaluation.plane_measures import PLACES, WAYS, PlaneMeasured
from affetti.evaluation.plane_report import AXES, PlaneReport
from affetti.evaluation.report import Picture
from affetti.tokens.elements import Reals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"uncalibrated": "#909090", "calibrated": "#E69F00", "composed": "#0072B2"}
_VALENCE, _AROUSAL = "#D55E00", "#0072B2"
_SHOWN = 6
"""Real pieces whose trajectories are drawn, and paths."""


def plane_pictures(report: PlaneReport) -> Iterator[Picture]:
    """Of each model its calibration curves, the plane as it is heard, and its paths; the real trajectories.

    Raises InputError that names the extra when matplotlib is not installed.
    """
    for one in report.models:
        suffix = "" if len(report.models) == 1 else f"-{one.name}"
        yield _curves(f"calibration{suffix}", one)
        yield _planes(f"plane{suffix}", one)
        if len(one.paths.asked):
            yield _paths(f"paths{suffix}", one)
    if report.real is not None and report.real.trajectories:
        yield _trajectories("trajectories", report)


def _curves(name: str, one: PlaneMeasured) -> Picture:
    places = np.linspace(-1, 1, PLACES)
    title = f"{one.name}: asked and heard"
    with new_figure(8.4, 4.6) as figure:
        panels = figure.subplots(1, 2)
        for axis, (panel, axis_name) in enumerate(zip(panels, AXES, strict=True)):
            _unit_square(panel, f"{axis_name} asked", f"{axis_name} heard, mean")
            panel.plot([-1, 1], [-1, 1], color="#CCCCCC", zorder=0)
            for way, label in WAYS.items():
                curve = one.grids[way].curve(axis)
                panel.plot(places, curve, marker="o", color=_COLOURS[way], label=label if axis == 0 else None)
        figure.suptitle(title)
        figure.legend(loc="outside lower center", ncols=3)
        return picture_of(
            figure, name, f"{title}, on the mean over all points with so much asked; the diagonal is ideal"
        )


def _planes(name: str, one: PlaneMeasured) -> Picture:
    """The grid that was asked for, where its points are heard."""
    title = f"{one.name}: the plane as it is heard"
    with new_figure(11.4, 4.4) as figure:
        panels = figure.subplots(1, len(WAYS))
        for panel, (way, label) in zip(panels, WAYS.items(), strict=True):
            _unit_square(panel, "valence heard", "arousal heard")
            means = one.grids[way].means
            for place in range(PLACES):
                panel.plot(*means[place].T, color=_COLOURS[way], linewidth=1)  # one valence asked
                panel.plot(*means[:, place].T, color=_COLOURS[way], linewidth=1, linestyle="--")  # one arousal asked
            corners = [(0, 0, "sad"), (0, -1, "angry"), (-1, 0, "calm"), (-1, -1, "happy")]
            for v, a, corner in corners:
                panel.annotate(corner, means[v, a], fontsize=8)
            panel.set_title(label, fontsize=9)
        figure.suptitle(title)
        caption = (
            f"{title}: the lines of equal valence (solid) and arousal (dashed) asked for; ideal is the square grid"
        )
        return picture_of(figure, name, caption)


def _paths(name: str, one: PlaneMeasured) -> Picture:
    asked, heard = one.segments
    title = f"{one.name}: segments of paths, asked and heard"
    with new_figure(8.4, 4.4) as figure:
        panels = figure.subplots(1, 2)
        for axis, (panel, axis_name) in enumerate(zip(panels, AXES, strict=True)):
            _unit_square(panel, f"{axis_name} asked", f"{axis_name} heard")
            panel.plot([-1, 1], [-1, 1], color="#CCCCCC", zorder=0)
            for segment, marker in zip(range(asked.shape[1]), "os^", strict=True):
                label = f"segment {segment + 1}" if axis == 0 else None
                panel.scatter(asked[:, segment, axis], heard[:, segment, axis], s=14, marker=marker, label=label)
        figure.suptitle(title)
        figure.legend(loc="outside lower center", ncols=3)
        return picture_of(figure, name, title)


def _trajectories(name: str, report: PlaneReport) -> Picture:
    """The first real trajectories above, the first paths of each model below."""
    assert report.real is not None
    title = "Emotion along real pieces, and along paths (thin: asked; thick: heard)"
    longest = [one for one in report.real.trajectories if len(one) >= 3][:_SHOWN]
    models = [one for one in report.models if len(one.paths.asked)]
    with new_figure(11.4, 2.0 * (1 + len(models)) + 0.6) as figure:
        rows = figure.subplots(1 + len(models), _SHOWN, squeeze=False, sharey=True)
        for panel in rows.flat:
            panel.set(ylim=(-1.05, 1.05), xticks=[])
            panel.axhline(0, color="#EEEEEE", zorder=0)
        for panel, real in zip(rows[0], longest, strict=False):
            _draw(panel, real, 1.5)
        for row, model in zip(rows[1:], models, strict=True):
            for panel, asked, heard in zip(row, *model.segments, strict=False):
                _draw(panel, asked, 0.8)
                _draw(panel, heard, 2.2)
            row[0].set_ylabel(model.name)
        rows[0][0].set_ylabel("listeners")
        figure.suptitle(title)
        handles = rows[0][0].get_lines()[-2:] if longest else []
        figure.legend(handles, list(AXES), loc="outside lower center", ncols=2)
        return picture_of(figure, name, title)


def _draw(panel: "Axes", trajectory: Reals, width: float) -> None:
    for axis, colour in enumerate((_VALENCE, _AROUSAL)):
        panel.plot(trajectory[:, axis], color=colour, linewidth=width, marker=".", markersize=3)


def _unit_square(panel: "Axes", across: str, up: str) -> None:
    ticks = np.linspace(-1, 1, PLACES)
    panel.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), xticks=ticks, yticks=ticks, xlabel=across, ylabel=up)
    panel.set_aspect("equal")
    panel.grid(color="#EEEEEE", zorder=0)
