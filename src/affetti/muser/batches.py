"""Batches of pieces for training: pieces of like length side by side, so that there is hardly any padding.

A piece longer than the limit gives one excerpt an epoch, drawn anew each time. It begins and ends at bar lines, which
is sound because a Bar word says the tempo and chord in force, and its last bar has a note and is followed by the end
word, so an excerpt is a piece in the sense of the grammar; only what models how pieces end must not learn from it
(`Batch.ends`).

Pieces are left out where fewer than half of the bars are 4/4: bars are composed in 4/4, and a waltz would teach that
their last beat is empty. Shorter bars within a piece stay, as they are mostly upbeats and last bars.

What is drawn depends on the seed and the epoch alone, never on what was drawn before or on the number of processes.

Shapes: N pieces, B pieces of a batch, T words of its longest one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.errors import InputError
from affetti.muser.augmentation import Transposition, augmented
from affetti.tokens.elements import BAR, BAR_BEAT, END, NOTE, TYPE
from affetti.tokens.transposition import in_c

Integers = NDArray[np.int64]

LENGTH_JITTER = 0.1
"""By how much lengths are varied (as logarithms) before pieces are sorted: so who shares a batch differs by epoch."""


class Batch(NamedTuple):
    """Pieces to train on together."""

    words: NDArray[np.uint8]
    """[B, T, 7], zero in padding."""
    lengths: Integers
    """[B] words of each, its end word among them."""
    emotions: Integers
    """[B] quadrant 1-4, 0 for none."""
    ends: NDArray[np.bool_]
    """[B] false for an excerpt that is cut before the piece's end."""
    pieces: Integers
    """[B] numbers of the pieces."""

    def rows(self, chosen: slice) -> "Batch":
        """Some of the pieces, as wide as all were."""
        return Batch(
            self.words[chosen], self.lengths[chosen], self.emotions[chosen], self.ends[chosen], self.pieces[chosen]
        )

    def parts(self, count: int) -> list["Batch"]:
        """The pieces in at most `count` parts of like size, each as wide as its longest piece."""
        bounds = np.linspace(0, len(self.lengths), min(count, len(self.lengths)) + 1).round().astype(int).tolist()
        parts = [self.rows(slice(start, end)) for start, end in pairwise(bounds)]
        return [part._replace(words=part.words[:, : part.lengths.max()]) for part in parts]


class BatchTensors(NamedTuple):
    """A batch as the networks take it."""

    words: Tensor
    """int64 [B, T, 7], zero in padding."""
    mask: Tensor
    """bool [B, T], true where real."""
    emotions: Tensor
    """int64 [B]"""
    ends: Tensor
    """bool [B], as in Batch."""


def tensors(batch: Batch, device: torch.device) -> BatchTensors:
    """A batch as tensors on a device."""
    mask = np.arange(batch.words.shape[1]) < batch.lengths[:, None]
    arrays = (batch.words, mask, batch.emotions, batch.ends)
    words, *others = (torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays)
    return BatchTensors(words.long(), *others)


class Excerpt(NamedTuple):
    """Words `start` to `end` of a piece, without the end word that follows them."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Where a piece of T words can be cut."""

    starts: Integers
    """[M] number of the word that begins each bar."""
    ends: Integers
    """[M] number of the word after each bar."""
    has_note: NDArray[np.bool_]
    """[M]"""

    def longest_from(self, limit: int) -> Integers:
        """[M] the last bar that has a note of at most `limit` words from each bar on; -1 where there is none."""
        last = np.searchsorted(self.ends, self.starts + limit, side="right") - 1
        noted = np.maximum.accumulate(np.where(self.has_note, np.arange(len(self.starts)), -1))
        found = np.where(last >= 0, noted[last], -1)
        return np.where(found >= np.arange(len(found)), found, -1)


def bars_of(words: NDArray[np.uint8]) -> Bars:
    """The bars of grammatical words [T, 7]."""
    starts = np.flatnonzero(words[:, BAR_BEAT] == BAR)
    notes = np.append(0, np.cumsum(words[:, TYPE] == NOTE))
    ends = np.append(starts[1:], len(words) - 1)
    return Bars(starts, ends, notes[ends] > notes[starts])


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPieces:
    """Pieces of a split of several corpora, in order."""

    words: tuple[NDArray[np.uint8], ...]
    """[N] of [T, 7], mapped from the prepared corpora's files."""
    bars: tuple[Bars, ...]
    emotions: Integers
    """[N] quadrants, 0 for none."""

    def __len__(self) -> int:
        return len(self.words)

    def excerpt(self, index: int, max_words: int, random: np.random.Generator | None) -> Excerpt:
        """The whole piece where it has at most `max_words`, else a part that with its end word has at most as many.

        It begins at any bar from which it can be as long as the limit allows or reach the piece's end, all equally
        likely; without `random` at the first one. Raises InputError where a bar is too long for any.
        """
        whole = len(self.words[index]) - 1
        if whole < max_words:
            return Excerpt(0, whole)
        bars = self.bars[index]
        last = bars.longest_from(max_words - 1)
        reaches_end = int(np.argmax(last == len(last) - 1)) if last[-1] >= 0 else len(last) - 1
        possible = np.flatnonzero(last[: reaches_end + 1] >= 0)
        if not len(possible):
            raise InputError(f"a piece has no bar with notes of fewer than {max_words} words; raise max_words")
        first = int(possible[0] if random is None else random.choice(possible))
        return Excerpt(int(bars.starts[first]), int(bars.ends[last[first]]))


def training_pieces(corpora: Sequence[PreparedPieces], split: str) -> TrainingPieces:
    """The pieces of a split that are mostly in 4/4, of all corpora."""
    words, emotions = [], []
    for corpus in corpora:
        indices = corpus.split_indices(split)
        for index in indices[corpus.are_mostly_4_4[indices]]:
            words.append(corpus.piece(int(index)).words)
            emotions.append(int(corpus.quadrants[index]))
    return TrainingPieces(tuple(words), tuple(map(bars_of, words)), np.asarray(emotions, np.int64))


@dataclass(frozen=True, slots=True)
class Batching:
    """How pieces become batches; the fields are those of TrainingConfig."""

    max_words: int
    batch_pieces: int
    batch_words: int
    transposition: Transposition = "none"
    tempo_shift: int = 0
    label_dropout: float = 0.0

    def fewest_pieces(self, pieces: int) -> int:
        """How many pieces a batch has at least, where there are so many in all: half of what fits at any length."""
        full = min(self.batch_pieces, self.batch_words // self.max_words)
        return min(pieces, (full + 1) // 2)


def training_batches(pieces: TrainingPieces, batching: Batching, *, seed: int, epoch: int) -> "EpochBatches":
    """The batches of an epoch: every piece once, excerpts, order and augmentation drawn by seed and epoch."""
    random = np.random.default_rng([seed, epoch])
    excerpts = [pieces.excerpt(index, batching.max_words, random) for index in range(len(pieces))]
    lengths = np.asarray([excerpt.end - excerpt.start + 1 for excerpt in excerpts])
    jitter = random.uniform(-LENGTH_JITTER, LENGTH_JITTER, len(lengths))
    groups = _groups(np.argsort(-(np.log(lengths) + jitter), kind="stable"), lengths, batching)
    order = random.permutation(len(groups))
    return EpochBatches(pieces, batching, excerpts, [groups[number] for number in order], random)


def measuring_batches(pieces: TrainingPieces, batching: Batching) -> "EpochBatches":
    """The same pieces in the same batches each time, nothing drawn: a long piece gives its beginning."""
    excerpts = [pieces.excerpt(index, batching.max_words, None) for index in range(len(pieces))]
    lengths = np.asarray([excerpt.end - excerpt.start + 1 for excerpt in excerpts], np.int64)
    return EpochBatches(
        pieces, batching, excerpts, _groups(np.argsort(-lengths, kind="stable"), lengths, batching), None
    )


@dataclass(frozen=True, slots=True, eq=False)
class EpochBatches:
    """The batches of an epoch, each made when it is asked for; iterate over them once."""

    pieces: TrainingPieces
    batching: Batching
    excerpts: Sequence[Excerpt]
    groups: Sequence[Integers]
    """The pieces of each batch."""
    random: np.random.Generator | None

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Batch]:
        return (self._batch(group) for group in self.groups)

    def _batch(self, group: Integers) -> Batch:
        excerpts = [self.excerpts[index] for index in group]
        lengths = np.asarray([excerpt.end - excerpt.start + 1 for excerpt in excerpts], np.int64)
        words = np.zeros((len(group), lengths.max(), self.pieces.words[0].shape[1]), np.uint8)
        for row, index, excerpt in zip(words, group, excerpts, strict=True):
            row[: excerpt.end - excerpt.start] = self.pieces.words[index][excerpt.start : excerpt.end]
            row[excerpt.end - excerpt.start, TYPE] = END
        ends = [
            excerpt.end == len(self.pieces.words[index]) - 1 for index, excerpt in zip(group, excerpts, strict=True)
        ]
        if self.batching.transposition == "to_c":
            words = in_c(words)
        batch = Batch(words, lengths, self.pieces.emotions[group], np.asarray(ends), group)
        return batch if self.random is None else self._varied(batch, self.random)

    def _varied(self, batch: Batch, random: np.random.Generator) -> Batch:
        words = augmented(
            batch.words,
            random,
            transposition=self.batching.transposition == "random",
            tempo_shift=self.batching.tempo_shift,
        )
        told = random.random(len(batch.lengths)) >= self.batching.label_dropout
        return batch._replace(words=words, emotions=np.where(told, batch.emotions, 0))


def _groups(order: Integers, lengths: Integers, batching: Batching) -> list[Integers]:
    """Pieces in this order cut into batches within the limits; a last one that is tiny gets some of the one before."""
    groups: list[list[int]] = []
    longest = 0
    for index in order.tolist():
        longest = max(longest, int(lengths[index]))
        full = groups and len(groups[-1]) >= batching.batch_pieces
        if not groups or full or longest * (len(groups[-1]) + 1) > batching.batch_words:
            groups.append([])
            longest = int(lengths[index])
        groups[-1].append(index)
    if len(groups) > 1:
        missing = batching.fewest_pieces(len(order)) - len(groups[-1])
        if missing > 0:
            groups[-1] = groups[-2][-missing:] + groups[-1]
            groups[-2] = groups[-2][:-missing]
    return [np.asarray(group, np.int64) for group in groups]
