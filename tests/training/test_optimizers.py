import pytest
import torch
from torch import nn

from affetti.layers.transformer import Transformer
from affetti.training.optimizers import optimizers_of


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        sizes = {"layers": 1, "width": 8, "heads": 2, "feed_forward": 16, "is_causal": True}
        self.embedding = nn.Embedding(5, 8)
        self.one = Transformer(**sizes)
        self.stacked = Transformer(**sizes, groups=3)
        self.head = nn.Linear(8, 5)

    def forward(self) -> torch.Tensor:
        x = self.one(self.embedding(torch.arange(5))[None])
        logits: torch.Tensor = self.head(x + self.stacked(x.expand(3, *x.shape)).sum(0))
        return logits


def names(network: nn.Module, optimizer: torch.optim.Optimizer) -> set[str]:
    own = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    return {name for name, parameter in network.named_parameters() if id(parameter) in own}


def test_muon_moves_the_matrices_of_transformers_and_adam_all_else() -> None:
    network = Network()
    adam, muon = optimizers_of(network, "muon", learning_rate=0.1, weight_decay=0.0)
    matrices = {f"one.layers.0.{part}.weight" for part in ("self_attention.input", "self_attention.output")}
    assert names(network, muon) == matrices | {"one.layers.0.widen.weight", "one.layers.0.narrow.weight"}
    assert names(network, adam) == {name for name, _ in network.named_parameters()} - names(network, muon)
    (alone,) = optimizers_of(network, "adamw", learning_rate=0.1, weight_decay=0.0)
    assert names(network, alone) == {name for name, _ in network.named_parameters()}


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_both_learn(kind: str) -> None:
    torch.manual_seed(0)
    network = Network()
    optimizers = optimizers_of(network, kind, learning_rate=0.02, weight_decay=0.0)  # type: ignore[arg-type]
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(network()[0], torch.tensor([3, 1, 4, 1, 0]))
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
