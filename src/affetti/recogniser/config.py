"""Configuration and named presets of the recogniser. Every value was chosen by 5-fold cross-validation on EMOPIA with
fold seeds 100 to 102; what is reported is measured with another (docs/recogniser.md).
"""

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from affetti.analysis.features import FEATURE_NAMES


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelConfig(_Config):
    """What a recogniser is and which songs it may learn from."""

    part: Literal["all", "selection", "evaluation"] = "all"
    """The songs (runtime.recogniser_config)."""
    features: Literal["all", "even", "odd"] = "all"
    """All features, or every other one from the first or the second: those of one group resemble each other, so either
    half hears nearly what all do, and a recogniser with one half is not deceived by what only the other half hears."""
    experts: tuple[Literal["trees", "logistic"], ...] = Field(("trees", "logistic"), min_length=1, max_length=2)
    """What is fitted; of both the mean log-probability counts."""


class TrainingConfig(_Config):
    """How the experts are fitted."""

    rounds: int = Field(200, ge=1, le=5000)
    """Trees for each of the six outputs (gradient boosting; Friedman, Annals of Statistics 29, 2001)."""
    depth: int = Field(3, ge=1, le=8)
    learning_rate: float = Field(0.05, gt=0, le=1)
    subsample: float = Field(0.5, gt=0, le=1)
    """The share of the pieces that each tree sees."""
    features_per_split: int = Field(16, ge=1)
    """How many features, drawn anew, a split is chosen from: where many say nearly the same, fewer is better."""
    ridge: float = Field(0.005, gt=0)
    """The inverse strength of the logistic regression's penalty (scikit-learn's C)."""
    calibration_folds: int = Field(3, ge=2, le=20)
    """Folds, by song, on whose held-out pieces the temperature is fitted."""


class PresetConfig(_Config):
    """A recogniser and its training."""

    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()


def piano_recogniser() -> PresetConfig:
    """What `affetti read` hears with: all songs, all features, trees and logistic regression."""
    return PresetConfig()


def piano_recogniser_selection() -> PresetConfig:
    """For choosing among what a model composes: 40 % of the songs, every other feature, logistic regression."""
    return PresetConfig(model=ModelConfig(part="selection", features="even", experts=("logistic",)))


def piano_recogniser_evaluation() -> PresetConfig:
    """For reported figures only: the other 60 % of the songs, the other features, boosted trees."""
    return PresetConfig(model=ModelConfig(part="evaluation", features="odd", experts=("trees",)))


PRESETS: dict[str, Callable[[], PresetConfig]] = {
    "piano_recogniser": piano_recogniser,
    "piano_recogniser_selection": piano_recogniser_selection,
    "piano_recogniser_evaluation": piano_recogniser_evaluation,
}
"""Name -> preset."""


def feature_names(model: ModelConfig) -> tuple[str, ...]:
    """The names of the features that a recogniser hears, in the order of FEATURE_NAMES."""
    start = {"all": 0, "even": 0, "odd": 1}[model.features]
    return FEATURE_NAMES[start :: 1 if model.features == "all" else 2]
