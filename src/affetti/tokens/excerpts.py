"""Parts of a piece on the grid: some of its bars as a piece of their own."""

from dataclasses import replace

import numpy as np

from affetti.tokens.compound_word import GridMusic
from affetti.tokens.elements import Integers


def excerpts(music: GridMusic, bars: int, fewest: int) -> list[GridMusic]:
    """A piece cut into parts of `bars` bars; a last part of fewer than `fewest` bars is left out unless it is the only.

    Notes end with the part at the latest. A part without notes is left out as well.
    """
    total = len(music.bar_steps)
    starts = [start for start in range(0, total, bars) if start == 0 or total - start >= fewest]
    parts = [excerpt(music, start, min(bars, total - start)) for start in starts]
    return [part for part in parts if len(part.steps)]


def excerpt(music: GridMusic, first: int, bars: int) -> GridMusic:
    """The bars `first` to `first` + `bars` - 1 of a piece, or up to the last of them in which a note is struck.

    Notes that are struck there end with them at the latest.
    """
    start, end = int(music.bar_starts[first]), int(music.bar_starts[first + bars])
    inside = (music.steps >= start) & (music.steps < end)
    steps = music.steps[inside] - start
    tempo_steps, tempos = _from(music.tempo_steps, music.tempos, start, end)
    chord_steps, chords = _from(music.chord_steps, music.chords, start, end)
    part = GridMusic(
        music.bar_steps[first : first + bars],
        steps,
        music.pitches[inside],
        np.minimum(music.durations[inside], end - start - steps),
        music.velocities[inside],
        tempo_steps,
        tempos,
        chord_steps,
        chords,
    )
    return without_empty_end(part)


def without_empty_end(music: GridMusic) -> GridMusic:
    """A piece up to the last bar in which a note is struck, as words want it; the same where there is no note."""
    if not len(music.steps):
        return music
    bars = int(np.searchsorted(music.bar_starts, music.steps[-1], side="right"))
    end = int(music.bar_starts[bars])
    tempo_steps, tempos = _from(music.tempo_steps, music.tempos, 0, end)
    chord_steps, chords = _from(music.chord_steps, music.chords, 0, end)
    return replace(
        music,
        bar_steps=music.bar_steps[:bars],
        tempo_steps=tempo_steps,
        tempos=tempos,
        chord_steps=chord_steps,
        chords=chords,
    )


def _from(steps: Integers, values: Integers, start: int, end: int) -> tuple[Integers, Integers]:
    """Changes between two steps, counted from the first of them, the one in force there among them."""
    last = int(np.searchsorted(steps, start, side="right")) - 1
    kept = slice(last, int(np.searchsorted(steps, end)))
    return np.maximum(steps[kept] - start, 0), values[kept]
