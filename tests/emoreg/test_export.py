from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from affetti.emoreg.config import PRESETS, ModelConfig
from affetti.emoreg.cvae import MelodyCvae
from affetti.emoreg.export import load_exported
from affetti.emoreg.train import train
from affetti.emotion import Quadrant
from affetti.runtime.drafts import phrase_features
from affetti.runtime.melody_model import MelodyModel
from affetti.runtime.weights import MelodyWeights, find_weights, shipped_names
from affetti.training.run_folder import RunFolder
from tests.tiny import prepare_tiny_corpus, silent, tiny_corpus, tiny_recipe

TOLERANCE = 1e-4
SHIPPED_MELODY_WEIGHTS = [name for name in shipped_names() if isinstance(find_weights(name), MelodyWeights)]


def torch_twin(model: MelodyModel) -> MelodyCvae:
    """The torch model with the same numbers as an exported one."""
    stored = model.config
    config = ModelConfig.model_validate(
        PRESETS[stored.preset]().model.model_dump()
        | {
            "vocabulary": stored.vocabulary,
            "hidden_size": stored.hidden_size,
            "latent_size": stored.latent_size,
        }
    )
    twin = MelodyCvae(config)
    load_exported(model.weights.folder, twin)
    return twin.eval()


@torch.no_grad()
def assert_onnx_equals_torch(model: MelodyModel, tokens: np.ndarray, quadrants: np.ndarray) -> None:
    """Encoder: all positions. Decoder: teacher-forced, the recurrent steps against the parallel pass, all logits."""
    twin = torch_twin(model)
    indices = torch.from_numpy(model.vocabulary.indices(tokens))
    labels = torch.from_numpy(quadrants.astype(np.int64)) - 1
    mean, _ = twin.encoder(indices, labels)
    positions = model.positions(tokens, quadrants if model.config.label_in_encoder else None)
    np.testing.assert_allclose(positions, mean.numpy(), atol=TOLERANCE)

    parallel = twin.decoder(mean, labels, indices).numpy()
    condition = mean.numpy()
    if model.config.label_in_decoder:
        condition = np.concatenate([condition, np.eye(4, dtype=np.float32)[quadrants - 1]], axis=1)
    graph = model.weights.graph("decoder_step")
    state = np.zeros((len(tokens), model.config.hidden_size), np.float32)
    previous = np.full(len(tokens), len(model.vocabulary))
    for step in range(tokens.shape[1]):
        inputs = {"condition": condition, "state": state}
        if model.config.autoregressive:
            inputs |= {"previous": previous, "step": np.full(len(tokens), step)}
        logits, state = graph.run(["logits", "next_state"], inputs)
        np.testing.assert_allclose(logits, parallel[:, step], atol=TOLERANCE)
        previous = indices[:, step].numpy()


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_onnx_equals_torch_for_every_preset(preset: str, tmp_path: Path) -> None:
    prepare_tiny_corpus()
    run = RunFolder(tmp_path / "run")
    train(tiny_recipe(preset), run, resume=False, progress=silent)
    corpus = tiny_corpus()
    assert_onnx_equals_torch(MelodyModel.load(run.weights), corpus.tokens, corpus.quadrants)


@pytest.mark.parametrize("name", SHIPPED_MELODY_WEIGHTS)
def test_onnx_equals_torch_for_the_shipped_weights(name: str) -> None:
    corpus = tiny_corpus()
    assert_onnx_equals_torch(MelodyModel.load(name), corpus.tokens, corpus.quadrants)


def test_the_numbers_are_stored_once(tmp_path: Path) -> None:
    prepare_tiny_corpus()
    run = RunFolder(tmp_path / "run")
    train(tiny_recipe(), run, resume=False, progress=silent)
    for graph in ("encoder", "decoder_step"):
        loaded = onnx.load(run.weights / f"{graph}.onnx", load_external_data=False)
        floats = [tensor for tensor in loaded.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16]
        assert floats
        for tensor in floats:
            places = {entry.key: entry.value for entry in tensor.external_data}
            assert places["location"] == "model.safetensors"
        assert (run.weights / f"{graph}.onnx").stat().st_size < 10_000
        onnx.checker.check_model(str(run.weights / f"{graph}.onnx"))


def test_every_preset_is_shipped() -> None:
    assert sorted(PRESETS) == SHIPPED_MELODY_WEIGHTS


def test_profiles_bring_what_is_kept_to_the_corpus(tmp_path: Path) -> None:
    """The mean of each feature of the kept drafts must come nearer to the corpus's than that of all drafts."""
    corpus = prepare_tiny_corpus()
    run = RunFolder(tmp_path / "run")
    training = {"epochs": 60, "batch_size": 8, "learning_rate": 0.005, "token_dropout": 0.0}
    recipe = tiny_recipe(training=training, composing={"calibration_pieces": 60}, model={"hidden_size": 32})
    train(recipe, run, resume=False, progress=silent)
    model = MelodyModel.load(run.weights)
    assert model.config.profiles is not None
    kept_error = drafts_error = 0.0
    for quadrant in Quadrant:
        wanted = phrase_features(corpus.tokens[corpus.quadrants == quadrant]).mean(axis=0)
        kept = phrase_features(model.sample_tokens([quadrant] * 60, seed=3)).mean(axis=0)
        drafts = model.sample_drafts([quadrant] * 60, 2, seed=3).reshape(-1, 64)
        unit = np.asarray(model.config.profiles.scale)
        kept_error += float(np.abs((kept - wanted) / unit).sum())
        drafts_error += float(np.abs((phrase_features(drafts).mean(axis=0) - wanted) / unit).sum())
    assert kept_error < 0.6 * drafts_error
