import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Affetti
from tests.evaluation.tiny_pieces import prepare_labelled_pieces
from tests.muser.networks import network
from tests.muser.test_latent_network import write_run


@pytest.fixture(autouse=True)
def prepared() -> None:
    prepare_labelled_pieces()


def test_weights_beside_a_run_without_weights(
    piano_weights: Path, affetti: Affetti, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(Path("vae"), network(latent="vae"))
    assert affetti(f"evaluate {piano_weights} vae --ablations --corpus tiny --pieces 1 --out report") == 0
    printed = capsys.readouterr().out
    assert "1 pieces of each emotion, seed 0" in printed
    assert "vae is a test model" in printed
    figures = json.loads(Path("report/evaluation.json").read_text())
    weights, run = figures["models"]["tiny_piano"], figures["models"]["vae"]
    assert run["settings"]["latent"] == "vae"
    assert len(run["disentanglement"]["interventions"]["changed"]) == 7
    assert 0 <= weights["notes_f1"] <= 1 < weights["perplexity"]
    assert weights["sanity_distance"] > 0
    assert set(weights["heard"]["full"]) == {"four_way", "arousal", "valence"}
    assert "heard" not in run
    page = Path("report/evaluation.md").read_text()
    for title in ("Models side by side", "vae: a block exchanged"):
        assert f"## {title}" in page
    assert "| real, other songs |" in page


def test_a_run_with_weights(piano_weights: Path, affetti: Affetti) -> None:
    shutil.copytree(piano_weights, write_run(Path("run"), network()) / "weights")
    assert affetti("evaluate run --ablations --corpus tiny --pieces 0 --out report") == 0
    (found,) = json.loads(Path("report/evaluation.json").read_text())["models"].values()
    assert "notes_f1" in found
    assert "taken_for_real" not in found


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("WEIGHTS --ablations --split test", "--split is for what is measured without --ablations"),
        ("WEIGHTS --ablations --bars 4", "--bars is for"),
        ("WEIGHTS --ablations --plane", "--ablations and --plane are measured one at a time"),
        ("WEIGHTS --ablations --corpus absent", "absent is not prepared"),
        ("emoreg --ablations --corpus tiny", "latents by element are measured of piano models"),
        ("emoreg --transfer", "--transfer is for piano models"),
    ],
)
def test_what_does_not_go_together(
    piano_weights: Path, affetti: Affetti, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    assert affetti(f"evaluate {line.replace('WEIGHTS', str(piano_weights))}") == 2
    error = capsys.readouterr().err
    assert error.startswith("affetti: ")
    assert error.count("\n") == 1
    assert message in error
