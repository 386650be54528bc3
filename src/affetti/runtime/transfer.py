"""Element transfer: chosen elements of a reference put on any piano piece, to change its emotion.

The source is put on the grid (`tokens.quantisation`), the elements are exchanged there, rhythm first, then harmony,
then the values of notes, and what is written is played with the source's own expression: what keeps its place keeps its
timing. `transfer_exchange` does the former, each element in its module (`transfer_rhythm`, `transfer_harmony`,
`transfer_values`), `transfer_music` the latter; docs/transfer.md says what each element means and keeps.

MusER exchanges latent blocks, and its decoder writes the words. With a codebook for each element that decoder gives
back the value of the block that was exchanged (`affetti evaluate muser --transfer` says how often), so here values are
exchanged, and what is not named stays as it is without having to be decoded.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affetti.analysis.features import piece_features
from affetti.emotion import Quadrant, parse_quadrant
from affetti.errors import InputError
from affetti.piece import Piece
from affetti.runtime.limits import check_seed
from affetti.runtime.piano_drafts import CHOOSER
from affetti.runtime.recogniser import Recognised, Recogniser, load_recogniser
from affetti.runtime.transfer_exchange import AUTO, auto_elements, exchange, parse_elements
from affetti.runtime.transfer_measures import Kept, differing, kept
from affetti.runtime.transfer_music import Reference, Source, music_of, performed
from affetti.runtime.weights import PIANO_READER_WEIGHTS
from affetti.tokens.compound_word import GridMusic, read_words

if TYPE_CHECKING:
    from affetti.runtime.piano_model import PianoModel

PRIOR = "prior"
"""References are composed, with the emotion that is wanted."""
CANDIDATES, MAX_CANDIDATES = 4, 64
REFERENCE_BARS = 8
"""A composed reference has as many bars as the source, but at most these: a period, which is repeated or stretched."""
MARKER = "affetti_transfer"
"""The key of the marker that tells of a transfer. A piece cannot be made again from it: the source is not in it."""

_HEARD = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One result."""

    piece: Piece
    music: GridMusic
    reference: str
    reached: float | None
    """How probable the emotion wanted is to the recogniser that chooses, 0-1; None where none was asked for."""
    kept: Kept


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """The results of one call, best first, and what they came from."""

    source: Source
    to: Quadrant | None
    elements: tuple[str, ...]
    strength: float
    seed: int
    references: str
    """"prior", the name of a corpus, or "given"."""
    candidates: tuple[Candidate, ...]


def transfer(
    source: Piece | Source,
    to: str | Quadrant | None = None,
    *,
    reference: Piece | Reference | None = None,
    elements: str | Sequence[str] = AUTO,
    strength: float = 1.0,
    candidates: int | None = None,
    references: str = PRIOR,
    weights: "str | Path | PianoModel" = "muser",
    seed: int = 0,
    progress: Callable[[float], None] = lambda done: None,
) -> Transfer:
    """A piece with elements of others: of `reference`, or of references with the emotion `to`.

    elements: names of elements, "all", or "auto": those that carry what the emotion heard in the source and the one
    wanted differ in (`emotion_elements`). strength: 0 (the source itself) to 1. candidates: how many references are
    tried, 1 to 64, 4 where they are chosen; results are ranked as `ranked` says. references: "prior", composed by
    `weights` (a name, a folder or the model itself), or the name of a prepared corpus with labels. seed: decides which
    references, and with a strength below 1 which bars. progress: called with the share that was done since the last
    time.

    Raises InputError for anything out of range, and for music that cannot be put on the grid.
    """
    wanted = parse_quadrant(to) if isinstance(to, str) else to
    if (wanted is None) == (reference is None):
        raise InputError("from which music? name a reference or an emotion, and not both")
    if not 0 <= strength <= 1:
        raise InputError(f"strength is {strength}; it must be between 0 and 1")
    if candidates is not None and wanted is None:
        raise InputError("candidates are references to choose among: name an emotion, not a reference")
    candidates = CANDIDATES if candidates is None else candidates
    if not 1 <= candidates <= MAX_CANDIDATES:
        raise InputError(f"{candidates} candidates: there are 1 to {MAX_CANDIDATES}")
    check_seed(seed)
    names = parse_elements(elements)
    own = source if isinstance(source, Source) else Source.of(source)
    if wanted is None:
        assert reference is not None
        given = reference if isinstance(reference, Reference) else Reference.of(reference)
        if not names:
            names = auto_elements(heard(own.piece).quadrant, heard(given.piece).quadrant)
        return Transfer(own, None, names, strength, seed, "given", (apply(own, given, names, strength, seed),))
    names = names or auto_elements(heard(own.piece).quadrant, wanted)
    if references == PRIOR:
        others = composed_references(wanted, len(own.music.bar_steps), candidates, seed, weights, progress)
    else:
        others = corpus_references(references, wanted, candidates, seed)
    results = [apply(own, one, names, strength, seed) for one in others]
    results = ranked([replace(one, reached=reached(one.piece, wanted)) for one in results])
    return Transfer(own, wanted, names, strength, seed, references, tuple(results))


def apply(source: Source, reference: Reference, elements: Sequence[str], strength: float, seed: int) -> Candidate:
    """The source with elements of one reference, played as the source was; not yet heard."""
    arranged = exchange(source.music, reference.music, elements, strength, seed)
    piece = performed(source, arranged) if differing(source.music, arranged.music) else source.piece
    marker = {
        MARKER: version("affetti"),
        "reference": reference.name[:200],
        "elements": list(elements),
        "strength": strength,
        "seed": seed,
    }
    text = json.dumps(marker, separators=(",", ":"))
    return Candidate(piece.with_marker(text), arranged.music, reference.name, None, kept(source.music, arranged.music))


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that are heard as asked (more probably so than all else together) first, of them what keeps most of the
    source; then the others, those first that come nearest.
    """

    def place(one: Candidate) -> tuple[bool, float]:
        reached = one.reached or 0.0
        is_heard = reached > _HEARD
        return not is_heard, -(one.kept.mean if is_heard else reached)

    return sorted(candidates, key=place)


# ---- references


def composed_references(
    wanted: Quadrant,
    bars: int,
    count: int,
    seed: int,
    weights: "str | Path | PianoModel" = "muser",
    progress: Callable[[float], None] = lambda done: None,
) -> list[Reference]:
    """Pieces that the prior composes with an emotion, as long as the source or REFERENCE_BARS bars."""
    from affetti.runtime.piano_model import PianoModel

    model = weights if isinstance(weights, PianoModel) else PianoModel.load(weights)
    drawn = model.sample_words(
        [wanted] * count, bars=min(bars, REFERENCE_BARS), seed=seed, progress=lambda done: progress(done / count)
    )
    name = f"composed by {model.config.name}, {wanted.label}, seed {seed}"
    return [Reference(f"{name}, number {number}", read_words(words)) for number, words in enumerate(drawn, 1)]


def corpus_references(corpus: str, wanted: Quadrant, count: int, seed: int) -> list[Reference]:
    """Pieces of a prepared corpus with an emotion, drawn by the seed.

    Raises InputError for a corpus that is not there, or has too few of them.
    """
    from affetti.corpora.prepared_pieces import load_pieces

    pieces = load_pieces(corpus)
    fitting = np.flatnonzero(pieces.quadrants == int(wanted))
    if len(fitting) < count:
        raise InputError(f"{corpus} has {len(fitting)} pieces of {wanted.name} {wanted.label}, not {count}")
    drawn = np.random.default_rng([seed, 2]).choice(fitting, count, replace=False)
    return [Reference(f"{corpus}: {pieces.names[at]}", music_of(pieces.piece(at))) for at in drawn.tolist()]


# ---- hearing


def heard(piece: Piece) -> Recognised:
    """What the users' recogniser, which chooses nothing, hears in a piece. Raises InputError where it hears nothing."""
    return _recogniser(PIANO_READER_WEIGHTS).read([piece])[0]


def reached(piece: Piece, wanted: Quadrant) -> float:
    """How probable an emotion is to the recogniser that chooses among candidates: 0-1."""
    try:
        features = piece_features(piece)
    except InputError:  # too little to be heard, or too much
        return 0.0
    return float(_recogniser(CHOOSER).quadrant_probabilities(features[None])[0, wanted - 1])


@cache
def _recogniser(name: str) -> Recogniser:
    return load_recogniser(name)
