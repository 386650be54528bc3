from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from affetti.errors import InputError
from affetti.evaluation.latent_systems import ExportedSystem
from affetti.muser.latent_network import RunNetwork
from affetti.muser.vqvae import MuserVqvae
from affetti.runtime.piano_model import PianoModel
from tests.muser.networks import network, some_words
from tests.tiny_piano import export_tiny


def write_run(folder: Path, vqvae: MuserVqvae, phase: str = "1_vqvae") -> Path:
    recipe = {
        "name": "made_up",
        "preset": "muser_small",
        "seed": 0,
        "system": "muser",
        "phases": [{"part": "vqvae", "corpora": ["tiny"]}],
        "model": vqvae.config.model_dump(mode="json"),
        "training": {"max_words": 64, "batch_words": 256},
        "is_test_model": True,
    }
    (folder / "phases" / phase).mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(recipe))
    save_file(vqvae.state_dict(), folder / "phases" / phase / "model.safetensors")
    return folder


def some_pieces() -> list[np.ndarray]:
    words, mask = some_words(4, 30, seed=5)
    return [own[kept].numpy() for own, kept in zip(words, mask, strict=True)]


@pytest.mark.parametrize("codebook", ["shared", "per_element"])
def test_a_run_and_its_weights_say_the_same(tmp_path: Path, codebook: str) -> None:
    vqvae, _ = export_tiny(tmp_path / "weights", codebook=codebook)
    run = RunNetwork("made_up", write_run(tmp_path / "run", vqvae))
    exported = ExportedSystem("made_up", PianoModel.load(tmp_path / "weights"))
    assert run.codes == exported.codes == codebook
    assert run.is_test_model
    pieces, emotions = some_pieces(), np.asarray([1, 2, 3, 0])
    latents = [run.latents(own) for own in pieces]
    for own, found in zip(pieces, latents, strict=True):
        assert found.shape == (len(own), vqvae.config.latent_size)
        np.testing.assert_allclose(exported.latents(own), found, atol=1e-3)
    predicted = zip(run.predict(pieces, latents, emotions), exported.predict(pieces, latents, emotions), strict=True)
    for (first, second), own in zip(predicted, pieces, strict=True):
        assert first.shape == (len(own), 7)
        assert (first == second).mean() > 0.98  # values that are as good as equally likely may differ


def test_a_vae_gives_its_means(tmp_path: Path) -> None:
    vqvae = network(latent="vae")
    run = RunNetwork("made_up", write_run(tmp_path, vqvae))
    assert run.codes == "none"
    words = some_pieces()[0]
    given = torch.from_numpy(words)[None]
    mean = vqvae.eval().encode(given, torch.ones(given.shape[:2], dtype=torch.bool)).vectors
    np.testing.assert_array_equal(run.latents(words), mean[0].detach().numpy())


def test_the_last_phase_counts(tmp_path: Path) -> None:
    first, last = network(), network()
    with torch.no_grad():
        for parameter in last.parameters():
            parameter += 0.1
    write_run(tmp_path, first, "2_vqvae")
    write_run(tmp_path, last, "10_vqvae")
    words = some_pieces()[0]
    other = RunNetwork("made_up", write_run(tmp_path / "other", last))
    np.testing.assert_array_equal(RunNetwork("made_up", tmp_path).latents(words), other.latents(words))


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", network())
    weights = run / "phases" / "1_vqvae" / "model.safetensors"
    weights.write_bytes(b"none")
    with pytest.raises(InputError, match="not the numbers that"):
        RunNetwork("run", run)
    weights.unlink()
    with pytest.raises(InputError, match="has not finished a phase of the VQ-VAE"):
        RunNetwork("run", run)
    (run / "config.yaml").write_text("system: emoreg")
    with pytest.raises(InputError):
        RunNetwork("run", run)
