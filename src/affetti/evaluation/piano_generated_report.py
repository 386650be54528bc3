"""What was measured of composed piano pieces as tables and one JSON document, beside real and corrupted pieces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from affetti.analysis.features import EARS
from affetti.emotion import Quadrant
from affetti.evaluation.corpus_report import EMOPIA_PUBLISHED, MEASURES
from affetti.evaluation.corruptions import WRONG_SHARE
from affetti.evaluation.discriminator import ACCEPTED, EXCERPT
from affetti.evaluation.musical_sanity import MEASURES as SANITY
from affetti.evaluation.musical_sanity import distance, mean_distance, share_inside
from affetti.evaluation.piano_collections import Collection
from affetti.evaluation.piano_emotion import EAR_NAMES, Heard
from affetti.evaluation.piano_generated import LONG, Measured, References
from affetti.evaluation.piano_novelty import RUN, CopiedRuns
from affetti.evaluation.report import Table, mean_and_deviation, number, percent
from affetti.tokens.elements import Integers, Reals
from affetti.tokens.melody_notes import known_mean

_SETS = (None, *Quadrant)
_OF_PIECES = 3
"""How many of the pitch measures, the first ones, are of whole pieces."""


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedReport:
    """Collections of composed pieces beside the references."""

    references: References
    measured: tuple[Measured, ...]

    def tables(self) -> list[Table]:
        """The report as tables."""
        tables = [self.summary(), _pieces_table(self), _pitch_table(self)]
        if any(one.heard for one in self.measured):
            tables += [_emotion_table(self), *(_confusion_table(one) for one in self.measured if one.heard)]
        if self.references.discriminator is not None:
            tables.append(_judges_table(self))
        if self.references.songs:
            tables.append(_novelty_table(self))
        return [*tables, _sanity_table(self), _distance_table(self)]

    def summary(self) -> Table:
        """The figures that say most, one line for each collection; quickly made."""
        return _summary_table(self)

    def remarks(self) -> list[str]:
        """What the reader must know besides the tables."""
        own = self.references
        remarks = [
            f"Real pieces are of {own.corpus}: {len(own.held_out)} of validation and test songs (held out), "
            f"{len(own.training)} of training songs (other songs), all mostly in 4/4 and as their words write them."
        ]
        if own.discriminator is not None:
            remarks.append(
                "The judges were trained on excerpts of validation and test songs and on corruptions of them: "
                + ", ".join(f"{e:,} of {s:,} songs of {name}" for name, (e, s) in own.discriminator.learned.items())
                + "."
            )
        return [*remarks, *own.missing]

    def document(self) -> dict[str, Any]:
        """All figures for machines (report.plain makes it plain). Shares are 0-1."""
        own = self.references
        reference = own.held_out_measured.sanity
        return {
            "corpus": own.corpus,
            "seed": own.seed,
            "real": {
                "pitch_measures": {
                    "all": _pitch_document(own.everything),
                    "held_out": _pitch_document(own.held_out),
                },
                "emotion": _ceiling_document(own),
                "judged": _real_verdicts(own),
                "novelty": {name: _runs_document(runs) for name, runs in own.held_out_measured.runs.items()},
                "sanity": {one.name: _sanity_document(one.sanity, reference) for one in _real_and_corrupted(own)},
            },
            "generated": {one.name: _measured_document(one, own, reference) for one in self.measured},
            "missing": list(own.missing),
        }


# ---- tables


def heard_as_asked(one: Measured) -> tuple[str, ...]:
    """The shares of pieces that are heard as asked, four quadrants, arousal, valence; dashes without a recogniser."""
    heard = one.heard.get(EARS[0])
    return ("–",) * 3 if heard is None else tuple(map(percent, (heard.four_way, heard.arousal, heard.valence)))


def _summary_table(report: GeneratedReport) -> Table:
    own = report.references
    reference = own.held_out_measured.sanity
    everything = own.everything.pitch_measures
    rows = []
    for one in (*report.measured, own.held_out_measured):
        runs = one.runs.get("all notes")
        rows.append(
            (
                one.name,
                *(_off(one.pitch_measures[:, column], everything[:, column]) for column in range(_OF_PIECES)),
                *heard_as_asked(one),
                *_verdicts(one, own),
                "–" if runs is None else number(float(runs.longest.mean()), 1),
                number(mean_distance(one.sanity, reference)),
            )
        )
    note = f"Pitch measures: how far the mean lies from that of all {own.corpus}. Each column has its table below."
    columns = (
        "pieces",
        *MEASURES[:_OF_PIECES],
        "four quadrants",
        "arousal",
        "valence",
        "taken for real",
        "for one piece",
    )
    return Table("Summary", (*columns, "longest copied run", "distance in sanity"), tuple(rows), note)


def _verdicts(one: Measured, own: References) -> tuple[str, str]:
    """The shares taken for real and for one piece; of the held-out pieces by judges that do not know them."""
    if one is not own.held_out_measured:
        return percent(one.taken_for_real), percent(one.taken_for_whole)
    found = _real_verdicts(own).get(one.name, {})
    return percent(found.get("real", float("nan"))), percent(found.get("one_piece", float("nan")))


def _pieces_table(report: GeneratedReport) -> Table:
    rows = []
    for one in (*report.measured, report.references.held_out_measured):
        by_quadrant = " / ".join(str(int((one.quadrants == quadrant).sum())) for quadrant in Quadrant)
        cells = [_median_and_band(values) for values in (one.bars, one.notes, one.seconds)]
        rows.append((one.name, f"{len(one.bars):,}", by_quadrant, *cells))
    columns = ("pieces", "number", "Q1 / Q2 / Q3 / Q4", "bars", "notes", "seconds")
    return Table("Pieces", columns, tuple(rows), "Median (5-95 %).")


def _pitch_table(report: GeneratedReport) -> Table:
    own = report.references
    published = EMOPIA_PUBLISHED if own.corpus == "emopia" else {}
    rows = []
    for column, name in enumerate(MEASURES):
        for quadrant in _SETS:
            real = _values(own.everything.pitch_measures, own.everything.quadrants, quadrant)[:, column]
            held_out = _values(own.held_out.pitch_measures, own.held_out.quadrants, quadrant)[:, column]
            cells = [_mean_cell(real), _mean_cell(held_out)]
            for one in report.measured:
                values = _values(one.pitch_measures, one.quadrants, quadrant)[:, column]
                cells += [_mean_cell(values), _off(values, real), _off(values, held_out)]
            beside = published.get(name) if quadrant is None else None
            cells.append("–" if beside is None else number(beside))
            rows.append((name, "all" if quadrant is None else quadrant.name, *cells))
    columns = ["measure", "of", f"{own.corpus}, all", "held out"]
    for one in report.measured:
        columns += [one.name, "from all", "from held out"]
    note = (
        "Mean (deviation) over whole pieces, as words write them; how far the mean lies from that of the real pieces. "
        "Published: of the files, over all clips of the corpus."
    )
    return Table("Pitch range, pitch classes, polyphony", (*columns, "published"), tuple(rows), note)


def _emotion_table(report: GeneratedReport) -> Table:
    rows = []
    for ear in EARS:
        heard = [(one.name, one.heard[ear]) for one in report.measured if ear in one.heard]
        if not heard:
            continue
        if (ceiling := report.references.ceilings.get(ear)) is not None:
            heard += zip(("real, songs not known to it", "the same, pitches shuffled"), ceiling, strict=True)
        rows += [
            (name, EAR_NAMES[ear], f"{len(one.asked):,}", *map(percent, (one.four_way, one.arousal, one.valence)))
            for name, one in heard
        ]
    note = (
        "The share of pieces that are heard as asked for, or as their listeners did. What the recogniser hears in real "
        "pieces is as much as can be expected of it. What it hears in shuffled ones shows how little it says of order."
    )
    columns = ("pieces", "heard", "number", "four quadrants", "arousal", "valence")
    return Table("Emotion, as a recogniser hears it", columns, tuple(rows), note)


def _confusion_table(one: Measured) -> Table:
    confusion = one.heard[EARS[0]].confusion
    rows = [
        (f"{quadrant.name} {quadrant.label}", *(str(count) for count in confusion[quadrant - 1].tolist()))
        for quadrant in Quadrant
    ]
    columns = ("asked for", *(f"heard as {quadrant.name}" for quadrant in Quadrant))
    return Table(f"Emotion asked for and heard: {one.name}", columns, tuple(rows))


def _judges_table(report: GeneratedReport) -> Table:
    rows = []
    for one in report.measured:
        for place in range(int(one.verdict_places.max(initial=0)) + 1):
            chosen = one.verdict_places == place
            name = f"{one.name}: from bar {place * EXCERPT + 1} on" if place else one.name
            shares = (known_mean(votes[chosen] if place else votes) for votes in (one.verdicts, one.wholes))
            rows.append((name, f"{chosen.sum() if place else len(chosen):,}", *map(percent, shares)))
    for one in report.measured:
        for votes, what in zip(one.far_apart, ("parts far apart", "parts of different pieces"), strict=True):
            if len(votes):
                rows.append((f"{one.name}: {what}", f"{len(votes):,}", "–", percent(known_mean(votes))))
    rows += [
        (name, f"{found['excerpts']:,}", *(percent(found.get(what, float("nan"))) for what in ("real", "one_piece")))
        for name, found in _real_verdicts(report.references).items()
    ]
    note = (
        f"Excerpts of at most {EXCERPT} bars. Judges of order were trained to tell real songs from the same with "
        f"pitches shuffled in time, onsets permuted, {percent(WRONG_SHARE, 0)} of the notes one or two semitones off, "
        "or as many random notes of the same pitches and lengths; they hear no loudness, and little of what lies more "
        "than a bar apart. Judges of the whole were trained to tell real songs from patchworks of several. Held-out "
        f"pieces and corruptions are judged by those that do not know the song; {percent(ACCEPTED, 0)} of the former "
        "are accepted by the choice of thresholds. All others are judged by all. Parts far apart: of pieces of "
        f"{LONG} bars or more, {EXCERPT // 2} bars from a quarter and from three quarters through, put together; of "
        "different pieces: the latter from another piece of the same emotion, which is to be taken for one more seldom."
    )
    columns = ("pieces", "excerpts", "taken for real", "taken for one piece")
    return Table("Taken for real by the judges", columns, tuple(rows), note)


def _novelty_table(report: GeneratedReport) -> Table:
    rows = []
    for line in ("all notes", "top line"):
        for one in (*report.measured, report.references.held_out_measured):
            runs = one.runs[line]
            median, high = np.percentile(runs.longest, [50, 95])
            rows.append(
                (
                    line,
                    one.name,
                    number(float(runs.longest.mean()), 1),
                    *(number(float(value), 0) for value in (median, high, runs.longest.max())),
                    percent(float(np.mean(runs.longest / runs.notes))),
                    percent(known_mean(runs.shares), 2),
                )
            )
    note = (
        f"The first {EXCERPT} bars of each piece beside {len(report.references.songs):,} training pieces: notes in the "
        "longest run with the same intervals of pitch and time, in any key, and the share of runs of "
        f"{RUN} notes that occur there. Real pieces are of songs held out."
    )
    columns = (
        "in",
        "pieces",
        "longest run: mean",
        "median",
        "95 %",
        "greatest",
        "of the piece",
        f"runs of {RUN} copied",
    )
    return Table("Novelty: notes copied from training songs", columns, tuple(rows), note)


def _sanity_table(report: GeneratedReport) -> Table:
    collections = _for_sanity(report)
    reference = report.references.held_out_measured.sanity
    rows = [
        (
            measure.name,
            measure.meaning,
            *(number(_centre(values[:, column], reference[:, column]), 3) for values in collections.values()),
        )
        for column, measure in enumerate(SANITY)
    ]
    note = (
        f"Medians over pieces, means of what most real ones have not at all; of the first {EXCERPT} bars, and of the "
        "ending of whole pieces. "
        "Held-out pieces that were made wrong are to lie elsewhere than real ones, at least in some of this."
    )
    return Table("Musical sanity", ("measure", "meaning", *collections), tuple(rows), note)


def _distance_table(report: GeneratedReport) -> Table:
    collections = _for_sanity(report)
    reference = collections.pop(report.references.held_out.name)
    rows = [
        (
            measure.name,
            *(_distance_cell(values[:, column], reference[:, column]) for values in collections.values()),
        )
        for column, measure in enumerate(SANITY)
    ]
    means = [mean_distance(values, reference) for values in collections.values()]
    inside = [
        known_mean(np.asarray([share_inside(values[:, c], reference[:, c]) for c in range(len(SANITY))]))
        for values in collections.values()
    ]
    rows.append(("mean", *(f"{number(m)} ({percent(s, 0)})" for m, s in zip(means, inside, strict=True))))
    note = (
        "Wasserstein's distance of the distribution from that of the held-out pieces, in their standard deviations "
        "(the share of pieces between their 5th and 95th percentile). Real pieces of other songs say what is chance."
    )
    return Table("Musical sanity: distance from real pieces", ("measure", *collections), tuple(rows), note)


def _for_sanity(report: GeneratedReport) -> dict[str, Reals]:
    return {one.name: one.sanity for one in (*report.measured, *_real_and_corrupted(report.references))}


def _real_and_corrupted(own: References) -> tuple[Measured, ...]:
    return own.held_out_measured, own.training_measured, *own.corrupted_measured


def _centre(values: Reals, reference: Reals) -> float:
    """The median, or the mean of what the half of the real pieces has not at all."""
    known, others = values[~np.isnan(values)], reference[~np.isnan(reference)]
    if not known.size or not others.size:
        return float("nan")
    return float(known.mean() if np.median(others) == 0 else np.median(known))


def _distance_cell(values: Reals, reference: Reals) -> str:
    return f"{number(distance(values, reference))} ({percent(share_inside(values, reference), 0)})"


def _median_and_band(values: Reals | Integers) -> str:
    low, median, high = (number(float(value), 0) for value in np.percentile(values, [5, 50, 95]))
    return f"{median} ({low}-{high})"


def _values(measures: Reals, quadrants: np.ndarray, quadrant: Quadrant | None) -> Reals:
    return measures if quadrant is None else measures[quadrants == quadrant]


def _mean_cell(values: Reals) -> str:
    known = values[~np.isnan(values)]
    return mean_and_deviation(float(known.mean()), float(known.std())) if known.size else "–"


def _deviation(values: Reals, real: Reals) -> float:
    """By how much, as a share, the mean of values lies from that of the real ones; NaN without either."""
    known, others = values[~np.isnan(values)], real[~np.isnan(real)]
    return float(known.mean() / others.mean() - 1) if known.size and others.size else float("nan")


def _off(values: Reals, real: Reals) -> str:
    deviation = _deviation(values, real)
    return "–" if np.isnan(deviation) else f"{100 * deviation:+.1f} %"


# ---- the document


def _measured_document(one: Measured, own: References, reference: Reals) -> dict[str, Any]:
    deviations = {
        what: {
            name: {
                _set_name(quadrant): _deviation(
                    _values(one.pitch_measures, one.quadrants, quadrant)[:, column],
                    _values(real.pitch_measures, real.quadrants, quadrant)[:, column],
                )
                for quadrant in _SETS
            }
            for column, name in enumerate(MEASURES)
        }
        for what, real in (("all", own.everything), ("held_out", own.held_out))
    }
    return {
        "pieces": len(one.bars),
        "by_quadrant": {quadrant.name: int((one.quadrants == quadrant).sum()) for quadrant in Quadrant},
        "bars": one.bars,
        "notes": one.notes,
        "seconds": one.seconds,
        "pitch_measures": _pitch_document(one),
        "deviation_from_real": deviations,
        "emotion": {ear: _heard_document(heard) for ear, heard in one.heard.items()},
        "taken_for_real": one.taken_for_real,
        "taken_for_one_piece": one.taken_for_whole,
        "far_apart": {
            "same_piece": known_mean(one.far_apart[0]),
            "different_pieces": known_mean(one.far_apart[1]),
            "pieces": len(one.far_apart[0]),
        },
        "by_place": [
            {
                name: known_mean(votes[one.verdict_places == place])
                for name, votes in (("taken_for_real", one.verdicts), ("taken_for_one_piece", one.wholes))
            }
            for place in range(int(one.verdict_places.max(initial=-1)) + 1)
        ],
        "novelty": {name: _runs_document(runs) for name, runs in one.runs.items()},
        "sanity": _sanity_document(one.sanity, reference),
        "onset_positions": one.positions,
    }


def _set_name(quadrant: Quadrant | None) -> str:
    return "all" if quadrant is None else quadrant.name


def _pitch_document(one: Measured | Collection) -> dict[str, Any]:
    return {
        name: {
            _set_name(quadrant): _mean_document(_values(one.pitch_measures, one.quadrants, quadrant)[:, column])
            for quadrant in _SETS
        }
        for column, name in enumerate(MEASURES)
    }


def _mean_document(values: Reals) -> dict[str, float]:
    known = values[~np.isnan(values)]
    return {"mean": float(known.mean()), "deviation": float(known.std())} if known.size else {}


def _heard_document(heard: Heard) -> dict[str, Any]:
    return {
        "pieces": len(heard.asked),
        "four_way": heard.four_way,
        "arousal": heard.arousal,
        "valence": heard.valence,
        "confusion": heard.confusion,
    }


def _ceiling_document(own: References) -> dict[str, Any]:
    return {
        ear: {"real": _heard_document(real), "pitches shuffled": _heard_document(shuffled)}
        for ear, (real, shuffled) in own.ceilings.items()
    }


def _real_verdicts(own: References) -> dict[str, dict[str, float]]:
    """Excerpts, and the shares taken for real and for one piece, of real pieces and of what was made wrong."""
    found: dict[str, dict[str, float]] = {}
    for what, judges in (("real", own.discriminator), ("one_piece", own.judges_of_wholes)):
        if judges is None:
            continue
        others = own.training_measured
        of_others = others.taken_for_real if what == "real" else others.taken_for_whole
        found.setdefault(own.held_out.name, {"excerpts": len(judges.held_out["real"])})
        found.setdefault(others.name, {"excerpts": len(others.verdicts)})[what] = of_others
        for name, share in judges.held_out_shares.items():
            own_name = own.held_out.name if name == "real" else f"held out, {name}"
            found.setdefault(own_name, {"excerpts": len(judges.held_out[name])})[what] = share
    return found


def _runs_document(runs: CopiedRuns) -> dict[str, Any]:
    low, median, high = np.percentile(runs.longest, [5, 50, 95]).tolist()
    return {
        "longest": {
            "mean": float(runs.longest.mean()),
            "5%": low,
            "median": median,
            "95%": high,
            "greatest": runs.longest.max(),
        },
        "longest_of_the_piece": float(np.mean(runs.longest / runs.notes)),
        "copied_runs": known_mean(runs.shares),
    }


def _sanity_document(values: Reals, reference: Reals) -> Mapping[str, Any]:
    return {
        measure.name: {
            "centre": _centre(values[:, column], reference[:, column]),
            "distance": distance(values[:, column], reference[:, column]),
            "inside": share_inside(values[:, column], reference[:, column]),
        }
        for column, measure in enumerate(SANITY)
    }
