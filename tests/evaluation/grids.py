"""Music on the grid, written down as notes."""

from collections.abc import Sequence

import numpy as np

from affetti.tokens.compound_word import GridMusic


def music(notes: Sequence[tuple[int, int, int]], bars: int = 1, steps: int = 16) -> GridMusic:
    """Notes (step, pitch, duration) in so many bars of so many sixteenths, all equally loud, in one tempo."""
    placed = np.asarray(sorted(notes), np.int64).reshape(-1, 3)
    nothing = np.zeros(1, np.int64)
    return GridMusic(
        np.full(bars, steps),
        placed[:, 0],
        placed[:, 1],
        placed[:, 2],
        np.full(len(placed), 20),
        nothing,
        np.full(1, 30),
        nothing,
        np.full(1, 2),
    )


def song(seed: int, bars: int = 10) -> GridMusic:
    """A made-up song: a bass note and a chord in each half bar, and a tune of steps in eighths, in C, which returns."""
    random = np.random.default_rng(seed)
    roots = random.permutation([0, 5, 7, 9])
    tune = 72 + np.cumsum(random.choice([-2, -1, 0, 1, 2], 16))
    scale = np.asarray([0, 2, 4, 5, 7, 9, 11])
    notes = []
    for bar in range(bars):
        for half in range(2):
            root = int(roots[(2 * bar + half) % 4])
            place = 16 * bar + 8 * half
            triad = scale[(int(np.searchsorted(scale, root)) + np.asarray([0, 2, 4])) % 7]
            notes.append((place, 36 + root, 8))
            notes += [(place, 48 + int(pitch), 8) for pitch in triad]
        for eighth in range(8):
            pitch = int(tune[(8 * bar + eighth) % 16])
            pitch -= (pitch % 12) not in scale
            notes.append((16 * bar + 2 * eighth, pitch, 2))
    return music(notes, bars)
