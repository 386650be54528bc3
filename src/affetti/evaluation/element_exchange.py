"""One element of a piece given to another: which word of the one takes its value from which word of the other.

Bars stand for bars: a bar takes from the bar of the same number, counted round where the other piece is shorter, and
within it the first word that says the element takes from the first, the last from the last, those between in
proportion.
A pitch goes to a place in the piece that takes it, where pitches are struck from the lowest up.

Shapes: T words.
"""

import numpy as np
from numpy.typing import NDArray

from affetti.tokens.elements import BAR, BAR_BEAT, END, FIRST_VALUES, NOTE, PITCH, TYPE, Integers


def says(words: NDArray[np.integer], element: int) -> NDArray[np.bool_]:
    """In which words [T, 7] an element says something: not "ignored" or "continue", and never in the end word."""
    return np.asarray((words[:, element] >= FIRST_VALUES[element]) & (words[:, TYPE] != END))


def partners(words: NDArray[np.integer], other: NDArray[np.integer], element: int) -> tuple[Integers, Integers]:
    """The words of one piece that say an element, by number, and for each the word of the other that it takes from.

    Both are empty where either piece never says it.
    """
    own_bars, other_bars = _by_bar(words, element), [bar for bar in _by_bar(other, element) if len(bar)]
    if not other_bars:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    takers, givers = [], []
    for number, own in enumerate(own_bars):
        theirs = other_bars[number % len(other_bars)]
        places = np.rint(np.linspace(0, len(theirs) - 1, len(own))).astype(np.int64)
        takers.append(own)
        givers.append(theirs[places])
    taking, giving = (np.concatenate(parts).astype(np.int64) for parts in (takers, givers))
    if element == PITCH:
        chords = np.cumsum(np.asarray(words)[:, TYPE] != NOTE)[taking]  # notes struck together
        giving = giving[np.lexsort((np.asarray(other)[giving, PITCH], chords))]
    return taking, giving


def _by_bar(words: NDArray[np.integer], element: int) -> list[Integers]:
    """The numbers of the words that say an element, bar by bar."""
    bars = np.cumsum(np.asarray(words)[:, BAR_BEAT] == BAR)
    spoken = np.flatnonzero(says(words, element))
    bounds = np.searchsorted(bars[spoken], np.arange(1, bars[-1] + 2))
    return [spoken[start:end] for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
