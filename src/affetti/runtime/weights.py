"""Weights folders: where they are, what they say of themselves, and their ONNX graphs as sessions.

A weights folder holds config.json (validated), model.safetensors (the one copy of the numbers), *.onnx graphs whose
external data points into model.safetensors, and README.md (the model card).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError, field_validator, model_validator

from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.files import read_bounded
from affetti.tokens.melody import MelodyVocabulary

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
DEFAULT_WEIGHTS = {"emoreg": "emoreg_autoregressive"}
"""The shipped weights that a system composes with when none are named."""

READER_WEIGHTS = "emoreg_reader"
"""The shipped weights that read melodies."""

MAX_CONFIG_BYTES = 1024 * 1024
MAX_GRAPH_BYTES = 1024 * 1024
MAX_WEIGHTS_BYTES = 512 * 1024 * 1024
_FILES = {
    "config.json": MAX_CONFIG_BYTES,
    "encoder.onnx": MAX_GRAPH_BYTES,
    "decoder_step.onnx": MAX_GRAPH_BYTES,
    "model.safetensors": MAX_WEIGHTS_BYTES,
}
"""What decides a folder's behaviour, in the order in which it is digested."""


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    scale: tuple[PositiveFloat, PositiveFloat, PositiveFloat, PositiveFloat, PositiveFloat]
    """Standard deviation of each feature in the corpus: the unit of distances."""
    quadrants: tuple[FeatureProfile, FeatureProfile, FeatureProfile, FeatureProfile]
    """Of Q1 to Q4."""


class SamplingDefaults(_Stored):
    """How these weights are sampled unless the caller says otherwise."""

    temperature: float = Field(1.0, ge=0.05, le=5)
    nucleus: float = Field(1.0, ge=0.01, le=1)
    greedy: bool = False


class MelodyModelConfig(_Stored):
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
    sampling: SamplingDefaults = SamplingDefaults()
    profiles: Profiles | None = None
    """For drafts; None: what is drawn first is kept."""

    @property
    def condition_size(self) -> int:
        """What the decoder hears besides its own past: the latent position and, where it is told one, the label."""
        return self.latent_size + len(Quadrant) * self.label_in_decoder

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


@dataclass(frozen=True, slots=True)
class Graph:
    """One ONNX graph of a weights folder, ready to run."""

    path: Path
    session: "InferenceSession"

    def run(self, outputs: list[str], inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The named outputs. Raises InputError where the graph cannot compute them, as a damaged one cannot."""
        try:
            results: list[NDArray[Any]] = self.session.run(outputs, inputs)
        except Exception as error:  # onnxruntime raises many kinds, all of which mean a bad folder here
            raise InputError(f"{self.path}: the graph fails ({str(error)[:200]})") from error
        return results


@dataclass(frozen=True, slots=True)
class Weights:
    """A weights folder that was found and checked."""

    folder: Path
    config: MelodyModelConfig
    sha256: str
    """Digest of everything in the folder that decides what is composed, hexadecimal."""

    def graph(self, name: str) -> Graph:
        """One of the folder's graphs: "encoder" or "decoder_step".

        One thread: these graphs are small, and a result must not depend on how many cores a machine has.
        Raises InputError for a missing or damaged graph, or one of other sizes than config.json says.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only: warnings about folded constants mean nothing to a composer
        path = self.folder / f"{name}.onnx"
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises many kinds, all of which mean a bad folder
            raise InputError(f"{path}: not a usable ONNX graph ({str(error)[:200]})") from error
        found = [
            {value.name: value.shape[1:] for value in side} for side in (session.get_inputs(), session.get_outputs())
        ]
        if found != list(_signature(name, self.config)):
            raise InputError(f"{path}: not the graph that config.json describes")
        return Graph(path, session)


def _signature(graph: str, config: MelodyModelConfig) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Names and shapes, without the batch, of a graph's inputs and outputs."""
    if graph == "encoder":
        labels = {"labels": [len(Quadrant)]} if config.label_in_encoder else {}
        return {"tokens": ["T"], **labels}, {"mean": [config.latent_size]}
    history: dict[str, list[Any]] = {"previous": [], "step": []} if config.autoregressive else {}
    inputs = {"condition": [config.condition_size], "state": [config.hidden_size]}
    return {**inputs, **history}, {"logits": [len(config.vocabulary)], "next_state": [config.hidden_size]}


def shipped_names() -> list[str]:
    """The names of all weights that come with affetti."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))


def find_weights(name: str | Path) -> Weights:
    """Weights by system name ("emoreg"), shipped name or folder.

    Raises InputError in one line when there are none or the folder is damaged.
    """
    shipped = DEFAULT_WEIGHTS.get(str(name), str(name))
    folder = SHIPPED / shipped if shipped in shipped_names() else Path(name)
    try:
        is_there = (folder / "config.json").is_file()
    except (OSError, ValueError):  # a name too long for the file system, or with a NUL in it
        is_there = False
    if not is_there:
        raise InputError(f"no weights {str(name)[:80]!r}: name a folder or one of {', '.join(shipped_names())}")
    digest = hashlib.sha256()
    stored = {}
    for file, limit in _FILES.items():
        stored[file] = read_bounded(folder / file, max_bytes=limit)
        digest.update(hashlib.sha256(stored[file]).digest())
    try:
        config = MelodyModelConfig.model_validate_json(stored["config.json"])
    except ValidationError as error:
        raise InputError.of_validation(folder / "config.json", error.errors(), whole="file") from error
    return Weights(folder, config, digest.hexdigest())
