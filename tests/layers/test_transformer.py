from itertools import product
from typing import Any

import pytest
import torch

from affetti.layers.transformer import Transformer

KINDS = ["linear", "decaying", "softmax"]


def transformer(**changes: Any) -> Transformer:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"layers": 2, "width": 8, "heads": 2, "feed_forward": 12, "is_causal": True}
    return Transformer(**{**sizes, **changes}).eval()


@pytest.mark.parametrize(("attention", "norm_first", "groups"), product(KINDS, [True, False], [None, 3]))
def test_steps_are_all_steps_at_once(attention: str, norm_first: bool, groups: int | None) -> None:
    """With a memory of which a part is padding."""
    model = transformer(attention=attention, norm_first=norm_first, groups=groups, has_memory=True)
    leading = (2,) if groups is None else (groups, 2)
    x, memory = torch.randn(*leading, 70, 8), torch.randn(*leading, 9, 8)
    remembered = model.remember(memory, torch.arange(9) < torch.tensor([[9], [5]]))
    at_once = model(x, memory=remembered)
    state = model.initial_state(2)
    assert len(state) == model.state_tensors
    for step in range(70):
        result, state = model.step(x[..., step, :], state, remembered)
        torch.testing.assert_close(result, at_once[..., step, :], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("attention", KINDS)
def test_padding_changes_nothing(attention: str) -> None:
    model = transformer(attention=attention, is_causal=False)
    x = torch.randn(2, 10, 8)
    mask = torch.arange(10) < torch.tensor([[10], [6]])
    together = model(x, mask)
    torch.testing.assert_close(together[1, :6], model(x[1:, :6])[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        model(torch.where(mask[..., None], x, 99.0), mask)[1, :6], together[1, :6], rtol=0, atol=0
    )


def test_a_bidirectional_one_sees_everything_and_a_causal_one_the_past() -> None:
    for is_causal in (False, True):
        x = torch.randn(1, 10, 8, requires_grad=True)
        transformer(is_causal=is_causal)(x)[0, 4].square().sum().backward()
        assert x.grad is not None
        assert ((x.grad[0] != 0).any(-1) == (torch.arange(10) <= 4) | torch.tensor(not is_causal)).all()


def test_groups_are_separate_networks() -> None:
    """Each group's result depends on its own input and parameters alone."""
    model = transformer(groups=3)
    x = torch.randn(3, 2, 5, 8, requires_grad=True)
    model(x)[1].square().sum().backward()
    assert x.grad is not None
    assert ((x.grad != 0).any(-1).flatten(1).all(-1) == torch.tensor([False, True, False])).all()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert not parameter.grad[[0, 2]].any(), name


def test_a_group_is_what_an_ungrouped_network_with_its_parameters_is() -> None:
    grouped, alone = transformer(groups=3, norm_first=True), transformer(norm_first=True)
    taken = {name: parameter[1] for name, parameter in grouped.state_dict().items()}
    is_matrix = {name for name, parameter in taken.items() if parameter.ndim == 2}
    alone.load_state_dict({name: value.T if name in is_matrix else value for name, value in taken.items()})
    x = torch.randn(3, 2, 5, 8)
    torch.testing.assert_close(grouped(x)[1], alone(x[1]), atol=1e-5, rtol=1e-5)


def test_computing_layers_again_gives_the_same_gradients() -> None:
    """Dropout included: the second computation draws the same mask."""
    gradients = []
    for keeps_activations in (True, False):
        model = transformer(dropout=0.3, has_memory=True, keeps_activations=keeps_activations).train()
        torch.manual_seed(1)
        memory = model.remember(torch.randn(2, 4, 8))
        model(torch.randn(2, 6, 8), memory=memory).square().mean().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for kept, computed_again in zip(*gradients, strict=True):
        torch.testing.assert_close(kept, computed_again)


def test_refuses_a_width_that_heads_do_not_divide() -> None:
    with pytest.raises(ValueError, match="heads"):
        transformer(heads=3)
