"""What a training run left for evaluation: latent positions at some epochs, and the held-out folds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.pitch import Integers, Reals
from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.errors import InputError
from affetti.evaluation.placement import Placement, placement, pooled
from affetti.tokens.melody_notes import known_mean

FINAL = "the end"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Latent positions of the training melodies [N, L] and their labels 1-4 [N] at one moment of training."""

    moment: str
    positions: Reals
    quadrants: Integers

    @property
    def placement(self) -> Placement:
        """Table 2's figures at this moment."""
        return placement(self.positions, self.quadrants)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Cross-validation: each fold's melodies placed by a model that was trained without them."""

    folds: tuple[Placement, ...]
    melodies: int
    """Melodies held out in some fold; each is held out at most once."""
    split_tunes: int
    """Tunes that lie in more than one fold: 0, or the folds are not independent."""

    @property
    def accuracies(self) -> Reals:
        """D_1..D_4 [4]: the mean over the folds that hold melodies of the emotion."""
        return np.asarray([known_mean(shares) for shares in np.stack([one.accuracies for one in self.folds]).T])

    @property
    def mean(self) -> float:
        """The folds' mean D, averaged, 0-1."""
        return known_mean(np.asarray([fold.mean for fold in self.folds]))

    @property
    def deviation(self) -> float:
        """Standard deviation of the folds' mean D (dividing by their number)."""
        return float(np.std([fold.mean for fold in self.folds]))

    @property
    def all_folds(self) -> Placement:
        """All held-out melodies in one confusion table."""
        return pooled(self.folds)


def read_snapshots(run: Path) -> tuple[Snapshot, ...]:
    """The run's latent positions in order of time (latents/epoch_NNNN.safetensors, final); () without any.

    Raises InputError for a file that does not hold them.
    """
    files = sorted((run / "latents").glob("epoch_*.safetensors"))
    final = run / "latents" / "final.safetensors"
    return tuple(_read_snapshot(file) for file in [*files, *([final] if final.is_file() else [])])


def _read_snapshot(file: Path) -> Snapshot:
    tensors = _tensors(file, "positions", "quadrants")
    epoch = file.stem.removeprefix("epoch_")
    moment = FINAL if file.stem == "final" else "the start" if epoch.strip("0") == "" else f"epoch {epoch.lstrip('0')}"
    labelled = tensors["quadrants"] > 0
    try:
        snapshot = Snapshot(
            moment,
            tensors["positions"][labelled].astype(np.float64),
            tensors["quadrants"][labelled].astype(np.int64),
        )
        _ = snapshot.placement  # checks shapes and values
    except (ValueError, IndexError) as error:
        raise InputError(f"{file} does not hold latent positions: {error}") from error
    return snapshot


def read_held_out(run: Path, corpus: PreparedMelodies) -> HeldOut | None:
    """The run's folds (folds/K/held_out.safetensors) measured; None where the run has no cross-validation.

    Raises InputError for a fold that is missing or broken, or folds of another corpus.
    """
    folders = sorted((run / "folds").glob("[0-9]*"), key=lambda folder: folder.name.zfill(4))
    if not folders:
        return None
    placements: list[Placement] = []
    fold_of = np.full(len(corpus), -1)
    for number, folder in enumerate(folders):
        file = folder / "held_out.safetensors"
        tensors = _tensors(file, "positions", "quadrants", "indices")
        indices, labels = tensors["indices"], tensors["quadrants"]
        inside = indices.ndim == 1 and indices.size > 0 and indices.min() >= 0 and indices.max() < len(corpus)
        if not inside or not np.array_equal(corpus.quadrants[indices], labels):
            raise InputError(f"{file} is about other melodies than the prepared corpus; prepare that corpus again")
        if (fold_of[indices] >= 0).any() or len(set(indices.tolist())) < len(indices):
            raise InputError(f"{file} holds out a melody that is held out elsewhere as well")
        fold_of[indices] = number
        labelled = labels > 0
        try:
            placements.append(placement(tensors["positions"][labelled], labels[labelled]))
        except (ValueError, IndexError) as error:
            raise InputError(f"{file} does not hold latent positions: {error}") from error
    held_out = fold_of >= 0
    pairs = {
        (tune, fold) for tune, fold in zip(corpus.tunes[held_out].tolist(), fold_of[held_out].tolist(), strict=True)
    }
    split = len(pairs) - len({tune for tune, _ in pairs})
    return HeldOut(tuple(placements), int(held_out.sum()), split)


def _tensors(file: Path, *names: str) -> dict[str, NDArray[Any]]:
    """Tensors of a safetensors file. Raises InputError where it or one of them is missing."""
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        raise InputError(f"{file} is missing: the run is not finished")
    try:
        with safe_open(file, framework="numpy") as stored:
            return {name: stored.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
