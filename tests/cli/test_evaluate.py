import json
import sys
from pathlib import Path

import pytest

from affetti.cli import run
from affetti.corpora.corpus import prepared_path
from affetti.emoreg.train import train
from affetti.training.run_folder import RunFolder
from tests.evaluation.melodies import Ear, Resampler
from tests.tiny import prepare_tiny_corpus, silent, tiny_corpus, tiny_recipe


@pytest.fixture
def resamplers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two shipped weights that copy the tiny corpus, which is prepared."""
    corpus = prepare_tiny_corpus()
    models = {name: Resampler(corpus, name, label_in_encoder=name == "told") for name in ("told", "untold")}
    monkeypatch.setattr("affetti.load", lambda name: models[str(name)] if str(name) in models else Ear())
    monkeypatch.setattr("affetti.runtime.weights.shipped_names", lambda: sorted(models))


def test_a_run_with_folds_end_to_end(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_tiny_corpus()
    train(tiny_recipe("cvae_emoreg_2023", folds=2), RunFolder(here / "run"), resume=False, progress=silent)
    capsys.readouterr()
    assert run(["evaluate", "run", "--melodies", "80"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "held out, mean of 2 folds, label given to the encoder" in captured.out
    assert "24 melodies held out once each, 0 tunes in more than one fold" in captured.out
    assert "the published examples are not here" in captured.out
    figures = json.loads(Path("run/evaluation/evaluation.json").read_text())
    assert list(figures["models"]["tiny"]["placement"]["snapshots"]) == ["the start", "epoch 3", "the end"]
    assert len(figures["models"]["tiny"]["placement"]["held_out"]["folds"]) == 2
    page = Path("run/evaluation/evaluation.md").read_text()
    linked = [line.split("](")[1].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert {"novelty.png", "latents-tiny.png", "figure8-tiny.png", "melodies-tiny.png"} <= set(linked)
    assert all(Path("run/evaluation", name).is_file() for name in linked)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that are about something else need not wait for drawing and engraving."""
    for module in ("matplotlib", "verovio", "music21"):
        monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.usefixtures("resamplers", "no_pictures")
def test_the_system_means_all_shipped_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "emoreg", "--melodies", "80", "--seed", "3", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert list(figures["models"]) == ["told", "untold"]
    assert figures["seed"] == 3
    assert figures == json.loads(Path("evaluation-emoreg/evaluation.json").read_text())
    assert len(Path("evaluation-emoreg/nearest-told.csv").read_text().splitlines()) == 81


@pytest.mark.usefixtures("resamplers")
def test_the_same_call_writes_the_same_bytes() -> None:
    for out in ("first", "second"):
        assert run(["evaluate", "told", "--melodies", "80", "--out", out]) == 0
    names = sorted(path.name for path in Path("first").iterdir())
    assert names == sorted(path.name for path in Path("second").iterdir())
    assert sum(name.startswith("score-") for name in names) == 4
    for name in names:
        assert Path("first", name).read_bytes() == Path("second", name).read_bytes(), name


@pytest.mark.usefixtures("resamplers", "no_pictures")
def test_nothing_is_overwritten_without_force(capsys: pytest.CaptureFixture[str]) -> None:
    Path("evaluation-told").mkdir()
    Path("evaluation-told/mine.txt").write_text("mine")
    assert run(["evaluate", "told", "--melodies", "80"]) == 2
    assert "--force" in capsys.readouterr().err
    assert run(["evaluate", "told", "--melodies", "80", "--force"]) == 0
    assert Path("evaluation-told/mine.txt").read_text() == "mine"
    assert Path("evaluation-told/evaluation.json").is_file()


@pytest.mark.usefixtures("resamplers", "no_pictures")
def test_one_model_twice_is_numbered(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "told", "told", "--melodies", "80", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["models"]) == ["told", "told_2"]
    assert Path("evaluation/evaluation.json").is_file()


@pytest.mark.usefixtures("resamplers", "no_pictures")
def test_missing_extras_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "told", "--melodies", "80"]) == 0
    out = capsys.readouterr().out
    assert "affetti[train]" in out
    assert "affetti[scores]" in out
    assert sorted(path.name for path in Path("evaluation-told").iterdir()) == [
        "evaluation.json",
        "evaluation.md",
        "nearest-told.csv",
    ]


@pytest.mark.usefixtures("resamplers")
def test_scores_without_matplotlib(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(["evaluate", "emoreg", "--melodies", "80"]) == 0
    assert "affetti[train]" in capsys.readouterr().out
    names = {path.name for path in Path("evaluation-emoreg").iterdir()}
    assert {"score-told-sad.svg", "score-untold-sad.svg"} <= names
    assert "novelty.png" not in names


@pytest.mark.corpus
@pytest.mark.usefixtures("no_pictures")
def test_corpus_from_a_folder_laid_out_as_published(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from affetti.corpora.musgenvae import prepare

    corpus = prepare(shared_data / "musgenvae").corpora["musgenvae"]
    monkeypatch.setattr(
        "affetti.load", lambda name: Ear() if name == "emoreg_reader" else Resampler(corpus, label_in_encoder=False)
    )
    command = ["evaluate", "x", "--corpus-dir", str(shared_data / "musgenvae"), "--melodies", "400", "--json"]
    assert run(command) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["corpus"]["per_emotion"] == [80, 79, 93, 92]
    gru = figures["published"]["published GRU examples"]["novelty"]
    assert (gru["identical_share"], gru["near_identical_share"]) == (0.2625, 0.825)
    assert figures["paper"]["cells_nearer"]["to_recomputed"]["than_base"] == 9
    assert figures["models"]["resampler"]["novelty"]["identical_share"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no weights 'nowhere'"),
        (["unfinished"], "finish it with affetti train --resume"),
        (["run", "--melodies", "82"], "multiple of 4"),
        (["run", "--melodies", "40"], "--melodies"),
        (["run", "--seed", "-1"], "--seed"),
        ([], "TARGET"),
    ],
)
def test_bad_input(here: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "unfinished").mkdir()
    (here / "unfinished" / "config.yaml").write_text("name: x\n")
    assert run(["evaluate", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert message in captured.err


def test_a_corpus_without_some_emotion_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tiny_corpus()
    corpus.quadrants[corpus.quadrants > 2] = 0
    corpus.save(prepared_path("musgenvae"))
    monkeypatch.setattr(
        "affetti.load", lambda name: Ear() if name == "emoreg_reader" else Resampler(corpus, label_in_encoder=False)
    )
    assert run(["evaluate", "x"]) == 2
    assert "no melody of Q3, Q4" in capsys.readouterr().err


def test_without_the_corpus_the_command_that_makes_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "affetti.load",
        lambda name: Ear() if name == "emoreg_reader" else Resampler(tiny_corpus(), label_in_encoder=False),
    )
    assert run(["evaluate", "x"]) == 2
    assert "affetti corpus prepare musgenvae" in capsys.readouterr().err
    assert run(["evaluate", "x", "--corpus-dir", "."]) == 2
    assert "dataset/e1" in capsys.readouterr().err
