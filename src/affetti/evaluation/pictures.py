"""The pictures of the CVAE-EmoReg paper and ours. Every function returns a `Picture`, PNG and SVG.

Where emotions share an axis each has its own marker as well as its colour.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from affetti.analysis.pitch import Reals
from affetti.corpora.tunes import NEAR_IDENTICAL
from affetti.emotion import Quadrant
from affetti.evaluation.drawing import COLOURS, MARKERS, new_figure, picture_of
from affetti.evaluation.emoreg_measures import MelodySet, Profile
from affetti.evaluation.melodic import INTERVALS, NOTE_LENGTHS
from affetti.evaluation.novelty import Novelty
from affetti.evaluation.report import Picture, percent
from affetti.evaluation.run_results import Snapshot
from affetti.tokens.melody import STEPS_PER_BAR
from affetti.tokens.melody_notes import notes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REAL = "#B8B8B8"
GENERATED = "#0072B2"


def latent_map(name: str, title: str, snapshots: Sequence[Snapshot]) -> Picture:
    """Where the training melodies lie in the latent plane, one panel per moment (the paper's Figures 5-7).

    Each panel has its own scale, with the origin in the middle. Raises ValueError for no snapshots.
    """
    if not snapshots:
        raise ValueError("no latent positions to draw")
    with new_figure(0.8 + 3.4 * len(snapshots), 4.4) as figure:
        panels = figure.subplots(1, len(snapshots), squeeze=False)[0]
        for panel, snapshot in zip(panels, snapshots, strict=True):
            _draw_latents(panel, snapshot)
        panels[0].set_ylabel("arousal (latent axis 2)")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, handletextpad=0.1)
        figure.suptitle(title)
        return picture_of(figure, name, f"{title}: latent positions of the training melodies")


def _draw_latents(panel: "Axes", snapshot: Snapshot) -> None:
    points = snapshot.positions[:, :2]
    limit = 1.08 * float(np.abs(points).max(initial=1e-6))
    panel.axhline(0, color="black", linewidth=0.8)
    panel.axvline(0, color="black", linewidth=0.8)
    for quadrant in Quadrant:
        chosen = snapshot.quadrants == quadrant
        panel.scatter(
            points[chosen, 0],
            points[chosen, 1],
            s=16,
            color=COLOURS[quadrant],
            marker=MARKERS[quadrant],
            alpha=0.75,
            linewidths=0,
            label=_name(quadrant),
        )
        panel.text(
            0.5 + 0.49 * quadrant.valence_sign,
            0.5 + 0.49 * quadrant.arousal_sign,
            quadrant.name,
            transform=panel.transAxes,
            ha="right" if quadrant.valence_sign > 0 else "left",
            va="top" if quadrant.arousal_sign > 0 else "bottom",
            color=COLOURS[quadrant],
            weight="bold",
        )
    panel.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="valence (latent axis 1)", box_aspect=1)
    panel.set_title(f"{snapshot.moment}: {percent(snapshot.placement.mean)} in their quadrant")
    panel.locator_params(nbins=5)
    for spine in panel.spines.values():
        spine.set_visible(True)


def figure_8(name: str, title: str, generated: Profile, real: Profile) -> Picture:
    """Note density, scales, note lengths and intervals for each emotion, generated beside real melodies."""
    with new_figure(10, 8.4) as figure:
        grid = figure.subplots(4, 4, sharey="row")
        for column, quadrant in enumerate(Quadrant):
            density, scale, length, interval = grid[:, column]
            density.set_title(_name(quadrant), weight="bold")
            _draw_densities(density, quadrant, generated, real)
            density.set_xlabel("notes in four bars")
            shares = [profile.pitches.mean[2:, column] for profile in (real, generated)]
            _draw_bars(scale, ("C major", "c minor"), shares[0], shares[1], quadrant)
            scale.set_xlabel("notes in the scale")
            shares = [profile.note_lengths[column] for profile in (real, generated)]
            _draw_bars(length, (*map(str, NOTE_LENGTHS), "…"), shares[0], shares[1], quadrant)
            length.set_xlabel("note length (sixteenths; …: others)")
            _draw_intervals(interval, real.intervals[column], generated.intervals[column], quadrant)
            interval.set_xlabel("interval (semitones)")
        for panel, of_what in zip(grid[:, 0], ("melodies", "notes", "notes", "intervals"), strict=True):
            panel.set_ylabel(f"share of {of_what}")
        figure.suptitle(f"{title}: generated (coloured outline) beside real melodies (grey)")
        return picture_of(figure, name, f"{title}: density, scales, note lengths and intervals per emotion")


def _draw_densities(panel: "Axes", quadrant: Quadrant, generated: Profile, real: Profile) -> None:
    measured = [(profile.melodic["notes in four bars"], profile.quadrants) for profile in (real, generated)]
    most = max(float(counts.max(initial=1)) for counts, _ in measured)  # of all emotions: one scale for all
    edges = np.arange(-0.5, most + 2, 2)
    values = [counts[quadrants == quadrant] for counts, quadrants in measured]
    shares = [np.histogram(one, edges)[0] / max(len(one), 1) for one in values]
    panel.stairs(shares[0], edges, fill=True, color=REAL)
    panel.stairs(_seen(shares[1]), edges, color=COLOURS[quadrant], linewidth=1.8)


def _draw_bars(panel: "Axes", names: Sequence[str], real: Reals, generated: Reals, quadrant: Quadrant) -> None:
    places = np.arange(len(names))
    panel.bar(places, real, width=0.8, color=REAL)
    panel.bar(places, _seen(generated), width=0.8, fill=False, edgecolor=COLOURS[quadrant], linewidth=1.8)
    panel.set_xticks(places, names)


def _draw_intervals(panel: "Axes", real: Reals, generated: Reals, quadrant: Quadrant) -> None:
    edges = np.arange(INTERVALS[0] - 1.5, INTERVALS[-1] + 2.5)  # a bin more at either end: the wider leaps
    panel.stairs(real, edges, fill=True, color=REAL)
    panel.stairs(_seen(generated), edges, color=COLOURS[quadrant], linewidth=1.8)
    panel.set_xticks([-12, -7, -2, 2, 7, 12])


def _seen(shares: Reals) -> Reals:
    """`shares` without those that are 0, so that no outline runs along the axis."""
    return np.where(shares > 0, shares, np.nan)


def melody_sheet(name: str, title: str, melodies: MelodySet, each: int = 4) -> Picture:
    """The first `each` melodies of every emotion as piano rolls, one emotion per row."""
    with new_figure(10, 6.4) as figure:
        grid = figure.subplots(4, each, sharex=True, sharey=True, squeeze=False)
        for row, quadrant in enumerate(Quadrant):
            chosen = melodies.tokens[melodies.quadrants == quadrant][:each]
            for panel, tokens in zip(grid[row], chosen, strict=False):
                _draw_roll(panel, tokens[None], COLOURS[quadrant])
            grid[row, 0].set_ylabel(f"{_name(quadrant)}\npitch")
        notes = notes_of(np.concatenate([melodies.tokens[melodies.quadrants == q][:each] for q in Quadrant]))
        low, high = int(notes.pitch.min(initial=60)) - 2, int(notes.pitch.max(initial=72)) + 2
        octaves = range(12 * math.ceil(low / 12), high + 1, 12)
        steps = melodies.tokens.shape[1]
        bars = range(0, steps + 1, STEPS_PER_BAR)
        for panel in grid.flat:
            panel.set(xlim=(0, steps), ylim=(low, high))
            panel.set_xticks(
                [bar + STEPS_PER_BAR / 2 for bar in bars[:-1]], [str(bar + 1) for bar in range(len(bars) - 1)]
            )
            panel.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
            panel.tick_params(bottom=False)
            for bar in bars:
                panel.axvline(bar, color="#D9D9D9", linewidth=0.8, zorder=0)
            for pitch in octaves:
                panel.axhline(pitch, color="#D9D9D9", linewidth=0.8, zorder=0)
        for panel in grid[-1]:
            panel.set_xlabel("bar")
        figure.suptitle(title)
        return picture_of(figure, name, f"{title}: the first {each} melodies of each emotion")


def _draw_roll(panel: "Axes", tokens: Any, colour: str) -> None:
    notes = notes_of(tokens)
    # A little shorter than it sounds, so that repeated notes stay apart.
    panel.barh(notes.pitch, notes.length - 0.35, left=notes.start, height=1.3, color=colour, linewidth=0)


def novelty_histograms(name: str, title: str, sets: Mapping[str, Novelty], real: Novelty) -> Picture:
    """How far melodies are from the nearest real one: a panel per set, real among themselves behind."""
    columns = min(len(sets), 3)
    rows = math.ceil(len(sets) / columns)
    # The first bin holds the distance 0 alone, every other one the distances up to and with its right edge.
    edges = np.arange(-1, 21) / 20
    with new_figure(1.0 + 3.4 * columns, 0.8 + 2.6 * rows) as figure:
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for panel in list(grid.flat)[len(sets) :]:
            panel.set_axis_off()
        for panel, (label, found) in zip(grid.flat, sets.items(), strict=False):
            for distances, style in (
                (real.nearest, {"fill": True, "color": REAL, "label": "real beside all others"}),
                (found.nearest, {"color": GENERATED, "linewidth": 1.8, "label": "generated beside training"}),
            ):
                bins = np.ceil(distances * 20 - 1e-9).astype(int)
                shares = np.bincount(bins, minlength=21) / len(distances)
                panel.stairs(_seen(shares), edges, **style)
            panel.axvline(NEAR_IDENTICAL, color="black", linewidth=0.8, linestyle=":")
            panel.set_xticks([-0.025, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.5", "0.75", "1"])
            panel.tick_params(labelbottom=True)
            identical, near = percent(found.identical_share), percent(found.near_identical_share)
            panel.set_title(f"{label}\nidentical {identical}, near-identical {near}")
        for panel in grid.flat[max(0, len(sets) - columns) : len(sets)]:  # the lowest of each column
            panel.set_xlabel("distance to the nearest melody (edits per note)")
        for panel in grid[:, 0]:
            panel.set_ylabel("share of melodies")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        figure.suptitle(title)
        return picture_of(figure, name, f"{title}: distance to the nearest melody; dotted: near-identical to its left")


def _name(quadrant: Quadrant) -> str:
    return f"e{quadrant.value} {quadrant.label}"
