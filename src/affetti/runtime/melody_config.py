"""config.json of a melody model's weights."""

from typing import Any, Literal, Self

from pydantic import Field, PositiveFloat, field_validator, model_validator

from affetti.emotion import Quadrant
from affetti.runtime.plane_calibration import PlaneCalibration
from affetti.runtime.stored import SamplingDefaults, Signature, Stored
from affetti.tokens.melody import MelodyVocabulary


class QuadrantPositions(Stored):
    """Where training put one quadrant's melodies in the latent space: a Gaussian."""

    mean: tuple[float, ...]
    """[L]"""
    cholesky: tuple[tuple[float, ...], ...]
    """Lower Cholesky factor of the covariance, [L, L]."""


class FeatureProfile(Stored):
    """What one quadrant's phrases should be like: a Gaussian over `drafts.FEATURES`."""

    mean: tuple[float, float, float, float, float]
    cholesky: tuple[tuple[float, float, float, float, float], ...] = Field(min_length=5, max_length=5)


class Profiles(Stored):
    """How many drafts of a phrase are drawn and what the kept one should be near to."""

    drafts: int = Field(ge=2, le=64)
    scale: tuple[PositiveFloat, PositiveFloat, PositiveFloat, PositiveFloat, PositiveFloat]
    """Standard deviation of each feature in the corpus: the unit of distances."""
    quadrants: tuple[FeatureProfile, FeatureProfile, FeatureProfile, FeatureProfile]
    """Of Q1 to Q4."""


class MelodyModelConfig(Stored):
    """config.json of a melody model's weights."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")
    system: Literal["emoreg"]
    preset: str = Field(max_length=200)
    licence: str = Field(max_length=200)
    trained_on: str = Field(max_length=200)
    vocabulary: tuple[int, ...] = Field(max_length=130)
    hidden_size: int = Field(ge=1, le=4096)
    latent_size: int = Field(ge=2, le=64)
    label_in_encoder: bool
    label_in_decoder: bool
    autoregressive: bool
    is_map: bool
    """Whether the first two latent axes were regularised to be valence and arousal."""
    quadrant_positions: tuple[QuadrantPositions, QuadrantPositions, QuadrantPositions, QuadrantPositions]
    """Of Q1 to Q4."""
    axis_reach: tuple[float, float]
    """Distance from 0 on the valence and arousal axes that 95 % of the training melodies stay within."""
    reading_slope: tuple[float, float] | None = None
    """Log-odds of positive valence and of high arousal per unit of latent position, fitted on held-out folds."""
    plane: PlaneCalibration | None = None
    """What to tell the decoder for a point of the plane; None: the point itself."""
    sampling: SamplingDefaults = SamplingDefaults()
    profiles: Profiles | None = None
    """For drafts; None: what is drawn first is kept."""

    @property
    def condition_size(self) -> int:
        """What the decoder hears besides its own past: the latent position and, where it is told one, the label."""
        return self.latent_size + len(Quadrant) * self.label_in_decoder

    @property
    def graphs(self) -> tuple[str, ...]:
        """The names of the graphs that these weights have."""
        return ("encoder", "decoder_step")

    def signature(self, graph: str) -> Signature:
        """What goes into a graph and comes out of it."""
        if graph == "encoder":
            labels = {"labels": [len(Quadrant)]} if self.label_in_encoder else {}
            return Signature({"tokens": ["T"], **labels}, {"mean": [self.latent_size]})
        history: dict[str, list[Any]] = {"previous": [], "step": []} if self.autoregressive else {}
        inputs = {"condition": [self.condition_size], "state": [self.hidden_size]}
        outputs = {"logits": [len(self.vocabulary)], "next_state": [self.hidden_size]}
        return Signature({**inputs, **history}, outputs)

    @field_validator("vocabulary")
    @classmethod
    def _is_vocabulary(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if len(MelodyVocabulary(values)) < 3:
            raise ValueError("a vocabulary without pitches writes no melodies")
        return values

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        for fitted in self.quadrant_positions:
            if {len(fitted.mean), len(fitted.cholesky), *map(len, fitted.cholesky)} != {self.latent_size}:
                raise ValueError(f"quadrant_positions are not of {self.latent_size} latent dimensions")
        return self
