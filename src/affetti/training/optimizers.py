"""Which optimizer moves which weights."""

from typing import Literal

from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from affetti.layers.transformer import Transformer

OptimizerKind = Literal["adamw", "muon"]


def optimizers_of(
    network: nn.Module, kind: OptimizerKind, *, learning_rate: float, weight_decay: float
) -> list[Optimizer]:
    """The optimizers that together move all of a network's weights.

    With "muon" (Jordan et al., 2024) the matrices of Transformers are moved by orthogonalised momentum, scaled so that
    learning rates mean what they mean to Adam; all else (embeddings, norms, heads, Transformers in groups) by AdamW.
    """
    matrices = []
    if kind == "muon":
        # Of several networks as one (`groups`) a bias is a matrix as well, which means nothing.
        single = [module for module in network.modules() if isinstance(module, Transformer) and module.groups is None]
        matrices = [parameter for block in single for parameter in block.parameters() if parameter.ndim == 2]
    taken = {id(parameter) for parameter in matrices}
    others = [parameter for parameter in network.parameters() if id(parameter) not in taken]
    optimizers: list[Optimizer] = [AdamW(others, lr=learning_rate, weight_decay=weight_decay, fused=True)]
    if matrices:
        optimizers.append(Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"))
    return optimizers
