"""Melodies ready to train on: token arrays with their names, labels and tunes in one safetensors file."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affetti.corpora.corpus import not_prepared, prepared_path, quadrant_counts, quadrant_summary
from affetti.errors import InputError
from affetti.files import write_whole
from affetti.tokens.melody import HOLD, PHRASE_STEPS


@dataclass(frozen=True, slots=True, eq=False)
class PreparedMelodies:
    """N melodies of four 4/4 bars."""

    names: tuple[str, ...]
    """Where each comes from, for example "e1/bwv1.6.mxl.mid"."""
    tokens: NDArray[np.int16]
    """[N, 64], values 0-129 (tokens.melody)."""
    quadrants: NDArray[np.int8]
    """[N], 1-4, or 0 where a melody has no label."""
    tunes: NDArray[np.int32]
    """[N], the tune group of each (corpora.tunes)."""

    def __post_init__(self) -> None:
        count = len(self.names)
        for array, dtype, shape in (
            (self.tokens, "int16", (count, PHRASE_STEPS)),
            (self.quadrants, "int8", (count,)),
            (self.tunes, "int32", (count,)),
        ):
            if array.dtype.name != dtype or array.shape != shape:
                raise ValueError(f"{array.dtype} {list(array.shape)} where {dtype} {list(shape)} is needed")
        if count and (self.tokens.min() < 0 or self.tokens.max() > HOLD):
            raise ValueError(f"tokens outside 0-{HOLD}")
        if count and (self.quadrants.min() < 0 or self.quadrants.max() > 4):
            raise ValueError("quadrants outside 0-4")

    def __len__(self) -> int:
        return len(self.names)

    def sha256(self) -> str:
        """Digest of what a model learns from: tokens, quadrants and tunes, in their order."""
        content = (np.ascontiguousarray(array).tobytes() for array in (self.tokens, self.quadrants, self.tunes))
        return hashlib.sha256(b"".join(content)).hexdigest()

    def save(self, path: Path) -> None:
        """Write (or replace) them, whole or not at all. The same melodies give the same bytes."""
        from safetensors.numpy import save

        tensors = {"tokens": self.tokens, "quadrants": self.quadrants, "tunes": self.tunes}
        contiguous = {key: np.ascontiguousarray(tensor) for key, tensor in tensors.items()}
        metadata = {"names": json.dumps(self.names, ensure_ascii=False)}
        write_whole(path, save(contiguous, metadata=metadata), force=True)

    def counts(self) -> dict[str, Any]:
        """How many melodies, of each emotion, and tunes there are."""
        return {
            "melodies": len(self),
            "quadrants": quadrant_counts(self.quadrants),
            "tunes": len(set(self.tunes.tolist())),
        }

    def summary(self) -> str:
        """For example "344 melodies (Q1 80, Q2 79, Q3 93, Q4 92), 141 tunes"."""
        counts = self.counts()
        return f"{len(self)} melodies ({quadrant_summary(counts['quadrants'])}), {counts['tunes']} tunes"


def load_prepared(name: str) -> PreparedMelodies:
    """The prepared corpus `name`. Raises InputError that says which command makes it where it is missing."""
    path = prepared_path(name)
    if not path.is_file():
        raise not_prepared(name)
    return read_prepared(path)


def read_prepared(path: Path) -> PreparedMelodies:
    """The prepared corpus in one file. Raises InputError for a file that is not one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stored:
            names = tuple(json.loads((stored.metadata() or {})["names"]))
            tensors = {key: stored.get_tensor(key) for key in ("tokens", "quadrants", "tunes")}
        return PreparedMelodies(names, **tensors)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not a prepared corpus ({error}); prepare it again") from error
