from typing import Any

import pytest
import torch
from torch.nn.functional import one_hot

from affetti.muser.losses import prior_loss
from affetti.muser.prior import Prior, build_prior
from tests.muser.networks import tiny, tiny_prior

CODES = 16
EMOTIONS = torch.tensor([1, 3, 0])
ENDS = torch.tensor([True, True, False])
CHANGES: list[dict[str, Any]] = [
    {},
    {"attention": "softmax"},
    {"attention": "decaying", "heads": 4},
    {"norm_first": True, "emotion_input": "every_step"},
]


def prior(codebooks: int, **changes: Any) -> Prior:
    torch.manual_seed(0)
    model = tiny(codebook="shared" if codebooks == 1 else "per_element")
    return build_prior(model, tiny_prior(**changes)).eval()


def some_codes(codebooks: int, steps: int = 70) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.arange(steps) < torch.tensor([[steps], [steps - 3], [5]])
    return torch.randint(0, CODES, (3, steps, codebooks), generator=generator) * mask.unsqueeze(-1), mask


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: ",".join(map(str, changes.values())) or "full")
@pytest.mark.parametrize("codebooks", [1, 7])
def test_steps_are_all_steps_at_once(codebooks: int, changes: dict[str, Any]) -> None:
    model = prior(codebooks, **changes)
    codes, _ = some_codes(codebooks)
    at_once = model(codes, EMOTIONS)
    assert [logits.shape for logits in at_once] == [(3, 71, CODES + 1)] + [(3, 70, CODES)] * (codebooks - 1)
    state, previous = model.initial_state(3), torch.zeros(3, codebooks, dtype=torch.long)
    for step in range(71):
        hidden, state = model.step(state, previous, EMOTIONS)
        torch.testing.assert_close(model.book_logits(0, hidden, previous), at_once[0][:, step], atol=1e-4, rtol=1e-4)
        if step < 70:
            previous = codes[:, step]
        for book in range(1, codebooks if step < 70 else 1):
            logits = model.book_logits(book, hidden, previous[:, :book])  # needs no more than those before it
            torch.testing.assert_close(logits, at_once[book][:, step], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("emotion_input", ["start", "every_step"])
def test_a_weight_of_one_is_the_emotion_and_several_lie_between(emotion_input: str) -> None:
    model = prior(7, emotion_input=emotion_input)
    codes, _ = some_codes(7)
    for logits, weighted in zip(model(codes, EMOTIONS), model(codes, one_hot(EMOTIONS, 5).float()), strict=True):
        torch.testing.assert_close(logits, weighted, rtol=0, atol=0)
    happy, sad, between = (torch.tensor([[0, a, 0, b, 0]]) for a, b in ((1.0, 0.0), (0.0, 1.0), (0.5, 0.5)))
    told: list[torch.Tensor] = []
    model.layers.register_forward_pre_hook(lambda module, inputs: told.append(inputs[0]))
    for weights in (happy, sad, between):
        model(codes[:1], weights)
    torch.testing.assert_close(told[2], (told[0] + told[1]) / 2)
    assert (told[2] != told[0]).any(-1)[0].tolist() == [
        step == 0 or emotion_input == "every_step" for step in range(71)
    ]


def test_an_emotion_that_changes_is_heard_from_its_step_on() -> None:
    model = prior(7, emotion_input="every_step")
    codes, _ = some_codes(7, 6)
    happy, sad = (model(codes, torch.full((3,), emotion)) for emotion in (1, 3))
    state, previous = model.initial_state(3), torch.zeros(3, 7, dtype=torch.long)
    for step in range(6):
        hidden, state = model.step(state, previous, torch.full((3,), 1 if step < 3 else 3))
        previous = codes[:, step]
        logits = model.book_logits(0, hidden, previous)
        assert torch.allclose(logits, happy[0][:, step], atol=1e-5) == (step < 3)
        assert not torch.allclose(logits, sad[0][:, step], atol=1e-5)


@pytest.mark.parametrize("codebooks", [1, 7])
def test_a_code_sees_the_steps_before_and_those_before_it_in_its_step(codebooks: int) -> None:
    model, step = prior(codebooks), 66
    codes, _ = some_codes(codebooks)
    before = model(codes, EMOTIONS)
    for changed_step, changed_book in [(step - 1, 0), (step - 1, codebooks - 1), (step, 0), (step, codebooks // 2)]:
        changed = codes.clone()
        changed[0, changed_step, changed_book] = (changed[0, changed_step, changed_book] + 1) % CODES
        after = model(changed, EMOTIONS)
        for book in range(codebooks):
            is_seen = changed_step < step or changed_book < book
            assert torch.equal(after[book][0, step], before[book][0, step]) != is_seen
            assert torch.equal(after[book][0, :changed_step], before[book][0, :changed_step])


def test_causality_by_gradient() -> None:
    model = prior(7)
    heard: list[torch.Tensor] = []

    def catch(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        heard.append(inputs[0].detach().requires_grad_())
        return (heard[0], *inputs[1:])

    model.layers.register_forward_pre_hook(catch)
    model(some_codes(7)[0], EMOTIONS)[3][0, 66].square().sum().backward()
    assert heard[0].grad is not None
    reached = heard[0].grad[0].abs().sum(-1) > 0
    assert reached[:67].any(0)
    assert reached[66]
    assert not reached[67:].any()


def test_the_loss_by_its_definition() -> None:
    """A piece of n codes has n + 1 targets, the end the last; an excerpt has no end."""
    model = prior(7)
    codes, mask = some_codes(7)
    logits = model(codes, EMOTIONS)
    expected = [[] for _ in range(7)]
    for piece, length in enumerate(mask.sum(1).tolist()):
        for book in range(7):
            likelihoods = logits[book][piece].log_softmax(-1)
            expected[book] += [-likelihoods[step, codes[piece, step, book]] for step in range(length)]
        if ENDS[piece]:
            expected[0].append(-logits[0][piece, length].log_softmax(-1)[CODES])
    torch.testing.assert_close(
        prior_loss(logits, codes, mask, ENDS), torch.stack([torch.stack(terms).mean() for terms in expected])
    )


def test_padding_changes_nothing() -> None:
    model = prior(7)
    codes, mask = some_codes(7)
    longer, longer_mask = torch.nn.functional.pad(codes, (0, 0, 0, 5), value=2), torch.nn.functional.pad(mask, (0, 5))
    torch.testing.assert_close(
        prior_loss(model(longer, EMOTIONS), longer, longer_mask, ENDS),
        prior_loss(model(codes, EMOTIONS), codes, mask, ENDS),
    )


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: ",".join(map(str, changes.values())) or "full")
@pytest.mark.parametrize("codebooks", [1, 7])
def test_every_parameter_is_trained(codebooks: int, changes: dict[str, Any]) -> None:
    model = prior(codebooks, **changes).train()
    codes, mask = some_codes(codebooks)
    prior_loss(model(codes, EMOTIONS), codes, mask, ENDS).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("way", ["start", "every_step"])
def test_the_emotion_is_told_when_configured_and_heard_at_every_step(way: str) -> None:
    model = prior(1, emotion_input=way)
    codes, _ = some_codes(1, 10)
    told: list[torch.Tensor] = []
    model.layers.register_forward_pre_hook(lambda module, inputs: told.append(inputs[0]))
    happy, sad = (model(codes, torch.full((3,), emotion))[0] for emotion in (1, 3))
    assert (happy != sad).any(-1).all()
    differs = (told[0] != told[1]).any(-1)
    assert differs[:, 0].all()
    assert (differs[:, 1:] == (way == "every_step")).all()


def test_a_vae_has_no_prior() -> None:
    with pytest.raises(ValueError, match="no codes"):
        build_prior(tiny(latent="vae"), tiny_prior())
