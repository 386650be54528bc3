import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from affetti.errors import InputError
from affetti.muser.config import PRESETS
from affetti.muser.export import WORDS_PER_BAR, bar_shares, build_exported, export_weights, load_exported
from affetti.muser.prior import Prior
from affetti.muser.two_level_decoder import OTHERS as OTHERS_IN_TORCH
from affetti.muser.vqvae import MuserVqvae
from affetti.runtime.piano_config import OTHERS
from affetti.runtime.piano_model import PianoModel
from affetti.tokens.elements import BAR, BAR_BEAT, TYPE
from tests.muser.networks import ABLATIONS, name_of, network, some_words
from tests.tiny_piano import export_tiny, tiny_networks

TOLERANCE = 1e-4
MIXED = torch.tensor([[0, 1, 0, 0, 0], [0.25, 0, 0.5, 0.125, 0.125], [1, 0, 0, 0, 0]])
"""Weights of emotions: a quadrant, something between, none."""
EXPORTED = [one for one in ABLATIONS if one.get("attention") != "softmax" and one.get("latent") != "vae"]
PRIORS: list[dict[str, Any]] = [
    {},
    {"norm_first": True, "emotion_input": "every_step"},
    {"attention": "decaying", "heads": 4},
]


def assert_encoder_equals_torch(model: PianoModel, vqvae: MuserVqvae) -> None:
    words, mask = some_words(3, 20)
    codes = vqvae.encode(words, mask).codes
    assert codes is not None
    inputs = {"words": words.numpy(), "mask": mask.float().numpy()}
    (found,) = model.sessions.encoder.run(["codes"], inputs)
    np.testing.assert_array_equal(found, codes.numpy())
    for row, length in enumerate(mask.sum(dim=1).tolist()):
        np.testing.assert_array_equal(model.codes(words[row, :length].numpy()), codes[row, :length].numpy())


def assert_prior_equals_torch(model: PianoModel, prior: Prior) -> None:
    """The recurrent steps against the parallel pass, all positions, all codebooks."""
    books, size = model.config.model.codebooks, model.config.model.codes
    codes = torch.randint(0, size, (3, 20, books), generator=torch.Generator().manual_seed(1))
    emotions = MIXED
    expected = prior(codes, emotions)
    steps = model.steps.prior(emotions.numpy())
    previous = np.zeros((3, books), np.int64)
    for step in range(21):
        np.testing.assert_allclose(steps.step(previous), expected[0][:, step], atol=TOLERANCE)
        if step < 20:
            previous = codes[:, step].numpy()
            for book in range(1, books):
                np.testing.assert_allclose(
                    steps.book(previous[:, :book].copy()), expected[book][:, step], atol=TOLERANCE
                )


def assert_decoder_equals_torch(model: PianoModel, vqvae: MuserVqvae) -> None:
    """The recurrent steps against the parallel pass, teacher-forced, all positions, all logits."""
    words, mask = some_words(3, 20)
    codes = vqvae.encode(words, mask).codes
    assert codes is not None
    emotions = MIXED
    latents = model.codebook.look_up(codes.numpy())
    np.testing.assert_array_equal(latents, vqvae.latents_of(codes).numpy())
    expected = vqvae.decoder(words, torch.from_numpy(latents), mask, emotions)
    steps = model.steps.decoder(emotions.numpy())
    for row, length in enumerate(mask.sum(dim=1).tolist()):
        steps.remember(row, latents[row, :length])
    previous = np.zeros((3, words.shape[2]), np.int64)
    for step in range(20):
        here = mask[:, step].numpy()
        types = steps.types(previous, latents[:, step])
        np.testing.assert_allclose(types[here], expected[TYPE][mask[:, step], step], atol=TOLERANCE)
        previous = words[:, step].numpy()
        others = steps.elements(previous[:, TYPE])
        for column, logits in zip(OTHERS, others, strict=True):
            np.testing.assert_allclose(logits[here], expected[column][mask[:, step], step], atol=TOLERANCE)


@pytest.mark.parametrize("prior", PRIORS, ids=["paper", "every_step", "decaying"])
@pytest.mark.parametrize("ablation", EXPORTED, ids=name_of)
@torch.no_grad()
def test_onnx_equals_torch(ablation: dict[str, Any], prior: dict[str, Any], tmp_path: Path) -> None:
    vqvae, network_of_codes = export_tiny(tmp_path, prior, **ablation)
    model = PianoModel.load(tmp_path)
    assert_encoder_equals_torch(model, vqvae)
    assert_prior_equals_torch(model, network_of_codes)
    assert_decoder_equals_torch(model, vqvae)


@pytest.mark.parametrize("preset", sorted(PRESETS))
@torch.no_grad()
def test_onnx_equals_torch_for_every_preset_but_its_sizes(preset: str, tmp_path: Path) -> None:
    own = PRESETS[preset]()
    of_both = ("attention", "norm_first", "emotion_input")
    kept = (*of_both, "codebook", "block_reduction", "latent_into_decoder", "decoding")
    ablation = {name: getattr(own.model, name) for name in kept}
    prior = {name: getattr(own.prior, name) for name in of_both}
    vqvae, network_of_codes = export_tiny(tmp_path, prior, **ablation)
    model = PianoModel.load(tmp_path)
    assert_encoder_equals_torch(model, vqvae)
    assert_prior_equals_torch(model, network_of_codes)
    assert_decoder_equals_torch(model, vqvae)


def test_the_runtime_and_the_network_agree_on_the_order_of_elements() -> None:
    assert OTHERS == OTHERS_IN_TORCH


def test_the_numbers_are_stored_once_and_cast_at_loading(piano_weights: Path, tmp_path: Path) -> None:
    model = PianoModel.load(piano_weights)
    assert {file.stem for file in piano_weights.glob("*.onnx")} == set(model.config.graphs)
    for name in model.config.graphs:
        path = piano_weights / f"{name}.onnx"
        loaded = onnx.load(path, load_external_data=False)
        stored = [tensor for tensor in loaded.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16]
        assert stored
        for tensor in stored:
            places = {entry.key: entry.value for entry in tensor.external_data}
            assert places["location"] == "model.safetensors"
        onnx.checker.check_model(str(path))
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.optimized_model_filepath = str(tmp_path / f"{name}.onnx")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        optimised = onnx.load(tmp_path / f"{name}.onnx").graph
        halves = {tensor.name for tensor in optimised.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
        assert halves == set()  # no step casts what does not change


def test_what_serves_training_alone_is_not_stored(piano_weights: Path) -> None:
    header_bytes = int.from_bytes((piano_weights / "model.safetensors").read_bytes()[:8], "little")
    names = json.loads((piano_weights / "model.safetensors").read_bytes()[8 : 8 + header_bytes])
    assert "vqvae.quantizer.codebook" in names
    assert not [name for name in names if "reduction" in name or "counts" in name or "sums" in name]
    assert {value["dtype"] for name, value in names.items() if name != "__metadata__"} == {"F16"}


def test_the_networks_can_be_built_again(tmp_path: Path) -> None:
    vqvae, prior = export_tiny(tmp_path)
    again, prior_again = build_exported(PianoModel.load(tmp_path).weights)
    own = vqvae.state_dict()
    for name, value in again.state_dict().items():
        if "counts" not in name and "sums" not in name:
            torch.testing.assert_close(value, own[name], rtol=0, atol=0)
    for name, value in prior_again.state_dict().items():
        torch.testing.assert_close(value, prior.state_dict()[name], rtol=0, atol=0)


def test_numbers_of_other_networks_are_refused(tmp_path: Path) -> None:
    export_tiny(tmp_path)
    vqvae, prior, _ = tiny_networks(codes=8)
    with pytest.raises(InputError, match="not the numbers"):
        load_exported(tmp_path, vqvae, prior)


@pytest.mark.parametrize(
    ("ablation", "prior", "says"),
    [
        ({"attention": "softmax"}, {}, "softmax"),
        ({}, {"attention": "softmax"}, "softmax"),
        ({"latent": "vae"}, None, "VAE"),
    ],
)
def test_what_cannot_be_composed_with_is_not_exported(
    ablation: dict[str, Any], prior: dict[str, Any] | None, says: str, tmp_path: Path
) -> None:
    vqvae = network(**ablation)
    _, network_of_codes, config = tiny_networks(prior)
    with pytest.raises(InputError, match=says):
        export_weights(
            vqvae,
            None if prior is None else network_of_codes,
            tmp_path,
            config=config,
            name="none",
            preset="none",
            licence="none",
            corpora=[],
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("codebook", ["shared", "per_element"])
@torch.no_grad()
def test_bar_shares_count_how_often_a_code_began_a_bar(codebook: str) -> None:
    vqvae = network(codebook=codebook)
    words, _ = some_words(4, 60)
    shares = bar_shares(vqvae, [one.numpy() for one in words])
    codes = vqvae.encode(words, torch.ones(words.shape[:2], dtype=torch.bool)).codes
    assert codes is not None
    book = codes[..., BAR_BEAT if codebook == "per_element" else 0]
    prior_guess = 1 / WORDS_PER_BAR
    for code, share in enumerate(shares):
        bars = (words[..., BAR_BEAT][book == code] == BAR).sum().item()
        assert share == pytest.approx((bars + prior_guess) / ((book == code).sum().item() + 1), abs=1e-6)
    assert set(bar_shares(vqvae, [])) == {round(prior_guess, 6)}
