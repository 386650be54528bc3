"""Weights folders: where they are, what they say of themselves, and their ONNX graphs as sessions.

A weights folder holds config.json (validated), model.safetensors (the one copy of the numbers), *.onnx graphs whose
external data points into model.safetensors, and README.md (the model card).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from affetti.errors import InputError
from affetti.files import read_bounded
from affetti.runtime.melody_config import MelodyModelConfig
from affetti.runtime.piano_config import PianoModelConfig
from affetti.runtime.recogniser_config import RecogniserConfig

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
DEFAULT_WEIGHTS = {"emoreg": "emoreg_autoregressive", "muser": "muser"}
"""The shipped weights that a system composes with when none are named."""

READER_WEIGHTS: Final = "emoreg_reader"
"""The shipped weights that read melodies."""

PIANO_READER_WEIGHTS: Final = "piano_recogniser"
"""The shipped weights that read piano pieces."""

NUMBERS = "model.safetensors"
MAX_CONFIG_BYTES = 1024 * 1024
MAX_GRAPH_BYTES = 1024 * 1024
MAX_WEIGHTS_BYTES = 512 * 1024 * 1024

Config = MelodyModelConfig | PianoModelConfig | RecogniserConfig

_CONFIGS: dict[str, type[Config]] = {
    "emoreg": MelodyModelConfig,
    "muser": PianoModelConfig,
    "recogniser": RecogniserConfig,
}


class _OfSystem(BaseModel):
    """The one thing of a config.json that says what the rest must be."""

    system: Literal["emoreg", "muser", "recogniser"]


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
            raise self.failure(error) from error
        return results

    def failure(self, error: Exception) -> InputError:
        """What to raise where onnxruntime fails."""
        return InputError(f"{self.path}: the graph fails ({str(error)[:200]})")


@dataclass(frozen=True, slots=True)
class Weights:
    """A weights folder that was found and checked, of any system."""

    folder: Path
    config: Config
    sha256: str
    """Digest of everything in the folder that decides what is composed, hexadecimal."""

    def graph(self, name: str, *, threads: int = 1) -> Graph:
        """One of the folder's graphs, by its name in `config.graphs`.

        One thread: a step is small, and a result must not depend on how many cores a machine has. Raises
        InputError for a missing or damaged graph, or one of other sizes than config.json says.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors only: warnings about folded constants mean nothing to a composer
        path = self.folder / f"{name}.onnx"
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises many kinds, all of which mean a bad folder
            raise InputError(f"{path}: not a usable ONNX graph ({str(error)[:200]})") from error
        found = tuple(
            {value.name: value.shape[1:] for value in side} for side in (session.get_inputs(), session.get_outputs())
        )
        if found != self.config.signature(name):
            raise InputError(f"{path}: not the graph that config.json describes")
        return Graph(path, session)

    def tensor(self, name: str) -> NDArray[Any]:
        """One of the folder's numbers. Raises InputError where there is none of that name."""
        from safetensors import safe_open

        path = self.folder / NUMBERS
        try:
            with safe_open(path, framework="np") as stream:
                tensor: NDArray[Any] = stream.get_tensor(name)
        except Exception as error:  # safetensors raises an exception of its own for every mistake
            raise InputError(f"{path}: not the numbers that config.json describes ({str(error)[:200]})") from error
        return tensor


@dataclass(frozen=True, slots=True)
class MelodyWeights(Weights):
    """Weights of the melody system."""

    config: MelodyModelConfig


@dataclass(frozen=True, slots=True)
class PianoWeights(Weights):
    """Weights of the piano system."""

    config: PianoModelConfig


@dataclass(frozen=True, slots=True)
class RecogniserWeights(Weights):
    """Weights that hear emotion in piano pieces."""

    config: RecogniserConfig


def shipped_names() -> list[str]:
    """The names of all weights that come with affetti."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))


def find_weights(name: str | Path) -> MelodyWeights | PianoWeights | RecogniserWeights:
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
        raise InputError(_absence(str(name)))
    digest = hashlib.sha256()
    stored = read_bounded(folder / "config.json", max_bytes=MAX_CONFIG_BYTES)
    try:
        config = _CONFIGS[_OfSystem.model_validate_json(stored).system].model_validate_json(stored)
    except ValidationError as error:
        raise InputError.of_validation(folder / "config.json", error.errors(), whole="file") from error
    digest.update(hashlib.sha256(stored).digest())
    for graph in config.graphs:
        digest.update(hashlib.sha256(read_bounded(folder / f"{graph}.onnx", max_bytes=MAX_GRAPH_BYTES)).digest())
    digest.update(hashlib.sha256(read_bounded(folder / NUMBERS, max_bytes=MAX_WEIGHTS_BYTES)).digest())
    if isinstance(config, PianoModelConfig):
        return PianoWeights(folder, config, digest.hexdigest())
    if isinstance(config, RecogniserConfig):
        return RecogniserWeights(folder, config, digest.hexdigest())
    return MelodyWeights(folder, config, digest.hexdigest())


def numbers_sha256(weights: Weights) -> str:
    """Digest of model.safetensors alone, hexadecimal."""
    return hashlib.sha256(read_bounded(weights.folder / NUMBERS, max_bytes=MAX_WEIGHTS_BYTES)).hexdigest()


def _absence(name: str) -> str:
    """Why there are no weights of this name, and what to do."""
    choices = f"name a folder or one of {', '.join(shipped_names())}"
    try:
        if (Path(name) / "weights" / "config.json").is_file():
            choices = f"it is a run, whose weights are in {Path(name) / 'weights'}"
    except (OSError, ValueError):  # as above
        pass
    return f"no weights {name[:80]!r}: {choices}"
