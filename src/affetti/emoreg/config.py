"""Configuration and named presets of the melody system.

Presets cite where their values come from; "paper" is Grekow's CVAE-EmoReg paper, "base" is Grekow and
Dimitrova-Grekow, IEEE Access 9 (2021). Where the papers are silent the value's reason stands beside it.
"""

from collections.abc import Callable
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelConfig(_Config):
    """What the network is: everything needed to build it, stored with its weights."""

    vocabulary: tuple[int, ...] = ()
    """Token values (pitches, 128 rest, 129 hold); taken from the corpus when training starts."""
    hidden_size: int = Field(512, ge=1, le=4096)
    """GRU units of the encoder and of the decoder (paper: 512)."""
    latent_size: int = Field(2, ge=2, le=64)
    """Latent dimensions; axis 0 is valence, axis 1 arousal, any further ones are free (paper: 2)."""
    label_in_encoder: bool = True
    """Whether the encoder is told the quadrant (paper). Without it the map reads unlabelled melodies."""
    label_in_decoder: bool = True
    """Whether the decoder is told the quadrant (paper). Without it the latent point alone carries the emotion."""
    encoder_summary: Literal["last", "mean"] = "last"
    """What of the encoder's states becomes the latent: the last (paper) or their mean over time."""
    autoregressive: bool = False
    """Whether the decoder hears the tokens it has already written (paper: it does not)."""


class TrainingConfig(_Config):
    """How the network is trained."""

    optimizer: Literal["rmsprop", "adamw"] = "rmsprop"
    learning_rate: float = Field(1e-3, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    """Whether the learning rate stays, or falls along a half cosine to 0 at the last epoch."""
    weight_decay: float = Field(0.0, ge=0)
    epochs: int = Field(700, ge=1)
    batch_size: int = Field(16, ge=2)
    kl_weight: float = Field(1.0, ge=0)
    """Weight of L_KLD beside the reconstruction summed over steps (paper: 1)."""
    regularization_weight: float = Field(0.0, ge=0)
    """Weight of L_EmoA + L_EmoV beside (L_R + L_KLD) per step; 0 is the base model."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout on the encoder's summary and on the decoder's states."""
    token_dropout: float = Field(0.0, ge=0, lt=1)
    """Share of input tokens hidden from the encoder and from an autoregressive decoder."""
    shuffle_bars: bool = False
    """Whether the encoder is given each melody with its four bars in random order, which leaves its scale and density
    as they are; the decoder still has to write the melody as it was."""
    checkpoint_every: int = Field(10, ge=1)
    """Epochs between checkpoints: what a killed run loses at most."""
    snapshot_epochs: tuple[int, ...] = (0, 50)
    """Epochs after which latent positions are kept for the figures; the last epoch always is."""
    threads: int = Field(1, ge=0)
    """CPU threads, 0 for all; part of the recipe because another number may round differently."""


class ComposingConfig(_Config):
    """How the exported model composes."""

    drafts: int = Field(1, ge=1, le=64)
    """Drafts of each phrase, of which the one nearest to the corpus's profile is kept; 1: what is drawn is kept."""
    calibration_pieces: int = Field(2_000, ge=10)
    """Melodies of each quadrant that the profiles are calibrated with."""


class EmoregConfig(_Config):
    """A melody model, its training and how it composes."""

    model: ModelConfig
    training: TrainingConfig
    composing: ComposingConfig = ComposingConfig()

    @model_validator(mode="after")
    def _drafts_differ(self) -> Self:
        if self.composing.drafts > 1 and not self.model.autoregressive:
            raise ValueError("drafts of a decoder that is not autoregressive are all alike; composing.drafts is 1")
        return self


def cvae_base_2021() -> EmoregConfig:
    """The base model: label in encoder and decoder, GRU 512, latent 2, RMSprop 0.001, 700 epochs of batches of 16."""
    return EmoregConfig(model=ModelConfig(), training=TrainingConfig())


def cvae_emoreg_2023() -> EmoregConfig:
    """The paper's model: the base model with L_EmoA + L_EmoV.

    The paper does not say how L_R is reduced, which decides how much the regulariser weighs. Beside the mean per
    step (the usual reduction in Keras) a weight of 1 lets it crowd out the reconstruction, and 0.1 leaves one melody
    in twenty on the wrong side (after 45 epochs); 0.3 keeps both.
    """
    return EmoregConfig(model=ModelConfig(), training=TrainingConfig(regularization_weight=0.3))


def _label_free() -> ModelConfig:
    """The network of our own presets: no label anywhere, and a decoder that hears what it has written.

    Without labels the map itself reads and writes emotion. A smaller GRU than the papers' and a summary over time do
    better on melodies never seen; a decoder that does not hear its own notes writes monotonous ones from such a map.
    """
    return ModelConfig(
        hidden_size=256,
        label_in_encoder=False,
        label_in_decoder=False,
        encoder_summary="mean",
        autoregressive=True,
    )


def emoreg_reader() -> EmoregConfig:
    """Ours: a map that reads unlabelled melodies.

    Hidden tokens, shuffled bars and dropout are for melodies never seen; they were chosen by cross-validation on
    another division into folds (seed 100) than the one reported (seed 0).
    """
    return EmoregConfig(
        model=_label_free(),
        training=TrainingConfig(
            optimizer="adamw",
            learning_rate=2e-3,
            weight_decay=0.01,
            schedule="cosine",
            epochs=100,
            regularization_weight=1.0,
            dropout=0.3,
            token_dropout=0.2,
            shuffle_bars=True,
        ),
    )


def emoreg_autoregressive() -> EmoregConfig:
    """Ours, the shipped default for composing: the same network, trained to write.

    Dropout, hidden tokens, few epochs and a falling learning rate keep it from learning melodies by heart; of each
    phrase it draws sixteen drafts and keeps the one nearest to what the corpus is like.
    """
    return EmoregConfig(
        model=_label_free(),
        training=TrainingConfig(
            optimizer="adamw",
            learning_rate=2e-3,
            weight_decay=0.01,
            schedule="cosine",
            epochs=110,
            regularization_weight=0.3,
            dropout=0.5,
            token_dropout=0.2,
        ),
        composing=ComposingConfig(drafts=16),
    )


PRESETS: dict[str, Callable[[], EmoregConfig]] = {
    "cvae_base_2021": cvae_base_2021,
    "cvae_emoreg_2023": cvae_emoreg_2023,
    "emoreg_reader": emoreg_reader,
    "emoreg_autoregressive": emoreg_autoregressive,
}
