from typing import Any

import pytest
import torch
from pydantic import ValidationError

from affetti.muser.config import PRESETS, ComposingConfig, ModelConfig, MuserConfig, TrainingConfig
from affetti.muser.prior import build_prior
from affetti.muser.vqvae import MuserVqvae, parameter_counts


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_build_and_survive_json(preset: str) -> None:
    config = PRESETS[preset]()
    assert MuserConfig.model_validate_json(config.model_dump_json()) == config
    with torch.device("meta"):
        model = MuserVqvae(config.model)
        build_prior(config.model, config.prior)
    assert parameter_counts(model)["encoder"] > 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"embedding_sizes": (8, 8)}, "7 positive widths"),
        ({"encoder_width": 100}, "encoder_width"),
        ({"decoder_width": 250}, "decoder_width"),
        ({"reducer_width": 1020}, "reducer_width"),
        ({"decoding": "element", "latent_into_decoder": "concatenate"}, "nothing to concatenate"),
        ({"latent": "vae", "codebook": "per_element"}, "no codes"),
        ({"latent": "gan"}, "vq_regularised"),
        ({"unknown": 1}, "Extra inputs"),
        ({"dropout": 1.0}, "less than 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ModelConfig.model_validate(changes)


def test_sampling_is_said_of_every_element() -> None:
    with pytest.raises(ValidationError, match="7 entries"):
        ComposingConfig.model_validate({"elements": []})


def test_tempos_are_not_changed_beyond_what_leaves_labels_honest() -> None:
    with pytest.raises(ValidationError):
        TrainingConfig(tempo_change=0.2)
