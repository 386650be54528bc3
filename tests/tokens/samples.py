"""Random music for tests of compound words: words drawn through the grammar's masks, and pieces on the grid."""

from itertools import accumulate, pairwise

import numpy as np
from hypothesis import strategies as st

from affetti.analysis.metrical_grid import MetricalGrid
from affetti.piece import CHORD_QUALITIES, Chord, Note, Piece, Tempo, TimeSignature, Track
from affetti.tokens.compound_word import CompoundWords
from affetti.tokens.elements import (
    BAR,
    BAR_BEAT,
    CHORD,
    DURATION,
    END,
    PITCH,
    SIZES,
    TEMPO,
    TEMPOS,
    TYPE,
    VELOCITY,
)
from affetti.tokens.grammar import GrammarState

STEP = 120
"""Ticks of a sixteenth in the canonical form."""

METRES = {16: (4, 4), 12: (3, 4), 8: (2, 4), 4: (1, 4), 14: (7, 8), 10: (5, 8), 6: (3, 8), 2: (1, 8)}
METRES |= {odd: (odd, 16) for odd in range(1, 16, 2)}
"""How the canonical form notates bars of each length."""


def drawn(mask: np.ndarray, weights: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A value for each row of `mask`, by `weights` among those allowed (there must be some)."""
    assert mask.any(axis=1).all(), "a mask that allows nothing"
    likelihoods = np.cumsum(mask * weights, axis=1)
    return (likelihoods > random.random((len(mask), 1)) * likelihoods[:, -1:]).argmax(axis=1)


def sampled_words(
    random: np.random.Generator, pieces: int = 4, *, bar_steps: np.ndarray | None = None, **limits: object
) -> list[CompoundWords]:
    """Words drawn through the masks, with likelihoods that are themselves drawn."""
    state = GrammarState(pieces, bar_steps=bar_steps, **limits)  # type: ignore[arg-type]
    weights = [random.gamma(0.5, size=size) + 0.01 for size in SIZES]
    written = []
    while not state.ended.all():
        words = np.zeros((pieces, len(SIZES)), np.int64)
        words[:, TYPE] = drawn(state.type_mask(), weights[TYPE], random)
        words[:, BAR_BEAT] = drawn(state.bar_beat_mask(words[:, TYPE]), weights[BAR_BEAT], random)
        words[:, TEMPO] = drawn(state.tempo_mask(words[:, BAR_BEAT]), weights[TEMPO], random)
        words[:, CHORD] = drawn(state.chord_mask(words[:, BAR_BEAT]), weights[CHORD], random)
        words[:, PITCH] = drawn(state.pitch_mask(words[:, TYPE]), weights[PITCH], random)
        words[:, DURATION] = drawn(state.duration_mask(words[:, TYPE]), weights[DURATION], random)
        words[:, VELOCITY] = drawn(state.velocity_mask(words[:, TYPE]), weights[VELOCITY], random)
        state.advance(words)
        written.append(words)
        assert len(written) < 5_000
    found = []
    for row, words in enumerate(np.stack(written, axis=1).astype(np.uint8)):
        own = words[: words[:, TYPE].tolist().index(END) + 1]
        count = np.count_nonzero(own[:, BAR_BEAT] == BAR)
        lengths = (
            np.full(count, 16) if bar_steps is None else np.broadcast_to(bar_steps, (pieces, bar_steps.shape[1]))[row]
        )
        found.append(CompoundWords(own, lengths[:count].astype(np.uint8)))
    return found


@st.composite
def grid_pieces(draw: st.DrawFn, *, changes_on_beats: bool = False) -> Piece:
    """A piece on the grid in its canonical form, built by hand: any metres, tempo and chord changes anywhere."""
    bars = draw(st.lists(st.sampled_from([16, 16, 12, 14, 8, 1]) | st.integers(1, 16), min_size=1, max_size=5))
    starts = [0, *accumulate(bars)]
    steps = st.integers(0, starts[-1] - 1)
    keys = st.tuples(steps, st.integers(21, 108) | st.sampled_from([60, 61]))
    struck = draw(st.lists(keys, max_size=20, unique=True))
    last = draw(st.tuples(st.integers(starts[-2], starts[-1] - 1), st.just(60)))
    struck = sorted({*struck, last})
    notes = []
    for step, pitch in struck:
        again = min((other - step for other, same in struck if same == pitch and other > step), default=16)
        length = draw(st.integers(1, min(again, 16)))
        notes.append(Note(step * STEP, pitch, length * STEP, 3 * draw(st.integers(1, 41)) + 1))
    beats = [step for start, end in pairwise(starts) for step in range(start, end, 4)]
    tempo_steps = {0, *draw(st.lists(st.sampled_from(beats) if changes_on_beats else steps, max_size=5))}
    chord_steps = set(draw(st.lists(steps, max_size=5)))
    tempos: list[Tempo] = []
    for step in sorted(tempo_steps):
        speed = draw(st.sampled_from(TEMPOS.tolist()))
        if not tempos or tempos[-1].quarters_per_minute != speed:
            tempos.append(Tempo(step * STEP, speed))
    chords: list[Chord] = []
    for step in sorted(chord_steps):
        name = draw(st.none() | st.tuples(st.integers(0, 11), st.sampled_from(CHORD_QUALITIES)))
        if name != ((chords[-1].root, chords[-1].quality) if chords and chords[-1].quality else None):
            chords.append(Chord(step * STEP, *(name or ())))
    metres = [
        TimeSignature(start * STEP, *METRES[length])
        for index, (start, length) in enumerate(zip(starts, bars, strict=False))
        if index == 0 or bars[index - 1] != length
    ]
    return Piece(
        480,
        (Track(tuple(notes), name="Piano"),),
        tempos=tuple(tempos),
        time_signatures=tuple(metres),
        chords=tuple(chords),
    )


def grid_of(
    bar_steps: list[int], *, ticks_per_step: float = STEP, first_tick: float = 0.0, is_tracked: bool = False
) -> MetricalGrid:
    """A grid of bars of so many sixteenths, with a beat each four (the last of a bar shorter)."""
    starts = [0, *accumulate(bar_steps)]
    beats = [step for start, end in pairwise(starts) for step in range(start, end, 4)]
    bar_beats = [beats.index(start) for start in starts[:-1]]
    steps = np.asarray([*beats, starts[-1]])
    return MetricalGrid(first_tick + steps * ticks_per_step, steps, np.asarray(bar_beats), is_tracked, 1.0)
