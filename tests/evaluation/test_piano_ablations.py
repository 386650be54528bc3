import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affetti.errors import InputError
from affetti.evaluation.muser_report import ModelReconstruction
from affetti.evaluation.piano_ablations import ablation_of, ablation_table, read_regularization
from affetti.evaluation.reconstruction import measure
from tests.evaluation.reciters import Reciter
from tests.evaluation.tiny_pieces import tiny_pieces

PIECES = dataclasses.replace(tiny_pieces(), splits=np.asarray([0, 0, 0, 0, 1, 1, 2, 2], np.int8))
FOUND = ModelReconstruction("reciter", "0" * 64, True, measure(Reciter(PIECES), PIECES, "test", lambda words: None))


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


def test_models_side_by_side(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", {"decoding": "both", "sizes": {"width": 4}}, [epoch(2, 0.3), epoch(1, 0.5)])
    second = write_run(tmp_path / "b", {"decoding": "global", "sizes": {"width": 4}}, [epoch(1, 0.25)])
    found = ablation_table([ablation_of(FOUND, run, None) for run in (first, second, None)])
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert [row["differs in"] for row in rows] == [
        "decoding=both, sizes.width=4",
        "decoding=global, sizes.width=4",
        "–",
    ]
    assert [row["regulariser"] for row in rows] == ["0.500", "0.250", "–"]  # of the epoch that was kept
    assert rows[0]["accuracy"] == "100.0 %"
    assert rows[0]["taken for real"] == "–"
    two = ablation_table([ablation_of(FOUND, run, None) for run in (first, second)])
    assert [row[1] for row in two.rows] == ["decoding=both", "decoding=global"]


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
        ablation_of(FOUND, run, None)
