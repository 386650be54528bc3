"""Two processes that torchrun starts give the loss curve of one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from affetti.muser.train import train
from affetti.training.run_folder import RunFolder
from tests.muser.practice import TINY_MODEL, TINY_PRIOR, practice_recipe, prepare_practice, silent

TIMES = ("seconds", "words_per_second")


def test_two_processes_give_the_loss_curve_of_one(tmp_path: Path) -> None:
    """Without dropout, which each process draws for itself; with both parts, accumulation and a regulariser."""
    prepare_practice()
    training = practice_recipe().training | {
        "precision": "float32",
        "optimizer": "adamw",  # Muon orthogonalises in bfloat16, where sums in another order are other numbers
        "accumulation": 2,
        "batch_pieces": 8,
        "batch_words": 512,
    }
    recipe = practice_recipe(
        model=TINY_MODEL | {"dropout": 0.0},
        prior=TINY_PRIOR | {"dropout": 0.0},
        training=training,
        prior_training=training | {"label_dropout": 0.2},
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    one, two = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "two")
    train(recipe, one, resume=False, progress=silent)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "affetti", "train", str(path), "--out", str(two.path), "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["finished"]  # one document: one process speaks
    for phase in ("1_vqvae", "2_prior"):
        curves = [(run.path / "phases" / phase / "log.jsonl").read_text().splitlines() for run in (one, two)]
        assert len(curves[0]) == len(curves[1]) == 3
        for single, double in zip(*(map(json.loads, lines) for lines in curves), strict=True):
            assert single.keys() == double.keys()
            for name in single.keys() - set(TIMES):
                assert double[name] == pytest.approx(single[name], rel=1e-3, abs=1e-4), (phase, name)
        weights = [load_file(run.path / "phases" / phase / "model.safetensors") for run in (one, two)]
        for name, tensor in weights[0].items():
            torch.testing.assert_close(weights[1][name], tensor, rtol=1e-3, atol=1e-4, msg=name)
