"""`affetti train`: a run from a recipe, what it prints and where, and one line for a recipe that cannot be run."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.muser.practice import practice_recipe, prepare_practice
from tests.recogniser.tiny_recogniser import prepare_tiny_emopia
from tests.recogniser.tiny_recogniser import tiny_recipe as recogniser_recipe
from tests.tiny import prepare_tiny_corpus, tiny_recipe

Affetti = Callable[[str], int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def recipe(here: Path) -> Path:
    """A recipe that trains in a second, with its corpus prepared."""
    prepare_tiny_corpus()
    path = here / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_recipe("cvae_base_2021").model_dump(mode="json")))
    return path


def test_a_run_and_what_it_says(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("train tiny.yaml --set training.epochs=2 --json") == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert captured.err == ""  # no bar where nobody watches
    assert (document["run"], document["weights"]) == ("runs/tiny", "runs/tiny/weights")
    assert (here / "runs/tiny/weights/model.safetensors").is_file()
    assert affetti("train tiny.yaml --set training.epochs=2 --resume") == 0
    hash_start = document["weights_hash"][:12]
    assert capsys.readouterr().out == f"trained tiny: weights in runs/tiny/weights ({hash_start})\n"


def test_a_terminal_sees_the_epochs(affetti: Affetti, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    assert affetti("train tiny.yaml --out run") == 0
    captured = capsys.readouterr()
    assert "tiny training" in captured.err
    assert "4/4 epochs, loss" in captured.err
    assert captured.out.startswith("trained tiny: weights in run/weights (")
    assert captured.out.count("\n") == 1


def test_the_piano_system_in_calls_that_end_in_time(here: Path, affetti: Affetti, capsys: Captured) -> None:
    prepare_practice()
    (here / "piano.yaml").write_text(yaml.safe_dump(practice_recipe().model_dump(mode="json")))
    assert affetti("train piano.yaml --set stop_after_minutes=1e-6") == 0
    assert capsys.readouterr().out == "practice is not finished; it goes on with --resume\n"
    assert affetti("train piano.yaml --set stop_after_minutes=1e-6 --resume --json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"run": "runs/practice", "finished": False, "weights": None, "weights_hash": None}
    assert affetti("train piano.yaml --resume") == 0
    assert capsys.readouterr().out.startswith("trained practice: weights in runs/practice/weights (")
    assert affetti("train piano.yaml --resume --json") == 0  # all is there: nothing is trained again
    assert json.loads(capsys.readouterr().out)["finished"]


def test_a_recogniser_says_how_far_it_is(
    here: Path, affetti: Affetti, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = prepare_tiny_emopia()
    (here / "ear.yaml").write_text(yaml.safe_dump(recogniser_recipe(name="ear").model_dump(mode="json")))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    assert affetti("train ear.yaml") == 0
    captured = capsys.readouterr()
    assert "ear features" in captured.err
    assert f"{len(corpus)}/{len(corpus)}" in captured.err
    assert "epochs" not in captured.err
    assert captured.out.startswith("trained ear: weights in runs/ear/weights (")
    assert affetti("train ear.yaml") == 2
    assert "already holds a run" in capsys.readouterr().err


def test_a_run_without_a_prior_has_no_weights(here: Path, affetti: Affetti, capsys: Captured) -> None:
    prepare_practice()
    (here / "codes.yaml").write_text(yaml.safe_dump(practice_recipe(phases=["vqvae"]).model_dump(mode="json")))
    assert affetti("train codes.yaml --out run") == 0
    assert capsys.readouterr().out.startswith("trained practice: networks in run, and no weights")
    assert not (here / "run/weights").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("preset=nothing", "unknown preset 'nothing'"),
        ("training.epochs=0", "training.epochs"),
        ("training.learning_rate=.inf", "finite"),
        ("folds=1", "at least 2"),
        ("seed=2001-13-45", "not YAML"),
    ],
)
@pytest.mark.parametrize("watched", [False, True], ids=["redirected", "terminal"])
def test_a_recipe_that_cannot_be_run_is_one_line(
    change: str,
    message: str,
    watched: bool,
    here: Path,
    affetti: Affetti,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: watched)
    assert affetti(f"train tiny.yaml --set {change} --out run") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("affetti: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert [path.name for path in here.iterdir()] == ["tiny.yaml"]


def test_a_corpus_that_is_not_prepared_is_one_line(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("train tiny.yaml --set corpus=nowhere --out run") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("affetti: ")
    assert captured.err.count("\n") == 1
    assert not (here / "run").exists()


@pytest.mark.parametrize("library", ["torch", "tensorboard", "onnx", "sklearn"])
def test_a_missing_extra_is_named(
    library: str, affetti: Affetti, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("affetti.cli.train.find_spec", lambda name: None if name == library else object())
    assert affetti("train tiny.yaml") == 2
    assert capsys.readouterr().err == f"affetti: training needs {library}: pip install 'affetti[train]'\n"
