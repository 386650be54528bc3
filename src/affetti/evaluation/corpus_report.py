"""What a prepared corpus of piano pieces is like, emotion beside emotion: tables, pictures and one JSON document."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.pitch import PieceMeasures, Reals
from affetti.corpora import emopia
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.corpora.splits import SPLITS
from affetti.emotion import Quadrant
from affetti.evaluation.element_statistics import (
    ORDINAL,
    UNITS,
    ElementCounts,
    amounts_of_values,
    count_elements,
    entropy,
    summarise,
    word_measures,
)
from affetti.evaluation.report import Table, mean_and_deviation, number, percent
from affetti.tokens.compound_word import CompoundWords
from affetti.tokens.elements import BAR_BEAT, CHORD, ELEMENTS, STEPS_PER_QUARTER, TYPE

MEASURES = ("PR", "NPC", "POLY", "BPR", "BNPC", "BPOLY")
"""The papers' names of the measures of PieceMeasures, in its order."""
_MEANINGS = (
    "pitch range",
    "pitch classes",
    "polyphony",
    "pitch range per bar",
    "pitch classes per bar",
    "polyphony per bar",
)
LONG_WORDS = 1024
"""The length to which the paper cuts or fills its sequences."""
TRIPLET_HEAVY = 0.25
"""From this share of onsets on triplets a piece counts as triplet-heavy: notes without any grid have 0.2."""
_FREQUENT = 3

EMOPIA_PUBLISHED = {"PR": 51.0, "NPC": 8.48, "POLY": 5.90}
"""Means over the whole data set, as its authors print them (Hung et al., ISMIR 2021; MusER repeats them)."""
EMOPIA_CLIPS = emopia.VERSIONS["1.0"].by_quadrant or ()
"""Clips of Q1 to Q4 over which those are the means."""


@dataclass(frozen=True, slots=True, eq=False)
class CorpusReport:
    """N pieces measured; set 0 is all of them, each further one those of a quadrant that occurs."""

    name: str
    pieces: PreparedPieces
    quadrants: tuple[Quadrant | None, ...]
    """Of each set: None, then the quadrants."""
    members: tuple[NDArray[np.bool_], ...]
    """Of each set: which pieces [N] belong to it."""
    counts: ElementCounts
    original: Reals
    """[N, 6]: MEASURES of the notes as they were in the files."""
    written: Reals
    """[N, 6]: MEASURES of the words."""

    @property
    def set_names(self) -> tuple[str, ...]:
        """What the tables call the sets: "all", "Q1 happy" …"""
        return tuple("all" if one is None else f"{one.name} {one.label}" for one in self.quadrants)

    @property
    def published(self) -> dict[str, float]:
        """The values that the corpus's authors publish, by name."""
        return EMOPIA_PUBLISHED if self.name == emopia.NAME else {}

    def tables(self) -> list[Table]:
        """The report as tables."""
        return [
            _pieces_table(self),
            _measures_table(self),
            _amounts_table(self),
            _chord_table(self),
            _rhythm_table(self),
        ]

    def remarks(self) -> list[str]:
        """What the reader must know besides the tables."""
        origin = self.pieces.origin
        version = f"version {origin.version}, " if origin.version else ""
        remarks = [f"{self.name}: {self.pieces.summary()}; {version}licence {origin.licence}."]
        if (weighted := self.as_published()) is not None:
            values = ", ".join(f"{name} {number(weighted[name])}" for name in self.published)
            remarks.append(
                f"The published values are of {sum(EMOPIA_CLIPS):,} clips. With each quadrant weighted by its clips "
                f"among those, the {len(self.pieces)} here have {values}."
            )
        return remarks

    def as_published(self) -> dict[str, float] | None:
        """The measures of the original notes with quadrants weighted as published; None where that says nothing."""
        if not self.published or set(self.quadrants) != {None, *Quadrant}:
            return None
        means = np.asarray([np.nanmean(self.original[chosen], axis=0) for chosen in self.members[1:]])
        weights = np.asarray(EMOPIA_CLIPS) / sum(EMOPIA_CLIPS)
        return dict(zip(MEASURES, (weights @ means).tolist(), strict=True))

    def document(self) -> dict[str, Any]:
        """Everything measured, as JSON (report.plain makes it plain)."""
        origin = self.pieces.origin
        return {
            "corpus": self.name,
            "version": origin.version,
            "licence": origin.licence,
            "preparation": origin.preparation,
            "sha256": self.pieces.sha256(),
            "sets": {name: _set_document(self, index) for index, name in enumerate(self.set_names)},
            "published": self.published,
            "weighted_as_published": self.as_published(),
        }


def measure_corpus(name: str, pieces: PreparedPieces, done: Callable[[], None] = lambda: None) -> CorpusReport:
    """Measure the prepared corpus `name`; `done` is called after each piece. Raises InputError for bad words."""
    present = [quadrant for quadrant in Quadrant if (pieces.quadrants == quadrant).any()]
    members = (np.ones(len(pieces), bool), *(pieces.quadrants == quadrant for quadrant in present))

    def words_of_each() -> Iterator[CompoundWords]:
        for index in range(len(pieces)):
            yield pieces.piece(index)
            done()

    original = np.stack([getattr(pieces, measure) for measure in PieceMeasures._fields], axis=1)
    return CorpusReport(
        name,
        pieces,
        (None, *present),
        members,
        count_elements(pieces.words, pieces.word_offsets, members),
        original.astype(np.float64),
        word_measures(words_of_each()),
    )


def _pieces_table(report: CorpusReport) -> Table:
    pieces = report.pieces
    words, bars, notes = (
        np.diff(offsets) for offsets in (pieces.word_offsets, pieces.bar_offsets, pieces.note_offsets)
    )
    rows: list[tuple[str, ...]] = []

    def add(what: str, cell: Callable[[NDArray[np.bool_]], str]) -> None:
        rows.append((what, *(cell(chosen) for chosen in report.members)))

    add("pieces", lambda chosen: f"{chosen.sum():,}")
    add("songs", lambda chosen: f"{len(np.unique(pieces.songs[chosen])):,}")
    add(" / ".join(SPLITS), lambda chosen: " / ".join(f"{(pieces.splits[chosen] == s).sum():,}" for s in range(3)))
    add("bars: median (5-95 %)", lambda chosen: _spread(bars[chosen], 0))
    add("notes: median (5-95 %)", lambda chosen: _spread(notes[chosen], 0))
    add("words: median (5-95 %)", lambda chosen: _spread(words[chosen], 0))
    add(f"over {LONG_WORDS:,} words", lambda chosen: f"{(words[chosen] > LONG_WORDS).sum():,}")
    add("tempo (BPM): median (5-95 %)", lambda chosen: _spread(pieces.tempo[chosen], 0))
    add("beats tracked", lambda chosen: percent(float(pieces.is_tracked[chosen].mean())))
    add("file's own grid kept", lambda chosen: percent(float((~pieces.is_tracked[chosen]).mean())))
    add("grid confidence: median (5-95 %)", lambda chosen: _spread(pieces.grid_confidence[chosen], 2))
    add("triplet-heavy", lambda chosen: f"{(pieces.triplet_share[chosen] >= TRIPLET_HEAVY).sum():,}")
    add(
        "notes kept",
        lambda chosen: percent(float(pieces.notes_kept[chosen].sum() / max(pieces.notes_in[chosen].sum(), 1)), 2),
    )
    add("onset error (sixteenths): mean", lambda chosen: number(float(pieces.onset_error_steps[chosen].mean()), 3))
    note = (
        f"Words count the end word. Triplet-heavy: {percent(TRIPLET_HEAVY, 0)} or more of the onsets lie on a triplet "
        "and on no sixteenth. Notes kept: not merged, not beyond a piano's keys."
    )
    return Table("Pieces", ("", *report.set_names), tuple(rows), note)


def _spread(values: NDArray[np.generic], digits: int) -> str:
    """Median (5 % - 95 %)."""
    low, median, high = np.percentile(np.asarray(values, np.float64), [5, 50, 95])
    return f"{number(median, digits)} ({number(low, digits)}-{number(high, digits)})"


def _measures_table(report: CorpusReport) -> Table:
    published = report.published
    rows = []
    for index, (measure, meaning) in enumerate(zip(MEASURES, _MEANINGS, strict=True)):
        for what, values in (("files", report.original), ("words", report.written)):
            cells = [mean_and_deviation(*_mean(values[chosen, index])) for chosen in report.members]
            beside = (number(published[measure]) if measure in published and what == "files" else "–",)
            rows.append((f"{measure} {meaning}", what, *cells, *(beside if published else ())))
    note = (
        "Mean (standard deviation) over pieces, as MusPy measures them; files: the notes as they are there, words: as "
        "a model sees them. Per bar: of the notes that start in a bar, mean over bars with notes."
    )
    columns = ("measure", "of", *report.set_names, *(("published",) if published else ()))
    return Table("Pitch range, pitch classes, polyphony", columns, tuple(rows), note)


def _mean(values: Reals) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    return (float(known.mean()), float(known.std())) if known.size else (float("nan"), float("nan"))


def _amounts_table(report: CorpusReport) -> Table:
    rows = []
    for element in ORDINAL:
        shares = report.counts.shares(element)
        amounts = amounts_of_values(element)
        for index, name in enumerate(report.set_names):
            found = summarise(report.counts.counts[element][index], amounts)
            rows.append(
                (
                    f"{ELEMENTS[element].name} ({UNITS[element]})",
                    name,
                    f"{found.count:,}",
                    mean_and_deviation(found.mean, found.deviation, 1),
                    *(number(quantile, 1).removesuffix(".0") for quantile in found.quantiles),
                    number(entropy(shares[index])),
                )
            )
    note = "Tempo is counted at each bar line and change. Entropy in bits."
    quantiles = ("5 %", "lower quartile", "median", "upper quartile", "95 %")
    columns = ("element", "pieces", "words", "mean (deviation)", *quantiles, "entropy")
    return Table("Elements: tempo, pitch, duration, velocity", columns, tuple(rows), note)


def _chord_table(report: CorpusReport) -> Table:
    shares, kinds = report.counts.shares(CHORD), report.counts.kind_shares()
    said = report.counts.said(CHORD).sum(axis=1)
    rows = [
        (
            name,
            f"{said[index]:,}",
            *(percent(float(kind[index])) for kind in kinds.values()),
            number(entropy(shares[index])),
            _most_frequent(CHORD, shares[index]),
        )
        for index, name in enumerate(report.set_names)
    ]
    note = "Counted at each bar line and change. Major third: maj, 7, maj7, aug; no third: sus2, sus4."
    columns = ("pieces", "words", *kinds, "entropy", "most frequent")
    return Table("Elements: chord", columns, tuple(rows), note)


def _most_frequent(element: int, shares: Reals) -> str:
    """The most frequent values with their shares."""
    if np.isnan(shares).any():
        return "–"
    order = np.argsort(-shares, kind="stable")[:_FREQUENT]
    return ", ".join(f"{ELEMENTS[element].label(value)} {percent(float(shares[value]))}" for value in order.tolist())


def _rhythm_table(report: CorpusReport) -> Table:
    positions = report.counts.position_shares()
    types, notes = report.counts.shares(TYPE), np.diff(report.pieces.note_offsets)
    bars = np.diff(report.pieces.bar_offsets)
    rows = []
    for index, (name, chosen) in enumerate(zip(report.set_names, report.members, strict=True)):
        on_beat = positions[index, ::STEPS_PER_QUARTER].sum()
        off_beat = positions[index, STEPS_PER_QUARTER // 2 :: STEPS_PER_QUARTER].sum()
        rows.append(
            (
                name,
                f"{report.counts.said(BAR_BEAT)[index].sum():,}",
                *(percent(float(share)) for share in (on_beat, off_beat, 1 - on_beat - off_beat)),
                number(entropy(report.counts.shares(BAR_BEAT)[index])),
                percent(float(types[index, -1])),
                number(float(notes[chosen].sum() / max(bars[chosen].sum(), 1)), 1),
            )
        )
    note = "Positions are those of the words that say one. Off beat: the eighth between two quarters."
    columns = (
        "pieces",
        "positions",
        "on a quarter",
        "off beat",
        "other sixteenths",
        "entropy",
        "notes among words",
        "notes a bar",
    )
    return Table("Elements: bar-beat and type", columns, tuple(rows), note)


def _set_document(report: CorpusReport, index: int) -> dict[str, Any]:
    pieces, chosen = report.pieces, report.members[index]
    words = np.diff(pieces.word_offsets)[chosen]
    return {
        "pieces": int(chosen.sum()),
        "songs": len(np.unique(pieces.songs[chosen])),
        "splits": {name: int((pieces.splits[chosen] == number).sum()) for number, name in enumerate(SPLITS)},
        "words": {**_quantiles(words), "over_1024": int((words > LONG_WORDS).sum())},
        "bars": _quantiles(np.diff(pieces.bar_offsets)[chosen]),
        "notes": _quantiles(np.diff(pieces.note_offsets)[chosen]),
        "tempo": _quantiles(pieces.tempo[chosen]),
        "grid_confidence": _quantiles(pieces.grid_confidence[chosen]),
        "tracked_share": float(pieces.is_tracked[chosen].mean()),
        "triplet_heavy": int((pieces.triplet_share[chosen] >= TRIPLET_HEAVY).sum()),
        "notes_in": int(pieces.notes_in[chosen].sum()),
        "notes_kept": int(pieces.notes_kept[chosen].sum()),
        "onset_error_steps": float(pieces.onset_error_steps[chosen].mean()),
        "measures": {
            what: {
                measure: dict(zip(("mean", "deviation"), _mean(values[chosen, column]), strict=True))
                for column, measure in enumerate(MEASURES)
            }
            for what, values in (("files", report.original), ("words", report.written))
        },
        "elements": {element.name: _element_document(report, index, n) for n, element in enumerate(ELEMENTS)},
    }


def _quantiles(values: NDArray[np.generic]) -> dict[str, float]:
    low, median, high = np.percentile(np.asarray(values, np.float64), [5, 50, 95]).tolist()
    return {"5%": low, "median": median, "95%": high}


def _element_document(report: CorpusReport, index: int, element: int) -> dict[str, Any]:
    counts = report.counts.said(element)[index]
    document: dict[str, Any] = {"words": int(counts.sum()), "entropy": entropy(report.counts.shares(element)[index])}
    if element in ORDINAL:
        found = summarise(counts, amounts_of_values(element))
        names = ("5%", "25%", "median", "75%", "95%")
        document |= {"mean": found.mean, "deviation": found.deviation}
        document |= dict(zip(names, found.quantiles, strict=True))
    if element == CHORD:
        document["kinds"] = {kind: shares[index] for kind, shares in report.counts.kind_shares().items()}
    labels = ELEMENTS[element].labels
    document["counts"] = {labels[value]: int(counts[value]) for value in np.flatnonzero(counts)}
    return document
