"""What the seven elements of a corpus's words are like, emotion beside emotion, in one picture (after MusER's)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from affetti.analysis.pitch import Reals
from affetti.emotion import Quadrant
from affetti.evaluation.drawing import COLOURS, new_figure, picture_of
from affetti.evaluation.element_statistics import CHORD_KINDS, UNITS, ElementCounts, amounts_of_values, summarise
from affetti.evaluation.report import Picture
from affetti.piece import CHORD_QUALITIES, NO_CHORD
from affetti.tokens.elements import DURATION, ELEMENTS, METRICAL, NOTE, PITCH, STEPS_PER_QUARTER, TEMPO, TYPE, VELOCITY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNLABELLED = "#56B4E9"
_REAL = "#B0B0B0"
_SMOOTHED = {TEMPO: 0.8, PITCH: 1.0, VELOCITY: 1.0}
"""Standard deviation of the kernel that smooths a violin, in values; durations are drawn as they are."""
_RARE = 0.002  # a violin's axis ends where at most this share lies beyond
_HALF_WIDTH = 0.45


def element_violins(name: str, title: str, counts: ElementCounts, sets: Sequence[Quadrant | None]) -> Picture:
    """Tempo, pitch, duration and velocity as violins, chord, position and type as bars, for each of C sets of pieces.

    sets: what the sets of `counts` are: a quadrant each, or None for pieces whatever their label. In a violin the bar
    goes from the lower to the upper quartile, the dot is the median, and all violins of a panel have the same area.
    """
    with new_figure(13, 7.6) as figure:
        panels = figure.subplot_mosaic(
            [["tempo", "pitch", "duration", "velocity"], ["chord", "chord", "bar_beat", "type"]]
        )
        for element in (TEMPO, PITCH, DURATION, VELOCITY):
            _draw_violins(panels[ELEMENTS[element].name], element, counts, sets)
        _draw_chords(panels["chord"], counts.quality_shares(), sets)
        _draw_positions(panels["bar_beat"], counts.position_shares(), sets)
        _draw_bars(panels["type"], ("metrical", "note"), counts.shares(TYPE)[:, [METRICAL, NOTE]], sets)
        panels["type"].set(title="type", ylabel="% of words")
        handles, labels = panels["type"].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(sets))
        figure.suptitle(title)
        return picture_of(figure, name, f"{title}; in a violin the bar spans the quartiles, the dot is the median")


def elements_beside(name: str, title: str, real: ElementCounts, composed: ElementCounts) -> Picture:
    """The elements of composed pieces beside those of real ones; set 0 of both is all pieces, the others Q1 to Q4.

    Of a violin the left half, grey, is of the real pieces and the right half of the composed ones; each half has the
    same area and its median as a line. The bars below stand in pairs as well.
    """
    with new_figure(13, 7.6) as figure:
        panels = figure.subplot_mosaic(
            [["tempo", "pitch", "duration", "velocity"], ["chord", "chord", "bar_beat", "type"]]
        )
        for element in (TEMPO, PITCH, DURATION, VELOCITY):
            _draw_halves(panels[ELEMENTS[element].name], element, real, composed)
        kinds, places, types = (
            [shares_of(one)[1:] for one in (real, composed)] for shares_of in (_kind_shares, _place_shares, _note_share)
        )
        _draw_pairs(panels["chord"], (*CHORD_KINDS, "no chord"), *kinds)
        _draw_pairs(panels["bar_beat"], ("quarter", "off beat", "other"), *places)
        _draw_pairs(panels["type"], ("note",), *types)
        panels["chord"].set(title="chord: third", ylabel="% of chords")
        panels["bar_beat"].set(title="bar-beat: place in the beat", ylabel="% of positions")
        panels["type"].set(title="type", ylabel="% of words")
        handles, labels = panels["chord"].get_legend_handles_labels()
        figure.legend(handles[:5], labels[:5], loc="outside lower center", ncols=5)
        figure.suptitle(title)
        return picture_of(figure, name, f"{title}; on the left, grey, real pieces, on the right composed ones")


def _kind_shares(counts: ElementCounts) -> Reals:
    """[C, 4] chords with a major, a minor and no third, and none."""
    return np.stack(list(counts.kind_shares().values()), axis=1)


def _place_shares(counts: ElementCounts) -> Reals:
    """[C, 3] positions on a quarter, in the middle between two, and others."""
    positions = counts.position_shares()
    on, off = (positions[:, first::STEPS_PER_QUARTER].sum(axis=1) for first in (0, STEPS_PER_QUARTER // 2))
    return np.stack([on, off, 1 - on - off], axis=1)


def _note_share(counts: ElementCounts) -> Reals:
    """[C, 1] of the words, the notes."""
    return counts.shares(TYPE)[:, [NOTE]]


def _draw_pairs(panel: "Axes", names: Sequence[str], real: Reals, composed: Reals) -> None:
    """Shares [4, names] of each quadrant in percent, the real one beside the composed one."""
    width = 0.1
    places = np.arange(len(names))
    for index, quadrant in enumerate(Quadrant):
        left = places + (2 * index - len(Quadrant) + 0.5) * width
        label = "real" if index == 0 else None
        panel.bar(left, 100 * np.nan_to_num(real[index]), width=width, color=_REAL, label=label)
        shares = 100 * np.nan_to_num(composed[index])
        panel.bar(left + width, shares, width=width, color=COLOURS[quadrant], label=_name(quadrant))
    panel.set_xticks(places, names)


def _draw_halves(panel: "Axes", element: int, real: ElementCounts, composed: ElementCounts) -> None:
    amounts = amounts_of_values(element)
    said = ~np.isnan(amounts)
    both = [(real, -1), (composed, 1)]
    outlines = [
        np.stack([_smoothed(row[said], _SMOOTHED.get(element)) for row in one.shares(element)[1:]]) for one, _ in both
    ]
    widest = max(float(np.nanmax(outline, initial=1e-9)) for outline in outlines)
    for (counts, side), outline in zip(both, outlines, strict=True):
        for place, (quadrant, shape) in enumerate(zip(Quadrant, outline, strict=True)):
            found = summarise(counts.counts[element][1 + place], amounts)
            if not found.count:
                continue
            colour = _REAL if side < 0 else COLOURS[quadrant]
            width = side * _HALF_WIDTH / widest * shape
            if element in _SMOOTHED:
                panel.fill_betweenx(amounts[said], place, place + width, where=shape > 1e-3, color=colour, linewidth=0)
            else:
                panel.barh(amounts[said], width, left=place, height=0.85, color=colour)
            panel.hlines(found.quantiles[2], place, place + side * _HALF_WIDTH, color="black", linewidth=1.5)
    panel.set_xticks(range(len(Quadrant)), [quadrant.name for quadrant in Quadrant])
    panel.set_xlim(-0.6, len(Quadrant) - 0.4)
    occurring = sum(one.counts[element][0][said] for one, _ in both)
    _set_amount_axis(panel, element, _usual(amounts[said], np.asarray(occurring)))
    panel.set_title(ELEMENTS[element].name)


def _draw_violins(panel: "Axes", element: int, counts: ElementCounts, sets: Sequence[Quadrant | None]) -> None:
    amounts = amounts_of_values(element)
    said = ~np.isnan(amounts)
    outlines = np.stack([_smoothed(row[said], _SMOOTHED.get(element)) for row in counts.shares(element)])
    outlines *= _HALF_WIDTH / max(float(np.nanmax(outlines, initial=0)), 1e-9)
    for place, (outline, row, quadrant) in enumerate(zip(outlines, counts.counts[element], sets, strict=True)):
        found = summarise(row, amounts)
        if not found.count:
            continue
        if element in _SMOOTHED:
            drawn = outline > 1e-3
            panel.fill_betweenx(
                amounts[said], place - outline, place + outline, where=drawn, color=_colour(quadrant), linewidth=0
            )
        else:
            panel.barh(amounts[said], 2 * outline, left=place - outline, height=0.85, color=_colour(quadrant))
        panel.vlines(place, found.quantiles[1], found.quantiles[3], color="black", linewidth=3)
        panel.plot([place], [found.quantiles[2]], "o", color="white", markeredgecolor="black", markersize=5)
    panel.set_xticks(range(len(sets)), [_short(quadrant) for quadrant in sets])
    panel.set_xlim(-0.6, len(sets) - 0.4)
    _set_amount_axis(panel, element, _usual(amounts[said], counts.counts[element][:, said].sum(axis=0)))
    panel.set_title(ELEMENTS[element].name)


def _set_amount_axis(panel: "Axes", element: int, usual: tuple[float, float]) -> None:
    """The axis of an element's amounts, from the least to the greatest that is not rare."""
    low, high = usual
    panel.set_ylabel(UNITS[element])
    if element == TEMPO:
        panel.set_yscale("log")
        ticks = [tick for tick in (32, 40, 50, 60, 80, 100, 120, 160, 200) if low <= tick <= high]
        panel.set_yticks(ticks, [str(tick) for tick in ticks])
        panel.set_yticks([], minor=True)
        panel.set_ylim(low / 1.05, high * 1.05)
        return
    margin = 1.0 if element == DURATION else 2.0
    panel.set_ylim(low - margin, high + margin)
    if element == PITCH:
        octaves = [pitch for pitch in range(24, 109, 12) if low - margin <= pitch <= high + margin]
        panel.set_yticks(octaves, [f"C{pitch // 12 - 1} ({pitch})" for pitch in octaves])
    elif element == DURATION:
        panel.set_yticks([1, 2, 4, 6, 8, 12, 16])


def _usual(amounts: Reals, counts: Reals) -> tuple[float, float]:
    """The range of amounts that leaves out at most a rare share at either end."""
    total = max(int(counts.sum()), 1)
    below = np.cumsum(counts) / total
    above = np.cumsum(counts[::-1])[::-1] / total
    usual = amounts[(below > _RARE) & (above > _RARE)]
    return (float(usual.min()), float(usual.max())) if usual.size else (float(amounts.min()), float(amounts.max()))


def _smoothed(shares: Reals, deviation: float | None) -> Reals:
    if deviation is None:
        return shares
    distance = np.arange(-4, 5)
    kernel = np.exp(-0.5 * (distance / deviation) ** 2)
    smooth: Reals = np.convolve(shares, kernel / kernel.sum(), mode="same")
    return smooth


def _draw_bars(panel: "Axes", names: Sequence[str], shares: Reals, sets: Sequence[Quadrant | None]) -> None:
    """Shares [C, names] in percent, the sets side by side."""
    width = 0.8 / len(sets)
    places = np.arange(len(names))
    for index, (row, quadrant) in enumerate(zip(shares, sets, strict=True)):
        offset = (index - (len(sets) - 1) / 2) * width
        panel.bar(
            places + offset, 100 * np.nan_to_num(row), width=width, color=_colour(quadrant), label=_name(quadrant)
        )
    panel.set_xticks(places, names)


def _draw_chords(panel: "Axes", shares: Reals, sets: Sequence[Quadrant | None]) -> None:
    """Shares of the qualities [C, 12], those with the same third side by side."""
    names = [name for kind in CHORD_KINDS.values() for name in kind]
    _draw_bars(panel, [*names, NO_CHORD], shares[:, [*map(CHORD_QUALITIES.index, names), -1]], sets)
    place = -0.5
    for kind, members in CHORD_KINDS.items():
        panel.text(place + len(members) / 2, 0.97, kind, transform=panel.get_xaxis_transform(), ha="center", va="top")
        place += len(members)
        panel.axvline(place, color="#B8B8B8", linewidth=0.8)
    panel.set(title="chord: quality", ylabel="% of chords", xlim=(-0.6, len(names) + 0.6))
    panel.margins(y=0.12)


def _draw_positions(panel: "Axes", shares: Reals, sets: Sequence[Quadrant | None]) -> None:
    _draw_bars(panel, [""] * shares.shape[1], shares, sets)
    beats = range(0, shares.shape[1], STEPS_PER_QUARTER)
    panel.set_xticks(list(beats), [str(1 + step // STEPS_PER_QUARTER) for step in beats])
    panel.set(title="bar-beat: position", xlabel="beat (bars are sixteenths)", ylabel="% of positions")


def _colour(quadrant: Quadrant | None) -> str:
    return _UNLABELLED if quadrant is None else COLOURS[quadrant]


def _short(quadrant: Quadrant | None) -> str:
    return "all" if quadrant is None else quadrant.name


def _name(quadrant: Quadrant | None) -> str:
    return "all pieces" if quadrant is None else f"{quadrant.name} {quadrant.label}"
