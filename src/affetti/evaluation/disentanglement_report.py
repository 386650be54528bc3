"""The report of disentanglement: tables, figures for machines, pictures and the page of maps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from affetti.evaluation.disentanglement import Disentanglement, MeasuredPieces
from affetti.evaluation.disentanglement_measures import CLASSES, PAIRS
from affetti.evaluation.drawing import new_figure, picture_of
from affetti.evaluation.element_features import AMOUNTS, PART_NAMES, amount
from affetti.evaluation.emotion_elements_report import EmotionElements
from affetti.evaluation.latent_maps import METHODS, map_picture
from affetti.evaluation.latent_page import PAGE_FILE, Clips, latent_page
from affetti.evaluation.report import Picture, Table, number, percent, plain
from affetti.tokens.elements import ELEMENTS, Reals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES = tuple(element.name.replace("_", "-") for element in ELEMENTS)
BLOCKS = (*NAMES, "all")
_PAIR_NAMES = tuple(f"{first.name}–{second.name}" for first, second in PAIRS)
_CODES = {"shared": "one codebook", "per_element": "a codebook for each element", "none": "none (VAE)"}
_EMOTIONS = ("quadrant", "arousal", "valence")


@dataclass(frozen=True, slots=True, eq=False)
class DisentanglementReport:
    """Everything measured in one call."""

    pieces: MeasuredPieces
    systems: tuple[Disentanglement, ...]
    emotion: EmotionElements
    seed: int

    def tables(self) -> list[Table]:
        """All systems side by side, then each by itself, then what carries emotion."""
        tables = [_side_by_side(self)]
        for system in self.systems:
            tables += system_tables(system)
        return [*tables, *self.emotion.tables()]

    def remarks(self) -> list[str]:
        """What the reader must know besides the tables."""
        held_out = self.pieces.is_held_out
        songs = self.pieces.songs
        remarks = [
            f"{len(self.pieces)} labelled pieces in 4/4 of {self.pieces.corpus}. Probes and classes are learned from "
            f"{int((~held_out).sum())} pieces of {len(np.unique(songs[~held_out]))} training songs; what is said of "
            f"systems is of the {int(held_out.sum())} pieces of {len(np.unique(songs[held_out]))} songs of validation "
            f"and test. Maps show all pieces, by t-SNE and PCA; {PAGE_FILE} has them to point at. Seed {self.seed}.",
        ]
        remarks += [f"{system.name}: weights {system.weights_hash}" for system in self.systems]
        remarks += [
            f"{system.name} is a test model: its weights are not trained in earnest."
            for system in self.systems
            if system.is_test_model
        ]
        return [*remarks, *self.emotion.remarks()]

    def document(self) -> dict[str, Any]:
        """All figures for machines. Shares are 0-1, null is where there is no figure."""
        figures: dict[str, Any] = plain(
            {
                "corpus": self.pieces.corpus,
                "seed": self.seed,
                "pieces": len(self.pieces),
                "held_out": int(self.pieces.is_held_out.sum()),
                "systems": {system.name: system_figures(system) for system in self.systems},
                "emotion_elements": self.emotion.document(),
            }
        )
        return figures

    def page(self) -> bytes:
        """The maps as one page."""
        amounts = {
            f"{name}, {what}": np.asarray([amount(words, part) for words in self.pieces.words])
            for name, (part, what) in zip(PART_NAMES, AMOUNTS.items(), strict=True)
        }
        clips = Clips(self.pieces.quadrants, self.pieces.is_held_out, amounts)
        maps = {system.name: system.maps for system in self.systems}
        return latent_page(f"Latent maps of {self.pieces.corpus}", clips, maps, BLOCKS)

    def pictures(self) -> Iterator[Picture]:
        """The maps and matrices of each system, and what carries emotion.

        Raises InputError that names the extra when matplotlib is not installed.
        """
        for system in self.systems:
            suffix = "" if len(self.systems) == 1 else f"-{system.name}"
            for method in METHODS:
                title = f"{system.name}: mean block vectors of {self.pieces.corpus}, {method}"
                panels = list(zip(BLOCKS, system.maps[method], strict=True))
                name = f"map-{method.lower().replace('-', '')}{suffix}"
                yield map_picture(name, title, panels, self.pieces.quadrants, title)
            yield _matrices(f"blocks{suffix}", system)
        yield self.emotion.picture()


def page_files(report: DisentanglementReport) -> dict[str, bytes]:
    """The page of maps by its file's name."""
    return {PAGE_FILE: report.page()}


# ---- tables


def _side_by_side(report: DisentanglementReport) -> Table:
    rows = []
    for system in report.systems:
        whole = system.emotions[-1]
        rows.append(
            (
                system.name,
                _CODES[system.codes],
                *map(percent, system.exchanged),
                percent(float(np.nanmean(system.interventions.followed))),
                *map(number, system.told),
                number(float(np.nanmean(system.information_gaps))),
                number(float(np.nanmean(system.modularities))),
                *(percent(whole[name].accuracy) for name in _EMOTIONS),
                number(system.apart),
            )
        )
    columns = (
        "system",
        "codes",
        "exchange: own element changes",
        "the others",
        "follows the giver",
        "probe: own element",
        "the others",
        "MIG",
        "modularity",
        *(f"all blocks: {name}" for name in _EMOTIONS),
        "silhouette, t-SNE, all blocks",
    )
    note = (
        "Means over the elements; the tables below have them one by one and say how to read them. A disentangled "
        "system changes its own element and no other when a block is exchanged, and its probes know their own element "
        "and no other."
    )
    return Table("Disentanglement, side by side", columns, tuple(rows), note)


def system_tables(system: Disentanglement) -> list[Table]:
    """One system by itself."""
    return [_interventions(system), _probes(system), _silhouettes(system), _information(system)]


def _interventions(system: Disentanglement) -> Table:
    found = system.interventions
    rows = [
        (
            f"{name} exchanged",
            *(percent(one) for one in found.changed[block]),
            percent(found.different[block]),
            percent(found.followed[block]),
        )
        for block, name in enumerate(NAMES)
    ]
    own, rest = system.exchanged
    note = (
        f"{found.pieces} held-out pieces; one block is exchanged with that of a piece of another song, bar by bar "
        "where the element says something. Teacher-forced: the decoder is told the true words before and the true "
        "type. Of the words that say an element, the share whose likeliest value changes. Mean of the diagonal "
        f"{percent(own)}, of the rest {percent(rest)}. Could change: words in which the giver's value is another; "
        "follows: of these, those in which it becomes the likeliest."
    )
    return Table(f"{system.name}: a block exchanged", ("block", *NAMES, "could change", "follows"), tuple(rows), note)


def _probes(system: Disentanglement) -> Table:
    rows = [
        (
            name,
            *(number(gain) for gain in system.gains[block]),
            *(percent(system.emotions[block][one].accuracy) for one in _EMOTIONS),
        )
        for block, name in enumerate(BLOCKS)
    ]
    guessing = system.elements[0], system.emotions[0]
    rows.append(
        (
            "guessing",
            *(percent(probe.majority) for probe in guessing[0]),
            *(percent(guessing[1][one].majority) for one in _EMOTIONS),
        )
    )
    note = (
        "Logistic regression. Elements: from a block of one word to the value of the element in that word, where it "
        "says one; 0 is as good as always guessing the commonest value (last row), 1 is all right. Quadrant, arousal "
        "and valence: accuracy from the mean of the block over the words of a piece in which its element speaks. "
        "Which words an element is silent in gives their type away."
    )
    return Table(f"{system.name}: which block knows what", ("block", *NAMES, *_EMOTIONS), tuple(rows), note)


def _silhouettes(system: Disentanglement) -> Table:
    spaces = ("t-SNE", "vectors")
    rows = [
        (name, *(number(one) for space in spaces for one in system.silhouettes[space][block]))
        for block, name in enumerate(BLOCKS)
    ]
    columns = ("block", *(f"{pair}, {space}" for space in spaces for pair in _PAIR_NAMES))
    note = (
        "Mean silhouette coefficient of the pieces of two quadrants, -1 to 1; near 0 they lie in each other. t-SNE: on "
        "the map, as in the paper; vectors: in the mean block vectors themselves, which no map has bent. Q1–Q4 and "
        "Q2–Q3 differ in arousal alone, Q1–Q2 and Q3–Q4 in valence alone."
    )
    return Table(f"{system.name}: how apart emotions lie", columns, tuple(rows), note)


def _information(system: Disentanglement) -> Table:
    rows = []
    for element, name in enumerate(NAMES):
        others = np.where(np.arange(len(NAMES)) == element, -np.inf, system.information[:, element])
        best = int(others.argmax())
        rows.append(
            (
                name,
                number(system.entropies[element]),
                number(system.information[element, element]),
                f"{number(others[best])} ({NAMES[best]})",
                number(system.information_gaps[element]),
                number(system.own_gaps[element]),
                number(system.modularities[element]),
            )
        )
    columns = ("element", "entropy", "known to its block", "to the best other", "MIG", "gap of its own", "modularity")
    note = (
        f"Nats of mutual information over the held-out words that say the element; blocks in {CLASSES} classes "
        f"(k-means on training songs), values in {CLASSES} at most. MIG: the block that knows most less the next, as a "
        "share of the entropy, as AR-VAE's authors and Chen et al. measure it, with blocks for latent numbers. Gap of "
        "its own: its own block less the best other. Modularity (Ridgeway and Mozer), of the element's block: 1 where "
        "it knows of one element alone."
    )
    return Table(f"{system.name}: information", columns, tuple(rows), note)


# ---- figures and pictures


def system_figures(system: Disentanglement) -> dict[str, Any]:
    """One system by itself, for machines."""
    found = system.interventions
    own, rest = system.exchanged
    pairs = ["-".join(quadrant.name for quadrant in pair) for pair in PAIRS]
    return {
        "weights_hash": system.weights_hash,
        "is_test_model": system.is_test_model,
        "codes": system.codes,
        "silhouettes": {
            space: {name: dict(zip(pairs, one, strict=True)) for name, one in zip(BLOCKS, found_in, strict=True)}
            for space, found_in in system.silhouettes.items()
        },
        "probes": {
            name: {
                **{
                    element: {"gain": probe.gain, "accuracy": probe.accuracy, "majority": probe.majority}
                    for element, probe in zip(NAMES, system.elements[block], strict=True)
                },
                **{
                    label: {"accuracy": probe.accuracy, "majority": probe.majority}
                    for label, probe in system.emotions[block].items()
                },
            }
            for block, name in enumerate(BLOCKS)
        },
        "information": {
            "nats": {name: _named(row) for name, row in zip(NAMES, system.information, strict=True)},
            "entropies": _named(system.entropies),
            "mig": _named(system.information_gaps),
            "own_gaps": _named(system.own_gaps),
            "modularity": _named(system.modularities),
        },
        "interventions": {
            "pieces": found.pieces,
            "changed": {name: _named(row) for name, row in zip(NAMES, found.changed, strict=True)},
            "different": _named(found.different),
            "followed": _named(found.followed),
            "mean_of_diagonal": own,
            "mean_of_rest": rest,
        },
    }


def _named(values: Reals) -> dict[str, float]:
    return dict(zip(NAMES, values.tolist(), strict=True))


def _matrices(name: str, system: Disentanglement) -> Picture:
    title = f"{system.name}: blocks and elements"
    with new_figure(10.5, 4.4) as figure:
        panels = figure.subplots(1, 2)
        _draw_matrix(panels[0], "exchanged: share of values that change", system.interventions.changed)
        _draw_matrix(panels[1], "probe: known beyond guessing", system.gains[: len(NAMES)])
        panels[0].set_ylabel("block")
        figure.suptitle(title)
        return picture_of(figure, name, f"{title}: what an exchanged block changes, and what a probe reads in it")


def _draw_matrix(panel: "Axes", title: str, matrix: Reals) -> None:
    panel.imshow(matrix, cmap="Greys", vmin=0, vmax=1)
    for row in range(len(NAMES)):
        for column in range(len(NAMES)):
            value = matrix[row, column]
            ink = "white" if value > 0.55 else "black"
            panel.text(column, row, number(value), ha="center", va="center", color=ink, fontsize=8)
    panel.set_xticks(range(len(NAMES)), NAMES, rotation=30)
    panel.set_yticks(range(len(NAMES)), NAMES)
    panel.set(title=title, xlabel="element")
