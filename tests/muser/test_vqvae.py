from typing import Any

import pytest
import torch
from torch.nn import functional

from affetti.muser.config import muser_aaai24
from affetti.muser.element_regularization import order_loss
from affetti.muser.losses import VqvaeLosses, balanced_cross_entropy, vqvae_losses
from affetti.muser.prior import build_prior
from affetti.muser.vqvae import MuserVqvae, VqvaeOutput, parameter_counts
from affetti.tokens.elements import FIRST_VALUES
from tests.muser.networks import ABLATIONS, name_of, network, some_words, tiny

EMOTIONS = torch.tensor([1, 3, 0, 4])


def losses(output: VqvaeOutput, words: torch.Tensor, mask: torch.Tensor, *, balanced: bool = False) -> VqvaeLosses:
    return vqvae_losses(output, words, mask, commitment_weight=0.25, kl_weight=0.01, balanced=balanced)


def regularised(output: VqvaeOutput, words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What is trained on: all losses and the regulariser."""
    total = losses(output, words, mask).total
    return total if output.reduced is None else total + 0.1 * order_loss(output.reduced, words, mask).sum()


@pytest.mark.parametrize("changes", ABLATIONS, ids=name_of)
def test_every_ablation_trains_every_parameter(changes: dict[str, Any]) -> None:
    model = network(**changes).train()
    words, mask = some_words(4, 40)
    regularised(model(words, mask, EMOTIONS), words, mask).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("changes", ABLATIONS, ids=name_of)
def test_padding_changes_nothing(changes: dict[str, Any]) -> None:
    model = network(**changes)
    words, mask = some_words(4, 20)
    longer = functional.pad(words, (0, 0, 0, 7))
    longer_mask = functional.pad(mask, (0, 7))
    before, after = model(words, mask, EMOTIONS), model(longer, longer_mask, EMOTIONS)
    for first, second in zip(before.logits, after.logits, strict=True):
        torch.testing.assert_close(first[mask], second[longer_mask], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(before.latents.vectors[mask], after.latents.vectors[longer_mask], atol=1e-5, rtol=1e-4)
    if before.latents.codes is not None and after.latents.codes is not None:
        assert torch.equal(before.latents.codes[mask], after.latents.codes[longer_mask])
    parts = losses(before, words, mask), losses(after, longer, longer_mask)
    for name in ("total", "reconstruction", "commitment", "divergence"):
        torch.testing.assert_close(*(getattr(part, name) for part in parts), atol=1e-5, rtol=1e-4)
    if before.reduced is not None and after.reduced is not None:
        orders = order_loss(before.reduced, words, mask), order_loss(after.reduced, longer, longer_mask)
        torch.testing.assert_close(*orders, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("changes", ABLATIONS, ids=name_of)
def test_a_training_step_in_bfloat16(changes: dict[str, Any]) -> None:
    model = network(**changes, dropout=0.1).train()
    words, mask = some_words(4, 40)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(words, mask, EMOTIONS)
        total = regularised(output, words, mask)
    total.backward()
    assert total.dtype == torch.float32
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None)
    model.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        rounded = losses(model(words, mask, EMOTIONS), words, mask).reconstruction
    exact = losses(model(words, mask, EMOTIONS), words, mask).reconstruction
    torch.testing.assert_close(rounded, exact, atol=0.02, rtol=0.02)


def test_the_loss_is_the_sum_of_its_parts() -> None:
    model = network()
    words, mask = some_words(4, 20)
    output = model(words, mask, EMOTIONS)
    parts = losses(output, words, mask)
    pitch = output.logits[4].log_softmax(-1).gather(-1, words[..., 4:5])[mask]
    assert parts.reconstruction[4].item() == pytest.approx(-pitch.mean().item(), rel=1e-5)
    torch.testing.assert_close(parts.total, parts.reconstruction.mean() + 0.25 * parts.commitment)
    balanced = losses(output, words, mask, balanced=True)
    torch.testing.assert_close(balanced.reconstruction, parts.reconstruction)  # what is reported stays
    expected = [
        balanced_cross_entropy(logits, words[..., column], mask, first_value=FIRST_VALUES[column])
        for column, logits in enumerate(output.logits)
    ]
    torch.testing.assert_close(balanced.total, torch.stack(expected).mean() + 0.25 * parts.commitment)


def test_codes_say_the_latents_to_the_last_bit() -> None:
    for codebook in ("shared", "per_element"):
        model = network(codebook=codebook)
        words, mask = some_words(4, 20)
        latents = model.encode(words, mask)
        assert latents.codes is not None
        assert latents.codes.shape == (4, 20, 7 if codebook == "per_element" else 1)
        assert torch.equal(model.latents_of(latents.codes)[mask], latents.vectors[mask])


def test_with_a_codebook_for_each_element_its_code_decides_its_block_alone() -> None:
    model = network(codebook="per_element")
    codes = model.encode(*some_words(1, 10)).codes
    assert codes is not None
    changed = codes.clone()
    changed[0, 3, 5] = (changed[0, 3, 5] + 1) % 16
    differs = (model.latents_of(changed) != model.latents_of(codes))[0].unflatten(-1, (7, 2)).any(-1)
    assert differs.nonzero().tolist() == [[3, 5]]


def test_an_element_that_says_nothing_is_silent_and_has_no_order() -> None:
    """With a codebook for each element its code 0 says so, and only that; the values that say nothing count as one."""
    model = network(codebook="per_element")
    words, mask = some_words(4, 40)
    says = words >= torch.tensor(FIRST_VALUES)
    latents = model.encode(words, mask)
    assert latents.codes is not None
    assert torch.equal(latents.codes > 0, says & mask.unsqueeze(-1))
    assert not latents.vectors.unflatten(-1, (7, 2))[~says].any()
    ordered = model.ordered_values(words)
    assert torch.equal(ordered[says], words[says])
    assert all((ordered[..., column][~says[..., column]] == FIRST_VALUES[column] - 1).all() for column in range(7))
    assert torch.equal(network().ordered_values(words), words)


def test_the_vae_draws_in_training_and_its_divergence_is_the_closed_form() -> None:
    model = network(latent="vae")
    words, mask = some_words(4, 20)
    latents = model.encode(words, mask)
    assert latents.codes is None
    torch.testing.assert_close(latents.vectors, model.encode(words, mask).vectors)
    mean, log_variance = model.encoder(words, mask).chunk(2, dim=-1)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))[mask].mean()
    torch.testing.assert_close(latents.divergence, expected)
    model.train()
    drawn = model.encode(words, mask).vectors
    assert not torch.equal(drawn, latents.vectors)
    assert not drawn[~mask].any()
    with pytest.raises(ValueError, match="no codes"):
        model.latents_of(torch.zeros(1, 1, 1, dtype=torch.long))


def test_the_regulariser_reaches_the_encoder() -> None:
    for reduction in ("transformer", "mean", "learned"):
        model = network(block_reduction=reduction).train()
        words, mask = some_words(4, 40)
        reduced = model(words, mask, EMOTIONS).reduced
        assert reduced is not None
        order_loss(reduced, words, mask).sum().backward()
        assert model.encoder.output.weight.grad is not None
        assert model.encoder.output.weight.grad.any()
        assert model.decoder.type_head.weight.grad is None


def test_it_learns_what_it_is_shown() -> None:
    model = MuserVqvae(tiny(norm_first=True, codebook="per_element", block_reduction="learned", decoder_width=32))
    words, mask = some_words(2, 12)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    reconstructions, orders = [], []
    for _ in range(150):
        optimizer.zero_grad()
        output = model(words, mask, EMOTIONS[:2])
        regularised(output, words, mask).backward()
        optimizer.step()
        assert output.reduced is not None
        orders.append(order_loss(output.reduced, words, mask).sum().item())
        reconstructions.append(losses(output, words, mask).reconstruction.mean().item())
    assert reconstructions[-1] < 0.2 * reconstructions[0]
    assert orders[-1] < 0.7 * orders[0]


def test_the_papers_sizes_have_the_papers_parameter_counts() -> None:
    config = muser_aaai24()
    with torch.device("meta"):
        counts = parameter_counts(MuserVqvae(config.model))
        prior = sum(parameter.numel() for parameter in build_prior(config.model, config.prior).parameters())
    published = {"encoder": 1.6e6, "global_decoder": 4.2e6, "element_decoders": 11e6, "reduction": 50e6}
    for part, count in published.items():
        assert counts[part] == pytest.approx(count, rel=0.02), part
    assert prior == pytest.approx(6.6e6, rel=0.02)


def test_balanced_losses_weigh_words_in_which_an_element_speaks_as_much_as_all_others() -> None:
    logits = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(1))
    targets, mask = torch.tensor([[3, 1, 0, 1, 2]]), torch.tensor([[True, True, True, True, False]])
    nats = -logits.log_softmax(-1)[0, torch.arange(5), targets[0]]
    found = balanced_cross_entropy(logits, targets, mask, first_value=2)
    torch.testing.assert_close(found, (nats[0] + nats[1:4].mean()) / 2)
    silent = balanced_cross_entropy(logits, targets.clamp(max=1), mask, first_value=2)
    nats = -logits.log_softmax(-1)[0, torch.arange(5), targets[0].clamp(max=1)]
    torch.testing.assert_close(silent, nats[:4].mean() / 2)
