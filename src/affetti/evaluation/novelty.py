"""Novelty: how near melodies come to the melodies they were (or could have been) copied from.

Pitches only, rhythm left out, as in the project's known figures for the real and the published melodies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.edit_distance import Pitches, normalized_pitch_distances, pitch_sequences
from affetti.analysis.pitch import Integers, Reals
from affetti.corpora.tunes import NEAR_IDENTICAL
from affetti.tokens.melody_notes import checked_tokens

RUN = 8
"""Notes in a run: so many that two tunes seldom share one by chance, so few that the sad and calm melodies,
which have 8 notes on average, mostly have one."""
_ROWS_AT_ONCE = 128  # melodies compared with all references in one step: bounds memory, keeps it in the cache

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Novelty:
    """Each of N melodies beside the references it may be compared with.

    `nearest` [N] is the normalized pitch edit distance (0-1) to the nearest one, `nearest_index` [N] its row.
    `runs` [N] counts the melody's runs of eight pitches, `copied_runs` [N] those that occur in a reference.
    `longest_run` [N] is the longest run of pitches, in notes, shared with any one reference.
    `notes` [N] is the melody's length in notes.
    """

    nearest: Reals
    nearest_index: Integers
    runs: Integers
    copied_runs: Integers
    longest_run: Integers
    notes: Integers

    @property
    def identical_share(self) -> float:
        """Share of melodies with exactly the pitches of a reference, 0-1; NaN without melodies."""
        return _share(self.nearest == 0)

    @property
    def near_identical_share(self) -> float:
        """Share of melodies at most NEAR_IDENTICAL from a reference, identical ones included, 0-1."""
        return _share(self.nearest <= NEAR_IDENTICAL)

    @property
    def copied_run_share(self) -> float:
        """Share of all melodies' runs of eight pitches that occur in a reference, 0-1; NaN without runs."""
        runs = int(self.runs.sum())
        return int(self.copied_runs.sum()) / runs if runs else float("nan")

    @property
    def longest_run_shares(self) -> Reals:
        """The longest common run as a share of the melody's notes [N], 0-1; 0 for a melody without notes."""
        return self.longest_run / np.maximum(self.notes, 1)

    def of(self, chosen: Mask) -> "Novelty":
        """The melodies where `chosen` [N] is true."""
        return Novelty(*(getattr(self, field.name)[chosen] for field in fields(self)))


def novelty(melodies: NDArray[np.integer], references: NDArray[np.integer], excluded: Mask | None = None) -> Novelty:
    """Each melody [N, T] beside the references [M, T], but for pairs where `excluded` [N, M] is true.

    `excluded` keeps a real melody from being compared with itself, or with other versions of its tune.
    Raises ValueError for no melodies, tokens that are none, a mask of another shape, or a melody that has
    nothing left to be compared with.
    """
    first, second = pitch_sequences(_int16(melodies)), pitch_sequences(_int16(references))
    if not first or not second:
        raise ValueError("novelty needs at least one melody and one reference")
    mask = np.zeros((len(first), len(second)), bool) if excluded is None else np.asarray(excluded)
    if mask.shape != (len(first), len(second)) or mask.dtype != bool:
        raise ValueError(f"excluded is bool [{len(first)}, {len(second)}], not {mask.dtype} {list(mask.shape)}")
    if mask.all(axis=1).any():
        raise ValueError("a melody has no reference left to be compared with")
    distances = np.where(mask, np.inf, normalized_pitch_distances(first, second))
    runs, copied = _copied_runs(first, second, mask)
    return Novelty(
        nearest=distances.min(axis=1),
        nearest_index=distances.argmin(axis=1),
        runs=runs,
        copied_runs=copied,
        longest_run=np.where(mask, 0, longest_common_runs(first, second)).max(axis=1),
        notes=np.asarray([len(one) for one in first]),
    )


def novelty_among(melodies: NDArray[np.integer], groups: NDArray[np.integer] | None = None) -> Novelty:
    """Each melody [N, T] beside all others of the same set, or beside those of other `groups` [N] (tunes).

    Raises ValueError for fewer than two melodies, or groups of another shape.
    """
    count = len(melodies)
    own = np.arange(count) if groups is None else np.asarray(groups)
    if own.shape != (count,):
        raise ValueError(f"groups are [{count}], not {list(own.shape)}")
    return novelty(melodies, melodies, own[:, None] == own[None, :])


def longest_common_runs(first: Sequence[Pitches], second: Sequence[Pitches]) -> Integers:
    """The longest run of pitches, in notes, that each pair shares (longest common substring): [N, M]."""
    # Fillers that differ, so that no filler matches anything; pitches are 0-127 and counts fit in a byte.
    rows, columns = _padded(first, -1), _padded(second, -2)
    longest = np.zeros((len(first), len(second)), np.int16)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        chunk = rows[start : start + _ROWS_AT_ONCE]
        length = np.zeros((len(chunk), len(columns), columns.shape[1] + 1), np.int16)
        best = longest[start : start + _ROWS_AT_ONCE]
        for note in range(chunk.shape[1]):
            # A run that ends here is one longer than the run that ended one note earlier in both melodies.
            matches = chunk[:, None, note, None] == columns[None]
            length[:, :, 1:] = (length[:, :, :-1] + 1) * matches
            np.maximum(best, length.max(axis=2), out=best)
    return longest.astype(np.int64)


def _copied_runs(first: Sequence[Pitches], second: Sequence[Pitches], excluded: Mask) -> tuple[Integers, Integers]:
    """Runs of RUN pitches of each melody, and how many occur in a reference that is not excluded: two [N]."""
    numbers: dict[bytes, int] = {}
    own = [_run_numbers(one, numbers) for one in first]
    occurs = np.zeros((len(numbers), len(second)), bool)
    for column, one in enumerate(second):
        known = [numbers[key] for key in _run_keys(one) if key in numbers]
        occurs[known, column] = True
    runs = np.asarray([len(one) for one in own])
    copied = np.asarray([(occurs[one] & ~excluded[row]).any(axis=1).sum() for row, one in enumerate(own)])
    return runs, copied


def _run_keys(pitches: Pitches) -> list[bytes]:
    return [pitches[start : start + RUN].tobytes() for start in range(len(pitches) - RUN + 1)]


def _run_numbers(pitches: Pitches, numbers: dict[bytes, int]) -> Integers:
    """The melody's runs as numbers, new runs entered into `numbers`."""
    return np.asarray([numbers.setdefault(key, len(numbers)) for key in _run_keys(pitches)], np.int64)


def _padded(sequences: Sequence[Pitches], filler: int) -> NDArray[np.int16]:
    """The sequences as rows of one array, filled up with `filler`."""
    padded = np.full((len(sequences), max((len(one) for one in sequences), default=0)), filler, np.int16)
    for row, one in enumerate(sequences):
        padded[row, : len(one)] = one
    return padded


def _share(chosen: Mask) -> float:
    return float(chosen.mean()) if chosen.size else float("nan")


def _int16(tokens: NDArray[np.integer]) -> NDArray[np.int16]:
    return checked_tokens(tokens).astype(np.int16)
