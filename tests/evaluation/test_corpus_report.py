import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affetti.errors import InputError
from affetti.evaluation import corpus_files
from affetti.evaluation.corpus_files import corpus_pictures, prepared_roll, sampled_pieces, write_corpus_report
from affetti.evaluation.corpus_report import EMOPIA_CLIPS, EMOPIA_PUBLISHED, MEASURES, CorpusReport, measure_corpus
from affetti.evaluation.report import Table, plain
from affetti.tokens.elements import ELEMENTS
from tests.evaluation.tiny_pieces import LENGTH_OF, TEMPO_OF, VELOCITY_OF, piano_piece, tiny_pieces

PIECES = tiny_pieces()
REPORT = measure_corpus("tiny", PIECES)


def table(report: CorpusReport, title: str) -> Table:
    return next(one for one in report.tables() if title in one.title)


def cells(report: CorpusReport, title: str, row: str) -> list[tuple[str, ...]]:
    return [one[1:] for one in table(report, title).rows if row in one[0]]


def test_a_column_for_all_and_for_each_quadrant() -> None:
    assert table(REPORT, "Pieces").columns == ("", "all", "Q1 happy", "Q2 angry", "Q3 sad", "Q4 calm")
    assert cells(REPORT, "Pieces", "pieces") == [("8", "2", "2", "2", "2")]
    assert cells(REPORT, "Pieces", "songs") == [("4", "1", "1", "1", "1")]
    assert cells(REPORT, "Pieces", "bars") == [("4 (4-4)",) * 5]
    assert cells(REPORT, "Pieces", "file's own grid kept") == [("100.0 %",) * 5]
    assert cells(REPORT, "Pieces", "notes kept") == [("100.00 %",) * 5]
    assert cells(REPORT, "Pieces", "over 1,024 words") == [("0",) * 5]


def test_pieces_without_labels_have_one_column() -> None:
    report = measure_corpus("tiny", tiny_pieces((0, 0, 0)))
    assert report.set_names == ("all",)
    assert all(len(one.columns) > 1 for one in report.tables())
    assert cells(report, "Pieces", "pieces") == [("3",)]
    assert [picture.name for picture in corpus_pictures(report, 2, 0)] == ["elements", "rolls-1"]


def test_unlabelled_pieces_count_among_all_only() -> None:
    report = measure_corpus("tiny", tiny_pieces((0, 3, 3)))
    assert report.set_names == ("all", "Q3 sad")
    assert cells(report, "Pieces", "pieces") == [("3", "2")]


def test_measures_of_files_and_words() -> None:
    rows = cells(REPORT, "polyphony", "POLY polyphony")
    assert rows[0] == ("files", *["4.00 (0.00)"] * 5)
    assert rows[1] == ("words", *["4.00 (0.00)"] * 5)
    assert "published" not in table(REPORT, "polyphony").columns
    assert [row[0] for row in table(REPORT, "polyphony").rows[::2]] == sorted(
        (row[0] for row in table(REPORT, "polyphony").rows[::2]),
        key=lambda name: MEASURES.index(name.split()[0]),
    )


def test_emopia_stands_beside_its_published_values() -> None:
    report = measure_corpus("emopia", PIECES)
    found = table(report, "polyphony")
    beside = {row[0].split()[0]: row[-1] for row in found.rows if row[1] == "files"}
    assert beside == {"PR": "51.00", "NPC": "8.48", "POLY": "5.90", "BPR": "–", "BNPC": "–", "BPOLY": "–"}
    weighted = report.as_published()
    assert weighted is not None
    ranges = [report.original[PIECES.quadrants == quadrant, 0].mean() for quadrant in (1, 2, 3, 4)]
    assert weighted["PR"] == pytest.approx(np.average(ranges, weights=EMOPIA_CLIPS))
    assert "1,078" in report.remarks()[-1]
    assert measure_corpus("emopia", tiny_pieces((1, 2))).as_published() is None


def test_elements_of_each_quadrant() -> None:
    rows = {(row[0].split()[0], row[1]): row[2:] for row in table(REPORT, "tempo, pitch").rows}
    assert rows["tempo", "Q2 angry"][4] == f"{TEMPO_OF[2]:g}"
    assert rows["velocity", "Q3 sad"][4] == str(VELOCITY_OF[3])
    assert rows["duration", "Q2 angry"][4] == str(LENGTH_OF[2])
    assert rows["velocity", "Q3 sad"][-1] == "0.00"  # one value: no entropy
    chords = {row[0]: row[1:] for row in table(REPORT, "chord").rows}
    assert chords["Q1 happy"][1:5] == ("100.0 %", "0.0 %", "0.0 %", "0.0 %")
    assert chords["Q1 happy"][-1].startswith("C:maj 50.0 %, C#:maj 50.0 %")
    rhythm = {row[0]: row[1:] for row in table(REPORT, "bar-beat").rows}
    assert rhythm["Q2 angry"][1:4] == ("25.0 %", "25.0 %", "50.0 %")
    assert rhythm["Q3 sad"][-1] == "5.0"


def test_the_document_has_every_count() -> None:
    document = json.loads(json.dumps(plain(REPORT.document()), allow_nan=False))
    of_all = document["sets"]["all"]
    assert list(of_all["elements"]) == [element.name for element in ELEMENTS]
    assert sum(of_all["elements"]["pitch"]["counts"].values()) == of_all["notes_kept"] == len(PIECES.onset_remainders)
    assert of_all["elements"]["bar_beat"]["counts"]["position 0/16"] == len(PIECES.bar_steps)
    assert of_all["measures"]["files"]["POLY"] == {"mean": 4.0, "deviation": 0.0}
    assert document["sha256"] == PIECES.sha256()


def test_samples_are_drawn_by_seed_and_from_every_quadrant() -> None:
    pieces = tiny_pieces((1,) * 6 + (2,) * 6 + (3,))
    drawn = sampled_pieces(pieces, 5, 0)
    assert np.bincount(pieces.quadrants[drawn]).tolist() == [0, 2, 2, 1]
    assert (sampled_pieces(pieces, 5, 0) == drawn).all()
    assert any((sampled_pieces(pieces, 5, seed) != drawn).any() for seed in (1, 2, 3))
    assert sorted(sampled_pieces(pieces, 50, 0)) == list(range(13))


def test_a_prepared_piece_is_drawn_as_it_was_played() -> None:
    roll = prepared_roll(PIECES, 4)
    assert roll.title == f"4.mid · Q3 sad · 67 BPM · own grid, confidence {PIECES.grid_confidence[4]:.2f}"
    assert roll.grid is not None
    played, original = roll.piece, piano_piece(3, 4)
    assert [note.pitch for note in played.notes] == [note.pitch for note in original.notes]
    beats = roll.grid.beat_ticks / played.ticks_per_quarter
    assert beats.tolist() == list(range(len(beats)))
    assert roll.grid.bar_beats.tolist() == [0, 4, 8, 12]


def test_a_performance_that_begins_before_its_first_bar_line_keeps_its_beats() -> None:
    early = PIECES.onset_remainders.copy()
    early[PIECES.note_offsets[4]] = -0.4
    roll = prepared_roll(replace(PIECES, onset_remainders=early), 4)
    assert roll.grid is not None
    first = roll.piece.notes[0].start_ticks / roll.piece.ticks_per_quarter
    assert roll.grid.beat_ticks[0] / roll.piece.ticks_per_quarter == pytest.approx(first + 0.1, abs=1e-3)


def test_the_report_is_written_whole_and_the_same_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_files, "ROLLS_A_PAGE", 1)
    said = write_corpus_report(tmp_path / "a", REPORT, rolls=2, seed=1, force=False)
    assert said == f"Written to {tmp_path / 'a'}: 8 files."
    pictures = ["elements", "rolls-1", "rolls-2"]
    drawn = [f"{one}.{kind}" for one in pictures for kind in ("png", "svg")]
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == sorted(
        [*drawn, "evaluation.json", "evaluation.md"]
    )
    again = next(corpus_pictures(REPORT, 2, 1))
    assert all((tmp_path / "a" / name).read_bytes() == content for name, content in again.files().items())
    page = (tmp_path / "a" / "evaluation.md").read_text()
    assert page.startswith("# The corpus tiny")
    assert all(f"({one}.png)" in page for one in pictures)
    with pytest.raises(InputError, match="not empty"):
        write_corpus_report(tmp_path / "a", REPORT, rolls=0, seed=1, force=False)


def test_without_matplotlib_the_tables_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = write_corpus_report(tmp_path / "a", REPORT, rolls=5, seed=1, force=False)
    assert said == f"Written to {tmp_path / 'a'}: 2 files (pictures need matplotlib: pip install 'affetti[train]')."


def test_published_values_name_their_measures() -> None:
    assert set(EMOPIA_PUBLISHED) <= set(MEASURES)
    assert sum(EMOPIA_CLIPS) == 1078
