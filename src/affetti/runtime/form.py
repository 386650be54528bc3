"""How four-bar phrases become a longer melody: which phrase returns, which contrasts, and how it closes."""

from affetti.errors import InputError
from affetti.tokens.melody import PHRASE_BARS

MAX_BARS = 1024


def phrase_form(bars: int) -> tuple[int, ...]:
    """The section of each four-bar phrase; phrases of one section open alike.

    A period (A A') for 8 bars, A B A' for 12, song form (A A' B A'') for 16, and blocks of song form with a new
    contrasting section each beyond; the first section always closes. Raises InputError unless `bars` is a
    multiple of 4 from 4 to 1,024.
    """
    if bars % PHRASE_BARS or not PHRASE_BARS <= bars <= MAX_BARS:
        raise InputError(f"{bars} bars: melodies come in multiples of {PHRASE_BARS} bars, up to {MAX_BARS:,}")
    phrases = bars // PHRASE_BARS
    if phrases == 3:
        return (0, 1, 0)
    sections = [block + 1 if place == 2 else 0 for block, place in (divmod(n, 4) for n in range(phrases))]
    return (*sections[:-1], 0)
