"""The regulariser of CVAE-EmoReg: chosen latent axes pushed apart by labels, so that labels own half-spaces.

Nothing here is about music: any labelled examples can be placed in chosen regions of any latent space
(Grekow, "Regulation of the latent space of a variational autoencoder with respect to emotions", L_EmoA, L_EmoV).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from affetti.emotion import Quadrant


class HalfSpaceRegularization(nn.Module):
    """-cosine(signs, z[:, axis]) for each regularised axis, taken over the examples of a batch.

    Args:
        signs: for each regularised latent axis the side (+1 or -1) of every label, in label-index order.
            A 0 leaves that label free on that axis.
    """

    signs: Tensor

    def __init__(self, signs: Mapping[int, Sequence[int]]) -> None:
        super().__init__()
        self.axes = tuple(signs)
        table = torch.tensor([list(signs[axis]) for axis in self.axes], dtype=torch.float32)
        if not set(table.unique().tolist()) <= {-1.0, 0.0, 1.0}:
            raise ValueError("signs must be +1, -1 or 0")
        self.register_buffer("signs", table, persistent=False)  # [axes, labels]

    def forward(self, positions: Tensor, labels: Tensor) -> Tensor:
        """The loss per regularised axis, each in [-1, 1], shape [axes].

        positions: latent positions [B, L]; labels: label indices [B], -1 for an unlabelled example (no pull).
        A batch in which nothing is labelled costs nothing.
        """
        signs = self.signs[:, labels.clamp(min=0)] * (labels >= 0)  # [axes, B]
        chosen = positions[:, list(self.axes)].T * (signs != 0)  # [axes, B]
        return -functional.cosine_similarity(signs, chosen, dim=1)


def quadrant_regularization() -> HalfSpaceRegularization:
    """The paper's case: axis 0 is valence, axis 1 arousal, label index i is quadrant i + 1 (e1..e4)."""
    return HalfSpaceRegularization(
        {
            0: [quadrant.valence_sign for quadrant in Quadrant],
            1: [quadrant.arousal_sign for quadrant in Quadrant],
        }
    )
