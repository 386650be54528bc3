"""The losses of batches: what padding, cut excerpts and being cut into rows and parts do to them, and the figures."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from affetti.muser.batches import Batch, Batching, tensors, training_batches, training_pieces
from affetti.muser.config import ModelConfig, PriorConfig, VqvaeTrainingConfig
from affetti.muser.element_regularization import order_loss
from affetti.muser.objectives import Objective, PriorObjective, Sums, VqvaeObjective, before_cut, code_usage
from affetti.muser.prior import build_prior
from affetti.muser.vqvae import MuserVqvae
from affetti.training.processes import Processes
from tests.muser.practice import TINY_MODEL, TINY_PRIOR, practice_pieces

CPU = torch.device("cpu")
ALONE = Processes(0, 1, CPU)


def _batch(max_words: int = 64) -> Batch:
    pieces = training_pieces([practice_pieces([1, 4, 2, 3, 2])], "train")
    (batch,) = training_batches(pieces, Batching(max_words, 8, 1024), seed=0, epoch=1)
    return batch


def _vqvae(codebook: str = "shared") -> MuserVqvae:
    torch.manual_seed(0)
    changes = {"dropout": 0.0, "block_reduction": "learned", "codebook": codebook}
    network = MuserVqvae(ModelConfig.model_validate(TINY_MODEL | changes))
    batch = tensors(_batch(), CPU)
    network(batch.words, batch.mask, batch.emotions)  # the first batch places the codes
    return network.eval()


@pytest.fixture(params=["vqvae", "prior"])
def objective(request: pytest.FixtureRequest) -> Objective:
    vqvae = _vqvae()
    if request.param == "vqvae":
        return VqvaeObjective(vqvae, VqvaeTrainingConfig(precision="float32"))
    prior = build_prior(vqvae.config, PriorConfig.model_validate(TINY_PRIOR | {"dropout": 0.0}))
    return PriorObjective(prior.eval(), vqvae, "float32")


def _gradients(network: nn.Module) -> list[torch.Tensor]:
    found = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    network.zero_grad()
    return found


def test_padding_changes_nothing(objective: Objective) -> None:
    batch = _batch()
    wider = batch._replace(words=np.pad(batch.words, ((0, 0), (0, 9), (0, 0))))
    assert objective.steps(batch) == objective.steps(wider)
    results = [objective.result(one, ALONE) for one in (batch, wider)]
    torch.testing.assert_close(results[0].loss, results[1].loss)
    for name, value in results[0].sums.items():
        torch.testing.assert_close(results[1].sums[name], value, msg=name)


@dataclass(frozen=True, slots=True)
class _OneOfTwo(Processes):
    """One of two processes, which knows what the other would send."""

    reduced: torch.Tensor

    def gathered(self, tensor: torch.Tensor, total: int) -> torch.Tensor:
        own = self.rows(total)
        return torch.cat([self.reduced[: own.start], tensor, self.reduced[own.stop :]])


def test_the_gradients_of_two_processes_add_up_to_those_of_one(objective: Objective) -> None:
    batch = _batch(max_words=40)
    whole = objective.result(batch, ALONE)
    whole.loss.backward()
    expected = _gradients(objective.network)
    reduced = torch.zeros(())
    if isinstance(objective, VqvaeObjective):
        given = tensors(batch, CPU)
        found = objective.network(given.words, given.mask, given.emotions).reduced
        assert found is not None
        reduced = found.detach()
    sums = Sums()
    for rank in (0, 1):
        part = objective.result(batch, _OneOfTwo(rank, 2, CPU, reduced))
        part.loss.backward()
        sums.add(part.sums)
    for one, other in zip(_gradients(objective.network), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    means = sums.means(objective.steps(batch), ALONE)
    for name, value in whole.sums.items():
        torch.testing.assert_close(means[name] * objective.steps(batch), value.detach().double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("codebook", ["shared", "per_element"])
def test_the_regulariser_orders_what_elements_say(codebook: str) -> None:
    vqvae, batch = _vqvae(codebook), _batch()
    words, mask, emotions, _ = tensors(batch, CPU)
    reduced = vqvae(words, mask, emotions).reduced
    assert reduced is not None
    sums = VqvaeObjective(vqvae, VqvaeTrainingConfig(precision="float32")).result(batch, ALONE).sums
    found = sums["regularization"] / int(batch.lengths.sum())
    torch.testing.assert_close(found, order_loss(reduced, vqvae.ordered_values(words), mask))
    by_words = order_loss(reduced, words, mask)
    assert torch.allclose(found, by_words) == (codebook == "shared")


def test_a_balanced_loss_is_trained_on_where_it_is_asked_for() -> None:
    batch = _batch()
    losses = [
        VqvaeObjective(_vqvae(), VqvaeTrainingConfig(precision="float32", balanced=balanced)).result(batch, ALONE)
        for balanced in (False, True)
    ]
    assert losses[0].loss.item() != pytest.approx(losses[1].loss.item(), rel=1e-3)
    torch.testing.assert_close(losses[0].sums["reconstruction"], losses[1].sums["reconstruction"])


def test_a_cut_excerpt_teaches_the_prior_no_end() -> None:
    batch = _batch(max_words=40)
    assert not batch.ends.all()
    given = tensors(batch, CPU)
    assert before_cut(given).sum(1).tolist() == (batch.lengths - ~batch.ends).tolist()
    vqvae = _vqvae()
    prior = build_prior(vqvae.config, PriorConfig.model_validate(TINY_PRIOR))
    objective = PriorObjective(prior, vqvae, "float32")
    cut = [row for row in range(len(batch.ends)) if not batch.ends[row]]
    only_cut = Batch(*(array[cut] for array in batch))
    assert objective.steps(only_cut) == int(only_cut.lengths.sum()) - len(cut)
    head = prior.heads[0]
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.bias[-1] = -50.0  # never an end: free of charge where none is wanted
    loss = objective.result(only_cut, ALONE).loss / objective.steps(only_cut)
    assert loss < 10
    ended = only_cut._replace(ends=np.ones(len(cut), np.bool_))
    assert objective.result(ended, ALONE).loss - objective.result(only_cut, ALONE).loss > 30 * len(cut)


def test_code_usage_by_hand() -> None:
    counts = torch.tensor([[2.0, 2.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    assert code_usage(counts) == pytest.approx({"perplexity": 1.5, "unused_codes": 2.5})


def test_accuracy_of_codes_is_one_where_all_are_right() -> None:
    vqvae = _vqvae()
    assert vqvae.quantizer is not None
    vqvae.quantizer.codebook[:, 1:] = 1e3  # only code 0 is near
    prior = build_prior(vqvae.config, PriorConfig.model_validate(TINY_PRIOR))
    head = prior.heads[0]
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.bias[0] = 100.0
    objective = PriorObjective(prior, vqvae, "float32")
    batch = _batch()
    sums = Sums()
    sums.add(objective.result(batch, ALONE).sums)
    figures = objective.describe(sums.means(objective.steps(batch), ALONE))
    assert figures["accuracy"] == pytest.approx(1)
    assert figures["perplexity"] == pytest.approx(1)
    assert figures["unused_codes"] == vqvae.config.codes - 1
