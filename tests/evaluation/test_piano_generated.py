import dataclasses
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.evaluation import piano_generated
from affetti.evaluation.corpus_report import MEASURES
from affetti.evaluation.corruptions import CORRUPTIONS, PATCHWORKS
from affetti.evaluation.musical_sanity import MEASURES as SANITY
from affetti.evaluation.piano_collections import Collection
from affetti.evaluation.piano_generated import References, compose_collection, load_references, measure
from affetti.evaluation.piano_generated_files import generated_pictures
from affetti.evaluation.piano_generated_report import GeneratedReport
from affetti.evaluation.report import Table, plain
from affetti.tokens.compound_word import GridMusic
from tests.evaluation.test_piano_emotion import LISTENER
from tests.evaluation.tiny_pieces import piano_piece, tiny_pieces


class Judges:
    """Take every other excerpt for real."""

    def __init__(self, kind: str) -> None:
        wrong = CORRUPTIONS if kind == "order" else PATCHWORKS
        self.held_out = {"real": np.zeros(4), **{name: np.zeros(8) for name in wrong}}
        self.held_out_shares = {"real": 0.75, **dict.fromkeys(wrong, 0.125)}
        self.learned = {"tiny": [12, 3]}

    def taken_for_real(self, music: Sequence[GridMusic]) -> np.ndarray:
        return np.arange(len(music)) % 2 * 1.0


def corpus() -> PreparedPieces:
    return dataclasses.replace(tiny_pieces(), splits=np.asarray([0, 0, 0, 1, 1, 1, 2, 2], np.int8))


@pytest.fixture
def prepared() -> None:
    corpus().save(prepared_path("tiny"))


@pytest.fixture
def references(prepared: None, monkeypatch: pytest.MonkeyPatch) -> References:
    monkeypatch.setattr(piano_generated, "kept_discriminator", lambda target, others, kind: Judges(kind))
    return load_references("tiny", ("tiny",), recogniser=LISTENER)


COMPOSED = Collection.of_pieces(
    "made up", [piano_piece(q, number=5, bars=20) for q in (1, 2, 3, 4)], [int(quadrant) for quadrant in Quadrant]
)


def table(report: GeneratedReport, title: str) -> Table:
    return next(one for one in report.tables() if title in one.title)


def test_references_by_the_songs_of_a_corpus(references: References) -> None:
    assert len(references.everything) == 8
    assert references.held_out.quadrants.tolist() == [2, 3, 3, 4, 4]
    assert len(references.training) == len(references.songs) == 3
    assert len(references.unheard) == 8
    assert references.missing == ()
    assert list(references.corrupted) == list(CORRUPTIONS)
    assert all(len(one) == 5 for one in references.corrupted.values())
    again = load_references("tiny", ("tiny",), recogniser=LISTENER)
    for name, one in references.corrupted.items():
        assert [w.words.tolist() for w in one.words] == [w.words.tolist() for w in again.corrupted[name].words]


def test_what_is_measured(references: References) -> None:
    found = measure(COMPOSED, references)
    assert found.bars.tolist() == [20] * 4
    assert found.verdicts.tolist() == [0, 1, 0, 1]  # the last 4 bars of 20 are too few for an excerpt
    assert found.taken_for_real == 0.5
    assert found.verdict_places.tolist() == [0, 0, 0, 0]
    assert found.sanity.shape == (4, len(SANITY))
    assert found.pitch_measures.shape == (4, len(MEASURES))
    assert found.heard["full"].quadrants.tolist() == [2, 2, 3, 3]
    assert found.positions.sum() == pytest.approx(1)
    assert found.runs["all notes"].longest.shape == (4,)
    assert measure(COMPOSED, references, emotion=False, judged=False, copied=False).heard == {}


def test_real_pieces_in_the_place_of_composed_ones_pass(references: References) -> None:
    posing = dataclasses.replace(references.held_out, name="posing")
    report = GeneratedReport(references, (measure(posing, references),))
    rows = {row[0]: row for row in table(report, "distance from real").rows}
    assert all(row[1].startswith(("0.00", "–")) for row in rows.values())
    off = table(report, "Pitch range").columns.index("from held out")
    assert {row[off] for row in table(report, "Pitch range").rows} <= {"+0.0 %", "–"}
    copied = measure(dataclasses.replace(references.training, name="copies"), references)
    assert (copied.runs["all notes"].longest == copied.notes).all()


def test_tables(references: References) -> None:
    report = GeneratedReport(references, (measure(COMPOSED, references),))
    titles = [one.title for one in report.tables()]
    assert titles[0] == "Summary"
    assert len(titles) == len(set(titles)) == 9
    judged = {row[0]: row[2:] for row in table(report, "Taken for real").rows}
    assert judged["made up"] == ("50.0 %", "50.0 %")
    assert judged["real, held out"] == ("75.0 %", "75.0 %")
    assert judged["held out, wrong notes"] == ("12.5 %", "–")
    assert judged["held out, bars of other songs"] == ("–", "12.5 %")
    confusion = table(report, "asked for and heard")
    assert [row[1:] for row in confusion.rows] == [("0", "1", "0", "0")] * 2 + [("0", "0", "1", "0")] * 2
    emotion = table(report, "Emotion, as").rows
    assert [row[0] for row in emotion[:3]] == ["made up", "real, songs not known to it", "the same, pitches shuffled"]
    assert emotion[0][3] == "50.0 %"
    assert "12 of 3 songs of tiny" in report.remarks()[1]


def test_longer_pieces_are_judged_by_parts(references: References) -> None:
    long = Collection.of_pieces("long", [piano_piece(1, bars=40)], [1])
    found = measure(long, references, emotion=False)
    assert found.verdict_places.tolist() == [0, 1, 2]
    report = GeneratedReport(references, (found,))
    judged = {row[0]: row[1:] for row in table(report, "Taken for real").rows}
    assert judged["long: from bar 17 on"] == ("1", "100.0 %", "100.0 %")
    assert judged["long: from bar 33 on"] == ("1", "0.0 %", "0.0 %")


def test_parts_that_lie_far_apart(references: References) -> None:
    long = Collection.of_pieces("long", [piano_piece(1, n, bars=32 + n) for n in range(3)], [1] * 3)
    found = measure(long, references, emotion=False)
    assert [votes.tolist() for votes in found.far_apart] == [[0, 1, 0]] * 2
    rows = {row[0]: row[1:] for row in table(GeneratedReport(references, (found,)), "Taken for real").rows}
    assert rows["long: parts far apart"] == ("3", "–", "33.3 %")
    alone = Collection.of_pieces("alone", [piano_piece(1, bars=40), piano_piece(2, bars=40)], [1, 2])
    assert len(measure(alone, references, emotion=False).far_apart[0]) == 0  # no other of its quadrant


def test_the_document_is_json(references: References) -> None:
    report = GeneratedReport(references, (measure(COMPOSED, references),))
    document = json.loads(json.dumps(plain(report.document()), allow_nan=False))
    composed = document["generated"]["made up"]
    assert composed["pieces"] == 4
    assert composed["by_quadrant"] == {"Q1": 1, "Q2": 1, "Q3": 1, "Q4": 1}
    assert composed["taken_for_real"] == 0.5
    assert set(composed["sanity"]) == {measure.name for measure in SANITY}
    assert composed["emotion"]["full"]["four_way"] == 0.5
    assert composed["by_place"] == [{"taken_for_real": 0.5, "taken_for_one_piece": 0.5}]
    assert document["real"]["judged"]["held out, random notes"] == {"excerpts": 8, "real": 0.125}
    assert document["real"]["judged"]["real, held out"] == {"excerpts": 4, "real": 0.75, "one_piece": 0.75}
    deviation = composed["deviation_from_real"]["all"]["PR"]
    real = document["real"]["pitch_measures"]["all"]["PR"]["Q1"]["mean"]
    assert deviation["Q1"] == pytest.approx(composed["pitch_measures"]["PR"]["Q1"]["mean"] / real - 1, abs=1e-4)


def test_pictures(references: References) -> None:
    report = GeneratedReport(references, (measure(COMPOSED, references),))
    names = [picture.name for picture in generated_pictures(report, [COMPOSED])]
    assert names == ["elements", "emotion", "rolls-q1", "rolls-q2", "rolls-q3", "rolls-q4", "sanity"]
    several = GeneratedReport(references, (measure(COMPOSED, references),) * 6)
    assert "sanity" in [picture.name for picture in generated_pictures(several, [COMPOSED] * 6)]


def test_what_is_not_here_is_said(prepared: None) -> None:
    references = load_references("tiny", ("absent", "tiny"), recogniser="no_such_weights")
    assert [text.split(":")[0] for text in references.missing] == [
        "Without absent among the training songs and the judges' songs",
        "No judges",
        "No emotion",
    ]
    report = GeneratedReport(references, (measure(COMPOSED, references),))
    titles = [one.title for one in report.tables()]
    assert not any("Emotion" in title or "judges" in title for title in titles)
    assert report.remarks()[-3:] == list(references.missing)
    assert [picture.name for picture in generated_pictures(report, [COMPOSED])][:2] == ["elements", "rolls-q1"]
    plain(report.document())


def test_a_corpus_without_held_out_songs(prepared: None) -> None:
    tiny_pieces().save(prepared_path("learned"))
    with pytest.raises(InputError, match="no validation and test songs"):
        load_references("learned", ("learned",))


def test_a_model_composes_as_many_of_each_emotion() -> None:
    asked = []

    def compose_many(count: int, quadrant: Quadrant, **options: Any) -> list[Any]:
        asked.append((count, quadrant, options["bars"], options["seed"]))
        return [piano_piece(int(quadrant), n) for n in range(count)]

    model: Any = SimpleNamespace(compose_many=compose_many)
    made = compose_collection("some", model, 2, bars=4, seed=7)
    assert made.quadrants.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert asked == [(2, quadrant, 4, 7) for quadrant in Quadrant]
