"""The report of element transfer: tables, remarks and figures, and the pictures that go with them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from affetti.evaluation.drawing import COLOURS, new_figure, picture_of
from affetti.evaluation.emotion_elements import Estimate
from affetti.evaluation.piano_emotion import EVALUATION_WEIGHTS
from affetti.evaluation.piano_rolls import Roll, piano_roll_sheet
from affetti.evaluation.report import Picture, Table, number, percent, plain
from affetti.evaluation.transfer import COMPOSED, SAME, Example, Moved, TransferMeasures
from affetti.runtime.recogniser import expected_emotions
from affetti.runtime.transfer import CANDIDATES
from affetti.runtime.transfer_measures import SUMMARIES, element_means

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KEPT = ("pitch classes", "onsets", "contour")
_RESULT = "#404040"
_LINES = {"tempo, velocity": ":", "auto": "-", "all": "--", COMPOSED: "-."}


@dataclass(frozen=True, slots=True, eq=False)
class TransferReport:
    """What was measured, for readers."""

    measured: TransferMeasures

    def tables(self) -> list[Table]:
        """The report as tables."""
        unknown = [one.where(one.unknown) for one in self.measured.moved if one.unknown.any()]
        return [
            self._reached("Emotion reached", self.measured.moved),
            self._reached("The same, of songs unknown to the recogniser", unknown),
            self._kept(),
            self._examples(),
            self._decoded(),
        ]

    def remarks(self) -> list[str]:
        """What the reader must know besides the tables."""
        first = self.measured.moved[0]
        sources = ", ".join(
            f"{one.of.name}→{one.to.name} {len(np.unique(one.sources))} pieces of {len(np.unique(one.songs))} songs"
            for one in self.measured.moved
            if one.mode == first.mode
        )
        return [
            f"Sources are held-out pieces (of validation and test songs) of {self.measured.corpus}, mostly in 4/4, "
            "each with as many references of other held-out songs as it takes to have "
            f"{len(first.songs)} transfers of a direction: {sources}.",
            f"Heard by {EVALUATION_WEIGHTS}, which has chosen nothing here. It has learned from most of these songs, "
            "so it hears the sources themselves more surely than music unknown to it: the second table has those songs "
            "alone that it has not learned from.",
            "Intervals are of 95 %, by drawing songs anew.",
            f"{self.measured.weights}: weights {self.measured.weights_hash}",
        ]

    def document(self) -> dict[str, Any]:
        """All figures for machines."""
        measured = self.measured
        figures: dict[str, Any] = plain(
            {
                "corpus": measured.corpus,
                "weights": measured.weights,
                "weights_hash": measured.weights_hash,
                "seed": measured.seed,
                "directions": [_moved(one) for one in measured.moved],
                "decoded": {name: {"same": share, "words": words} for name, (share, words) in measured.decoded.items()},
                "examples": [_example(one) for one in measured.examples],
            }
        )
        return figures

    def pictures(self) -> list[Picture]:
        """How far emotions moved, and of each direction one transfer as piano rolls.

        Raises InputError that names the extra when matplotlib is not installed.
        """
        return [_arrows(self.measured), *map(_rolls, self.measured.examples)]

    def _reached(self, title: str, moved: Sequence[Moved]) -> Table:
        rows = [
            (
                _direction(one),
                one.mode,
                _elements(one),
                f"{len(one.songs)} ({len(np.unique(one.songs))})",
                percent(one.share_before),
                _interval(one.share_after, shares=True),
                percent(one.references_heard),
                _interval(one.shift("arousal")),
                _interval(one.shift("valence")),
            )
            for one in moved
        ]
        return Table(
            title,
            (
                "direction",
                "mode",
                "elements",
                "transfers (songs)",
                "heard there before",
                "heard there after",
                "references heard there",
                "arousal moved by",
                "valence moved by",
            ),
            tuple(rows),
            "Share of the pieces heard in the quadrant wanted, and how far what is heard moved (each axis goes from -1 "
            f"to 1). {COMPOSED}: as affetti transfer --to does it, of {CANDIDATES} references composed for it the best "
            f"by another recogniser and by content kept. {SAME}: references of the source's own quadrant, so what the "
            "exchange does by itself.",
        )

    def _kept(self) -> Table:
        rows = [
            (
                _direction(one),
                one.mode,
                *(number(one.kept_mean(measure).value) for measure in range(len(_KEPT))),
                percent(float(one.exact.mean())),
            )
            for one in self.measured.moved
        ]
        return Table(
            "Content kept",
            ("direction", "mode", *_KEPT, "promised elements unchanged"),
            tuple(rows),
            "Pitch classes: cosine of their histograms. Onsets: F1 of the notes' places. Contour: share of the steps "
            "of the upper line that go in the same direction (in any order about 0.3). Promised elements: those that "
            "are not named and that docs/transfer.md promises to keep exactly; the share of the transfers in which "
            "all of them are unchanged.",
        )

    def _examples(self) -> Table:
        rows = []
        for one in self.measured.examples:
            means = [element_means(music) for music in (one.source.music, one.reference.music, one.result.music)]
            for label, values in zip(("source", "reference", "result"), means, strict=True):
                cells = [f"{values[name]:.2f}" for name in SUMMARIES]
                rows.append((f"{one.of.name}→{one.to.name}", label, *cells))
        return Table(
            "Elements before and after, of the transfers drawn below",
            ("direction", "piece", *(name.replace("_", "-") for name in SUMMARIES)),
            tuple(rows),
            "; ".join(f"{name.replace('_', '-')}: {unit}" for name, unit in SUMMARIES.items()) + ".",
        )

    def _decoded(self) -> Table:
        rows = [(name, f"{words:,}", percent(share, 2)) for name, (share, words) in self.measured.decoded.items()]
        return Table(
            "Blocks exchanged and decoded",
            ("element", "words", "the value exchanged"),
            tuple(rows),
            "MusER's way: the latent blocks of one element are exchanged and the decoder reads the piece, told no "
            "emotion. The share of the words in which the value it finds likeliest is the one that affetti transfer "
            "writes.",
        )


def _direction(one: Moved) -> str:
    return f"{one.of.name}→{one.to.name}"


def _elements(one: Moved) -> str:
    return ", ".join(name.replace("_", "-") for name in one.elements)


def _interval(estimate: Estimate, *, shares: bool = False) -> str:
    if math.isnan(estimate.low):
        return percent(estimate.value) if shares else f"{estimate.value:+.2f}"
    if shares:
        return f"{percent(estimate.value)} ({percent(estimate.low)} – {percent(estimate.high)})"
    return f"{estimate.value:+.2f} ({estimate.low:+.2f} – {estimate.high:+.2f})"


def _moved(one: Moved) -> dict[str, Any]:
    return {
        "of": one.of.name,
        "to": one.to.name,
        "mode": one.mode,
        "elements": list(one.elements),
        "share_of_references": one.references_heard,
        **_reached(one),
        "of_songs_unknown_to_the_recogniser": _reached(one.where(one.unknown)) if one.unknown.any() else None,
        "kept": {name: one.kept_mean(measure)._asdict() for measure, name in enumerate(_KEPT)},
        "promised_unchanged": float(one.exact.mean()),
    }


def _reached(one: Moved) -> dict[str, Any]:
    return {
        "transfers": len(one.songs),
        "sources": len(np.unique(one.sources)),
        "songs": len(np.unique(one.songs)),
        "share_before": one.share_before,
        "share_after": one.share_after._asdict(),
        "arousal_moved": one.shift("arousal")._asdict(),
        "valence_moved": one.shift("valence")._asdict(),
    }


def _example(one: Example) -> dict[str, Any]:
    return {
        "of": one.of.name,
        "to": one.to.name,
        "source": one.name,
        "reference": one.reference.name,
        "before": element_means(one.source.music),
        "after": element_means(one.result.music),
    }


def _arrows(measured: TransferMeasures) -> Picture:
    title = "Where transfers move what is heard"
    with new_figure(6.4, 6.0) as figure:
        panel = figure.subplots()
        for one in measured.moved:
            if one.mode in _LINES:
                _draw_arrow(panel, one)
        panel.axhline(0, color="#B0B0B0", linewidth=0.8)
        panel.axvline(0, color="#B0B0B0", linewidth=0.8)
        panel.set(xlim=(-1, 1), ylim=(-1, 1), xlabel="valence", ylabel="arousal", aspect="equal")
        for mode, line in _LINES.items():
            panel.plot([], [], line, color="black", label=mode)
        figure.legend(loc="outside lower center", ncols=len(_LINES), fontsize=8)
        figure.suptitle(title)
        caption = f"{title}: from the mean of the sources to that of the results; the colour is the quadrant wanted"
        return picture_of(figure, "transfer-plane", caption)


def _draw_arrow(panel: "Axes", one: Moved) -> None:
    start, end = (
        np.mean([(emotion.valence, emotion.arousal) for emotion in expected_emotions(heard)], axis=0)
        for heard in (one.before, one.after)
    )
    style = {"arrowstyle": "-|>", "color": COLOURS[one.to], "linestyle": _LINES[one.mode], "linewidth": 1.6}
    panel.annotate("", xy=tuple(end), xytext=tuple(start), arrowprops=style)
    panel.plot(*start, "o", color=COLOURS[one.of], markersize=6)


def _rolls(one: Example) -> Picture:
    label = f"{one.of.name} {one.of.label} to {one.to.name} {one.to.label}"
    after = f"the source with {', '.join(name.replace('_', '-') for name in one.elements)} of the reference"
    rolls = [
        Roll(f"source: {one.name}", one.source.piece, colour=COLOURS[one.of]),
        Roll(f"reference: {one.reference.name}", one.reference.piece, colour=COLOURS[one.to]),
        Roll(after, one.result.piece, colour=_RESULT),
    ]
    name = f"transfer-{one.of.name.lower()}-{one.to.name.lower()}"
    return piano_roll_sheet(name, f"Transfer: {label}", rolls, most_seconds=30.0)
