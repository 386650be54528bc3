"""Disentanglement of a trained piano system, measured: whether each block of a latent vector knows its own element and
no other, and which blocks keep emotions apart.

Labelled pieces in 4/4 of one corpus. Whatever is learned here (probes, classes of blocks) is learned from its training
songs and scored on those of validation and test; maps show all pieces.

Shapes: N pieces, T words, E = 7 elements and blocks, W numbers of a block, L = E·W.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.evaluation.block_interventions import BlockInterventions, intervene
from affetti.evaluation.disentanglement_measures import (
    Probe,
    block_means,
    diagonal_and_rest,
    entropy,
    information_gaps,
    linear_probe,
    modularities,
    mutual_information,
    own_gaps,
    silhouettes,
    sorted_blocks,
    sorted_values,
)
from affetti.evaluation.element_exchange import says
from affetti.evaluation.element_statistics import ORDINAL
from affetti.evaluation.emotion_elements import side_of
from affetti.evaluation.latent_maps import METHODS, Method, Points, project
from affetti.evaluation.latent_systems import Codes, Floats, LatentSystem
from affetti.runtime.emotion_elements import AXES
from affetti.tokens.elements import ELEMENTS, Integers, Reals
from affetti.tokens.grammar import Words

EXAMPLES = 6
"""Words of each element that probes learn from in each training piece: more make them slower, not surer."""
INTERVENED = 48
"""Held-out pieces whose blocks are exchanged."""

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredPieces:
    """The pieces that systems are measured on."""

    corpus: str
    words: tuple[Words, ...]
    """[N] of [T, E]"""
    quadrants: Integers
    """[N] 1-4"""
    songs: Integers
    """[N]"""
    is_held_out: NDArray[np.bool_]
    """[N] whether a piece's song is one of validation or test."""

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True, slots=True, eq=False)
class Disentanglement:
    """All that is measured of one system. A row of all blocks together comes after those of the seven."""

    name: str
    weights_hash: str
    is_test_model: bool
    codes: Codes
    maps: dict[Method, tuple[Points, ...]]
    """Of each block and of all, [E + 1] of [N, 2]."""
    silhouettes: dict[str, tuple[tuple[float, ...], ...]]
    """By space ("vectors", "t-SNE"), [E + 1] of the six pairs, over held-out pieces."""
    elements: tuple[tuple[Probe, ...], ...]
    """[E + 1] of [E]: what each block tells of each element of its word, in words that say it."""
    emotions: tuple[dict[str, Probe], ...]
    """[E + 1] what the mean of each block tells of a piece's "quadrant", "arousal" and "valence"."""
    information: Reals
    """[E, E] mutual information of blocks and elements in nats."""
    entropies: Reals
    """[E] of elements in nats."""
    interventions: BlockInterventions

    @property
    def gains(self) -> Reals:
        """[E + 1, E] what probes of elements tell beyond guessing, see `Probe.gain`."""
        return np.asarray([[probe.gain for probe in row] for row in self.elements])

    @property
    def exchanged(self) -> tuple[float, float]:
        """Of the words that say an element, the mean share that changes where its own block, and where another one, is
        exchanged.
        """
        return diagonal_and_rest(self.interventions.changed)

    @property
    def told(self) -> tuple[float, float]:
        """What its own block, and what another one, tells of an element beyond guessing, on average."""
        return diagonal_and_rest(self.gains[: len(ELEMENTS)])

    @property
    def apart(self) -> float:
        """The mean silhouette of all pairs of quadrants, on the map of all blocks together (t-SNE)."""
        return float(np.nanmean(self.silhouettes["t-SNE"][-1]))

    @property
    def information_gaps(self) -> Reals:
        """[E] see `disentanglement_measures.information_gaps`."""
        return information_gaps(self.information, self.entropies)

    @property
    def own_gaps(self) -> Reals:
        """[E] see `disentanglement_measures.own_gaps`."""
        return own_gaps(self.information, self.entropies)

    @property
    def modularities(self) -> Reals:
        """[E] see `disentanglement_measures.modularities`."""
        return modularities(self.information)


def pieces_to_measure(corpus: PreparedPieces) -> MeasuredPieces:
    """The labelled pieces in 4/4. Raises InputError where either side of the split has none of two quadrants."""
    chosen = np.flatnonzero((corpus.quadrants > 0) & corpus.are_mostly_4_4)
    words = tuple(np.asarray(corpus.piece(index).words) for index in chosen.tolist())
    quadrants = corpus.quadrants[chosen].astype(np.int64)
    found = MeasuredPieces(
        corpus.origin.corpus,
        words,
        quadrants,
        corpus.songs[chosen].astype(np.int64),
        ~np.isin(chosen, corpus.split_indices("train")),
    )
    for split, own in (("training", ~found.is_held_out), ("validation and test", found.is_held_out)):
        if len(np.unique(quadrants[own])) < 2:
            raise InputError(f"{corpus.origin.corpus} has no pieces of two emotions in 4/4 among its {split} songs")
    return found


STEPS = 6 + 8
"""Steps that `measure` tells `advance` of."""


def measure(system: LatentSystem, pieces: MeasuredPieces, seed: int, advance: Advance) -> Disentanglement:
    """Everything of one system."""
    latents = [system.latents(words) for words in pieces.words]
    width = latents[0].shape[-1] // len(ELEMENTS)
    advance(1)
    speaking = [[says(words, element) for element in range(len(ELEMENTS))] for words in pieces.words]
    means = np.stack([block_means(own, spoken, width) for own, spoken in zip(latents, speaking, strict=True)])
    vectors = (*means.transpose(1, 0, 2), means.reshape(len(means), -1))  # [E + 1] of [N, W or L]
    maps = {method: tuple(project(one, method, seed) for one in vectors) for method in METHODS}
    advance(1)
    held_out = pieces.is_held_out
    spaces = {"vectors": vectors, "t-SNE": maps["t-SNE"]}
    apart = {
        name: tuple(silhouettes(one[held_out], pieces.quadrants[held_out]) for one in found)
        for name, found in spaces.items()
    }
    emotions = tuple(_emotion_probes(one, pieces) for one in vectors)
    advance(1)
    words = _Words.of(pieces, latents, seed)
    elements = words.probes(width)
    advance(1)
    information, entropies = words.information(width, seed)
    advance(1)
    chosen = _drawn(np.flatnonzero(held_out), pieces.quadrants, seed)
    interventions = intervene(
        system,
        [pieces.words[piece] for piece in chosen],
        [latents[piece] for piece in chosen],
        pieces.quadrants[chosen],
        _givers(pieces.songs[chosen], seed),
        advance,
    )
    advance(1)
    return Disentanglement(
        system.name,
        system.weights_hash,
        system.is_test_model,
        system.codes,
        maps,
        apart,
        elements,
        emotions,
        information,
        entropies,
        interventions,
    )


def _emotion_probes(vectors: Reals, pieces: MeasuredPieces) -> dict[str, Probe]:
    held_out, quadrants = pieces.is_held_out, pieces.quadrants
    asked: dict[str, Integers] = {"quadrant": quadrants}
    asked |= {axis: side_of(quadrants, axis) for axis in AXES}
    return {
        name: linear_probe(vectors[~held_out], labels[~held_out], vectors[held_out], labels[held_out])
        for name, labels in asked.items()
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Words:
    """The words that probes and information are about: some of the training songs', all of the held-out ones'."""

    learned: tuple[NDArray[np.integer], Floats]
    """Words and latents: those of each element among EXAMPLES words of each training piece."""
    chosen: tuple[Integers, ...]
    """[E] which of the learned ones each element is learned from."""
    heard: tuple[NDArray[np.integer], Floats]

    @classmethod
    def of(cls, pieces: MeasuredPieces, latents: list[Floats], seed: int) -> "_Words":
        random = np.random.default_rng(seed)
        learned, chosen = [], []
        start = 0
        for piece in np.flatnonzero(~pieces.is_held_out).tolist():
            words = pieces.words[piece]
            for element in range(len(ELEMENTS)):
                spoken = np.flatnonzero(says(words, element))
                drawn = random.permutation(spoken)[:EXAMPLES]
                learned.append((words[drawn], latents[piece][drawn]))
                chosen.append((element, np.arange(start, start + len(drawn))))
                start += len(drawn)
        held_out = np.flatnonzero(pieces.is_held_out).tolist()
        return cls(
            (np.concatenate([words for words, _ in learned]), np.concatenate([found for _, found in learned])),
            tuple(np.concatenate([rows for own, rows in chosen if own == element]) for element in range(len(ELEMENTS))),
            (
                np.concatenate([pieces.words[piece] for piece in held_out]),
                np.concatenate([latents[piece] for piece in held_out]),
            ),
        )

    def probes(self, width: int) -> tuple[tuple[Probe, ...], ...]:
        """[E + 1] of [E]"""
        blocks = [slice(block * width, (block + 1) * width) for block in range(len(ELEMENTS))]
        return tuple(
            tuple(self._probe(columns, element) for element in range(len(ELEMENTS)))
            for columns in (*blocks, slice(None))
        )

    def _probe(self, columns: slice, element: int) -> Probe:
        words, latents = self.learned
        heard, heard_latents = self.heard
        rows, spoken = self.chosen[element], says(heard, element)
        return linear_probe(
            latents[rows, columns],
            words[rows, element].astype(np.int64),
            heard_latents[spoken, columns],
            heard[spoken, element].astype(np.int64),
        )

    def information(self, width: int, seed: int) -> tuple[Reals, Reals]:
        """Mutual information [E, E] of blocks and elements, over the held-out words that say the element, and the
        entropies [E] of the elements.
        """
        _, latents = self.learned
        heard, heard_latents = self.heard
        classes = [
            sorted_blocks(latents[:, columns], heard_latents[:, columns], seed)
            for columns in (slice(block * width, (block + 1) * width) for block in range(len(ELEMENTS)))
        ]
        information, entropies = np.zeros((len(ELEMENTS), len(ELEMENTS))), np.zeros(len(ELEMENTS))
        for element in range(len(ELEMENTS)):
            spoken = says(heard, element)
            values = sorted_values(heard[spoken, element].astype(np.int64), is_amount=element in ORDINAL)
            entropies[element] = entropy(values)
            for block, own in enumerate(classes):
                information[block, element] = mutual_information(own[spoken], values)
        return information, entropies


def _drawn(candidates: Integers, quadrants: Integers, seed: int) -> Integers:
    """At most INTERVENED pieces, of all quadrants as equally many as there are."""
    random = np.random.default_rng(seed)
    shuffled = random.permutation(candidates)
    turn = np.zeros(len(shuffled), np.int64)
    for quadrant in Quadrant:
        own = quadrants[shuffled] == quadrant
        turn[own] = np.arange(own.sum())
    return np.sort(shuffled[np.argsort(turn, kind="stable")[:INTERVENED]])


def _givers(songs: Integers, seed: int) -> list[int]:
    """For each piece the number of one of another song, drawn at random; its own where all are of one song."""
    random = np.random.default_rng(seed)
    givers = []
    for piece, song in enumerate(songs.tolist()):
        others = np.flatnonzero(songs != song)
        givers.append(int(random.choice(others)) if len(others) else piece)
    return givers
