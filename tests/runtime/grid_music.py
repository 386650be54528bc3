"""Music on the grid, written down in a line or two."""

from collections.abc import Sequence

import numpy as np

from affetti.analysis.chords import chord_number
from affetti.tokens.compound_word import GridMusic
from affetti.tokens.elements import NO_CHORD_VALUE


def grid_music(
    notes: Sequence[tuple[int, int, int, int]],
    *,
    bar_steps: Sequence[int] | None = None,
    chords: Sequence[tuple[int, int, str]] = (),
    tempos: Sequence[tuple[int, int]] = ((0, 20),),
) -> GridMusic:
    """Notes as (step, pitch, duration, velocity value) in bars of 16 where nothing else is said; chords as (step, root,
    quality), none before the first; tempos as (step, value).
    """
    columns = np.asarray(sorted(notes), np.int64).T
    if bar_steps is None:
        bar_steps = [16] * (int(columns[0].max()) // 16 + 1)
    named = [(step, NO_CHORD_VALUE + chord_number(root, quality)) for step, root, quality in chords]
    if not named or named[0][0] > 0:
        named.insert(0, (0, NO_CHORD_VALUE))
    chord_steps, chord_values = np.asarray(named, np.int64).T
    tempo_steps, tempo_values = np.asarray(tempos, np.int64).T
    lengths = np.asarray(bar_steps, np.int64)
    return GridMusic(lengths, *columns, tempo_steps, tempo_values, chord_steps, chord_values)
