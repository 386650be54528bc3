import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affetti.errors import InputError
from affetti.evaluation.disentanglement import pieces_to_measure
from affetti.evaluation.piano_ablations import (
    Ablation,
    AblationReport,
    Subject,
    measure,
    read_regularization,
    steps_of,
)
from affetti.tokens.elements import PITCH, VELOCITY
from tests.evaluation.made_systems import Diagonal
from tests.evaluation.reciters import Reciter
from tests.evaluation.tiny_pieces import tiny_pieces

CORPUS = dataclasses.replace(tiny_pieces((1, 2, 3, 4) * 6), splits=np.asarray([0] * 16 + [1] * 4 + [2] * 4, np.int8))
PIECES = pieces_to_measure(CORPUS)


def write_run(run: Path, model: dict[str, Any], epochs: list[dict[str, float]]) -> Path:
    import yaml

    for phase in ("1_vqvae", "10_vqvae", "11_prior"):
        (run / "phases" / phase).mkdir(parents=True)
        (run / "phases" / phase / "log.jsonl").write_text('{"validation/loss": 0, "validation/regularization": 99}\n')
    (run / "phases" / "10_vqvae" / "log.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    (run / "config.yaml").write_text(yaml.safe_dump({"name": "a", "model": model}))
    return run


def epoch(loss: float, regularization: float) -> dict[str, float]:
    return {"validation/loss": loss, "validation/regularization": regularization}


def measured(subject: Subject) -> Ablation:
    steps: list[float] = []
    found = measure(subject, CORPUS, PIECES, None, 0, 0, steps.append)
    assert sum(steps) == steps_of(subject, 0)
    return found


def test_models_side_by_side(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", {"decoding": "both", "sizes": {"width": 4}}, [epoch(2, 0.3), epoch(1, 0.5)])
    second = write_run(tmp_path / "b", {"decoding": "global", "sizes": {"width": 4}}, [epoch(1, 0.25)])
    knows = measured(Subject(Diagonal(), first, Reciter(CORPUS)))
    crossed = Diagonal(reads=(0, 1, 2, 3, VELOCITY, 5, PITCH))  # pitch is read where the velocity is said
    crossed.name = "crossed"
    mixes = measured(Subject(crossed, second, None))
    assert knows.accuracy.tolist() == [1] * 7
    assert (mixes.accuracy < 0.5).tolist() == [column in (PITCH, VELOCITY) for column in range(7)]
    report = AblationReport(PIECES, (knows, mixes), None, 0, 0)
    table = report.tables()[0]
    rows = [dict(zip(table.columns[:9], row, strict=False)) for row in table.rows]
    assert [row["differs from the first in"] for row in rows] == ["–", "decoding=global"]
    assert [row["regulariser"] for row in rows] == ["0.500", "0.250"]  # of the epoch that was kept
    assert rows[0]["accuracy"] == rows[0]["notes from codes (F1)"] == "100.0 %"
    assert rows[1]["notes from codes (F1)"] == rows[1]["codes: perplexity"] == "–"  # without weights
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert rows[0]["the others"] == "0.0 %"  # no block changes another element
    assert float(rows[1]["the others"].removesuffix(" %")) > 1
    assert [row[-5:] for row in table.rows] == [("–",) * 5] * 2  # nothing was composed
    figures = report.document()["models"]
    assert figures["diagonal"]["settings"] == {"decoding": "both", "sizes.width": "4"}
    assert figures["diagonal"]["accuracy_where_said"]["pitch"] == figures["diagonal"]["notes_f1"] == 1
    assert "notes_f1" not in figures["crossed"]
    assert len(report.tables()) == 1 + 2 * 4
    assert any("Nothing was composed" in remark for remark in report.remarks())


def test_a_corpus_without_a_test_split_is_refused() -> None:
    none = dataclasses.replace(CORPUS, splits=np.asarray([0] * 16 + [1] * 8, np.int8))
    with pytest.raises(InputError, match="no pieces in 4/4 in its test split"):
        measure(Subject(Diagonal(), None, None), none, PIECES, None, 0, 0, lambda done: None)


def test_logs_without_validation_and_logs_that_are_none(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", {}, [{"loss": 1.0}])
    assert np.isnan(read_regularization(run))
    assert np.isnan(read_regularization(tmp_path / "absent"))
    (run / "phases" / "10_vqvae" / "log.jsonl").write_text("{")
    with pytest.raises(InputError, match="not a training log"):
        read_regularization(run)
    (run / "phases" / "10_vqvae" / "log.jsonl").write_text("[1]\n")
    with pytest.raises(InputError, match="not a training log"):
        read_regularization(run)
    (run / "config.yaml").write_text("{")
    with pytest.raises(InputError, match="not a recipe"):
        measured(Subject(Diagonal(), run, None))
