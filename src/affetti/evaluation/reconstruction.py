"""How well the piano system writes down again what it has read: real pieces through their codes and back.

Twice, by the exported graphs, a word at a time:

- Teacher-forced: before each word the decoder is told the true words before it (and, as in training, the true type
  before the other elements). What it finds likeliest is compared with what stands there.
- Free-running: it is told the codes alone and goes on from its own words, as in composing, but always with the
  likeliest that the grammar allows. One word more or less shifts all that follow, so beside the comparison word by
  word, which decays, the music is compared: which notes are struck where.

Shapes: N pieces, B pieces of a batch, T words of a piece, E = 7 elements, G codebooks of K codes, L latent numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.evaluation.likeness import Likeness, content, likeness
from affetti.runtime.emotion_weights import one_hot
from affetti.tokens.elements import (
    ELEMENTS,
    TYPE,
    Integers,
    Reals,
)
from affetti.tokens.grammar import Words

if TYPE_CHECKING:
    from affetti.runtime.piano_model import PianoModel

BATCH = 32
"""Pieces that the decoder reads side by side."""

_SHRINK = 0.75
"""A batch goes on with the pieces that are not over once they are so few of it."""

Done = Callable[[int], None]
"""Told how many words have been worked through since it was told last."""
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CodedPieces:
    """Real pieces, their emotions, and the codes that the encoder gives them."""

    words: tuple[Words, ...]
    """[N] of [T, 7]"""
    emotions: Integers
    """[N] quadrants 1-4, 0 for none"""
    codes: tuple[Integers, ...]
    """[N] of [T, G]"""

    def __len__(self) -> int:
        return len(self.words)

    def batches(self) -> Iterator["CodedPieces"]:
        """Pieces of like length together, the longest first."""
        for rows in alike(self.words):
            words, codes = tuple(self.words[row] for row in rows), tuple(self.codes[row] for row in rows)
            yield CodedPieces(words, self.emotions[rows], codes)


@dataclass(frozen=True, slots=True, eq=False)
class CodeUsage:
    """How often each code occurs, [G, K]."""

    counts: Integers

    @property
    def perplexity(self) -> float:
        """How many codes, used equally often, would be as hard to guess; mean of the codebooks."""
        shares = self.counts / self.counts.sum(axis=1, keepdims=True)
        entropy = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)
        return float(np.exp(entropy).mean())

    @property
    def unused(self) -> float:
        """Codes that never occur; mean of the codebooks."""
        return float((self.counts == 0).sum(axis=1).mean())


@dataclass(frozen=True, slots=True, eq=False)
class TeacherForced:
    """What the decoder finds likeliest beside the true words before it; arrays are [E]."""

    words: int
    said: Integers
    """Words that use the element: tempo, chord and bar-beat are of metrical words, pitch, duration and velocity of
    notes. In the others it is 0, which the type, told beforehand, gives away."""
    right: Integers
    """Of all words those that have it right."""
    right_where_said: Integers
    nats: Reals
    """Cross-entropy, mean over all words: what training makes small."""
    commonest: Reals
    """Of the words that use the element, the share of its commonest value: what a guess without listening has right."""

    @property
    def accuracy(self) -> Reals:
        """[E] over all words, as the training log has it."""
        return self.right / self.words

    @property
    def accuracy_where_said(self) -> Reals:
        """[E] over the words that use the element."""
        return self.right_where_said / np.maximum(self.said, 1)


@dataclass(frozen=True, slots=True, eq=False)
class FreeRunning:
    """What the decoder makes of the codes alone."""

    aligned: Reals
    """[E] share of the real words, of all, whose element is right in the word of the same number."""
    likeness: Likeness
    chance: Likeness
    """The same between each real piece and the next: what is there to be shared by music that is not the same."""
    words: tuple[int, int]
    """Written and real."""


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """All that is measured of one model on one split."""

    pieces: int
    left_out: int
    """Pieces of the split that are mostly not in 4/4, which the system neither learns from nor writes."""
    teacher_forced: TeacherForced
    free_running: FreeRunning
    usage: dict[str, CodeUsage]
    """By split: that which is measured, and the training split, where a code that never occurs is dead."""


# ---- measuring


def split_pieces(corpus: PreparedPieces, split: str) -> tuple[list[int], int]:
    """The pieces of a split that are mostly in 4/4, and how many are not."""
    indices = corpus.split_indices(split).tolist()
    kept = [index for index in indices if corpus.are_mostly_4_4[index]]
    return kept, len(indices) - len(kept)


def coded(model: "PianoModel", corpus: PreparedPieces, indices: Sequence[int], done: Done) -> CodedPieces:
    """Pieces of a corpus with their codes."""
    words = tuple(np.asarray(corpus.piece(index).words) for index in indices)
    codes: list[Integers] = []
    for own in words:
        codes.append(model.codes(own))
        done(len(own))
    return CodedPieces(words, corpus.quadrants[list(indices)].astype(np.int64), tuple(codes))


def code_usage(model: "PianoModel", pieces: CodedPieces) -> CodeUsage:
    """How often the pieces use each code."""
    together = np.concatenate(pieces.codes)
    size = model.config.model.codes
    return CodeUsage(np.stack([np.bincount(book, minlength=size) for book in together.T]))


def teacher_forced(model: "PianoModel", pieces: CodedPieces, done: Done) -> TeacherForced:
    """How well the decoder guesses each word from those before it."""
    right, right_where_said = np.zeros((2, len(ELEMENTS)), np.int64)
    nats = np.zeros(len(ELEMENTS))
    for batch in pieces.batches():
        latents = [model.codebook.look_up(codes) for codes in batch.codes]
        reader = Reader(model, batch.words, latents, batch.emotions)
        for step in range(reader.longest):
            truth, logits = reader.step(step)
            guesses = np.stack([one.argmax(axis=1) for one in logits], axis=1)
            hits = guesses == truth
            right += hits.sum(axis=0)
            right_where_said += (hits & (truth > 0)).sum(axis=0)
            nats += [_nats(one, own) for one, own in zip(logits, truth.T, strict=True)]
            done(len(truth))
    together = np.concatenate(pieces.words)
    said = (together > 0).sum(axis=0)
    commonest = [np.bincount(column[column > 0], minlength=1).max() for column in together.T] / np.maximum(said, 1)
    return TeacherForced(len(together), said, right, right_where_said, nats / len(together), commonest)


def free_running(model: "PianoModel", pieces: CodedPieces, done: Done) -> FreeRunning:
    """What the decoder writes from the codes alone, beside the real pieces."""
    real: list[Words] = []
    written: list[Words] = []
    greedy = model.sampling(greedy=True)
    for batch in pieces.batches():
        quadrants = [Quadrant(emotion) if emotion else None for emotion in batch.emotions.tolist()]
        real += batch.words
        written += model.write(batch.codes, quadrants, sampling=greedy)
        done(sum(map(len, batch.words)))
    hits = np.zeros(len(ELEMENTS), np.int64)
    for own, other in zip(written, real, strict=True):
        both = min(len(own), len(other))
        hits += (own[:both] == other[:both]).sum(axis=0)
    contents, others = [content(own) for own in real], [content(own) for own in written]
    return FreeRunning(
        hits / sum(map(len, real)),
        likeness(others, contents),
        likeness([*contents[1:], *contents[:1]], contents),
        (sum(map(len, written)), sum(map(len, real))),
    )


def measure(model: "PianoModel", corpus: PreparedPieces, split: str, done: Done) -> Reconstruction:
    """Everything, on the pieces of one split; `done` is told of `words_to_work_through` in all.

    Raises InputError for a split without pieces in 4/4.
    """
    indices, left_out = split_pieces(corpus, split)
    if not indices:
        raise InputError(f"{corpus.origin.corpus} has no pieces in 4/4 in its {split} split")
    pieces = coded(model, corpus, indices, done)
    usage = {split: code_usage(model, pieces)}
    learned_from, _ = split_pieces(corpus, "train")
    if split != "train" and learned_from:
        usage["train"] = code_usage(model, coded(model, corpus, learned_from, done))
    return Reconstruction(
        len(pieces),
        left_out,
        teacher_forced(model, pieces, done),
        free_running(model, pieces, done),
        usage,
    )


def words_to_work_through(corpus: PreparedPieces, split: str) -> int:
    """How many words `measure` reads: the split's three times, and the training split's for its codes."""
    lengths = np.diff(corpus.word_offsets)
    words = {name: int(lengths[split_pieces(corpus, name)[0]].sum()) for name in {split, "train"}}
    return 3 * words[split] + (words["train"] if split != "train" else 0)


# ---- the decoder at work


def alike(words: Sequence[Words]) -> Iterator[list[int]]:
    """The numbers of pieces in batches of like length, the longest first."""
    order = sorted(range(len(words)), key=lambda index: -len(words[index]))
    for start in range(0, len(order), BATCH):
        yield order[start : start + BATCH]


class Reader:
    """The decoder reading B pieces, [B] of [T, E], all at the same word, with their latents, [B] of [T, L], before it.

    emotions: [B] quadrants 1-4, 0 for none.
    """

    def __init__(
        self, model: "PianoModel", words: Sequence[Words], latents: Sequence[Floats], emotions: Integers
    ) -> None:
        self.lengths = np.asarray([len(own) for own in words])
        self.longest = int(self.lengths.max())
        self.words = np.zeros((len(words), 1 + self.longest, len(ELEMENTS)), np.int64)  # zeros before the first
        self.latents = np.zeros((len(words), self.longest, latents[0].shape[-1]), np.float32)
        self.decoder = model.steps.decoder(one_hot(emotions))
        for row, (own, its_latents) in enumerate(zip(words, latents, strict=True)):
            self.words[row, 1 : 1 + len(own)] = own
            self.latents[row, : len(own)] = its_latents
            self.decoder.remember(row, its_latents)
        self.rows = np.arange(len(words))

    def reading(self, number: int) -> list[int]:
        """The pieces that have a word of this number, in the order in which `step` answers."""
        return [row for row in self.rows.tolist() if self.lengths[row] > number]

    def step(self, number: int) -> tuple[Integers, list[Floats]]:
        """Of the pieces that have a word of this number: the words [rows, E], and the logits of each element, told the
        words before and, but for the type's own, the type. To be called for each number in turn.
        """
        has_word = self.lengths[self.rows] > number
        if has_word.mean() <= _SHRINK:
            kept = np.flatnonzero(has_word)
            self.decoder.keep(kept)
            self.rows, has_word = self.rows[kept], has_word[kept]
        before, words = self.words[self.rows, number], self.words[self.rows, number + 1]
        types = self.decoder.types(before, self.latents[self.rows, number])
        others = self.decoder.elements(words[:, TYPE])
        return words[has_word], [one[has_word] for one in (*others[:TYPE], types, *others[TYPE:])]


def _nats(logits: Floats, truth: Integers) -> float:
    """Cross-entropy summed over rows."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    own = np.take_along_axis(shifted, truth[:, None], axis=1)[:, 0]
    return float((np.log(np.exp(shifted).sum(axis=1, dtype=np.float64)) - own).sum())
