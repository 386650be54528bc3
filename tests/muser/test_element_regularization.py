import math

import pytest
import torch

from affetti.muser.element_regularization import BlockReduction, order_loss


def looped(reduced: torch.Tensor, values: torch.Tensor, mask: torch.Tensor) -> list[float]:
    """The formula, pair by pair and step by step."""
    batch, steps, elements = reduced.shape
    losses = []
    for element in range(elements):
        terms = []
        for step in range(steps):
            for j in range(batch):
                for k in range(batch):
                    if j != k and mask[j, step] and mask[k, step]:
                        distance = (reduced[j, step, element] - reduced[k, step, element]).item()
                        order = (values[j, step, element] - values[k, step, element]).item()
                        terms.append(abs(math.tanh(distance) - (order > 0) + (order < 0)))
        losses.append(sum(terms) / len(terms))
    return losses


def test_equals_the_formula_written_as_a_loop() -> None:
    torch.manual_seed(0)
    reduced, values = torch.randn(5, 9, 3), torch.randint(0, 4, (5, 9, 3))
    mask = torch.arange(9) < torch.tensor([9, 9, 6, 3, 1])[:, None]
    assert order_loss(reduced, values, mask).tolist() == pytest.approx(looped(reduced, values, mask), abs=1e-6)


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    reduced, values = torch.randn(4, 6, 2), torch.randint(0, 4, (4, 6, 2))
    mask = torch.arange(6) < torch.tensor([[6], [5], [3], [2]])
    longer = [torch.nn.functional.pad(x, (0, 0, 0, 3), value=7) for x in (reduced, values)]
    torch.testing.assert_close(
        order_loss(*longer, torch.nn.functional.pad(mask, (0, 3))), order_loss(reduced, values, mask)
    )


def test_a_step_that_one_piece_alone_has_costs_nothing() -> None:
    reduced = torch.randn(2, 3, 1, requires_grad=True)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    order_loss(reduced, torch.tensor([[[1], [1], [1]], [[2], [2], [2]]]), mask).sum().backward()
    assert reduced.grad is not None
    assert (reduced.grad.abs().squeeze(-1) > 0).tolist() == [[True, False, False], [True, False, False]]
    alone = order_loss(torch.randn(1, 3, 2), torch.zeros(1, 3, 2, dtype=torch.long), mask[:1])
    assert alone.tolist() == [0.0, 0.0]


def test_bounds_and_order() -> None:
    """Ordered far apart it is 0, in opposite order 2, and undecided values of different attributes cost 1."""
    values, mask = torch.tensor([[[1]], [[2]], [[3]]]), torch.ones(3, 1, dtype=torch.bool)
    ordered = torch.tensor([[[-100.0]], [[0.0]], [[100.0]]])
    costs = [order_loss(x, values, mask).item() for x in (ordered, -ordered, 0 * ordered)]
    assert costs == pytest.approx([0, 2, 1])


def test_following_the_loss_orders_each_element_by_its_block() -> None:
    torch.manual_seed(0)
    values, mask = torch.randint(0, 20, (8, 5, 2)), torch.ones(8, 5, dtype=torch.bool)
    latents = torch.randn(8, 5, 6, requires_grad=True)
    reduction = BlockReduction("mean", elements=2, block=3)
    optimizer = torch.optim.Adam([latents], lr=0.3)
    for _ in range(200):
        optimizer.zero_grad()
        order_loss(reduction(latents), values, mask).sum().backward()
        optimizer.step()
    reduced = reduction(latents.detach())
    for step in range(5):
        for element in range(2):
            order = values[:, step, element].argsort(stable=True)
            assert (reduced[order, step, element].diff()[values[order, step, element].diff() > 0] > 0).all()


def test_reductions_look_at_their_own_block() -> None:
    torch.manual_seed(0)
    for kind in ("transformer", "mean", "learned"):
        reduction = BlockReduction(kind, elements=3, block=2, width=8, layers=1, heads=2, feed_forward=8).eval()
        latents = torch.randn(2, 5, 6, requires_grad=True)
        reduced = reduction(latents)
        assert reduced.shape == (2, 5, 3)
        reduced[1, 2, 1].square().backward()
        assert latents.grad is not None
        assert not latents.grad[0].any()
        assert not latents.grad[1][:, [0, 1, 4, 5]].any()
        assert latents.grad[1, 2, 2:4].any()


def test_mean_and_learned_reductions_start_alike() -> None:
    latents = torch.randn(2, 5, 6)
    mean, learned = (BlockReduction(kind, elements=3, block=2) for kind in ("mean", "learned"))
    torch.testing.assert_close(mean(latents), learned(latents))
    torch.testing.assert_close(mean(latents)[..., 1], latents[..., 2:4].mean(-1))


def test_the_transformer_reduction_does_not_depend_on_the_batchs_length() -> None:
    torch.manual_seed(0)
    reduction = BlockReduction("transformer", elements=3, block=2, width=8, layers=2, heads=2, feed_forward=8).eval()
    latents = torch.randn(2, 5, 6)
    longer = reduction(torch.nn.functional.pad(latents, (0, 0, 0, 3)))
    torch.testing.assert_close(longer[:, :5], reduction(latents))
    with pytest.raises(ValueError, match="8 words at most, not 9"):
        reduction(torch.randn(1, 9, 6))
