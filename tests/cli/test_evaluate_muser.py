import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from affetti.corpora.corpus import prepared_path
from affetti.muser.config import MuserConfig
from affetti.muser.export import export_weights
from affetti.muser.prior import build_prior
from affetti.tokens.elements import PITCH
from tests.cli.conftest import Affetti
from tests.evaluation.melodies import Resampler
from tests.evaluation.reciters import Reciter
from tests.evaluation.tiny_pieces import tiny_pieces
from tests.muser.networks import network, tiny_prior
from tests.tiny import prepare_tiny_corpus, tiny_corpus


@pytest.fixture(autouse=True)
def prepared() -> None:
    """Eight pieces of 4 bars, two for validation and two for the test, prepared as "tiny"."""
    made = dataclasses.replace(tiny_pieces(), splits=np.asarray([0, 0, 0, 0, 1, 1, 2, 2], np.int8))
    made.save(prepared_path("tiny"))


@pytest.fixture
def reciters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of pieces that know the tiny corpus by heart, one that mishears pitches, and a model of melodies."""
    models = {
        "sharp": Reciter(tiny_pieces()),
        "deaf": Reciter(tiny_pieces(), misheard=PITCH),
        "melodies": Resampler(tiny_corpus()),
    }
    for name in ("sharp", "deaf"):
        models[name].config.name = name
    monkeypatch.setattr("affetti.load", models.__getitem__)


@pytest.fixture
def untrained(here: Path) -> Path:
    """A weights folder of a network that has learned nothing."""
    vqvae = network(block_reduction="mean")
    config = MuserConfig(model=vqvae.config, prior=tiny_prior())
    prior = build_prior(vqvae.config, config.prior)
    kinds = {"name": "untrained", "preset": "muser_small", "licence": "none"}
    export_weights(vqvae, prior, here / "weights", config=config, corpora=("tiny",), is_test_model=True, **kinds)
    return here / "weights"


def test_weights_end_to_end_without_torch(untrained: Path) -> None:
    program = (
        "import sys\nfrom affetti.cli import run\nstatus = run(['evaluate', 'weights', '--pieces', '0'])\n"
        "assert not {'torch', 'onnx', 'matplotlib'} & set(sys.modules)\nsys.exit(status)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "2 pieces of tiny's test split" in ran.stdout
    assert "untrained is a test model" in ran.stdout
    figures = json.loads(Path("evaluation-weights/evaluation.json").read_text())
    elements = figures["models"]["untrained"]["teacher_forced"]["elements"]
    assert list(elements) == ["tempo", "chord", "bar-beat", "type", "pitch", "duration", "velocity"]
    assert all(0 <= one["accuracy"] <= 1 and one["nats"] > 0 for one in elements.values())
    assert list(figures["models"]["untrained"]["codes"]) == ["test", "train"]
    assert "## Reconstruction from codes alone" in Path("evaluation-weights/evaluation.md").read_text()


def test_what_a_model_composes(piano_weights: Path, affetti: Affetti, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"evaluate {piano_weights} --corpus tiny --pieces 2 --bars 4 --seed 3"
    assert affetti(f"{line} --out first") == 0
    printed = capsys.readouterr().out
    assert "tiny_piano is a test model of random weights: what it composes is no music." in printed
    assert "2 pieces of each emotion, seed 3" in printed
    figures = json.loads(Path("first/evaluation.json").read_text())
    composed = figures["composed"]["generated"]["tiny_piano"]
    assert composed["bars"] == [4] * 8
    assert composed["by_quadrant"] == {"Q1": 2, "Q2": 2, "Q3": 2, "Q4": 2}
    assert figures["models"]["tiny_piano"]["pieces"] == 2  # and the reconstruction is there as well
    page = Path("first/evaluation.md").read_text()
    assert "## Musical sanity" in page
    assert "## Reconstruction from codes alone" in page
    assert "(elements.png)" in page
    assert Path("first/rolls-q4.png").is_file()
    assert affetti(f"{line} --out second") == 0
    for file in sorted(Path("first").iterdir()):
        assert file.read_bytes() == (Path("second") / file.name).read_bytes()


def test_a_run_keeps_its_report(untrained: Path, affetti: Affetti) -> None:
    Path("run").mkdir()
    Path("run/config.yaml").touch()
    assert affetti("evaluate run") == 2  # no weights yet
    untrained.rename("run/weights")
    assert affetti("evaluate run --split validation --pieces 0") == 0
    assert json.loads(Path("run/evaluation/evaluation.json").read_text())["split"] == "validation"


@pytest.mark.usefixtures("reciters")
def test_models_beside_each_other(affetti: Affetti, capsys: pytest.CaptureFixture[str]) -> None:
    assert affetti("evaluate sharp deaf --split train --pieces 0 --json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures == json.loads(Path("evaluation/evaluation.json").read_text())
    sharp, deaf = (figures["models"][name] for name in ("sharp", "deaf"))
    assert sharp["teacher_forced"]["elements"]["pitch"]["accuracy_where_said"] == 1
    assert deaf["teacher_forced"]["elements"]["pitch"]["accuracy_where_said"] == 0
    assert sharp["free_running"]["likeness"]["notes"]["f1"] == 1
    assert deaf["free_running"]["likeness"]["notes"]["f1"] < 0.5
    assert deaf["free_running"]["likeness"]["onsets"]["f1"] == 1
    assert list(sharp["codes"]) == ["train"]


@pytest.mark.usefixtures("reciters")
def test_the_same_call_writes_the_same_bytes(affetti: Affetti) -> None:
    for out in ("first", "second"):
        assert affetti(f"evaluate sharp --pieces 0 --out {out}") == 0
    for name in ("evaluation.json", "evaluation.md"):
        assert Path("first", name).read_bytes() == Path("second", name).read_bytes()


@pytest.mark.usefixtures("reciters")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sharp --melodies 80", "--melodies is for melody models"),
        ("sharp --corpus-dir .", "--corpus-dir is for melody models"),
        ("melodies --split test", "--split is for piano models"),
        ("melodies --corpus tiny", "--corpus is for piano models"),
        ("melodies --pieces 8", "--pieces is for piano models"),
        ("melodies --bars 8", "--bars is for piano models"),
        ("sharp --pieces -1", "--pieces"),
        ("sharp --bars 0", "--bars"),
        ("sharp melodies", "models of different systems are measured in different ways"),
        ("sharp --corpus absent", "absent is not prepared"),
        ("sharp --corpus musgenvae", "musgenvae"),
        ("sharp --split some", "--split"),
    ],
)
def test_what_does_not_go_together(
    affetti: Affetti, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    prepare_tiny_corpus()
    assert affetti(f"evaluate {line}") == 2
    error = capsys.readouterr().err
    assert error.startswith("affetti: ")
    assert error.count("\n") == 1
    assert message in error


def test_models_of_different_corpora_need_one_named(
    reciters: None, affetti: Affetti, capsys: pytest.CaptureFixture[str]
) -> None:
    import affetti as package

    package.load("deaf").config.trained_on = ("tiny", "other")
    assert affetti("evaluate sharp deaf") == 2
    assert "name it with --corpus" in capsys.readouterr().err
    assert affetti("evaluate sharp deaf --corpus tiny --pieces 0") == 0


def test_the_plane(piano_weights: Path, here: Path, affetti: Affetti, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.tiny_piano import export_tiny

    told = {"emotion_input": "every_step"}
    export_tiny(here / "weights", told, codebook="per_element", latent_into_decoder="concatenate", **told)
    assert affetti("evaluate weights --plane --pieces 1 --seed 3 --out plane") == 0
    printed = capsys.readouterr().out
    assert "1 pieces of 8 bars at each of 25 points, and 50 paths of 3 times 8 bars, seed 3" in printed
    assert "tiny_piano is a test model of random weights" in printed
    assert "has no calibration" in printed
    figures = json.loads(Path("plane/evaluation.json").read_text())
    own = figures["models"]["tiny_piano"]
    assert list(own["grid"]) == ["uncalibrated", "calibrated", "composed"]
    assert own["grid"]["uncalibrated"]["means"] == own["grid"]["calibrated"]["means"]
    assert own["ears"]["reporting"].startswith("piano_recogniser_evaluation")
    assert own["ears"]["choosing"].startswith("piano_recogniser_selection")
    assert Path("plane/calibration.png").is_file()
    assert affetti(f"evaluate {piano_weights} --plane --pieces 1 --out other") == 2  # it follows no path
    assert not Path("other").exists()
