"""Themes that return: which bars of a longer piano piece open as an earlier phrase did.

What the prior composes it forgets after some bars, so by itself it never comes back to anything. Asked for enough bars
it is made to: where a phrase returns, the codes of the first half of the phrase that it repeats are set in the place of
those that were drawn, and the prior, which has been told them as if they were its own, goes on from there as it likes.
So a phrase opens as before and continues in another way, and the last one, which returns to the first, can close.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.metrical_grid import MAX_BARS
from affetti.tokens.elements import Integers

Form = Literal["song", "free"]
"""Whether phrases return and a chord closes the piece, or it goes on as the model likes and breaks off."""

FEWEST_BARS = 16
"""Of a piece in which phrases return: four phrases of four bars."""
FEWEST_BARS_TO_CLOSE = 4
"""Of a piece that a chord of one bar closes."""

MOST_BARS = MAX_BARS - 1
"""Of a song, which is composed with a bar before its first."""

_LONG_BARS = 32  # from which phrases have eight bars
_FREE = -1


def returning_bars(bars: int) -> Integers:
    """For each bar of a piece the bar that it repeats, or -1 where it is free; [bars].

    Phrases have four bars, in pieces of 32 and more eight. They follow A A' B A'', then C C' D A''', E E' F A'''' and
    so on, of which A' shares the first half of its bars with A. Of a last phrase that is cut short, as of pieces under
    16 bars, all is free.
    """
    sources = np.full(bars, _FREE)
    if bars < FEWEST_BARS:
        return sources
    phrase = 8 if bars >= _LONG_BARS else 4
    sections = _sections(bars // phrase)
    for number, section in enumerate(sections):
        first = sections.index(section)
        if first < number:
            opening = np.arange(phrase // 2)
            sources[number * phrase + opening] = first * phrase + opening
    return sources


def after_first_bar(sources: Integers) -> Integers:
    """The same for a piece with another bar before its first, [bars + 1]; nothing where nothing returns."""
    if (sources == _FREE).all():
        return sources
    return np.append(_FREE, np.where(sources == _FREE, _FREE, sources + 1))


def _sections(phrases: int) -> list[int]:
    """The number of each phrase's section, from 0."""
    blocks = [(3 * block, 3 * block, 3 * block + 1, 0) for block in range(-(-phrases // 4))]
    return [section for block in blocks for section in block][:phrases]


class Returns:
    """Sets the codes of returning bars while a plan is composed.

    pieces: B; sources: [bars] as of `returning_bars`; begins_bar: bool [K] of the codes of the codebook `bar_book`.
    """

    def __init__(self, pieces: int, sources: Integers, begins_bar: NDArray[np.bool_], bar_book: int) -> None:
        self.sources, self.begins_bar, self.bar_book = sources, begins_bar, bar_book
        self.starts: list[list[int]] = [[] for _ in range(pieces)]
        """The step at which each bar of a piece began."""
        self.cursors = [_FREE] * pieces
        """The step whose codes are repeated next, or -1 where the piece is free."""

    def apply(self, codes: Integers, step: int) -> None:
        """Put earlier codes in the place of those drawn at a step, in codes [B, T, G], where a piece repeats a bar."""
        if (self.sources == _FREE).all():
            return
        for piece, starts in enumerate(self.starts):
            cursor = self.cursors[piece]
            if cursor == _FREE and self._begins(codes[piece, step]):
                source = self._source(len(starts))
                cursor = cursor if source == _FREE else starts[source]
            if cursor != _FREE:
                codes[piece, step] = codes[piece, cursor]
                cursor += 1
            if self._begins(codes[piece, step]):
                # A phrase that goes on in its own way still begins that bar as before.
                cursor = cursor if self._source(len(starts)) != _FREE else _FREE
                starts.append(step)
            self.cursors[piece] = cursor

    def _begins(self, codes: Integers) -> bool:
        return bool(self.begins_bar[codes[self.bar_book]])

    def _source(self, bar: int) -> int:
        return int(self.sources[bar]) if bar < len(self.sources) else _FREE
