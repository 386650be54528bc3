"""Compound words as vectors: one embedding for each element, all side by side, projected to a network's width.

Shapes: any dimensions `...`, E = 7 elements, D width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affetti.runtime.emotion_weights import EMOTIONS
from affetti.tokens.elements import ELEMENTS


def emotion_vectors(embedding: nn.Embedding, emotions: Tensor) -> Tensor:
    """Emotions as vectors [..., D]: labels 0-4, int64 [...], or their weights, float [..., 5]."""
    vectors: Tensor = emotions @ embedding.weight if emotions.is_floating_point() else embedding(emotions)
    return vectors


class WordEmbedding(nn.Module):
    """Words, and where configured an emotion and a latent vector beside each, as vectors of one width.

    Args:
        sizes: width of each element's embedding, in the order of ELEMENTS.
        emotion_size: width of the emotion's embedding, 0 for none.
        latent_size: numbers of a latent vector that is put beside the embeddings, 0 for none.
        width: D.
    """

    def __init__(self, *, sizes: Sequence[int], emotion_size: int = 0, latent_size: int = 0, width: int) -> None:
        super().__init__()
        self.elements = nn.ModuleList(
            nn.Embedding(element.size, size) for element, size in zip(ELEMENTS, sizes, strict=True)
        )
        self.emotion = nn.Embedding(EMOTIONS, emotion_size) if emotion_size else None
        self.latent_size = latent_size
        self.projection = nn.Linear(sum(sizes) + emotion_size + latent_size, width)

    def forward(self, words: Tensor, emotions: Tensor | None = None, latents: Tensor | None = None) -> Tensor:
        """words: int64 [..., E]; emotions: vectors [..., emotion_size]; latents: [..., latent_size]; to [..., D]."""
        parts = [embedding(words[..., column]) for column, embedding in enumerate(self.elements)]
        if self.emotion is not None:
            assert emotions is not None
            parts.append(emotions)
        if self.latent_size:
            assert latents is not None
            parts.append(latents)
        result: Tensor = self.projection(torch.cat(parts, dim=-1))
        return result
