"""The VQ-VAE of MusER: encoder, latent, decoder and regulariser together.

The paper's full model and its ablations are configurations of this one network. The regulariser looks at the latents
that the decoder is given: with codes, the quantised ones, since these are what is exchanged between pieces; the
straight-through gradient takes what it asks for to the encoder.

Shapes: B pieces, T words, E = 7 elements, L = E·W latent numbers, G codebooks.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from affetti.layers.vector_quantizer import VectorQuantizer
from affetti.muser.config import ModelConfig
from affetti.muser.element_regularization import BlockReduction
from affetti.muser.encoder import Encoder
from affetti.muser.two_level_decoder import TwoLevelDecoder
from affetti.tokens.elements import ELEMENTS, FIRST_VALUES


class Latents(NamedTuple):
    """What the encoder makes of a piece."""

    vectors: Tensor
    """What the decoder is given, [B, T, L], zero in padding."""

    codes: Tensor | None
    """Numbers of the codes, int64 [B, T, G], zero in padding; None for a VAE."""

    commitment: Tensor
    """Mean square distance to the codes, a scalar; 0 for a VAE."""

    divergence: Tensor
    """Mean divergence of a latent number from the standard Gaussian, a scalar in nats; 0 with codes."""


@dataclass(frozen=True)
class VqvaeOutput:
    """What one pass gives."""

    logits: tuple[Tensor, ...]
    """[B, T, size] of each element, in the order of ELEMENTS."""

    latents: Latents

    reduced: Tensor | None
    """The regulariser's number for each block, [B, T, E]; None without a regulariser."""


class MuserVqvae(nn.Module):
    """Encoder, latent, decoder, and (for training only) the regulariser's reduction.

    Args:
        config: what the network is.
        keeps_activations: False computes each layer again on the way back, to save memory.
    """

    def __init__(self, config: ModelConfig, *, keeps_activations: bool = True) -> None:
        super().__init__()
        self.config = config
        is_vae = config.latent == "vae"
        self.encoder = Encoder(
            embedding_sizes=config.embedding_sizes,
            layers=config.encoder_layers,
            width=config.encoder_width,
            heads=config.heads,
            feed_forward=config.feed_forward_ratio * config.encoder_width,
            outputs=config.latent_size * (2 if is_vae else 1),
            attention=config.attention,
            norm_first=config.norm_first,
            dropout=config.dropout,
            keeps_activations=keeps_activations,
        )
        self.quantizer = None if is_vae else _quantizer(config)
        self.decoder = TwoLevelDecoder(
            embedding_sizes=config.embedding_sizes,
            emotion_size=config.emotion_embedding_size,
            width=config.decoder_width,
            layers=config.decoder_layers,
            element_layers=config.element_layers,
            heads=config.heads,
            feed_forward=config.feed_forward_ratio * config.decoder_width,
            latent_block=config.latent_block,
            attention=config.attention,
            norm_first=config.norm_first,
            dropout=config.dropout,
            latent_into_decoder=config.latent_into_decoder,
            decoding=config.decoding,
            emotion_input=config.emotion_input,
            keeps_activations=keeps_activations,
        )
        self.reduction = _reduction(config, keeps_activations) if config.latent == "vq_regularised" else None

    def forward(self, words: Tensor, mask: Tensor, emotions: Tensor) -> VqvaeOutput:
        """One pass; in training codes move and a VAE's latents are drawn.

        words: int64 [B, T, E]; mask: bool [B, T], true where real (padding comes last); emotions: int64 [B], quadrant
        1-4 or 0 for none.
        """
        latents = self.encode(words, mask)
        logits = self.decoder(words, latents.vectors, mask, emotions)
        reduced = None if self.reduction is None else self.reduction(latents.vectors)
        return VqvaeOutput(logits, latents, reduced)

    def encode(self, words: Tensor, mask: Tensor) -> Latents:
        """Words to latents, as in `forward`."""
        encoded = self.encoder(words, mask)
        none = encoded.new_zeros((), dtype=torch.float32)
        if self.quantizer is not None:
            quantized = self.quantizer(encoded, self._speaking(words, mask))
            return Latents(quantized.vectors, quantized.codes, quantized.commitment, none)
        mean, log_variance = encoded.float().chunk(2, dim=-1)
        divergence = -0.5 * (1 + log_variance - log_variance.exp() - mean.square()) * mask.unsqueeze(-1)
        divergence = divergence.sum() / (mask.sum().clamp(min=1) * mean.shape[-1])
        if self.training:
            mean = mean + torch.randn_like(mean) * (0.5 * log_variance).exp() * mask.unsqueeze(-1)
        return Latents(mean, None, none, divergence)

    def _speaking(self, words: Tensor, mask: Tensor) -> Tensor:
        """Which blocks are quantised, bool [B, T] or [B, T, E]: with a codebook for each element only those of words in
        which it says something. What the others could say would be about other elements.
        """
        if self.config.codebook == "shared":
            return mask
        return mask.unsqueeze(-1) & (words >= torch.tensor(FIRST_VALUES, device=words.device))

    def ordered_values(self, words: Tensor) -> Tensor:
        """The values by which the regulariser orders blocks, like words: alike for silent blocks of an element."""
        if self.config.codebook == "shared":
            return words
        return words.maximum(torch.tensor(FIRST_VALUES, device=words.device) - 1)

    def latents_of(self, codes: Tensor) -> Tensor:
        """The latents [B, T, L] of codes, int64 [B, T, G]. Raises ValueError for a VAE."""
        if self.quantizer is None:
            raise ValueError("a VAE has no codes")
        return self.quantizer.look_up(codes)


def parameter_counts(model: MuserVqvae) -> dict[str, int]:
    """Trained numbers of each part; a part that the configuration leaves out has 0.

    The published counts are of the layers alone: encoder 1.6 M, global decoder 4.2 M, element decoders 11 M, reduction
    50 M. "other" is embeddings, heads, and projections between the parts.
    """
    decoder = model.decoder
    parts: dict[str, list[nn.Module | None]] = {
        "encoder": [model.encoder.layers],
        "global_decoder": [decoder.global_layers],
        "element_decoders": [decoder.type_layers, decoder.other_layers],
        "reduction": [model.reduction],
    }
    counts = {name: sum(_count(module) for module in modules) for name, modules in parts.items()}
    return {**counts, "other": _count(model) - sum(counts.values())}


def _count(module: nn.Module | None) -> int:
    return 0 if module is None else sum(parameter.numel() for parameter in module.parameters())


def _quantizer(config: ModelConfig) -> VectorQuantizer:
    return VectorQuantizer(
        codebooks=config.codebooks,
        codes=config.codes,
        width=config.latent_size // config.codebooks,
        sizes=config.codebook_sizes,
        has_silence=config.codebook == "per_element",
        decay=config.codebook_decay,
        dead_share=config.dead_code_share,
    )


def _reduction(config: ModelConfig, keeps_activations: bool) -> BlockReduction:
    return BlockReduction(
        config.block_reduction,
        elements=len(ELEMENTS),
        block=config.latent_block,
        width=config.reducer_width,
        layers=config.reducer_layers,
        heads=config.heads,
        feed_forward=config.feed_forward_ratio * config.reducer_width,
        attention=config.attention,
        dropout=config.dropout,
        keeps_activations=keeps_activations,
    )
