"""What carries emotion, as tables, a picture and figures for machines."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.evaluation.drawing import new_figure, picture_of
from affetti.evaluation.element_features import AMOUNTS, PART_NAMES, PARTS
from affetti.evaluation.emotion_elements import (
    CarriedElements,
    Estimate,
    RealElements,
    carriers,
    intervene,
    measure_carried,
    measure_real,
)
from affetti.evaluation.piano_emotion import EVALUATION_WEIGHTS
from affetti.evaluation.report import Picture, Table, number, percent, plain
from affetti.runtime.emotion_elements import AXES, Axis
from affetti.runtime.piano_drafts import CHOOSER
from affetti.runtime.recogniser import load_recogniser

_SIDES = {"arousal": ("low arousal", "high arousal"), "valence": ("negative valence", "positive valence")}
_COLOURS = ("#0072B2", "#E69F00")


@dataclass(frozen=True, slots=True, eq=False)
class EmotionElements:
    """What was measured in one call."""

    real: RealElements
    reporting: CarriedElements
    """By the recogniser for reports: the figures."""
    choosing: CarriedElements
    """By the recogniser for choosing: what `runtime.emotion_elements` was read from."""

    def tables(self) -> list[Table]:
        """For each axis the elements, those that carry most first."""
        return [table for axis in AXES for table in (_ranked(self, axis), _contrasts(self, axis))]

    def remarks(self) -> list[str]:
        """What the reader must know besides."""
        real = self.real
        remarks = [
            f"What carries emotion: {real.pieces} labelled pieces in 4/4 of {real.corpus}, {real.songs} songs; "
            "intervals of 95 % by drawing songs anew."
        ]
        for found in (self.reporting, self.choosing):
            chosen = "; ".join(f"{axis}: {', '.join(names) or 'none'}" for axis, names in carriers(found).items())
            remarks.append(
                f"{found.recogniser} listened to {found.pieces} held-out pieces of songs that it does not know. "
                f"Elements that carry, as it hears it: {chosen}."
            )
        return remarks

    def document(self) -> dict[str, Any]:
        """All figures for machines; an estimate is [value, low, high]."""
        real = self.real
        figures: dict[str, Any] = plain(
            {
                "corpus": real.corpus,
                "pieces": real.pieces,
                "songs": real.songs,
                "alone": {axis: dict(zip(PART_NAMES, map(list, real.alone[axis]), strict=True)) for axis in AXES},
                "contrasts": {
                    axis: {
                        name: {
                            "of": AMOUNTS[PARTS[column]],
                            "means": [one.negative, one.positive],
                            "d": list(one.difference),
                        }
                        for column, (name, one) in enumerate(zip(PART_NAMES, real.contrasts[axis], strict=True))
                    }
                    for axis in AXES
                },
                "exchanged": {found.recogniser: _carried(found) for found in (self.reporting, self.choosing)},
            }
        )
        return figures

    def picture(self) -> Picture:
        """Both kinds of evidence side by side. Raises InputError that names the extra without matplotlib."""
        title = "What carries emotion"
        moved = {axis: _of_the_way(self.reporting, axis) for axis in AXES}
        panels = (
            ("exchanged and listened to", "share of the way to the giver's emotion", moved, 0.0),
            ("in real music", "balanced accuracy of one element alone", self.real.alone, 0.5),
        )
        rows = np.arange(len(PART_NAMES))[::-1]
        with new_figure(9.6, 3.8) as figure:
            for panel, (label, axis_label, values, nothing) in zip(
                figure.subplots(1, len(panels)), panels, strict=True
            ):
                for shift, axis, colour in zip((0.14, -0.14), AXES, _COLOURS, strict=True):
                    found = np.asarray(values[axis])
                    errors = np.abs(found[:, 1:] - found[:, :1]).T
                    panel.errorbar(found[:, 0], rows + shift, xerr=errors, fmt="o", color=colour, label=axis, capsize=2)
                panel.axvline(nothing, color="#909090", linewidth=0.8)
                panel.set_yticks(rows, PART_NAMES)
                panel.set(title=label, xlabel=axis_label)
            handles, labels = figure.axes[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside lower center", ncols=2)
            figure.suptitle(title)
            return picture_of(figure, "emotion-elements", f"{title}: element by element, with intervals of 95 %")


def measure_emotion_elements(corpus: PreparedPieces, seed: int, advance: Callable[[int], None]) -> EmotionElements:
    """What carries emotion in a corpus; REAL_STEPS + EXCHANGE_STEPS steps for `advance`."""
    real = measure_real(corpus, seed, advance)
    exchanged = intervene(corpus, seed, advance)
    reporting, choosing = (
        measure_carried(exchanged, load_recogniser(name), seed) for name in (EVALUATION_WEIGHTS, CHOOSER)
    )
    return EmotionElements(real, reporting, choosing)


def _ranked(report: EmotionElements, axis: Axis) -> Table:
    """The elements, those first that move most as the reports' recogniser hears it."""
    found, other, alone = report.reporting, report.choosing, report.real.alone[axis]
    of_the_way = _of_the_way(found, axis)
    rows = [
        (
            PART_NAMES[column],
            _interval(found.moved[axis][column]),
            percent(of_the_way[column].value),
            _interval(other.moved[axis][column]),
            _shares(found.crossed[axis][column]),
            percent(found.disturbed[axis][column].value),
            _shares(alone[column]),
        )
        for column in np.argsort([-one.value for one in found.moved[axis]], kind="stable").tolist()
    ]
    columns = (
        "element",
        "moves",
        "of the way",
        f"by {other.recogniser}",
        "heard on the other side",
        "so too by its like",
        "alone, in real music",
    )
    note = (
        f"Moves: how far {axis} as {found.recogniser} hears it (-1 to 1) moves in held-out pieces that are given this "
        f"one element of a piece which differs from them in {axis} alone, less what they move by that of a piece of "
        "their own quadrant; exchanged as affetti transfer does. Of the way: as a share of the distance between the "
        f"two givers, {_interval(found.whole[axis])}. By {other.recogniser}: the same by the recogniser that is used "
        "to choose. Heard on the other side: of pieces heard on their own before; by its like: the same with the piece "
        "of their own quadrant. Alone: balanced accuracy of a logistic regression that is told this element of real "
        "pieces and nothing else, in 5 folds by song; 50 % is chance. In brackets intervals of 95 %, by song."
    )
    return Table(f"What carries {axis}", columns, tuple(rows), note)


def _contrasts(report: EmotionElements, axis: Axis) -> Table:
    found = report.real.contrasts[axis]
    order = sorted(range(len(found)), key=lambda column: -abs(np.nan_to_num(found[column].difference.value)))
    rows = [
        (
            PART_NAMES[column],
            AMOUNTS[PARTS[column]],
            number(found[column].negative),
            number(found[column].positive),
            _interval(found[column].difference),
        )
        for column in order
    ]
    note = "Means of pieces. The difference is in standard deviations of the pieces of a side (Cohen's d)."
    return Table(f"Real music by {axis}", ("element", "measured", *_SIDES[axis], "difference"), tuple(rows), note)


def _of_the_way(found: CarriedElements, axis: Axis) -> tuple[Estimate, ...]:
    """What is moved as a share of what is there to be moved."""
    whole = found.whole[axis].value
    return tuple(Estimate(*(part / whole if whole else float("nan") for part in one)) for one in found.moved[axis])


def _interval(found: Estimate) -> str:
    return f"{number(found.value)} [{number(found.low)}, {number(found.high)}]"


def _shares(found: Estimate) -> str:
    return f"{percent(found.value)} [{percent(found.low)}, {percent(found.high)}]"


def _carried(found: CarriedElements) -> dict[str, Any]:
    return {
        "pieces": found.pieces,
        "whole": {axis: list(found.whole[axis]) for axis in AXES},
        "moved": {axis: dict(zip(PART_NAMES, map(list, found.moved[axis]), strict=True)) for axis in AXES},
        "crossed": {axis: dict(zip(PART_NAMES, map(list, found.crossed[axis]), strict=True)) for axis in AXES},
        "disturbed": {axis: dict(zip(PART_NAMES, map(list, found.disturbed[axis]), strict=True)) for axis in AXES},
        "carriers": carriers(found),
    }
