"""How four-bar phrases become a longer melody: which phrase returns, which contrasts, and how it closes."""

from typing import NamedTuple

from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.runtime.emotion_path import EmotionPath, Wanted
from affetti.tokens.melody import PHRASE_BARS

MAX_BARS = 1024


class Phrase(NamedTuple):
    """Four bars of a melody."""

    section: int
    """Phrases of one section open alike."""
    emotion: Quadrant | Emotion


def phrases_of(wanted: Wanted, bars: int) -> tuple[Phrase, ...]:
    """The phrases of a melody of so many bars, or of a path.

    Each segment of a path has the form of a melody of its length. One that asks for the emotion of an earlier one takes
    up its theme. Raises InputError as `phrase_form`, and for a segment that is not of whole phrases.
    """
    if not isinstance(wanted, EmotionPath):
        return tuple(Phrase(section, wanted) for section in phrase_form(bars))
    phrase_form(wanted.bars)  # as long as a melody may be
    numbers: dict[tuple[Quadrant | Emotion, int], int] = {}
    phrases = []
    for segment in wanted.segments:
        for section in phrase_form(segment.bars):
            number = numbers.setdefault((segment.emotion, section), len(numbers))
            phrases.append(Phrase(number, segment.emotion))
    return tuple(phrases)


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
