"""Training runs of the piano system: what they leave, resuming, stopping, and whether anything is learned."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from affetti.errors import InputError
from affetti.muser.config import PRESETS, TrainingConfig, VqvaeTrainingConfig
from affetti.muser.fitting import learning_rate
from affetti.muser.train import resolve, train
from affetti.training.recipe import MuserRecipe, load_recipe
from affetti.training.run_folder import RunFolder
from tests.muser.practice import TINY_MODEL, practice_pieces, practice_recipe, prepare_practice, silent


@pytest.fixture(autouse=True)
def _corpus() -> None:
    prepare_practice()


def _log(run: RunFolder, phase: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run.path / "phases" / phase / "log.jsonl").read_text().splitlines()]


def _run(folder: Path, recipe: MuserRecipe) -> RunFolder:
    run = RunFolder(folder)
    train(recipe, run, resume=False, progress=silent)
    return run


def _weights(run: RunFolder) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in run.path.glob("phases/*/model.safetensors")}


def test_a_run_folder_holds_exactly_what_a_researcher_needs(tmp_path: Path) -> None:
    recipe = practice_recipe()
    run = _run(tmp_path / "run", recipe)
    files = {
        str(path.relative_to(run.path))
        for path in run.path.rglob("*")
        if path.is_file() and "tfevents" not in path.name and "weights" not in path.parts
    }
    phases = ("1_vqvae", "2_prior")
    assert files == {
        "config.yaml",
        "environment.json",
        *(f"phases/{phase}/{name}" for phase in phases for name in ("log.jsonl", "model.safetensors")),
    }
    assert all(list(run.path.glob(f"phases/{phase}/tensorboard/*tfevents*")) for phase in phases)
    config = load_recipe(run.path / "config.yaml")  # itself a recipe, with what the preset says written out
    assert isinstance(config, MuserRecipe)
    assert resolve(config) == resolve(recipe)
    assert config.model["attention"] == "decaying"
    assert config.phases[0].training["gradient_clip"] == 3.0
    corpora = json.loads((run.path / "environment.json").read_text())["corpora"]
    assert corpora == {"practice": practice_digest()}


def practice_digest() -> str:
    return prepare_practice().sha256()


def test_the_log_says_how_every_element_fares(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", practice_recipe())
    lines = _log(run, "1_vqvae")
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for name in ("reconstruction/pitch", "accuracy/velocity", "regularization/tempo", "commitment", "perplexity"):
        assert np.isfinite([line[name] for line in lines]).all()
        assert f"validation/{name}" in lines[0]
    assert {"unused_codes", "learning_rate", "gradient_norm", "words_per_second", "seconds"} <= set(lines[0])
    last = lines[-1]
    assert last["reconstruction"] == pytest.approx(_mean(last, "reconstruction/"), abs=1e-5)
    assert last["regularization"] == pytest.approx(7 * _mean(last, "regularization/"), abs=1e-5)
    total = last["reconstruction"] + 0.25 * last["commitment"] + 0.1 * last["regularization"]
    assert last["loss"] == pytest.approx(total, abs=1e-5)
    assert {"loss", "accuracy", "perplexity", "validation/loss"} <= set(_log(run, "2_prior")[0])


def _mean(line: dict[str, float], prefix: str) -> float:
    return float(np.mean([value for name, value in line.items() if name.startswith(prefix)]))


@pytest.mark.parametrize(
    "changes",
    [
        {"preset": "muser_small"},
        {"preset": "muser_elements"},
        {"preset": "muser_aaai24", "model": TINY_MODEL | {"reducer_width": 64, "reducer_layers": 1}},
        {"phases": ["vqvae"], "model": TINY_MODEL | {"latent": "vae"}},
    ],
    ids=["small", "elements", "paper", "vae"],
)
def test_an_interrupted_run_ends_with_the_same_weights(changes: dict[str, object], tmp_path: Path) -> None:
    """Interrupted in each phase; with dropout, augmentation, accumulation and averaged weights."""
    training = practice_recipe().training | {
        "accumulation": 2,
        "weight_average": 0.9,
        "label_dropout": 0.2,
        "transposition": "random",
        "tempo_shift": 1,
        "checkpoint_every": 2,
    }
    recipe = practice_recipe(training=training, prior_training=training, **changes)  # type: ignore[arg-type]
    whole = RunFolder(tmp_path / "whole")
    weights_hash = train(recipe, whole, resume=False, progress=silent)

    class InterruptionError(Exception):
        pass

    def interrupted_after(phase: str, at: int) -> None:
        def stop(stage: str, epoch: int, epochs: int, loss: float) -> None:
            if (stage, epoch) == (phase, at):
                raise InterruptionError

        with pytest.raises(InterruptionError):
            train(recipe, halves, resume=halves.path.exists(), progress=stop)

    halves = RunFolder(tmp_path / "halves")
    interrupted_after("1 vqvae", 1)
    interrupted_after("1 vqvae", 3)
    if len(recipe.phases) == 2:
        interrupted_after("2 prior", 2)
    assert train(recipe, halves, resume=True, progress=silent) == weights_hash
    assert _weights(whole) == _weights(halves)
    assert (halves.path / "weights/config.json").exists() == (len(recipe.phases) == 2)
    for phase in _weights(whole):
        assert [line["epoch"] for line in _log(halves, phase)] == [1, 2, 3]
        names = ("loss", "validation/loss", "gradient_norm")
        for one, other in zip(_log(whole, phase), _log(halves, phase), strict=True):
            assert [one[name] for name in names] == [other[name] for name in names]


def test_a_killed_process_resumes_to_the_same_weights(tmp_path: Path) -> None:
    recipe = practice_recipe(training=practice_recipe().training | {"epochs": 20})
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    train(recipe, whole, resume=False, progress=silent)
    command = [sys.executable, "-m", "affetti", "train", str(path), "--out", str(killed.path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    checkpoint = killed.phase(1, "vqvae").checkpoint
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed.path / "phases/2_prior").exists()
    train(recipe, killed, resume=True, progress=silent)
    assert _weights(whole) == _weights(killed)


def test_a_run_ends_in_time_and_goes_on(tmp_path: Path) -> None:
    """One epoch at least is always done, so that calls too short for any still come to an end."""
    recipe = practice_recipe()
    whole = _run(tmp_path / "whole", recipe)
    run = RunFolder(tmp_path / "run")
    calls = 0
    stopping = recipe.model_copy(update={"stop_after_minutes": 1e-6})
    while train(stopping, run, resume=calls > 0, progress=silent) is None:
        calls += 1
        left_over = run.path / "phases/1_vqvae/.model.safetensors.abcd"  # as of a process killed while it wrote
        left_over.touch()
        assert calls < 9
        phases = [len(_log(run, phase.name)) for phase in sorted((run.path / "phases").iterdir())]
        assert sum(phases) == calls
    assert calls == 5  # of the six epochs, the last ends the run
    assert _weights(run) == _weights(whole)
    assert not left_over.exists()


def test_phases_go_on_where_the_one_before_ended(tmp_path: Path) -> None:
    still = {"learning_rate": 1e-12, "weight_decay": 0.0, "epochs": 1}
    phases = [
        {"part": "vqvae", "corpora": ["practice"]},
        {"part": "vqvae", "corpora": ["practice"], "training": still},
        {"part": "prior", "corpora": ["practice"]},
        {"part": "prior", "corpora": ["practice"], "training": still},
    ]
    recipe = MuserRecipe.model_validate(practice_recipe().model_dump() | {"phases": phases})
    run = _run(tmp_path / "run", recipe)
    for before, after in (("1_vqvae", "2_vqvae"), ("3_prior", "4_prior")):
        one, other = (load_file(run.path / "phases" / phase / "model.safetensors") for phase in (before, after))
        assert one.keys() == other.keys()
        for name in one:
            if not name.startswith("quantizer"):  # codes move by what is learned from, not by the learning rate
                torch.testing.assert_close(one[name], other[name], rtol=0, atol=1e-6)


def test_training_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    """Far too high a rate: after the first epochs it only gets worse."""
    training = practice_recipe().training | {
        "epochs": 60,
        "patience": 3,
        "learning_rate": 0.1,
        "schedule": "constant",
        "warmup_steps": 0,
    }
    run = _run(tmp_path / "run", practice_recipe(phases=["vqvae"], training=training))
    losses = [line["validation/loss"] for line in _log(run, "1_vqvae")]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3 < 60
    shorter = practice_recipe(phases=["vqvae"], training=training | {"epochs": best + 1, "patience": 0})
    assert _weights(run) == _weights(_run(tmp_path / "shorter", shorter))


def test_without_validation_the_last_weights_are_kept(tmp_path: Path) -> None:
    practice_pieces([1, 2, 3, 2]).save(Path(os.environ["AFFETTI_HOME"]) / "prepared/practice.safetensors")
    run = _run(tmp_path / "run", practice_recipe(phases=["vqvae"]))
    assert not any("validation" in name for name in _log(run, "1_vqvae")[0])
    assert _weights(run)


def test_a_run_is_not_overwritten_or_mixed_with_another(tmp_path: Path) -> None:
    recipe = practice_recipe(phases=["vqvae"])
    run = _run(tmp_path / "run", recipe)
    with pytest.raises(InputError, match="--resume"):
        train(recipe, run, resume=False, progress=silent)
    with pytest.raises(InputError, match="another recipe"):
        train(recipe.model_copy(update={"seed": 1}), run, resume=True, progress=silent)
    practice_pieces([2, 2, 2]).save(Path(os.environ["AFFETTI_HOME"]) / "prepared/practice.safetensors")
    with pytest.raises(InputError, match="another practice"):
        train(recipe, run, resume=True, progress=silent)


def test_what_cannot_be_trained_is_refused_before_a_run_is_begun(tmp_path: Path) -> None:
    practice_pieces([2]).save(Path(os.environ["AFFETTI_HOME"]) / "prepared/lonely.safetensors")
    vae = TINY_MODEL | {"latent": "vae"}
    wide = {"training": {"max_words": 2048, "batch_words": 9999}}
    bad = {
        "nowhere is not prepared": _with_phase(corpora=["nowhere"]),
        "no two pieces": _with_phase(corpora=["lonely"]),
        "unknown preset": practice_recipe(preset="nothing"),
        "a VAE has no codes": practice_recipe(model=vae),
        "1,024 words at most": _with_phase(preset="muser_aaai24", **wide),
        "raise max_words": _with_phase(training={"max_words": 16}),
        "parts cannot share": _with_phase(training={"accumulation": 8}),
        "batch_words must hold": _with_phase(training={"batch_words": 64}),
        "epochs": _with_phase(training={"epochs": 0}),
    }
    for message, recipe in bad.items():
        with pytest.raises(InputError, match=message) as caught:
            train(recipe, RunFolder(tmp_path / "run"), resume=False, progress=silent)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "run").exists()


def _with_phase(preset: str = "muser_small", **changes: object) -> MuserRecipe:
    phase = {"part": "vqvae", "corpora": ["practice"]} | changes
    return practice_recipe(preset=preset).model_copy(
        update={"phases": MuserRecipe.model_validate(practice_recipe().model_dump() | {"phases": [phase]}).phases}
    )


def test_a_diverging_run_stops_with_advice(tmp_path: Path) -> None:
    training = practice_recipe().training | {"epochs": 50, "learning_rate": 1e30}
    with pytest.raises(InputError, match="lower the learning rate"):
        _run(tmp_path / "run", practice_recipe(training=training))


def test_learning_rates_by_hand() -> None:
    cosine = TrainingConfig(learning_rate=0.01, schedule="cosine", epochs=4, warmup_steps=3)
    rates = [learning_rate(cosine, steps, epochs) for steps, epochs in ((0, 0), (1, 0), (3, 0), (9, 2), (9, 4))]
    assert rates == pytest.approx([0.0025, 0.005, 0.01, 0.005, 0])
    assert learning_rate(TrainingConfig(learning_rate=0.01), 0, 700) == 0.01


def test_the_papers_training() -> None:
    config = PRESETS["muser_aaai24"]()
    for training, epochs in ((config.training, 300), (config.prior_training, 1300)):
        assert (training.learning_rate, training.schedule, training.weight_decay) == (1e-4, "constant", 0)
        assert (training.batch_pieces, training.gradient_clip, training.epochs) == (16, 3, epochs)
        assert (training.max_words, training.transposition, training.patience) == (1024, "none", 0)
    assert isinstance(config.training, VqvaeTrainingConfig)
    assert config.training.regularization_weight == 0.1


def test_eight_pieces_are_learned_by_heart(tmp_path: Path) -> None:
    """Over 99 % of all elements right, through the codes, and the regulariser falls all the while."""
    practice_pieces([1, 2, 1, 2, 2, 1, 2, 1]).save(Path(os.environ["AFFETTI_HOME"]) / "prepared/practice.safetensors")
    training = {
        "epochs": 150,
        "threads": 1,
        "batch_pieces": 8,
        "learning_rate": 1e-2,
        "warmup_steps": 10,
        "checkpoint_every": 1000,
        "precision": "float32",
        "transposition": "none",
        "tempo_shift": 0,
    }
    model = TINY_MODEL | {
        "encoder_width": 64,
        "encoder_layers": 2,
        "decoder_width": 64,
        "codes": 128,
        "latent_block": 16,
        "embedding_sizes": [16] * 7,
        "dropout": 0.0,
        "heads": 4,
    }
    recipe = practice_recipe(phases=["vqvae"], model=model, training=training)
    lines = _log(_run(tmp_path / "run", recipe), "1_vqvae")
    assert lines[-1]["accuracy"] > 0.99
    assert lines[-1]["regularization"] < 0.8 * lines[0]["regularization"]
    assert lines[-1]["perplexity"] > 8
