import math

import pytest
import torch

from affetti.emoreg.quadrant_regularization import HalfSpaceRegularization, quadrant_regularization


def naive_cosine_loss(signs: list[float], values: list[float]) -> float:
    dot = sum(sign * value for sign, value in zip(signs, values, strict=True))
    norms = math.sqrt(sum(sign**2 for sign in signs)) * math.sqrt(sum(value**2 for value in values))
    return -dot / norms


def test_equals_the_papers_formula_written_as_a_loop() -> None:
    torch.manual_seed(1)
    positions, labels = torch.randn(16, 5), torch.randint(0, 4, (16,))
    valence, arousal = quadrant_regularization()(positions, labels).tolist()
    valence_signs = [{0: 1.0, 1: -1.0, 2: -1.0, 3: 1.0}[label] for label in labels.tolist()]
    arousal_signs = [{0: 1.0, 1: 1.0, 2: -1.0, 3: -1.0}[label] for label in labels.tolist()]
    assert valence == pytest.approx(naive_cosine_loss(valence_signs, positions[:, 0].tolist()), abs=1e-6)
    assert arousal == pytest.approx(naive_cosine_loss(arousal_signs, positions[:, 1].tolist()), abs=1e-6)


def test_unlabelled_examples_neither_pull_nor_are_pulled() -> None:
    torch.manual_seed(2)
    positions, labels = torch.randn(8, 2, requires_grad=True), torch.tensor([0, 1, 2, 3, -1, -1, 0, 2])
    labelled = labels >= 0
    loss = quadrant_regularization()(positions, labels)
    torch.testing.assert_close(loss, quadrant_regularization()(positions[labelled], labels[labelled]))
    loss.sum().backward()
    assert positions.grad is not None
    assert torch.count_nonzero(positions.grad[~labelled]) == 0
    assert torch.count_nonzero(positions.grad[labelled]) == 2 * int(labelled.sum())


def test_a_batch_without_labels_costs_nothing_and_has_finite_gradients() -> None:
    positions = torch.randn(4, 2, requires_grad=True)
    loss = quadrant_regularization()(positions, torch.full((4,), -1))
    loss.sum().backward()
    assert loss.tolist() == [0.0, 0.0]
    assert positions.grad is not None
    assert torch.isfinite(positions.grad).all()


def test_places_any_labels_in_any_half_spaces() -> None:
    """Nothing in it is about emotion: three labels, axes 2 and 0 of three, one label left free on axis 0."""
    torch.manual_seed(3)
    regularization = HalfSpaceRegularization({2: [1, -1, -1], 0: [1, 0, -1]})
    positions = torch.randn(30, 3, requires_grad=True)
    start = positions.detach().clone()
    labels = torch.arange(30) % 3
    optimizer = torch.optim.SGD([positions], lr=1.0)
    for _ in range(400):
        optimizer.zero_grad()
        regularization(positions, labels).sum().backward()
        optimizer.step()
    assert ((positions[:, 2] > 0) == (labels == 0)).all()
    assert (positions[labels == 0, 0] > 0).all()
    assert (positions[labels == 2, 0] < 0).all()
    torch.testing.assert_close(positions[:, 1], start[:, 1])  # an axis without signs is not touched
    torch.testing.assert_close(positions[labels == 1, 0], start[labels == 1, 0])


def test_refuses_signs_that_are_no_sides() -> None:
    with pytest.raises(ValueError, match="signs"):
        HalfSpaceRegularization({0: [2, -1]})
