"""The conditional VAE of the melody system: both papers' models and ours are configurations of this one network.

Shapes: B melodies, T sixteenth steps, V vocabulary, H hidden units, L latent dimensions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from affetti.emoreg.config import ModelConfig
from affetti.tokens.melody import PHRASE_STEPS, STEPS_PER_BAR

LABELS = 4


@dataclass(frozen=True)
class CvaeOutput:
    """What one pass gives: logits [B, T, V]; posterior mean and log variance [B, L]; the drawn position [B, L]."""

    logits: Tensor
    mean: Tensor
    log_variance: Tensor
    position: Tensor


class MelodyEncoder(nn.Module):
    """Tokens (and the label, where configured) to the Gaussian posterior of the latent position."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.vocabulary_size = len(config.vocabulary)
        inputs = self.vocabulary_size + LABELS * config.label_in_encoder
        self.gru = nn.GRU(inputs, config.hidden_size, batch_first=True)
        self.mean = nn.Linear(config.hidden_size, config.latent_size)
        self.log_variance = nn.Linear(config.hidden_size, config.latent_size)

    def forward(
        self, tokens: Tensor, labels: Tensor, *, hidden: Tensor | None = None, dropout: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Posterior mean and log variance, each [B, L].

        tokens: indices [B, T]; labels: [B], -1 for none (all zeros); hidden: steps to hide, bool [B, T].
        """
        inputs = functional.one_hot(tokens, self.vocabulary_size).float()
        if hidden is not None:
            inputs = inputs.masked_fill(hidden[..., None], 0.0)
        if self.config.label_in_encoder:
            repeated = one_hot_labels(labels)[:, None].expand(-1, tokens.shape[1], -1)
            inputs = torch.cat([inputs, repeated], dim=-1)
        states, last = self.gru(inputs)
        summary = states.mean(dim=1) if self.config.encoder_summary == "mean" else last[0]
        summary = functional.dropout(summary, dropout, self.training)
        return self.mean(summary), self.log_variance(summary)


class MelodyDecoder(nn.Module):
    """A latent position (and the label, where configured) to token logits, one GRU step per sixteenth.

    The parallel decoder of the papers hears the position and label at every step; the autoregressive one also the
    token before, the step's place in its bar and the bar's place in the phrase.
    """

    step_features: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.vocabulary_size = len(config.vocabulary)
        condition = config.latent_size + LABELS * config.label_in_decoder
        places = STEPS_PER_BAR + PHRASE_STEPS // STEPS_PER_BAR
        history = (self.vocabulary_size + places) if config.autoregressive else 0
        self.gru = nn.GRU(history + condition, config.hidden_size, batch_first=True)
        self.logits = nn.Linear(config.hidden_size, self.vocabulary_size)
        self.register_buffer("step_features", step_features(), persistent=False)

    def forward(
        self,
        position: Tensor,
        labels: Tensor,
        tokens: Tensor,
        *,
        hidden: Tensor | None = None,
        dropout: float = 0.0,
    ) -> Tensor:
        """Logits [B, T, V] for every step of `tokens` [B, T]; step t never depends on tokens from t on.

        position: [B, L]; labels: [B]; hidden: steps whose token an autoregressive decoder is not shown, bool [B, T].
        """
        condition = position
        if self.config.label_in_decoder:
            condition = torch.cat([condition, one_hot_labels(labels)], dim=-1)
        inputs = condition[:, None].expand(-1, tokens.shape[1], -1)
        if self.config.autoregressive:
            history = functional.one_hot(tokens, self.vocabulary_size).float()
            if hidden is not None:
                history = history.masked_fill(hidden[..., None], 0.0)
            history = functional.pad(history[:, :-1], (0, 0, 1, 0))  # the first step hears nothing
            places = self.step_features[: tokens.shape[1]].expand(len(tokens), -1, -1)
            inputs = torch.cat([history, places, inputs], dim=-1)
        states, _ = self.gru(inputs)
        logits: Tensor = self.logits(functional.dropout(states, dropout, self.training))
        return logits


class MelodyCvae(nn.Module):
    """Encoder and decoder together."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = MelodyEncoder(config)
        self.decoder = MelodyDecoder(config)

    def forward(
        self,
        tokens: Tensor,
        labels: Tensor,
        *,
        heard: Tensor | None = None,
        dropout: float = 0.0,
        token_dropout: float = 0.0,
    ) -> CvaeOutput:
        """One pass with a drawn latent position. tokens: indices [B, T]; labels: quadrant - 1, [B], -1 for none.

        heard: what the encoder is given instead of `tokens`; dropouts act in training only.
        """
        hidden_from_encoder = hidden_from_decoder = None
        if self.training and token_dropout:
            hidden_from_encoder, hidden_from_decoder = torch.rand(2, *tokens.shape) < token_dropout
        mean, log_variance = self.encoder(
            tokens if heard is None else heard, labels, hidden=hidden_from_encoder, dropout=dropout
        )
        position = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        logits = self.decoder(position, labels, tokens, hidden=hidden_from_decoder, dropout=dropout)
        return CvaeOutput(logits, mean, log_variance, position)


def one_hot_labels(labels: Tensor) -> Tensor:
    """One-hot labels [B, 4]; all zeros where the label is -1."""
    return functional.one_hot(labels.clamp(min=0), LABELS).float() * (labels >= 0)[:, None]


def step_features() -> Tensor:
    """For each step of a phrase its place in the bar and its bar's place in the phrase, one-hot, [64, 16 + 4]."""
    steps = torch.arange(PHRASE_STEPS)
    places = functional.one_hot(steps % STEPS_PER_BAR, STEPS_PER_BAR)
    bars = functional.one_hot(steps // STEPS_PER_BAR, PHRASE_STEPS // STEPS_PER_BAR)
    return torch.cat([places, bars], dim=-1).float()
