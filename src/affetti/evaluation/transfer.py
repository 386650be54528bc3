"""Element transfer, measured: what is heard of held-out pieces before and after, and what is left of them.

Sources are pieces of songs that no model of ours has learned from, references such pieces of other songs. Both emotions
are heard by the recogniser that serves for reports alone: it chose neither the elements of "auto" nor among candidates.
It has learned from some of these songs, so what it hears before is surer than of music unknown to it; the shift is what
counts.

Shapes: N transfers of one direction and mode, T words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.features import piece_features
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.corpora.splits import SPLITS
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.evaluation.emotion_elements import Estimate, bootstrapped
from affetti.evaluation.piano_emotion import EVALUATION_WEIGHTS
from affetti.evaluation.reconstruction import Reader
from affetti.runtime.piano_steps import Floats
from affetti.runtime.recogniser import Recogniser, expected_emotions, load_recogniser
from affetti.runtime.transfer import (
    CANDIDATES,
    REFERENCE_BARS,
    Candidate,
    apply,
    composed_references,
    ranked,
    reached,
)
from affetti.runtime.transfer_alignment import Alignment
from affetti.runtime.transfer_exchange import NAMES, auto_elements, exact_elements
from affetti.runtime.transfer_measures import differing
from affetti.runtime.transfer_music import Reference, Source, music_of
from affetti.tokens.compound_word import GridMusic
from affetti.tokens.elements import BAR, BAR_BEAT, DURATION, ELEMENTS, NOTE, TEMPO, TYPE, VELOCITY, Integers, Reals
from affetti.tokens.grammar import Words

if TYPE_CHECKING:
    from affetti.runtime.piano_model import PianoModel

DIRECTIONS: tuple[tuple[Quadrant, Quadrant], ...] = (
    (Quadrant.Q1, Quadrant.Q4),
    (Quadrant.Q4, Quadrant.Q1),
    (Quadrant.Q2, Quadrant.Q3),
    (Quadrant.Q3, Quadrant.Q1),
)
TRANSFERS = 100
"""Of each direction and mode."""
COMPOSED = "auto, best of 4 composed"
SAME = "auto, from its own quadrant"
MODES: tuple[str, ...] = ("tempo, velocity", "auto", "all", COMPOSED, SAME)
"""The elements; COMPOSED: as `affetti transfer --to` does it; SAME: what exchanging does by itself."""

_POOL = 32  # composed references of each quadrant, of which a transfer draws its candidates
_DECODED = (TEMPO, DURATION, VELOCITY)
_MOST_DECODED = 64  # pieces at once

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A source and a reference, by their numbers in the corpus."""

    source: int
    reference: int


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """What N transfers of one direction and mode did."""

    of: Quadrant
    to: Quadrant
    mode: str
    elements: tuple[str, ...]
    songs: Integers
    """[N] of the sources."""
    sources: Integers
    """[N] by their numbers in the corpus."""
    unknown: Flags
    """[N] whether the recogniser has not learned from the source's song."""
    before: Reals
    """[N, 4] probabilities of Q1 to Q4 as they are heard."""
    after: Reals
    kept: Reals
    """[N, 3] pitch classes, onsets, contour (`transfer_measures.Kept`)."""
    exact: Flags
    """[N] whether the elements that are promised to stay are exactly as they were."""
    references_heard: float
    """Of the references themselves, the share that is heard in the quadrant wanted."""
    seed: int

    @property
    def share_before(self) -> float:
        """Of the sources as they are, the share that is heard in the quadrant wanted."""
        return float((self.before.argmax(axis=1) == self.to - 1).mean())

    @property
    def share_after(self) -> Estimate:
        """The same of what the transfers made."""
        return self._mean(self.after.argmax(axis=1) == self.to - 1)

    def where(self, rows: Flags) -> "Moved":
        """Some of the transfers."""
        names = ("songs", "sources", "unknown", "before", "after", "kept", "exact")
        kept = {name: getattr(self, name)[rows] for name in names}
        return replace(self, references_heard=float("nan"), **kept)

    def shift(self, axis: str) -> Estimate:
        """How far "valence" or "arousal", each -1 to 1, moved; the whole axis is 2 long."""
        before, after = (
            np.asarray([getattr(one, axis) for one in expected_emotions(heard)]) for heard in (self.before, self.after)
        )
        return self._mean(after - before)

    def kept_mean(self, measure: int) -> Estimate:
        """Of one of the three measures of content."""
        return self._mean(self.kept[:, measure])

    def _mean(self, values: NDArray[np.generic]) -> Estimate:
        numbers = np.asarray(values, np.float64)
        if len(np.unique(self.songs)) < 2:  # nothing to draw from
            return Estimate(float(numbers.mean()), float("nan"), float("nan"))
        moments = np.stack([numbers, np.ones(len(numbers))], axis=1)
        return bootstrapped(lambda sums: sums[:, 0] / sums[:, 1], moments, self.songs, self.seed)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One transfer to be looked at."""

    of: Quadrant
    to: Quadrant
    name: str
    source: Source
    reference: Reference
    elements: tuple[str, ...]
    result: Candidate


@dataclass(frozen=True, slots=True, eq=False)
class TransferMeasures:
    """Everything that was measured in one call."""

    corpus: str
    weights: str
    weights_hash: str
    moved: tuple[Moved, ...]
    decoded: dict[str, tuple[float, int]]
    """Element -> of the words whose block was exchanged, the share that the decoder writes with the value exchanged,
    and how many words those are."""
    examples: tuple[Example, ...]
    seed: int


def measure(
    model: "PianoModel", name: str, pieces: PreparedPieces, transfers: int, seed: int, advance: Callable[[float], None]
) -> TransferMeasures:
    """Everything; `advance` is told of `work` steps in all. Raises InputError for a corpus with too few pieces."""
    held_out = (pieces.splits != SPLITS.index("train")) & pieces.are_mostly_4_4
    recogniser = load_recogniser(EVALUATION_WEIGHTS)
    heard = _Hearing(pieces, recogniser)
    pools = {
        to: composed_references(to, REFERENCE_BARS, min(_POOL, CANDIDATES * transfers), seed, model)
        for to in dict.fromkeys(to for _, to in DIRECTIONS)
    }
    advance(1)
    moved: list[Moved] = []
    examples: list[Example] = []
    all_pairs: list[Pair] = []
    for number, (of, to) in enumerate(DIRECTIONS):
        random = np.random.default_rng([seed, number])
        pairs = drawn_pairs(pieces, held_out, of, to, transfers, random)
        all_pairs += pairs
        for mode in MODES:
            chosen = drawn_pairs(pieces, held_out, of, of, transfers, random) if mode == SAME else pairs
            found, made = _moved(heard, of, to, mode, chosen, pools[to], seed, advance)
            moved.append(found)
            if mode == "auto":
                examples.append(_example(heard, of, to, chosen, made))
    decoded = decoded_alike(model, pieces, all_pairs[:: max(1, len(all_pairs) // _MOST_DECODED)])
    advance(1)
    return TransferMeasures(name, model.config.name, model.weights_hash, tuple(moved), decoded, tuple(examples), seed)


def work(transfers: int) -> int:
    """Steps that `measure` tells of."""
    return 2 + transfers * len(DIRECTIONS) * len(MODES)


def drawn_pairs(
    pieces: PreparedPieces, allowed: Flags, of: Quadrant, to: Quadrant, count: int, random: np.random.Generator
) -> list[Pair]:
    """So many pairs of a source and a reference of another song, each source as often as any other, no pair twice."""
    sources = random.permutation(np.flatnonzero(allowed & (pieces.quadrants == int(of)))).tolist()
    others = np.flatnonzero(allowed & (pieces.quadrants == int(to)))
    orders = [random.permutation(others[pieces.songs[others] != pieces.songs[source]]).tolist() for source in sources]
    rounds = -(-count // len(sources)) if sources else 0
    if not sources or min(map(len, orders)) < rounds:
        raise InputError(f"too few held-out pieces of {of.name} and {to.name} for {count} transfers")
    return [Pair(source, order[turn]) for turn in range(rounds) for source, order in zip(sources, orders, strict=True)][
        :count
    ]


class _Hearing:
    """Pieces of the corpus as they are played, and what is heard of them, each made once."""

    def __init__(self, pieces: PreparedPieces, recogniser: Recogniser) -> None:
        self.pieces, self.recogniser = pieces, recogniser
        self._sources: dict[int, Source] = {}
        self._features: dict[int, Reals] = {}

    def source(self, index: int) -> Source:
        """A piece of the corpus."""
        if index not in self._sources:
            self._sources[index] = Source.of_words(self.pieces.piece(index), self.pieces.expression(index))
        return self._sources[index]

    def of_corpus(self, indices: Sequence[int]) -> Reals:
        """[N, 4] what is heard of pieces as they are."""
        for index in indices:
            if index not in self._features:
                self._features[index] = piece_features(self.source(index).piece)
        return self.recogniser.quadrant_probabilities(np.stack([self._features[index] for index in indices]))

    def knows_not(self, indices: Sequence[int]) -> Flags:
        """[N] whether the recogniser has not learned from the songs of these pieces."""
        songs, pieces = self.recogniser.config.songs, self.pieces
        names = [pieces.song_names[pieces.songs[index]] for index in indices]
        return np.asarray([not songs.has_learned(pieces.origin.corpus, name) for name in names], np.bool_)

    def of_results(self, results: Sequence[Candidate]) -> Reals:
        """[N, 4] what is heard of results."""
        return self.recogniser.quadrant_probabilities(np.stack([piece_features(one.piece) for one in results]))


def _moved(
    heard: _Hearing,
    of: Quadrant,
    to: Quadrant,
    mode: str,
    pairs: Sequence[Pair],
    pool: Sequence[Reference],
    seed: int,
    advance: Callable[[float], None],
) -> tuple[Moved, list[Candidate]]:
    elements = _elements(mode, of, to)
    promised = exact_elements(elements)
    results: list[Candidate] = []
    exact = []
    for number, pair in enumerate(pairs):
        source = heard.source(pair.source)
        if mode == COMPOSED:
            drawn = np.random.default_rng([seed, int(to), number]).choice(len(pool), CANDIDATES, replace=False)
            tried = [apply(source, pool[at], elements, 1.0, seed) for at in drawn.tolist()]
            result = ranked([replace(one, reached=reached(one.piece, to)) for one in tried])[0]
        else:
            music = heard.source(pair.reference).music
            result = apply(source, Reference(heard.pieces.names[pair.reference], music), elements, 1.0, seed)
        results.append(result)
        exact.append(not set(promised) & set(differing(source.music, result.music)))
        advance(1)
    sources = [pair.source for pair in pairs]
    of_references = heard.of_corpus([pair.reference for pair in pairs])
    found = Moved(
        of,
        to,
        mode,
        elements,
        heard.pieces.songs[sources].astype(np.int64),
        np.asarray(sources),
        heard.knows_not(sources),
        heard.of_corpus(sources),
        heard.of_results(results),
        np.asarray([[one.kept.pitch_classes, one.kept.onsets, one.kept.contour] for one in results]),
        np.asarray(exact, np.bool_),
        float("nan") if mode == COMPOSED else float((of_references.argmax(axis=1) == to - 1).mean()),
        seed,
    )
    return found, results


def _elements(mode: str, of: Quadrant, to: Quadrant) -> tuple[str, ...]:
    if mode in ("auto", COMPOSED, SAME):
        return auto_elements(of, to)
    return NAMES if mode == "all" else tuple(mode.split(", "))


def _example(
    heard: _Hearing, of: Quadrant, to: Quadrant, pairs: Sequence[Pair], results: Sequence[Candidate]
) -> Example:
    """The transfer whose content is kept as well as in half of them: neither the best nor the worst."""
    at = int(np.argsort([one.kept.mean for one in results], kind="stable")[len(results) // 2])
    pair, names = pairs[at], heard.pieces.names
    reference = Reference(names[pair.reference], heard.source(pair.reference).music)
    elements = auto_elements(of, to)
    return Example(of, to, names[pair.source], heard.source(pair.source), reference, elements, results[at])


# ---- MusER's way: latent blocks are exchanged and decoded


def decoded_alike(model: "PianoModel", pieces: PreparedPieces, pairs: Sequence[Pair]) -> dict[str, tuple[float, int]]:
    """How often the decoder writes the value whose block was exchanged, all other elements being the source's.

    Of tempo (at bar lines), duration and velocity, whose exchange keeps every word in its place. Words that answer to
    each other exchange their blocks, and the decoder, told no emotion, reads the source with the new values before it.
    """
    found = {}
    for element in _DECODED:
        exchanged = [_exchanged_blocks(model, pieces, pair, element) for pair in pairs]
        right = asked = 0
        for start in range(0, len(exchanged), _MOST_DECODED):
            words, latents, wheres = zip(*exchanged[start : start + _MOST_DECODED], strict=True)
            reader = Reader(model, words, latents, np.zeros(len(words), np.int64))
            for number in range(reader.longest):
                where = np.asarray([wheres[row][number] for row in reader.reading(number)], np.bool_)
                truth, logits = reader.step(number)
                right += int((logits[element].argmax(axis=1) == truth[:, element])[where].sum())
                asked += int(where.sum())
        found[ELEMENTS[element].name] = (right / asked if asked else float("nan"), asked)
    return found


def _exchanged_blocks(
    model: "PianoModel", pieces: PreparedPieces, pair: Pair, element: int
) -> tuple[Words, Floats, Flags]:
    """The source's words with an element exchanged, its latents with that element's block exchanged, and where."""
    (words, source), (others, reference) = (_read(pieces, index) for index in (pair.source, pair.reference))
    alignment = Alignment.of(source, reference, stretched=True)
    if element == TEMPO:
        own_at, other_at = (np.flatnonzero(one[:, BAR_BEAT] == BAR) for one in (words, others))
        answers = other_at[alignment.bars]
    else:
        own_at, other_at = (np.flatnonzero(one[:, TYPE] == NOTE) for one in (words, others))
        answers = other_at[alignment.notes(source)]
    width = model.config.model.latent_block
    block = slice(element * width, (element + 1) * width)
    latents, other_latents = (model.codebook.look_up(model.codes(one)) for one in (words, others))
    words, latents = words.copy(), latents.copy()
    words[own_at, element] = others[answers, element]
    latents[own_at, block] = other_latents[answers, block]
    where = np.zeros(len(words), np.bool_)
    where[own_at] = True
    return words, latents, where


def _read(pieces: PreparedPieces, index: int) -> tuple[Words, GridMusic]:
    """A piece of the corpus as words and on the grid."""
    words = pieces.piece(index)
    return words.words, music_of(words)
