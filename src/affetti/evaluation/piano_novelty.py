"""Whether piano pieces copy the songs that a model has learned from: runs of notes that occur there.

A piece is the sequence of its notes by time, then pitch. Two runs are the same where the intervals between their notes,
in semitones and in sixteenths, are: wherever they stand, in whatever key, at whatever tempo. The same is asked of the
upper voice alone, which a copied tune with another accompaniment would have.

How long a run two pieces share by chance depends on how music is made. So the figures stand beside those of real songs
that were held out, against the same training songs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affetti.evaluation.grid_notes import GridNotes
from affetti.tokens.compound_word import GridMusic
from affetti.tokens.elements import Integers, Reals

RUN = 8
"""Notes of the runs that are counted."""
_LONGEST_GAP = 64
"""Sixteenths: a longer gap counts as this."""
_SPAN = 256
"""More than the numbers of intervals of pitch there are."""
_LEVELS = 10
"""Runs of up to 2 ** 10 - 1 intervals are told apart."""


@dataclass(frozen=True, slots=True, eq=False)
class CopiedRuns:
    """N pieces beside the songs that they may have been copied from."""

    notes: Integers
    """[N] in the sequence that was compared."""
    longest: Integers
    """[N] notes in the longest run that occurs in one of the songs; 1 where not even an interval does."""
    shares: Reals
    """[N] of a piece's runs of RUN notes, the share that occurs in a song; NaN where it is shorter."""


def copied_runs(pieces: Sequence[GridMusic], songs: Sequence[GridMusic], *, top_line: bool = False) -> CopiedRuns:
    """Each piece beside all songs: all its notes, or its upper voice. Raises ValueError without pieces or songs."""
    queries, query_sizes = _sequences(pieces, top_line)
    corpus, _ = _sequences(songs, top_line)
    symbols = np.concatenate([queries, corpus])
    # Each sequence ends with a number that occurs nowhere else: no run goes beyond it.
    is_end = symbols < 0
    symbols[is_end] = -1 - np.arange(is_end.sum())
    lengths = _longest_matches(symbols, len(queries))
    owners = np.repeat(np.arange(len(pieces)), query_sizes)
    longest = np.ones(len(pieces), np.int64)
    np.maximum.at(longest, owners, lengths + 1)
    left = _left_in_sequence(query_sizes)  # intervals from here to the end of the piece
    whole = left >= RUN - 1
    runs = np.bincount(owners[whole], minlength=len(pieces))
    copied = np.bincount(owners[whole & (lengths >= RUN - 1)], minlength=len(pieces))
    shares = np.divide(copied, runs, np.full(len(pieces), np.nan), where=runs > 0)
    return CopiedRuns(query_sizes, longest, shares)


def _sequences(pieces: Sequence[GridMusic], top_line: bool) -> tuple[Integers, Integers]:
    """The intervals of all pieces behind each other, -1 after each piece; and the notes of each piece [N].

    A piece of k notes has k - 1 intervals, so with the end its k places.
    """
    notes = GridNotes.of(pieces)
    steps, pitches, owners = notes.steps, notes.pitches, notes.by_piece
    if top_line:
        line = notes.top_line
        steps, pitches, owners = notes.moments.steps[line], notes.moments.highest[line], notes.moments.by_piece[line]
    intervals = np.minimum(np.diff(steps), _LONGEST_GAP) * _SPAN + np.diff(pitches) + _SPAN // 2
    ends = np.append(np.diff(owners) > 0, True)
    return np.where(ends, -1, np.append(intervals, 0)), np.bincount(owners, minlength=len(pieces))


def _left_in_sequence(sizes: Integers) -> Integers:
    """Of each place, how many intervals come from there on in its sequence."""
    total = int(sizes.sum())
    return np.repeat(np.cumsum(sizes), sizes) - 1 - np.arange(total)


def _longest_matches(symbols: Integers, queries: int) -> Integers:
    """[queries] how many symbols from each of the first `queries` places on also stand somewhere after those places.

    By sorting suffixes: names for stretches of 1, 2, 4 … symbols (Karp, Miller and Rosenberg, STOC 1972) give the order
    of all suffixes, in which the longest match of one is with the nearest suffix of the others before or after it.
    """
    names = [np.unique(symbols, return_inverse=True)[1]]
    for level in range(_LEVELS - 1):
        reach = 1 << level
        later = np.append(names[-1][reach:] + 1, np.zeros(min(reach, len(symbols)), np.int64))
        names.append(np.unique(names[-1] * (len(symbols) + 1) + later, return_inverse=True)[1])
    order = np.argsort(names[-1], kind="stable")
    is_query = order < queries
    place = np.arange(len(order))
    before = np.maximum.accumulate(np.where(is_query, -1, place))[is_query]
    after = np.minimum.accumulate(np.where(is_query, len(order), place)[::-1])[::-1][is_query]
    own = order[is_query]
    longest = np.zeros(queries, np.int64)
    for neighbour, exists in ((before, before >= 0), (after, after < len(order))):
        shared = _shared(names, own[exists], order[neighbour[exists]])
        longest[own[exists]] = np.maximum(longest[own[exists]], shared)
    return longest


def _shared(names: Sequence[Integers], first: Integers, second: Integers) -> Integers:
    """How many symbols from two places on are the same."""
    first, second = first.copy(), second.copy()
    total = np.zeros(len(first), np.int64)
    end = len(names[0])
    for level in reversed(range(len(names))):
        inside = (first < end) & (second < end)
        same = inside.copy()
        same[inside] = names[level][first[inside]] == names[level][second[inside]]
        for moving in (first, second, total):
            moving[same] += 1 << level
    return total
