"""How a reader hears melodies, with a reader whose ears are known."""

from typing import Any

import numpy as np
import pytest

from affetti.evaluation.emoreg_document import document
from affetti.evaluation.emoreg_measures import (
    MelodySet,
    compose_melodies,
    heard_by,
    measure_model,
    measure_reference,
)
from affetti.evaluation.emoreg_report import EvaluationReport
from affetti.tokens.melody import REST
from tests.evaluation.melodies import Ear, Resampler
from tests.tiny import tiny_corpus


def report(reader: Any) -> EvaluationReport:
    corpus = tiny_corpus()
    reference = measure_reference(corpus, {"published": corpus}, each=25, seed=1, reader=reader)
    model = Resampler(corpus, "copies", label_in_encoder=False)
    composed = compose_melodies(model, 25, 1, lambda: None)
    return EvaluationReport(reference, (measure_model("copies", model, reference, composed),), 25, 1)


def test_everything_is_heard_as_it_is_meant() -> None:
    with_ear = report(Ear())
    (table,) = [table for table in with_ear.tables() if table.title == "Emotion heard by the reader"]
    assert [row[0] for row in table.rows] == ["real melodies", "published", "copies"]
    assert all(row[1:] == ("100.0 %",) * 7 for row in table.rows)
    figures = document(with_ear)
    assert figures["reader"] == "ear"
    assert figures["models"]["copies"]["heard"]["mean"] == 1


def test_a_wrong_emotion_is_heard_on_its_axis() -> None:
    """Melodies asked to be angry and composed happy: arousal right, valence wrong."""
    corpus = tiny_corpus()
    happy = corpus.tokens[corpus.quadrants == 1]
    heard = heard_by(Ear(), MelodySet(happy, np.full(len(happy), 2, np.int8)))  # type: ignore[arg-type]
    assert heard is not None
    assert heard.confusion.tolist()[1] == [len(happy), 0, 0, 0]


def test_without_a_reader_there_is_no_table() -> None:
    without = report(None)
    assert "Emotion heard by the reader" not in [table.title for table in without.tables()]
    figures = document(without)
    assert figures["reader"] is None
    assert figures["models"]["copies"]["heard"] is None


def test_pitches_the_reader_does_not_know_are_heard_as_neighbours() -> None:
    corpus = tiny_corpus()
    higher = np.where(corpus.tokens < REST, corpus.tokens + 36, corpus.tokens).astype(np.int16)
    heard = heard_by(Ear(), MelodySet(higher, corpus.quadrants))  # type: ignore[arg-type]
    assert heard is not None
    assert heard.mean == pytest.approx(1)
