"""Weights of tiny piano models of random numbers: what they compose is no music, but it is composed as music is."""

from pathlib import Path
from typing import Any

import torch

from affetti.muser.config import ComposingConfig, ElementSampling, MuserConfig
from affetti.muser.export import export_weights
from affetti.muser.prior import Prior, build_prior
from affetti.muser.vqvae import MuserVqvae
from affetti.tokens.elements import BAR, BAR_BEAT, END, NOTE
from tests.muser.networks import network, some_words, tiny_prior

COMPOSING = ComposingConfig(
    codes=ElementSampling(temperature=1.5, nucleus=0.98),
    elements=(
        ElementSampling(temperature=1.2, nucleus=0.9),
        ElementSampling(nucleus=0.99),
        ElementSampling(temperature=1.2),
        ElementSampling(nucleus=0.99),
        ElementSampling(nucleus=0.9),
        ElementSampling(temperature=2.0, nucleus=0.9),
        ElementSampling(temperature=5.0),
    ),
)


def tiny_networks(prior: dict[str, Any] | None = None, **model: Any) -> tuple[MuserVqvae, Prior, MuserConfig]:
    """Random networks that write bars of some notes, and sometimes end."""
    vqvae = network(**model)
    config = MuserConfig(model=vqvae.config, prior=tiny_prior(**(prior or {})), composing=COMPOSING)
    network_of_codes = build_prior(config.model, config.prior).eval()
    with torch.no_grad():
        for parameter in (*vqvae.parameters(), *network_of_codes.parameters()):
            parameter += 0.1 * torch.randn_like(parameter)  # biases and scales are not all 0 and 1
        vqvae.decoder.type_head.bias[END] -= 2
        vqvae.decoder.type_head.bias[NOTE] += 0.5
        vqvae.decoder.other_heads[BAR_BEAT].bias[BAR] -= 2
        network_of_codes.heads[0].bias[-1] += 1
    return vqvae, network_of_codes, config


def export_tiny(folder: Path, prior: dict[str, Any] | None = None, **model: Any) -> tuple[MuserVqvae, Prior]:
    """Write a weights folder; its networks, rounded as they were stored."""
    vqvae, network_of_codes, config = tiny_networks(prior, **model)
    words, mask = some_words(4, 40, seed=2)
    export_weights(
        vqvae,
        network_of_codes,
        folder,
        config=config,
        name="tiny_piano",
        preset="muser_small",
        licence="CC0-1.0",
        corpora=["random"],
        is_test_model=True,
        pieces=[one[kept].numpy() for one, kept in zip(words, mask, strict=True)],
    )
    return vqvae, network_of_codes
