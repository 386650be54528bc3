"""Provenance: how a composed piece came to be, stored in the piece itself, so that it can be made again."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypedDict

from affetti.emotion import Emotion, Quadrant, parse_quadrant
from affetti.errors import InputError
from affetti.piece import Piece
from affetti.runtime.emotion_path import EmotionPath, Wanted, parse_path, wanted_of
from affetti.runtime.piano_phrases import Form
from affetti.runtime.weights import shipped_names

FIELD = "affetti"
"""The key that marks a marker's JSON as provenance; its value is the version that composed the piece."""

MAX_PROVENANCE_CHARACTERS = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Provenance:
    system: str
    weights: str
    weights_sha256: str
    licence: str
    seed: int
    piece: int
    """Number of the piece within its call, from 0."""
    valence: float | None
    arousal: float | None
    quadrant: str | None
    """The name of the quadrant asked for, where no point was."""
    path: str | None
    """The path asked for, as `emotion_path.parse_path` reads it, where neither was."""

    def to_json(self) -> str:
        """One line of ASCII JSON."""
        return json.dumps({FIELD: _version(), **asdict(self)}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Provenance(_Provenance):
    """Everything that decides a composed melody's bytes, and the licence of the weights that made it."""

    bars: int
    quarters_per_minute: float
    key: str | None
    temperature: float
    nucleus: float
    greedy: bool


@dataclass(frozen=True, slots=True)
class PianoProvenance(_Provenance):
    """The same of a piano piece; what is None was left to the model."""

    bars: int | None
    quarters_per_minute: float | None
    key: str | None
    temperatures: tuple[float, ...]
    """Of the codes, then of each element."""
    nuclei: tuple[float, ...]
    """Likewise."""
    greedy: bool
    strength: float
    drafts: int
    chooser_sha256: str | None
    """The recogniser that chose among drafts; None for one draft."""
    form: Form
    backend: Literal["onnx", "torch"]
    """What computed it: the two round differently, so now and then they draw another note."""


_SCHEMAS: dict[str, type[Provenance] | type[PianoProvenance]] = {"muser": PianoProvenance}
"""By system; what a file calls anything else is read as a melody's."""


class _Asked(TypedDict):
    valence: float | None
    arousal: float | None
    quadrant: str | None
    path: str | None


def told_of(wanted: Wanted) -> _Asked:
    """What a provenance says of what was asked for."""
    return {
        "valence": wanted.valence if isinstance(wanted, Emotion) else None,
        "arousal": wanted.arousal if isinstance(wanted, Emotion) else None,
        "quadrant": wanted.name if isinstance(wanted, Quadrant) else None,
        "path": str(wanted) if isinstance(wanted, EmotionPath) else None,
    }


def asked_for(provenance: Provenance | PianoProvenance) -> Wanted:
    """What was asked for. Raises InputError where the provenance does not say one thing."""
    quadrant = None if provenance.quadrant is None else parse_quadrant(provenance.quadrant)
    path = None if provenance.path is None else parse_path(provenance.path)  # never the name of a file
    return wanted_of(quadrant, provenance.valence, provenance.arousal, path)


def read_provenance(piece: Piece) -> Provenance | PianoProvenance:
    """The provenance stored in a piece. Raises InputError when there is none or it is not understood."""
    for marker in piece.markers:
        if len(marker.text) <= MAX_PROVENANCE_CHARACTERS and marker.text.startswith("{"):
            try:
                content = json.loads(marker.text)
            except (ValueError, RecursionError):
                continue
            if isinstance(content, dict) and FIELD in content:
                return _validated(content)
    raise InputError("no provenance of affetti in this file: only pieces that affetti composed can be replayed")


@cache
def _version() -> str:
    return version("affetti")


def _schema(kind: type[Provenance] | type[PianoProvenance]) -> Any:
    from pydantic import ConfigDict, TypeAdapter, with_config

    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(kind))


def _validated(content: dict[str, Any]) -> Provenance | PianoProvenance:
    composed_by = content.pop(FIELD)
    kind = _SCHEMAS.get(str(content.get("system")), Provenance)
    try:
        provenance: Provenance | PianoProvenance = _schema(kind).validate_python(content)
    except ValueError as error:
        raise InputError(
            f"the provenance in this file (of affetti {str(composed_by)[:40]}) is not understood by {_version()}"
        ) from error
    return provenance


def replay(piece: Piece, weights: str | Path | None = None) -> Piece:
    """The piece that its provenance describes, composed again.

    A file may name only weights that come with affetti: which folders of this machine are opened is for its user to
    say, with `weights`. Raises InputError when the weights are not here or are others than the piece was made with.
    """
    import affetti
    from affetti.runtime.melody_model import MelodyModel
    from affetti.runtime.piano_drafts import chooser_sha256
    from affetti.runtime.piano_model import PianoModel

    provenance = read_provenance(piece)
    if weights is None and provenance.weights not in shipped_names():
        name = repr(provenance.weights[:64])
        raise InputError(f"composed with {name}, which does not come with affetti: name its folder with --weights")
    backend = provenance.backend if isinstance(provenance, PianoProvenance) else "onnx"
    model = affetti.load(provenance.weights if weights is None else weights, backend=backend)
    if model.weights_hash != provenance.weights_sha256:
        raise InputError(
            f"composed with other weights {provenance.weights} ({provenance.weights_sha256[:12]}) "
            f"than those here ({model.weights_hash[:12]})"
        )
    if isinstance(model, PianoModel):
        if isinstance(provenance, PianoProvenance):
            if provenance.chooser_sha256 != chooser_sha256(provenance.drafts):
                raise InputError("its drafts were chosen by another recogniser than the one here")
            return model.compose_again(provenance)
    elif isinstance(model, MelodyModel) and isinstance(provenance, Provenance):
        return model.compose_again(provenance)
    raise InputError(f"the provenance in this file is not of {model.config.system}, whose weights it names")
