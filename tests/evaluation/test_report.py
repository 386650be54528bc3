import json
from pathlib import Path

import numpy as np
import pytest

from affetti.errors import InputError
from affetti.evaluation import report as pages
from affetti.evaluation.emoreg_document import document, nearest_csv
from affetti.evaluation.emoreg_measures import compose_melodies, measure_model, measure_reference
from affetti.evaluation.emoreg_report import EvaluationReport
from affetti.evaluation.report import Picture, Table
from tests.evaluation.melodies import Resampler
from tests.tiny import tiny_corpus


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    """Two models that compose by copying the tiny corpus, which is its own published example as well."""
    corpus = tiny_corpus()
    reference = measure_reference(corpus, {"published": corpus}, each=25, seed=1)
    models = []
    for name, label_in_encoder in (("told", True), ("untold", False)):
        model = Resampler(corpus, name, label_in_encoder=label_in_encoder)
        composed = compose_melodies(model, 25, 1, lambda: None)
        models.append(measure_model(name, model, reference, composed))
    return EvaluationReport(reference, tuple(models), 25, 1)


def rows(report: EvaluationReport, title: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """The rows of the table whose title starts so, by their first two cells."""
    (table,) = [table for table in report.tables() if table.title.startswith(title)]
    return {(row[0], row[1]): row[2:] for row in table.rows}


def test_placement_says_what_it_was_measured_on(report: EvaluationReport) -> None:
    table = rows(report, "Table 2")
    assert table["CVAE-EmoReg (paper)", "training data"][-1] == "87.8 %"
    assert table["told", "training data, label given to the encoder"] == ("100.0 %",) * 5
    assert table["told", "training data, wrong label given: in the true quadrant"][-1] == "0.0 %"
    assert table["told", "training data, wrong label given: in the given quadrant"][-1] == "100.0 %"
    assert table["untold", "training data, label unseen"][-1] == "100.0 %"
    assert ("untold", "training data, wrong label given: in the true quadrant") not in table


def test_copies_are_not_new(report: EvaluationReport) -> None:
    table = rows(report, "Novelty")
    assert table["told", "training melodies"][:4] == ("100", "100.0 %", "100.0 %", "100.0 %")
    assert table["published", "training melodies"][1] == "100.0 %"
    assert table["real melodies", "all others"][0] == "24"
    assert table["told", "each other"][0] == "24"


def test_copies_are_as_melodic_as_what_they_copy(report: EvaluationReport) -> None:
    figures = document(report)
    assert max(figures["models"]["told"]["separation_from_real"].values()) < 0.6
    assert max(figures["models"]["told"]["distance_to_real"]["intervals"]) < 0.35
    assert figures["published"]["published"]["distance_to_real"]["intervals"] == [0, 0, 0, 0]


def test_the_paper_sized_table_is_of_the_first_melodies(report: EvaluationReport) -> None:
    titles = [table.title for table in report.tables()]
    assert titles.index("Table 3: 80 melodies, as in the paper") < titles.index("Table 3: 100 melodies")
    assert report.models[0].paper_sized.count.tolist() == [20] * 4
    first = rows(report, "Table 3: 80")["pitch range", "e1 happy"]
    assert first[1:4] == ("9.32 (2.93)", "8.65 (2.22)", "7.75 (2.14)")  # as printed


def test_document_is_json_without_nan(report: EvaluationReport) -> None:
    figures = json.loads(json.dumps(document(report), allow_nan=False))
    assert figures["seed"] == 1
    assert figures["melodies_per_emotion"] == 25
    assert figures["models"]["untold"]["placement"]["training"]["mean"] == 1
    assert figures["models"]["untold"]["placement"]["held_out"] is None
    assert figures["models"]["untold"]["placement"]["training_with_wrong_label"] is None
    assert figures["models"]["told"]["novelty"]["identical_share_per_emotion"] == [1, 1, 1, 1]
    assert np.shape(figures["paper"]["pitch_measures"]["CVAE-Base"]["mean"]) == (4, 4)


def test_nearest_melodies_by_name(report: EvaluationReport) -> None:
    corpus = report.reference.corpus
    model = report.models[0]
    lines = nearest_csv(model, corpus.names).decode().splitlines()
    assert len(lines) == 101
    cells = lines[1].split(",")
    assert cells[1] == "e1"
    nearest = corpus.tokens[corpus.names.index(cells[3])]
    assert np.array_equal(nearest[nearest < 128], model.melodies.tokens[0][model.melodies.tokens[0] < 128])


def test_the_same_seed_composes_the_same() -> None:
    model = Resampler(tiny_corpus(), label_in_encoder=False)
    first, again, other = (compose_melodies(model, 20, seed, lambda: None) for seed in (1, 1, 2))
    assert np.array_equal(first.tokens, again.tokens)
    assert not np.array_equal(first.tokens, other.tokens)
    assert first.quadrants.tolist() == [1] * 20 + [2] * 20 + [3] * 20 + [4] * 20


def test_page_and_terminal_show_the_same_cells(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("A title", ("what", "how much"), (("a|b", "1.5"), ("c", "–")), "A note.")
    picture = Picture("map", "a caption", b"png", b"<svg/>")
    page = pages.markdown("Report", [table], [picture, Picture("score", "notes", None, b"<svg/>")], ["A remark."])
    assert "| a\\|b | 1.5 |" in page
    assert "![a caption](map.png)" in page
    assert "![notes](score.svg)" in page
    pages.print_tables([table], ["A remark."])
    out = capsys.readouterr().out
    for text in ("A title", "how much", "a|b", "1.5", "A note.", "A remark."):
        assert text in out


def test_rows_must_fit_their_columns() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        Table("t", ("a", "b"), (("1",),))


def test_a_report_is_not_overwritten_without_force(tmp_path: Path) -> None:
    out = tmp_path / "report"
    pages.write_report(out, {"a.csv": b"1"}, {"x": 1}, "page", force=False)
    assert sorted(path.name for path in out.iterdir()) == ["a.csv", "evaluation.json", "evaluation.md"]
    with pytest.raises(InputError, match="--force"):
        pages.write_report(out, {}, {"x": 2}, "page", force=False)
    pages.write_report(out, {}, {"x": 2}, "page", force=True)
    assert json.loads((out / "evaluation.json").read_text()) == {"x": 2}
    with pytest.raises(InputError, match="is a file"):
        pages.check_out(out / "a.csv", force=True)


def test_a_corpus_without_an_emotion_is_a_value_error() -> None:
    corpus = tiny_corpus()
    corpus.quadrants[corpus.quadrants == 4] = 0
    with pytest.raises(ValueError, match="fewer than 1"):
        measure_reference(corpus, {}, each=20, seed=0)


def test_nothing_is_less_than_nothing() -> None:
    assert pages.number(-0.001) == "0.00"
    assert pages.number(-0.01) == "-0.01"
    assert pages.percent(-0.0001) == "0.0 %"
