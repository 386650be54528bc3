"""Everything the melody system is measured by, for the real melodies once and for each model.

The real melodies come first (`Reference`): what a model's figures are read beside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.pitch import Integers, Reals
from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.emotion import Quadrant
from affetti.evaluation import melodic
from affetti.evaluation.novelty import Novelty, novelty, novelty_among
from affetti.evaluation.pitch_table import PitchTable, cells_nearer_by_real_draws, first_of_each, pitch_table
from affetti.evaluation.placement import Placement, placement
from affetti.evaluation.run_results import HeldOut, Snapshot
from affetti.tokens.melody_notes import checked_quadrants

if TYPE_CHECKING:
    from affetti.runtime.melody_model import MelodyModel

PAPER_EACH = 20
"""Melodies per emotion in the paper's Table 3."""
HALVES = 50
"""Random halvings of the real melodies that a distance between distributions is read beside."""


@dataclass(frozen=True, slots=True, eq=False)
class MelodySet:
    """Melodies [N, 64] and the emotion each has or was asked to have, 1-4 [N]."""

    tokens: NDArray[np.int16]
    quadrants: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.tokens)

    def rows(self, chosen: NDArray[np.generic]) -> "MelodySet":
        """The melodies at these indices, or where a mask is true."""
        return MelodySet(self.tokens[chosen], self.quadrants[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What one set of melodies is like: Table 3's column, and the melodic measures behind Figure 8."""

    quadrants: Integers
    pitches: PitchTable
    melodic: Mapping[str, Reals]
    """Each measure of melodic.MEASURES for each melody, [N]."""
    note_lengths: Reals
    """[4, 9]: each emotion's distribution (melodic.note_length_distribution)."""
    intervals: Reals
    """[4, 27]: each emotion's distribution (melodic.interval_distribution)."""


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """One set of published examples: its name, profile, novelty beside the training melodies, and how it is heard."""

    name: str
    profile: Profile
    novelty: Novelty
    heard: Placement | None


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The real melodies, what noise and shuffling make of them, and the published examples."""

    corpus: PreparedMelodies
    melodies: MelodySet
    profile: Profile
    shuffled: Profile
    among_all: Novelty
    among_other_tunes: Novelty
    halves: Reals
    """[2, 4]: as distances_between, of one random half of the real melodies from the other."""
    ceilings: Mapping[int, Integers]
    """Melodies per emotion -> cells of Table 3 that real melodies, drawn at random, win: [draws, 3]."""
    published: tuple[Published, ...]
    """Empty where they are not here."""
    reader: "MelodyModel | None"
    """A model that is told no label and says which emotion it hears."""
    heard: Placement | None
    """How the reader hears the real melodies; it was trained on them."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelMeasures:
    """One model's figures."""

    name: str
    weights_hash: str
    label_in_encoder: bool
    melodies: MelodySet
    profile: Profile
    paper_sized: PitchTable
    """Table 3 for the first 20 melodies of each emotion."""
    heard: Placement | None
    """How the reader hears the melodies, beside the emotion each was asked to have."""
    novelty: Novelty
    among: Novelty
    """Generated melodies beside each other, at most as many of each emotion as the corpus has."""
    training: Snapshot
    """Where the encoder puts the training melodies."""
    wrong_label: tuple[float, float] | None
    """With the next quadrant's label instead of its own: mean share in the true and in the given quadrant.

    None for an encoder that is given no label.
    """
    snapshots: tuple[Snapshot, ...]
    held_out: HeldOut | None


def profile_of(melodies: MelodySet) -> Profile:
    """The profile of a set. Raises ValueError for tokens or quadrants that are none."""
    quadrants = checked_quadrants(melodies.quadrants, len(melodies))
    each = [melodies.tokens[quadrants == emotion] for emotion in (1, 2, 3, 4)]
    return Profile(
        quadrants,
        pitch_table(melodies.tokens, quadrants),
        {name: measure(melodies.tokens) for name, measure in melodic.MEASURES.items()},
        np.stack([melodic.note_length_distribution(tokens) for tokens in each]),
        np.stack([melodic.interval_distribution(tokens) for tokens in each]),
    )


def distances_between(first: Profile, second: Profile) -> Reals:
    """How far two profiles' distributions lie apart for each emotion: [2, 4], note lengths and intervals.

    Total variation, 0 (the same) to 1 (nothing in common).
    """
    pairs = ((first.note_lengths, second.note_lengths), (first.intervals, second.intervals))
    return np.asarray([[melodic.total_variation(a[e], b[e]) for e in range(4)] for a, b in pairs])


def measure_reference(
    corpus: PreparedMelodies,
    published: Mapping[str, PreparedMelodies],
    each: int,
    seed: int,
    reader: "MelodyModel | None" = None,
) -> Reference:
    """The real melodies' figures. `each` is the number of melodies per emotion that models will compose; `reader`
    a model told no label that says how melodies are heard.

    Raises ValueError for a corpus in which some emotion has no melody.
    """
    labelled = corpus.quadrants > 0
    melodies = MelodySet(corpus.tokens[labelled], corpus.quadrants[labelled])
    first_of_each(melodies.quadrants, 1)
    profile = profile_of(melodies)
    shuffled = MelodySet(melodic.shuffled_pitches(melodies.tokens, seed).astype(np.int16), melodies.quadrants)
    sizes = sorted({PAPER_EACH, each})
    return Reference(
        corpus,
        melodies,
        profile,
        profile_of(shuffled),
        novelty_among(melodies.tokens),
        novelty_among(melodies.tokens, corpus.tunes[labelled]),
        _distance_of_halves(melodies, seed),
        {n: cells_nearer_by_real_draws(melodies.tokens, melodies.quadrants, each=n, seed=seed) for n in sizes},
        tuple(
            Published(
                name,
                profile_of(MelodySet(one.tokens, one.quadrants)),
                novelty(one.tokens, melodies.tokens),
                heard_by(reader, MelodySet(one.tokens, one.quadrants)),
            )
            for name, one in published.items()
        ),
        reader,
        heard_by(reader, melodies),
    )


def heard_by(reader: "MelodyModel | None", melodies: MelodySet) -> Placement | None:
    """In which quadrant a reader hears melodies, beside the emotion each has or was asked to have.

    A pitch that the reader's vocabulary lacks is heard as the nearest it has. None without a reader.
    """
    if reader is None:
        return None
    return placement(reader.positions(reader.vocabulary.nearest(melodies.tokens)), melodies.quadrants)


def _distance_of_halves(melodies: MelodySet, seed: int) -> Reals:
    """The mean distance between random halves of each emotion's melodies: [2, 4]."""
    generator = np.random.Generator(np.random.PCG64(seed))
    total = np.zeros((2, 4))
    for _ in range(HALVES):
        order = generator.permutation(len(melodies))
        # Sorted by emotion and dealt out in turn: both halves have the same number of each (but for one).
        order = order[np.argsort(melodies.quadrants[order], kind="stable")]
        first, second = (melodies.rows(order[start::2]) for start in (0, 1))
        for emotion in (1, 2, 3, 4):
            a, b = (half.tokens[half.quadrants == emotion] for half in (first, second))
            for row, distribution in enumerate((melodic.note_length_distribution, melodic.interval_distribution)):
                total[row, emotion - 1] += melodic.total_variation(distribution(a), distribution(b))
    return total / HALVES


def compose_melodies(model: "MelodyModel", each: int, seed: int, done: Callable[[], None]) -> MelodySet:
    """`each` four-bar melodies per emotion, those of `affetti compose --emotion E --count EACH --seed SEED`.

    `done` is called after each emotion, for a progress bar.
    """
    tokens = []
    for quadrant in Quadrant:
        tokens.append(model.sample_tokens([quadrant] * each, seed=seed))
        done()
    return MelodySet(np.concatenate(tokens), np.repeat(np.arange(1, 5, dtype=np.int8), each))


def measure_model(
    name: str,
    model: "MelodyModel",
    reference: Reference,
    generated: MelodySet,
    snapshots: tuple[Snapshot, ...] = (),
    held_out: HeldOut | None = None,
) -> ModelMeasures:
    """One model's figures for the melodies it composed, at least PAPER_EACH of every emotion.

    `name` is what the report calls it; snapshots and held_out come from its run, where it has one.
    """
    real = reference.melodies
    first = generated.rows(first_of_each(generated.quadrants, PAPER_EACH))
    matched = [
        np.flatnonzero(generated.quadrants == quadrant)[: int((real.quadrants == quadrant).sum())]
        for quadrant in (1, 2, 3, 4)
    ]
    labels = real.quadrants if model.config.label_in_encoder else None
    positions = model.positions(real.tokens, labels).astype(np.float64)
    return ModelMeasures(
        name,
        model.weights_hash,
        model.config.label_in_encoder,
        generated,
        profile_of(generated),
        pitch_table(first.tokens, first.quadrants),
        heard_by(reference.reader, generated),
        novelty(generated.tokens, real.tokens),
        novelty_among(generated.tokens[np.concatenate(matched)]),
        Snapshot("these weights", positions, real.quadrants.astype(np.int64)),
        _wrong_label(model, real) if model.config.label_in_encoder else None,
        snapshots,
        held_out,
    )


def _wrong_label(model: "MelodyModel", real: MelodySet) -> tuple[float, float]:
    """Mean D of the true and of the given quadrant when every melody is given the next quadrant's label."""
    given = (real.quadrants % 4 + 1).astype(np.int8)
    positions = model.positions(real.tokens, given)
    return placement(positions, real.quadrants).mean, placement(positions, given).mean
