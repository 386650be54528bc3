"""Networks of a few thousand numbers and words for them."""

from typing import Any

import torch

from affetti.muser.config import ModelConfig, PriorConfig
from affetti.muser.vqvae import MuserVqvae
from affetti.tokens.elements import SIZES

ABLATIONS: list[dict[str, Any]] = [
    {},
    {"attention": "softmax"},
    {"attention": "decaying"},
    {"attention": "decaying", "latent_into_decoder": "concatenate", "codebook": "per_element"},  # as muser_elements
    {"norm_first": True, "emotion_input": "every_step"},
    {"block_reduction": "mean"},
    {"block_reduction": "learned"},
    {"latent_into_decoder": "concatenate"},
    {"decoding": "global"},
    {"decoding": "global", "latent_into_decoder": "concatenate"},
    {"decoding": "element"},
    {"latent": "vq"},
    {"latent": "vae"},
    {"codebook": "per_element"},
]
"""What the fields of ModelConfig can be, one change at a time."""


def name_of(ablation: dict[str, Any]) -> str:
    return ",".join(map(str, ablation.values())) or "full"


def tiny(**changes: Any) -> ModelConfig:
    sizes: dict[str, Any] = {
        "embedding_sizes": (4,) * 7,
        "emotion_embedding_size": 4,
        "encoder_layers": 1,
        "encoder_width": 8,
        "decoder_layers": 2,
        "decoder_width": 8,
        "element_layers": 1,
        "heads": 2,
        "feed_forward_ratio": 2,
        "dropout": 0.0,
        "latent_block": 2,
        "codes": 16,
        "reducer_layers": 1,
        "reducer_width": 80,
    }
    return ModelConfig.model_validate({**sizes, **changes})


def tiny_prior(**changes: Any) -> PriorConfig:
    sizes: dict[str, Any] = {"layers": 2, "width": 8, "heads": 2, "feed_forward_ratio": 2, "dropout": 0.0}
    return PriorConfig.model_validate({**sizes, **changes})


def network(**changes: Any) -> MuserVqvae:
    """A tiny network in evaluation, whose codes have been placed."""
    torch.manual_seed(0)
    model = MuserVqvae(tiny(**changes))
    model.encode(*some_words(4, 40))
    return model.eval()


def some_words(pieces: int, words: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Words of any values, int64 [B, T, 7], and a mask that ends each piece somewhere else; padding is zero."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.linspace(words, words // 2, pieces).long()
    mask = torch.arange(words) < lengths[:, None]
    values = [torch.randint(0, size, (pieces, words), generator=generator) for size in SIZES]
    return torch.stack(values, dim=-1) * mask.unsqueeze(-1), mask
