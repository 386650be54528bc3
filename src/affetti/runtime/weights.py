"""Weights folders: where they are, what they say of themselves, and their ONNX graphs as sessions.

A weights folder holds config.json (validated), model.safetensors (the one copy of the numbers), *.onnx graphs whose
external data points into model.safetensors, and README.md (the model card).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from affetti.errors import InputError
from affetti.files import read_bounded
from affetti.tokens.melody import MelodyVocabulary

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
DEFAULT_WEIGHTS = {"emoreg": "emoreg_autoregressive"}
"""The shipped weights that a system composes with when none are named."""

MAX_CONFIG_BYTES = 256 * 1024
MAX_WEIGHTS_BYTES = 512 * 1024 * 1024


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QuadrantPositions(_Stored):
    """Where training put one quadrant's melodies in the latent space: a Gaussian."""

    mean: tuple[float, ...]
    """[L]"""
    cholesky: tuple[tuple[float, ...], ...]
    """Lower Cholesky factor of the covariance, [L, L]."""


class FeatureProfile(_Stored):
    """What one quadrant's phrases should be like: a Gaussian over `drafts.FEATURES`."""

    mean: tuple[float, float, float, float, float]
    cholesky: tuple[tuple[float, float, float, float, float], ...] = Field(min_length=5, max_length=5)


class Profiles(_Stored):
    """How many drafts of a phrase are drawn and what the kept one should be near to."""

    drafts: int = Field(ge=2, le=64)
    scale: tuple[float, float, float, float, float]
    """Standard deviation of each feature in the corpus: the unit of distances."""
    quadrants: tuple[FeatureProfile, FeatureProfile, FeatureProfile, FeatureProfile]
    """Of Q1 to Q4."""


class SamplingDefaults(_Stored):
    """How these weights are sampled unless the caller says otherwise."""

    temperature: float = Field(1.0, gt=0, le=5)
    nucleus: float = Field(1.0, gt=0, le=1)
    greedy: bool = False


class MelodyModelConfig(_Stored):
    """config.json of a melody model's weights."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")
    system: Literal["emoreg"]
    preset: str
    licence: str
    trained_on: str
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
    sampling: SamplingDefaults = SamplingDefaults()
    profiles: Profiles | None = None
    """For drafts; None: what is drawn first is kept."""

    @field_validator("vocabulary")
    @classmethod
    def _is_vocabulary(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        MelodyVocabulary(values)
        return values


@dataclass(frozen=True, slots=True)
class Weights:
    """A weights folder that was found and checked."""

    folder: Path
    config: MelodyModelConfig
    sha256: str
    """Digest of config.json and model.safetensors, hexadecimal."""

    def session(self, graph: str) -> "InferenceSession":
        """An ONNX Runtime session of one of the folder's graphs, for instance "encoder".

        One thread: these graphs are small, and a result must not depend on how many cores a machine has.
        Raises InputError for a missing or damaged graph.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only: warnings about folded constants mean nothing to a composer
        path = self.folder / f"{graph}.onnx"
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises many kinds, all of which mean a bad folder
            raise InputError(f"{path}: not a usable ONNX graph ({str(error)[:200]})") from error


def shipped_names() -> list[str]:
    """The names of all weights that come with affetti."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))


def find_weights(name: str | Path) -> Weights:
    """Weights by system name ("emoreg"), shipped name or folder.

    Raises InputError in one line when there are none or the folder is damaged.
    """
    shipped = SHIPPED / DEFAULT_WEIGHTS.get(str(name), str(name))
    folder = shipped if shipped.parent == SHIPPED and shipped.is_dir() else Path(name)
    if not (folder / "config.json").is_file():
        raise InputError(f"no weights {str(name)[:80]!r}: name a folder or one of {', '.join(shipped_names())}")
    stored = read_bounded(folder / "config.json", max_bytes=MAX_CONFIG_BYTES)
    try:
        config = MelodyModelConfig.model_validate_json(stored)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"]) or "file"
        raise InputError(f"{folder / 'config.json'}: {where}: {problem['msg']}") from error
    numbers = read_bounded(folder / "model.safetensors", max_bytes=MAX_WEIGHTS_BYTES)
    return Weights(folder, config, hashlib.sha256(stored + numbers).hexdigest())
