"""Composed piano pieces measured, beside real ones: pitch, emotion as it is heard, novelty, sanity, real or not.

    references = load_references()                       # once; some minutes the first time, then seconds
    pieces = Collection.of_pieces("trial", pieces, [1] * 10 + [2] * 10 + [3] * 10 + [4] * 10)
    print_tables([GeneratedReport(references, (measure(pieces, references),)).summary()])

`measure` takes any collection: real pieces in the place of composed ones must pass.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np

from affetti.analysis.features import EARS, Ear
from affetti.corpora.prepared_pieces import PreparedPieces, load_pieces
from affetti.corpora.splits import SPLITS
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.evaluation.corruptions import CORRUPTIONS, Corruption, far_apart, in_4_4
from affetti.evaluation.discriminator import EXCERPT, SHORTEST, Discriminator, Kind, kept_discriminator
from affetti.evaluation.element_statistics import ElementCounts
from affetti.evaluation.grid_notes import GridNotes
from affetti.evaluation.musical_sanity import MEASURES_OF_BARS, MEASURES_OF_ENDINGS, position_shares, sanity
from affetti.evaluation.piano_collections import Collection
from affetti.evaluation.piano_emotion import EVALUATION_WEIGHTS, Heard, hear
from affetti.evaluation.piano_novelty import CopiedRuns, copied_runs
from affetti.piece import Piece
from affetti.runtime.piano_model import PianoModel
from affetti.runtime.recogniser import Recogniser, load_recogniser
from affetti.tokens.compound_word import GridMusic, read_words
from affetti.tokens.elements import Integers, Reals
from affetti.tokens.excerpts import excerpts
from affetti.tokens.melody_notes import known_mean

LEARNED = ("pop909", "emopia")
"""The corpora that the shipped models learn from, the one that counts last."""

LONG = 2 * EXCERPT
"""Bars of a piece of which it is asked how parts that lie far apart fit together."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was measured of the N pieces of a collection."""

    name: str
    quadrants: Integers
    """[N] asked for, or of the label; 0 for none."""
    bars: Integers
    """[N]"""
    notes: Integers
    """[N]"""
    seconds: Reals
    """[N]"""
    pitch_measures: Reals
    """[N, 6] of whole pieces (corpus_report.MEASURES)."""
    counts: ElementCounts
    """Of the elements, in all pieces and in those of Q1 to Q4."""
    sanity: Reals
    """[N, F] (musical_sanity.MEASURES): of the first EXCERPT bars; of the whole pieces, where it is of the ending."""
    positions: Reals
    """[16] of the onsets in the first EXCERPT bars, the share on each sixteenth of the bar: mean over pieces."""
    heard: Mapping[Ear, Heard]
    """In each way of listening; none without a recogniser."""
    verdicts: Reals
    """[X] of excerpts of EXCERPT bars, through all pieces, the share of judges that take each for real."""
    wholes: Reals
    """[X] the share of judges that take each for a part of one piece."""
    far_apart: tuple[Reals, Reals]
    """[P], [P] of pieces of LONG bars or more: the share of judges that take two stretches of a piece, far apart in it,
    for one piece (`corruptions.far_apart`), and one of its stretches with one of the next piece of its quadrant."""
    verdict_places: Integers
    """[X] which excerpt of its piece each is, from 0."""
    runs: Mapping[str, CopiedRuns]
    """Beside the training songs, the first EXCERPT bars: "all notes" and "top line"; none without training songs."""

    @property
    def taken_for_real(self) -> float:
        """The share of excerpts that the judges take for real; NaN without judges, as the next one."""
        return known_mean(self.verdicts)

    @property
    def taken_for_whole(self) -> float:
        """The share of excerpts that the judges take for parts of one piece."""
        return known_mean(self.wholes)


@dataclass(frozen=True, eq=False)
class References:
    """Real pieces, judge and recogniser, beside which composed pieces stand."""

    corpus: str
    """The prepared corpus."""
    everything: Collection
    """All its pieces."""
    held_out: Collection
    """Those of validation and test songs that are mostly in 4/4."""
    training: Collection
    """Those of training songs that are: real music of other songs."""
    songs: tuple[GridMusic, ...]
    """The training songs of all corpora that are learned from: what may be copied."""
    recogniser: Recogniser | None
    unheard: Collection
    """Pieces in 4/4 of songs that the recogniser has not learned from: of these it can be asked how well it hears."""
    discriminator: Discriminator | None
    """Judges of order: what they know is wrong are CORRUPTIONS."""
    judges_of_wholes: Discriminator | None
    """Those that know PATCHWORKS."""
    missing: tuple[str, ...]
    """What there is not, and why."""
    seed: int

    @cached_property
    def corrupted(self) -> dict[str, Collection]:
        """The held-out pieces with each corruption."""
        return {
            name: Collection.of_music(
                name,
                _each_corrupted(corrupt, self.held_out.music, [self.seed, number]),
                self.held_out.quadrants,
            )
            for number, (name, corrupt) in enumerate(CORRUPTIONS.items())
        }

    @cached_property
    def unheard_shuffled(self) -> Collection:
        """The pieces that the recogniser does not know, with their pitches shuffled in time."""
        name, corrupt = next(iter(CORRUPTIONS.items()))
        return Collection.of_music(
            name, _each_corrupted(corrupt, self.unheard.music, [self.seed]), self.unheard.quadrants
        )

    @cached_property
    def held_out_measured(self) -> Measured:
        """The real pieces that were held out, measured as any others: what the rest is compared with.

        How the judges take them only those may say that do not know them (`Discriminator.held_out_shares`), and what
        the recogniser hears in real pieces is asked of `unheard`.
        """
        return measure(self.held_out, self, emotion=False, judged=False)

    @cached_property
    def training_measured(self) -> Measured:
        """Real pieces of other songs, measured as any others but for emotion and copying."""
        return measure(self.training, self, emotion=False, copied=False)

    @cached_property
    def corrupted_measured(self) -> tuple[Measured, ...]:
        """The held-out pieces made wrong in each way, measured as the held-out ones, but for copying."""
        return tuple(measure(one, self, emotion=False, judged=False, copied=False) for one in self.corrupted.values())

    @cached_property
    def ceilings(self) -> dict[Ear, tuple[Heard, Heard]]:
        """In each way to listen, what the recogniser hears in real pieces of songs that it has not learned from, and in
        the same shuffled; nothing without a recogniser, or where it knows all songs.
        """
        if self.recogniser is None or not len(self.unheard):
            return {}
        both = (self.unheard, self.unheard_shuffled)
        return {ear: (hear(self.recogniser, both[0], ear), hear(self.recogniser, both[1], ear)) for ear in EARS}


def load_references(
    corpus: str = LEARNED[-1],
    learned: Sequence[str] = LEARNED,
    *,
    recogniser: str | Recogniser | None = EVALUATION_WEIGHTS,
    judged: bool = True,
    seed: int = 0,
) -> References:
    """Real pieces of a prepared corpus, and what else is here to measure by.

    learned: the prepared corpora whose training songs the models know; the judges are trained on their other songs.
    What is not here (a corpus not prepared, no recogniser, no scikit-learn) is said in `missing`. Raises InputError
    where `corpus` is not prepared, or has no songs held out.
    """
    pieces = load_pieces(corpus)
    missing = []
    known: dict[str, PreparedPieces] = {corpus: pieces}
    for name in learned:
        if name not in known:
            try:
                known[name] = load_pieces(name)
            except InputError as error:
                missing.append(f"Without {name} among the training songs and the judges' songs: {error}")
    order = wholes = ear = None
    try:
        if judged:
            others = [one for name, one in known.items() if name != corpus]
            order, wholes = (kept_discriminator(pieces, others, kind) for kind in get_args(Kind))
    except InputError as error:
        missing.append(f"No judges: {error}")
    try:
        ear = load_recogniser(recogniser) if isinstance(recogniser, str) else recogniser
    except InputError as error:
        missing.append(f"No emotion: {error}")
    common, train = pieces.are_mostly_4_4, pieces.splits == SPLITS.index("train")
    if not (common & ~train).any():
        raise InputError(f"{corpus} has no validation and test songs in 4/4 to compare with")
    return References(
        corpus,
        Collection.of_corpus(f"{corpus}, all", pieces, np.ones(len(pieces), bool)),
        Collection.of_corpus("real, held out", pieces, common & ~train),
        Collection.of_corpus("real, other songs", pieces, common & train),
        tuple(music for one in known.values() for music in _training_songs(one)),
        ear,
        Collection.of_corpus("real, not known to the recogniser", pieces, common & _unheard(pieces, ear)),
        order,
        wholes,
        tuple(missing),
        seed,
    )


def compose_collection(
    name: str,
    model: PianoModel,
    count: int,
    *,
    bars: int | None = None,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Collection:
    """`count` pieces of each emotion, as `affetti compose` composes them with this seed: of `bars` bars, or as many as
    the model finds right. progress: called with how many pieces were finished since the last time, in fractions.

    Raises InputError for bars or a seed out of range.
    """
    pieces: list[Piece] = []
    for quadrant in Quadrant:
        pieces += model.compose_many(count, quadrant, bars=bars, seed=seed, progress=progress)
    return Collection.of_pieces(name, pieces, np.repeat([int(quadrant) for quadrant in Quadrant], count).tolist())


def measure(
    collection: Collection,
    references: References,
    *,
    emotion: bool = True,
    judged: bool = True,
    copied: bool = True,
) -> Measured:
    """Everything about the pieces of a collection, but for what is not asked for or cannot be made here."""
    first = collection.first_bars(EXCERPT)
    notes = GridNotes.of(first)
    endings = sanity(GridNotes.of(collection.music), MEASURES_OF_ENDINGS)
    parts = [excerpts(one, EXCERPT, SHORTEST) for one in collection.music]
    verdicts, wholes = (
        np.zeros(0) if judges is None or not judged else judges.taken_for_real([one for some in parts for one in some])
        for judges in (references.discriminator, references.judges_of_wholes)
    )
    heard = {}
    if emotion and references.recogniser is not None:
        heard = {ear: hear(references.recogniser, collection, ear) for ear in EARS}
    runs = {}
    if copied and references.songs:
        runs = {
            name: copied_runs(first, references.songs, top_line=top)
            for name, top in (("all notes", False), ("top line", True))
        }
    return Measured(
        collection.name,
        collection.quadrants,
        np.asarray([len(one.bar_steps) for one in collection.music]),
        np.asarray([len(one.steps) for one in collection.music]),
        np.asarray([piece.duration_seconds for piece in collection.pieces]),
        collection.pitch_measures,
        collection.element_counts,
        np.hstack([sanity(notes, MEASURES_OF_BARS), endings]),
        position_shares(notes).mean(axis=0),
        heard,
        verdicts,
        wholes,
        _far_apart(collection, references) if judged else (np.zeros(0), np.zeros(0)),
        np.concatenate([np.arange(len(some)) for some in parts])[: len(verdicts)],
        runs,
    )


def _far_apart(collection: Collection, references: References) -> tuple[Reals, Reals]:
    """See `Measured.far_apart`; the next piece after the last one of a quadrant is its first."""
    own, others = [], []
    for quadrant in np.unique(collection.quadrants):
        of_it = [collection.music[index] for index in np.flatnonzero(collection.quadrants == quadrant).tolist()]
        long = [one for one in in_4_4(of_it) if len(one.bar_steps) >= LONG]
        for number, one in enumerate(long if len(long) > 1 else []):
            random = np.random.default_rng([references.seed, int(quadrant), number])
            own.append(far_apart(one, one, EXCERPT // 2, random))
            others.append(far_apart(one, long[(number + 1) % len(long)], EXCERPT // 2, random))
    judges = references.judges_of_wholes
    if judges is None or not own:
        return np.zeros(0), np.zeros(0)
    return judges.taken_for_real(own), judges.taken_for_real(others)


def _each_corrupted(corrupt: Corruption, music: Sequence[GridMusic], seed: Sequence[int]) -> list[GridMusic]:
    """Each piece corrupted, with random numbers of its own."""
    return [corrupt(one, np.random.default_rng([*seed, number])) for number, one in enumerate(music)]


def _training_songs(pieces: PreparedPieces) -> list[GridMusic]:
    chosen = (pieces.splits == SPLITS.index("train")) & pieces.are_mostly_4_4
    words = (pieces.piece(index) for index in np.flatnonzero(chosen).tolist())
    return [read_words(one.words, one.bar_steps) for one in words]


def _unheard(pieces: PreparedPieces, recogniser: Recogniser | None) -> np.ndarray:
    """[N] whether a piece has a label and is of a song that the recogniser has not learned from."""
    if recogniser is None:
        return np.zeros(len(pieces), bool)
    songs = recogniser.config.songs
    learned = np.asarray([songs.has_learned(pieces.origin.corpus, name) for name in pieces.song_names])
    return np.asarray((pieces.quadrants > 0) & ~learned[pieces.songs])
