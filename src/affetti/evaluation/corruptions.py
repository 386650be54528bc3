"""Real pieces made wrong in known ways, which a measure of what makes music hold together must tell from real ones.

Tempo, loudness, the number of notes and of bars stay (but for bars at the end in which nothing is left, and notes for
which no key is free); what is taken away is order. Of chords the corrupted words say none.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from affetti.tokens.compound_word import GridMusic, cut_at_restrikes
from affetti.tokens.elements import HIGHEST_PITCH, LOWEST_PITCH, MAX_STEPS, NO_CHORD_VALUE, Integers
from affetti.tokens.excerpts import without_empty_end

WRONG_SHARE = 0.2
"""Of the notes of a piece, those that are moved where notes are made wrong."""
_TRIES = 20

Random = np.random.Generator


def shuffled_pitches(music: GridMusic, random: Random) -> GridMusic:
    """The pitches of all notes change places: rhythm, lengths and loudness stay as they are in time."""
    return _with_notes(music, random, music.steps, random.permutation(music.pitches), music.durations)


def permuted_onsets(music: GridMusic, random: Random) -> GridMusic:
    """What is struck together stays together and keeps its lengths; these chords and notes change places in time."""
    moments, group = np.unique(music.steps, return_inverse=True)
    places = random.permutation(moments)
    return _with_notes(music, random, places[group], music.pitches, music.durations)


def wrong_notes(music: GridMusic, random: Random, share: float = WRONG_SHARE) -> GridMusic:
    """A share of the notes, at least one, moves up or down by one or two semitones."""
    count = max(1, round(share * len(music.steps)))
    moved = random.choice(len(music.steps), count, replace=False)
    pitches = music.pitches.copy()
    pitches[moved] += random.choice([-2, -1, 1, 2], count)
    beyond = (pitches < LOWEST_PITCH) | (pitches > HIGHEST_PITCH)
    pitches[beyond] = 2 * music.pitches[beyond] - pitches[beyond]
    return _with_notes(music, random, music.steps, pitches, music.durations)


def random_notes(music: GridMusic, random: Random) -> GridMusic:
    """As many notes, anywhere in the piece; pitches, lengths and velocities are each drawn from those of its notes."""
    count, end = len(music.steps), int(music.bar_starts[-1])
    pitches, durations, velocities = (
        of_notes[random.integers(0, count, count)] for of_notes in (music.pitches, music.durations, music.velocities)
    )
    return _with_notes(
        replace(music, velocities=velocities), random, random.integers(0, end, count), pitches, durations
    )


Corruption = Callable[[GridMusic, Random], GridMusic]

CORRUPTIONS: dict[str, Corruption] = {
    "pitches shuffled": shuffled_pitches,
    "onsets permuted": permuted_onsets,
    "wrong notes": wrong_notes,
    "random notes": random_notes,
}
"""By the names that reports give them."""


def bars_of_others(pool: Sequence[GridMusic]) -> Corruption:
    """A patchwork: every bar is one of any piece of `pool`, which is in 4/4 throughout; each bar by itself is real."""

    def corrupt(music: GridMusic, random: Random) -> GridMusic:
        chosen = [pool[index] for index in random.integers(0, len(pool), len(music.bar_steps)).tolist()]
        return _patchwork(music, random, [(one, int(random.integers(0, len(one.bar_steps)))) for one in chosen])

    return corrupt


def half_of_another(pool: Sequence[GridMusic]) -> Corruption:
    """The first half of a piece, and then as many bars from the beginning of any piece of `pool`, which is in 4/4."""

    def corrupt(music: GridMusic, random: Random) -> GridMusic:
        other = pool[int(random.integers(0, len(pool)))]
        total = len(music.bar_steps)
        first = [(music, bar) for bar in range(total // 2)]
        return _patchwork(
            music, random, [*first, *((other, n % len(other.bar_steps)) for n in range(total - len(first)))]
        )

    return corrupt


def far_apart(first: GridMusic, second: GridMusic, bars: int, random: Random) -> GridMusic:
    """So many bars from a quarter through one piece, and as many from three quarters through another, both in 4/4.

    Of one piece twice: how what lies far apart in it fits together. A part may be shorter where its piece ends.
    """
    places = ((first, len(first.bar_steps) // 4), (second, 3 * len(second.bar_steps) // 4))
    chosen = [(one, bar) for one, at in places for bar in range(at, min(at + bars, len(one.bar_steps)))]
    return _patchwork(first, random, chosen)


PATCHWORKS: dict[str, Callable[[Sequence[GridMusic]], Corruption]] = {
    "bars of other songs": bars_of_others,
    "second half of another song": half_of_another,
}
"""What is wrong with these is between bars only: they need real pieces that bars are taken from."""


def in_4_4(pieces: Sequence[GridMusic]) -> list[GridMusic]:
    """Those in 4/4 throughout."""
    return [one for one in pieces if (one.bar_steps == MAX_STEPS).all()]


def _patchwork(music: GridMusic, random: Random, bars: Sequence[tuple[GridMusic, int]]) -> GridMusic:
    """Bars of pieces, each given by its number, behind each other in 4/4, in the tempo in which `music` begins.

    Notes may sound into the next bar, as they do where they come from. `music` itself where nothing would be struck.
    """
    parts = []
    for number, (piece, bar) in enumerate(bars):
        start, end = piece.bar_starts[bar], piece.bar_starts[bar + 1]
        inside = (piece.steps >= start) & (piece.steps < min(end, start + MAX_STEPS))
        moved = piece.steps[inside] - start + MAX_STEPS * number
        parts.append(np.stack([moved, piece.pitches[inside], piece.durations[inside], piece.velocities[inside]]))
    steps, pitches, durations, velocities = np.concatenate(parts, axis=1)
    if not len(steps):
        return music
    frame = replace(
        music,
        bar_steps=np.full(len(bars), MAX_STEPS),
        velocities=velocities,
        tempo_steps=music.tempo_steps[:1],
        tempos=music.tempos[:1],
    )
    return _with_notes(frame, random, steps, pitches, durations)


def _with_notes(music: GridMusic, random: Random, steps: Integers, pitches: Integers, durations: Integers) -> GridMusic:
    """The piece with its notes at other steps, pitches and lengths [K]; of two on one key at once one moves by octaves.

    Where there is no octave left the note goes. Notes end with the piece, and where their key is struck again.
    """
    pitches = pitches.copy()
    for _ in range(_TRIES):
        order = np.lexsort((pitches, steps))
        same = (np.diff(steps[order]) == 0) & (np.diff(pitches[order]) == 0)
        clashing = order[1:][same]
        if not len(clashing):
            break
        moved = pitches[clashing] + random.choice([-12, 12], len(clashing))
        pitches[clashing] = np.where((moved < LOWEST_PITCH) | (moved > HIGHEST_PITCH), pitches[clashing], moved)
    _, kept = np.unique(np.stack([steps, pitches]), axis=1, return_index=True)  # sorted by step, then pitch
    steps, pitches = steps[kept], pitches[kept]
    until_end = int(music.bar_starts[-1]) - steps
    made = replace(
        music,
        steps=steps,
        pitches=pitches,
        durations=cut_at_restrikes(steps, pitches, np.minimum(durations[kept], until_end)),
        velocities=music.velocities[kept],
        chord_steps=np.zeros(1, np.int64),
        chords=np.full(1, NO_CHORD_VALUE),
    )
    return without_empty_end(made)
