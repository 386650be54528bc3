import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Affetti
from tests.evaluation.tiny_pieces import prepare_labelled_pieces
from tests.muser.networks import network
from tests.muser.test_latent_network import write_run

BESIDE = "--disentanglement --corpus tiny"


@pytest.fixture(autouse=True)
def prepared() -> None:
    prepare_labelled_pieces()


def test_weights_beside_a_run_without_weights(
    piano_weights: Path, affetti: Affetti, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(Path("vae"), network(latent="vae"))
    assert affetti(f"evaluate {piano_weights} vae {BESIDE} --out report") == 0
    printed = capsys.readouterr().out
    assert "16 labelled pieces in 4/4 of tiny" in printed
    assert "vae is a test model" in printed
    figures = json.loads(Path("report/evaluation.json").read_text())
    assert list(figures["systems"]) == ["tiny_piano", "vae"]
    assert figures["held_out"] == 8
    for system in figures["systems"].values():
        assert list(system["silhouettes"]["vectors"]["all"]) == ["Q1-Q2", "Q1-Q3", "Q1-Q4", "Q2-Q3", "Q2-Q4", "Q3-Q4"]
        changed = system["interventions"]["changed"]
        assert len(changed) == len(changed["tempo"]) == 7
        assert all(0 <= share <= 1 for row in changed.values() for share in row.values())
    exchanged = figures["emotion_elements"]["exchanged"]
    assert list(exchanged) == ["piano_recogniser_evaluation", "piano_recogniser_selection"]
    page = Path("report/evaluation.md").read_text()
    for title in ("Disentanglement, side by side", "vae: a block exchanged", "What carries valence"):
        assert f"## {title}" in page
    for name in ("map-tsne-vae.png", "map-pca-tiny_piano.svg", "blocks-vae.png", "emotion-elements.png"):
        assert Path("report", name).stat().st_size > 1000
        assert name.endswith(".svg") or f"({name})" in page
    html = Path("report/latent-map.html").read_text()
    assert not re.search(r"\d+\.mid|song \d", html)  # no files' names
    assert list(json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])["systems"]) == ["tiny_piano", "vae"]


def test_weights_need_no_torch(piano_weights: Path) -> None:
    program = (
        f"import sys\nfrom affetti.cli import run\nstatus = run(['evaluate', {str(piano_weights)!r}, "
        "'--disentanglement', '--corpus', 'tiny', '--json', '--out', 'report'])\n"
        "assert 'torch' not in sys.modules\nsys.exit(status)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == json.loads(Path("report/evaluation.json").read_text())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("WEIGHTS --disentanglement --split test", "--split is for what is measured without --disentanglement"),
        ("WEIGHTS --disentanglement --pieces 0", "--pieces is for"),
        ("WEIGHTS --disentanglement --melodies 80", "--melodies is for"),
        ("WEIGHTS --disentanglement --corpus absent", "absent is not prepared"),
        ("emoreg --disentanglement --corpus tiny", "latents by element are measured of piano models"),
        ("unfinished --disentanglement --corpus tiny", "unfinished has not finished a phase of the VQ-VAE"),
        ("nowhere --disentanglement --corpus tiny", "nowhere"),
    ],
)
def test_what_does_not_go_together(
    piano_weights: Path, affetti: Affetti, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    run = write_run(Path("unfinished"), network())
    (run / "phases" / "1_vqvae" / "model.safetensors").unlink()
    assert affetti(f"evaluate {line.replace('WEIGHTS', str(piano_weights))}") == 2
    error = capsys.readouterr().err
    assert error.startswith("affetti: ")
    assert error.count("\n") == 1
    assert message in error
