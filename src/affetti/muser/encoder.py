"""The encoder: a whole piece of compound words, seen in both directions, to one vector a word.

Shapes: B pieces, T words, E = 7 elements, D width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affetti.layers.dropout import ByteDropout
from affetti.layers.positions import with_positions
from affetti.layers.transformer import AttentionKind, Transformer
from affetti.muser.word_embedding import WordEmbedding


class Encoder(nn.Module):
    """Words to vectors of `outputs` numbers; it is told neither the emotion nor what is padding but by the mask.

    Padding is left out of attention, and its own vectors are zero.
    """

    def __init__(
        self,
        *,
        embedding_sizes: Sequence[int],
        layers: int,
        width: int,
        heads: int,
        feed_forward: int,
        outputs: int,
        attention: AttentionKind = "linear",
        norm_first: bool = False,
        dropout: float = 0.0,
        keeps_activations: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = WordEmbedding(sizes=embedding_sizes, width=width)
        self.dropout = ByteDropout(dropout)
        self.layers = Transformer(
            layers=layers,
            width=width,
            heads=heads,
            feed_forward=feed_forward,
            attention=attention,
            is_causal=False,
            norm_first=norm_first,
            dropout=dropout,
            keeps_activations=keeps_activations,
        )
        self.output = nn.Linear(width, outputs)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """words: int64 [B, T, E]; mask: bool [B, T], true where real; to [B, T, outputs]."""
        x = with_positions(self.embedding(words), torch.arange(words.shape[1], device=words.device))
        encoded: Tensor = self.output(self.layers(self.dropout(x), mask))
        return encoded * mask.unsqueeze(-1).to(encoded.dtype)
