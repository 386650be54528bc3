"""Training examples of the melody system as tensors."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.tokens.melody import MelodyVocabulary


@dataclass(frozen=True)
class Examples:
    """Token indices [N, T] and labels (quadrant - 1, -1 for none) [N]."""

    tokens: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, rows: Tensor) -> "Examples":
        """The chosen rows: indices [M] or a mask [N]."""
        return Examples(self.tokens[rows], self.labels[rows])


def as_examples(corpus: PreparedMelodies, vocabulary: MelodyVocabulary) -> Examples:
    """A prepared corpus as tensors."""
    return Examples(
        torch.from_numpy(vocabulary.indices(corpus.tokens)),
        torch.from_numpy(corpus.quadrants.astype(np.int64)) - 1,
    )
