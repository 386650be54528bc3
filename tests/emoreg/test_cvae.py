import pytest
import torch

from affetti.emoreg.config import ModelConfig
from affetti.emoreg.cvae import MelodyCvae, MelodyDecoder, MelodyEncoder
from affetti.emoreg.train import kl_divergence, shuffled_bars

VOCABULARY = (60, 62, 64, 65, 128, 129)


def config(**changes: object) -> ModelConfig:
    return ModelConfig.model_validate({"vocabulary": VOCABULARY, "hidden_size": 12, **changes})


def some_tokens(count: int = 3) -> torch.Tensor:
    return torch.randint(0, len(VOCABULARY), (count, 64), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("step", [0, 1, 17, 63])
def test_an_autoregressive_decoder_never_hears_the_present_or_the_future(step: int) -> None:
    torch.manual_seed(0)
    decoder = MelodyDecoder(config(autoregressive=True)).eval()
    position, labels = torch.randn(3, 2), torch.tensor([0, 1, 3])
    tokens = some_tokens()
    changed = tokens.clone()
    changed[:, step:] = (changed[:, step:] + 1) % len(VOCABULARY)
    before, after = decoder(position, labels, tokens), decoder(position, labels, changed)
    torch.testing.assert_close(before[:, : step + 1], after[:, : step + 1], rtol=0, atol=0)
    if step < 63:
        assert not torch.equal(before[:, step + 1], after[:, step + 1])  # and it does hear the past


def test_causality_by_gradient() -> None:
    """The decoder's logits at a step have no gradient in what its GRU is given later."""
    torch.manual_seed(0)
    decoder = MelodyDecoder(config(autoregressive=True)).eval()
    heard: list[torch.Tensor] = []

    def catch(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        heard.append(inputs[0].detach().requires_grad_())
        return (heard[0], *inputs[1:])

    decoder.gru.register_forward_pre_hook(catch)
    logits = decoder(torch.randn(1, 2), torch.zeros(1, dtype=torch.long), some_tokens(1))
    logits[0, 20].sum().backward()
    assert heard[0].grad is not None
    reached = heard[0].grad[0].abs().sum(dim=1) > 0
    assert reached[:21].all()
    assert not reached[21:].any()


def test_the_papers_decoder_hears_no_tokens_at_all() -> None:
    torch.manual_seed(0)
    decoder = MelodyDecoder(config()).eval()
    position, labels = torch.randn(3, 2), torch.tensor([0, 1, 3])
    torch.testing.assert_close(
        decoder(position, labels, some_tokens()),
        decoder(position, labels, torch.zeros(3, 64, dtype=torch.long)),
    )


@pytest.mark.parametrize("told", [True, False])
def test_labels_reach_exactly_the_parts_configured_to_hear_them(told: bool) -> None:
    torch.manual_seed(0)
    chosen = config(label_in_encoder=told, label_in_decoder=told)
    encoder, decoder = MelodyEncoder(chosen).eval(), MelodyDecoder(chosen).eval()
    tokens, happy, sad = some_tokens(), torch.zeros(3, dtype=torch.long), torch.full((3,), 2)
    position = torch.randn(3, 2)
    assert torch.equal(encoder(tokens, happy)[0], encoder(tokens, sad)[0]) != told
    assert torch.equal(decoder(position, happy, tokens), decoder(position, sad, tokens)) != told


# Untrained states forget: after 63 steps the first token is below float32's rounding in the last one.
@pytest.mark.parametrize(("summary", "steps"), [("last", (50, 63)), ("mean", (0, 31, 63))])
def test_the_encoder_hears_the_melody(summary: str, steps: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoder = MelodyEncoder(config(encoder_summary=summary)).eval()
    tokens = some_tokens()
    labels = torch.zeros(3, dtype=torch.long)
    for step in steps:
        changed = tokens.clone()
        changed[:, step] = (changed[:, step] + 1) % len(VOCABULARY)
        assert not torch.equal(encoder(tokens, labels)[0], encoder(changed, labels)[0])


def test_evaluation_ignores_dropout_and_training_hides_tokens() -> None:
    torch.manual_seed(0)
    model = MelodyCvae(config(autoregressive=True))
    tokens, labels = some_tokens(), torch.zeros(3, dtype=torch.long)
    model.eval()
    first = model(tokens, labels, dropout=0.5, token_dropout=0.5).mean
    torch.testing.assert_close(first, model(tokens, labels).mean)
    model.train()
    assert not torch.allclose(first, model(tokens, labels, token_dropout=0.5).mean)


def test_kl_by_a_hand_computed_case() -> None:
    # -1/2 (1 + log s² - s² - m²): for (m=1, s²=1): 0.5; for (m=0, s²=e): -1/2 (2 - e) = 0.35914
    mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert kl_divergence(mean, log_variance).item() == pytest.approx(0.5 + 0.35914, abs=1e-4)


def test_shuffled_bars_keep_every_bar_whole() -> None:
    torch.manual_seed(0)
    tokens = torch.arange(2 * 64).reshape(2, 64)
    shuffled = shuffled_bars(tokens)
    assert not torch.equal(shuffled, tokens)
    for before, after in zip(tokens, shuffled, strict=True):
        bars = [tuple(bar) for bar in before.reshape(4, 16).tolist()]
        assert sorted(tuple(bar) for bar in after.reshape(4, 16).tolist()) == sorted(bars)
