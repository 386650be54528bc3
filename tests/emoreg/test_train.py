import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from affetti.corpora.corpus import prepared_path
from affetti.emoreg.config import PRESETS, ModelConfig, TrainingConfig
from affetti.emoreg.cvae import MelodyCvae
from affetti.emoreg.train import learning_rate, make_optimizer, resolve, train
from affetti.errors import InputError
from affetti.runtime.melody_model import MelodyModel
from affetti.training.recipe import load_recipe
from affetti.training.run_folder import RunFolder
from tests.tiny import prepare_tiny_corpus, silent, tiny_corpus, tiny_recipe


def test_a_run_folder_holds_exactly_what_a_researcher_needs(tmp_path: Path) -> None:
    prepare_tiny_corpus()
    run = RunFolder(tmp_path / "run")
    recipe = tiny_recipe(folds=2)
    weights_hash = train(recipe, run, resume=False, progress=silent)
    files = {
        str(path.relative_to(run.path))
        for path in run.path.rglob("*")
        if path.is_file() and "tfevents" not in path.name
    }
    fold = {"checkpoint.safetensors", "held_out.safetensors", "log.jsonl", "latents/final.safetensors"}
    assert files == {
        "config.yaml",
        "environment.json",
        "checkpoint.safetensors",
        "log.jsonl",
        "latents/epoch_0000.safetensors",
        "latents/epoch_0003.safetensors",
        "latents/final.safetensors",
        "weights/config.json",
        "weights/model.safetensors",
        "weights/encoder.onnx",
        "weights/decoder_step.onnx",
        *(f"folds/{index}/{name}" for index in (0, 1) for name in fold),
    }
    assert list((run.path / "tensorboard").glob("*tfevents*"))
    config = load_recipe(run.path / "config.yaml")  # itself a recipe, with what the preset says written out
    assert resolve(config) == resolve(recipe)
    assert config.model["hidden_size"] == 16
    assert config.training["learning_rate"] == 0.002
    assert (config.name, config.seed, config.folds) == (recipe.name, recipe.seed, recipe.folds)
    lines = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert {"loss", "reconstruction", "kl", "valence_loss", "arousal_loss", "seconds"} <= set(lines[0])
    assert "training/placement" in lines[3]
    assert MelodyModel.load(run.weights).weights_hash == weights_hash


def test_every_melody_is_held_out_once_and_tunes_stay_together(tmp_path: Path) -> None:
    corpus = prepare_tiny_corpus()
    run = RunFolder(tmp_path / "run")
    train(tiny_recipe(folds=3), run, resume=False, progress=silent)
    results = [load_file(run.fold(fold).path / "held_out.safetensors") for fold in range(3)]
    indices = torch.cat([result["indices"] for result in results]).tolist()
    assert sorted(indices) == list(range(len(corpus)))
    for result in results:
        assert corpus.quadrants[result["indices"].numpy()].tolist() == result["quadrants"].tolist()
    tunes = [set(corpus.tunes[result["indices"].numpy()].tolist()) for result in results]
    assert len(set(corpus.tunes.tolist())) < len(corpus)  # some tunes have several melodies
    assert len(set.union(*tunes)) == sum(map(len, tunes))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_an_interrupted_run_ends_with_the_same_weights(preset: str, tmp_path: Path) -> None:
    prepare_tiny_corpus()
    recipe = tiny_recipe(preset)
    whole = RunFolder(tmp_path / "whole")
    train(recipe, whole, resume=False, progress=silent)

    class InterruptionError(Exception):
        pass

    def stop_after_three(stage: str, epoch: int, epochs: int, loss: float) -> None:
        if epoch == 3:
            raise InterruptionError

    halves = RunFolder(tmp_path / "halves")
    with pytest.raises(InterruptionError):
        train(recipe, halves, resume=False, progress=stop_after_three)
    train(recipe, halves, resume=True, progress=silent)
    for name in (
        "weights/config.json",
        "weights/model.safetensors",
        "checkpoint.safetensors",
        "latents/final.safetensors",
    ):
        assert (whole.path / name).read_bytes() == (halves.path / name).read_bytes(), name
    epochs = [json.loads(line)["epoch"] for line in (halves.path / "log.jsonl").read_text().splitlines()]
    assert epochs == [1, 2, 3, 4]  # the repeated epoch is there once


def test_a_killed_process_resumes_to_the_same_weights(tmp_path: Path) -> None:
    prepare_tiny_corpus()
    recipe = tmp_path / "recipe.yaml"
    content = tiny_recipe(training={"epochs": 40, "checkpoint_every": 2, "snapshot_epochs": [0]})
    recipe.write_text(yaml.safe_dump(content.model_dump(mode="json")))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = [sys.executable, "-m", "affetti", "train", str(recipe), "--out"]
    subprocess.run([*command, str(whole)], check=True, capture_output=True)
    process = subprocess.Popen([*command, str(killed)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (killed / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed / "weights").exists()
    subprocess.run([*command, str(killed), "--resume"], check=True, capture_output=True)
    assert (whole / "weights/model.safetensors").read_bytes() == (killed / "weights/model.safetensors").read_bytes()


def test_a_run_is_not_overwritten_or_mixed_with_another(tmp_path: Path) -> None:
    prepare_tiny_corpus()
    run = RunFolder(tmp_path / "run")
    train(tiny_recipe(), run, resume=False, progress=silent)
    with pytest.raises(InputError, match="--resume"):
        train(tiny_recipe(), run, resume=False, progress=silent)
    with pytest.raises(InputError, match="another recipe"):
        train(tiny_recipe(seed=1), run, resume=True, progress=silent)


def test_a_run_is_not_continued_on_another_corpus(tmp_path: Path) -> None:
    prepare_tiny_corpus()
    run = RunFolder(tmp_path / "run")
    train(tiny_recipe(), run, resume=False, progress=silent)
    other = tiny_corpus()
    replace(other, tokens=np.roll(other.tokens, 1, axis=0)).save(prepared_path("musgenvae"))
    with pytest.raises(InputError, match="another musgenvae"):
        train(tiny_recipe(), run, resume=True, progress=silent)


def test_what_cannot_be_trained_is_refused_before_a_run_is_begun(tmp_path: Path) -> None:
    prepare_tiny_corpus()
    unlabelled = replace(tiny_corpus(), quadrants=np.zeros(len(tiny_corpus()), np.int8))
    unlabelled.save(prepared_path("chorales"))
    bad = {
        "unknown corpus": tiny_recipe(corpus="musgenvae_gru"),
        "no two labelled": tiny_recipe(corpus="chorales"),
        "unknown preset": tiny_recipe("nothing"),
        "tunes do not fill": tiny_recipe(folds=20),
        "all alike": tiny_recipe("cvae_base_2021", composing={"drafts": 4}),
    }
    for message, recipe in bad.items():
        with pytest.raises(InputError, match=message):
            train(recipe, RunFolder(tmp_path / "run"), resume=False, progress=silent)
        assert not (tmp_path / "run").exists()


def test_a_diverging_run_stops_with_advice(tmp_path: Path) -> None:
    prepare_tiny_corpus()
    recipe = tiny_recipe("cvae_emoreg_2023", training={"epochs": 50, "learning_rate": 1e30})
    with pytest.raises(InputError, match="lower the learning rate"):
        train(recipe, RunFolder(tmp_path / "run"), resume=False, progress=silent)


def test_learning_rates_by_hand() -> None:
    cosine = TrainingConfig(learning_rate=0.01, schedule="cosine", epochs=4)
    assert [round(learning_rate(cosine, epoch), 6) for epoch in (1, 2, 3, 4)] == [0.01, 0.008536, 0.005, 0.001464]
    assert learning_rate(TrainingConfig(learning_rate=0.01), 700) == 0.01


def test_the_papers_optimizer_has_keras_defaults() -> None:
    model = MelodyCvae(ModelConfig(vocabulary=(60, 128, 129), hidden_size=4))
    optimizer = make_optimizer(model, PRESETS["cvae_emoreg_2023"]().training)
    assert isinstance(optimizer, torch.optim.RMSprop)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["alpha"], group["eps"], group["weight_decay"]) == (0.001, 0.9, 1e-7, 0)
    assert isinstance(make_optimizer(model, PRESETS["emoreg_reader"]().training), torch.optim.AdamW)


def test_a_damaged_checkpoint_is_one_clear_line(tmp_path: Path) -> None:
    prepare_tiny_corpus()
    run = RunFolder(tmp_path / "run")
    train(tiny_recipe(), run, resume=False, progress=silent)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:1000])
    with pytest.raises(InputError, match="not a checkpoint") as caught:
        train(tiny_recipe(), run, resume=True, progress=silent)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("preset", ["cvae_emoreg_2023", "emoreg_reader"])
def test_training_learns_reconstruction_and_places_the_quadrants(preset: str, tmp_path: Path) -> None:
    """Overfitting two dozen melodies whose quadrant can be heard: the map must end up right."""
    prepare_tiny_corpus()
    run = RunFolder(tmp_path / "run")
    training = {
        "epochs": 120,
        "checkpoint_every": 120,
        "batch_size": 8,
        "learning_rate": 0.005,
        "token_dropout": 0.0,
        "dropout": 0.0,
        "schedule": "constant",
    }
    train(tiny_recipe(preset, model={"hidden_size": 32}, training=training), run, resume=False, progress=silent)
    lines = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["training/placement"] >= 0.95
    assert lines[-1]["reconstruction"] < 0.6 * lines[0]["reconstruction"]
    assert lines[-1]["valence_loss"] < -0.7
