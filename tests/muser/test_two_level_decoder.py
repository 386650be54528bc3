from itertools import product
from typing import Any

import pytest
import torch

from affetti.muser.two_level_decoder import OTHERS
from affetti.tokens.elements import PITCH, SIZES, TYPE
from tests.muser.networks import network, some_words

DECODERS: list[dict[str, Any]] = [
    {**attention, **rest}
    for attention, rest in product(
        ({"attention": "linear"}, {"attention": "decaying"}, {"attention": "softmax"}),
        (
            {},
            {"norm_first": True, "emotion_input": "every_step"},
            {"latent_into_decoder": "concatenate"},
            {"decoding": "global"},
            {"decoding": "global", "latent_into_decoder": "concatenate"},
            {"decoding": "element"},
        ),
    )
]
EMOTIONS = torch.tensor([1, 3, 0])


@pytest.mark.parametrize("changes", DECODERS, ids=lambda changes: ",".join(map(str, changes.values())))
def test_steps_are_all_words_at_once(changes: dict[str, Any]) -> None:
    model = network(**changes)
    decoder = model.decoder
    words, mask = some_words(3, 70)
    latents = model.encode(words, mask).vectors
    at_once = decoder(words, latents, mask, EMOTIONS)
    memory = decoder.prepare(latents, mask)
    type_state, element_state = decoder.initial_type_state(3), decoder.initial_element_state(3)
    previous = torch.zeros(3, 7, dtype=torch.long)
    for step in range(70):
        first = decoder.step_type(type_state, memory, previous, latents[:, step], EMOTIONS)
        second = decoder.step_elements(element_state, first.hidden, words[:, step, TYPE], latents[:, step])
        type_state, element_state, previous = first.state, second.state, words[:, step]
        torch.testing.assert_close(first.logits, at_once[TYPE][:, step], atol=1e-4, rtol=1e-4)
        for column, logits in zip(OTHERS, second.logits, strict=True):
            torch.testing.assert_close(logits, at_once[column][:, step], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("changes", DECODERS, ids=lambda changes: ",".join(map(str, changes.values())))
def test_a_weight_of_one_is_the_emotion(changes: dict[str, Any]) -> None:
    model = network(**changes)
    words, mask = some_words(3, 10)
    latents = model.encode(words, mask).vectors
    weights = torch.nn.functional.one_hot(EMOTIONS, 5).float()
    labelled, weighted = (model.decoder(words, latents, mask, emotions) for emotions in (EMOTIONS, weights))
    for logits, same in zip(labelled, weighted, strict=True):
        torch.testing.assert_close(logits, same, rtol=0, atol=0)


@pytest.mark.parametrize("changes", DECODERS, ids=lambda changes: ",".join(map(str, changes.values())))
def test_a_word_sees_the_words_before_it_and_its_type(changes: dict[str, Any]) -> None:
    """By the gradient of its logits in the embedded words and types."""
    model = network(**changes)
    decoder, step = model.decoder, 66
    words, mask = some_words(1, 70)
    latents = model.encode(words, mask).vectors.detach()
    heard: dict[str, torch.Tensor] = {}

    def catch(name: str) -> Any:
        def hook(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
            heard[name] = output.detach().requires_grad_()
            return heard[name]

        return hook

    decoder.embedding.register_forward_hook(catch("words"))
    decoder.type_embedding.register_forward_hook(catch("types"))
    for column in (TYPE, PITCH):
        logits = decoder(words, latents, mask, EMOTIONS[:1])
        logits[column][0, step].square().sum().backward()
        # what is embedded at a step is the word before: the word at `step` itself enters at step + 1
        reached = heard["words"].grad[0].abs().sum(-1) > 0
        assert reached[step]
        assert not reached[step + 1 :].any()
        assert reached[:step].any()
        types = heard["types"].grad
        if column == TYPE:
            assert types is None
        else:
            assert types[0, step].any()
            assert not types[0, step + 1 :].any()


def test_each_element_decoder_sees_its_own_block() -> None:
    model = network(decoding="element")
    words, mask = some_words(1, 10)
    latents = model.encode(words, mask).vectors.detach().requires_grad_()
    for column in range(7):
        (gradient,) = torch.autograd.grad(
            model.decoder(words, latents, mask, EMOTIONS[:1])[column][0, 6].square().sum(), latents
        )
        reached = gradient[0].unflatten(-1, (7, 2)).abs().sum(-1) > 0  # [T, E]
        assert reached[6, column]
        assert not reached[7:].any()
        assert reached.any(0).tolist() == [other == column for other in range(7)]


def test_by_cross_attention_a_word_sees_all_latents_and_by_concatenation_those_up_to_its_own() -> None:
    for way, sees_later in (("cross", True), ("concatenate", False)):
        model = network(decoding="global", latent_into_decoder=way)
        words, mask = some_words(1, 10)
        latents = model.encode(words, mask).vectors.detach().requires_grad_()
        model.decoder(words, latents, mask, EMOTIONS[:1])[PITCH][0, 6].square().sum().backward()
        assert latents.grad is not None
        reached = latents.grad[0].abs().sum(-1) > 0
        assert reached[:7].all()
        assert bool(reached[7:].all()) == sees_later
        assert bool(reached[7:].any()) == sees_later


def test_the_memory_knows_the_order_of_the_latents() -> None:
    model = network(decoding="global")
    words, mask = some_words(1, 10)
    latents = model.encode(words, mask).vectors
    exchanged = latents[:, [0, 1, 2, 3, 4, 5, 6, 7, 9, 8]]
    before, after = (model.decoder(words, x, mask, EMOTIONS[:1])[PITCH][0, 2] for x in (latents, exchanged))
    assert not torch.equal(latents, exchanged)
    assert (before - after).abs().max() > 1e-5  # more than adding up in another order


@pytest.mark.parametrize("way", ["start", "every_step"])
def test_the_emotion_is_told_when_configured_and_heard_from_the_first_word_on(way: str) -> None:
    model = network(emotion_input=way)
    words, mask = some_words(3, 10)
    latents = model.encode(words, mask).vectors
    told: list[torch.Tensor] = []
    model.decoder.embedding.register_forward_hook(lambda module, inputs, output: told.append(output))
    happy, sad = (model.decoder(words, latents, mask, torch.full((3,), emotion)) for emotion in (1, 3))
    for column in range(7):
        assert (happy[column] != sad[column]).any(-1).all()
    differs = (told[0] != told[1]).any(-1)
    assert differs[:, 0].all()
    assert (differs[:, 1:] == (way == "every_step")).all()


def test_padding_changes_nothing() -> None:
    model = network()
    words, mask = some_words(3, 12)
    latents = model.encode(words, mask).vectors
    before = model.decoder(words, latents, mask, EMOTIONS)
    padded = [torch.nn.functional.pad(x, (0, 0, 0, 5), value=1) for x in (words, latents)]
    after = model.decoder(*padded, torch.nn.functional.pad(mask, (0, 5)), EMOTIONS)
    for first, second, size in zip(before, after, SIZES, strict=True):
        assert first.shape == (3, 12, size)
        torch.testing.assert_close(first[mask], second[:, :12][mask], atol=1e-5, rtol=1e-5)


def test_a_state_has_a_constant_size_with_linear_attention() -> None:
    model = network()
    decoder = model.decoder
    latents = model.encode(*some_words(2, 30)).vectors
    memory = decoder.prepare(latents, torch.ones(2, 30, dtype=torch.bool))
    shorter = decoder.prepare(latents[:, :5], torch.ones(2, 5, dtype=torch.bool))
    assert [tensor.shape for tensor in memory] == [tensor.shape for tensor in shorter]
    state = decoder.initial_type_state(2)
    after = decoder.step_type(state, memory, torch.zeros(2, 7, dtype=torch.long), latents[:, 0], EMOTIONS[:2]).state
    assert [tensor.shape for tensor in after] == [tensor.shape for tensor in state]
    assert [tensor.dtype for tensor in after] == [tensor.dtype for tensor in state]
