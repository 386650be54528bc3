"""What a performance has and compound words have not: kept beside the words, and put back on them.

Words hold notes on sixteenths, velocities in bins of three and tempos 3.7 % apart. The remainder is measured against
them, so it can be put on words of which one element has been exchanged: a piece made louder keeps its rubato, a piece
made slower keeps its accents. Put back on the words it was taken from, it gives the performance.

Onsets and lengths are measured in sixteenths of the beat in which they lie, and a beat as it was played against the
same beat at the word's tempo: so everything stretches with the tempo.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from affetti.piece import Note, Piece, Tempo
from affetti.tokens.compound_word import CompoundWords, GridMusic, cut_at_restrikes, metres_of, piece_of, read_words
from affetti.tokens.elements import FIRST_TEMPO, MAX_STEPS, TEMPOS, Integers, Reals, velocity_centres

PERFORMED_TICKS_PER_STEP = 960
"""3,840 ticks a quarter: half a tick is at most 0.24 ms, at 32 quarters a minute."""

_MICROSECONDS_PER_MINUTE = 60_000_000
_MAX_MICROSECONDS_PER_QUARTER = 0xFF_FFFF  # what a MIDI file can say
# Sixteenths. Rounding leaves a half, a tempo that jumps within a beat a little more (1.9 at most in VGMIDI and POP909):
# a longer remainder was cut off.
_CUT_REMAINDER = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """The remainder of a performance, for the K note words in their order and the B - 1 beats of the grid."""

    onset_steps: NDArray[np.float32]
    """[K], played minus written, in sixteenths."""
    duration_steps: NDArray[np.float32]
    """[K], played minus written, in sixteenths; large where a note longer than a word can say was cut."""
    velocities: NDArray[np.int8]
    """[K], played minus the middle of the bin."""
    beat_steps: Integers
    """[B], the sixteenth at which each beat begins; the last ends the last beat."""
    beat_stretches: NDArray[np.float32]
    """[B - 1], seconds of each beat as played, divided by its seconds at the tempo that the words say."""
    start_seconds: float = 0.0
    """When the first bar line was in the performance; `perform` begins there."""


def measure_expression(
    music: GridMusic,
    starts: Reals,
    durations: Reals,
    velocities: Integers,
    beat_seconds: Reals,
    beat_steps: Integers,
) -> Expression:
    """The remainder of a performance whose notes [K], in the order of `music`, have these starts and durations in
    sixteenths of its beats [B] and these MIDI velocities.
    """
    seconds_at_words_tempo = np.diff(beat_steps) * 15.0 / _tempo_at(music, beat_steps[:-1])
    return Expression(
        (starts - music.steps).astype(np.float32),
        (durations - music.durations).astype(np.float32),
        (velocities - velocity_centres(music.velocities)).astype(np.int8),
        beat_steps,
        (np.diff(beat_seconds) / seconds_at_words_tempo).astype(np.float32),
        float(beat_seconds[0]),
    )


def perform(words: CompoundWords, expression: Expression) -> Piece:
    """Words played with an expression: its tempo map follows the player, so bars and beats stay where they are.

    With the words that the expression was measured on this is the performance: pitches and velocities exact, times
    within a millisecond, counted from the first bar line (notes that the words had to leave out are missing). Where a
    note was played before the first bar line, a bar of as many sixteenths as it needs comes first.

    Raises ValueError where there is not one deviation for each note, InputError for ungrammatical words.
    """
    music = read_words(words.words, words.bar_steps)
    if len(expression.onset_steps) != len(music.steps):
        raise ValueError(f"an expression of {len(expression.onset_steps)} notes for words of {len(music.steps)}")
    starts = music.steps + expression.onset_steps.astype(np.float64)
    durations = music.durations + _kept_remainders(music, expression.duration_steps.astype(np.float64))
    lead = lead_steps(music, expression)
    columns = (
        np.rint((starts + lead) * PERFORMED_TICKS_PER_STEP),
        music.pitches,
        np.maximum(np.rint(durations * PERFORMED_TICKS_PER_STEP), 1),
        np.clip(velocity_centres(music.velocities) + expression.velocities, 1, 127),
    )
    notes = tuple(map(Note, *(column.astype(np.int64).tolist() for column in columns)))
    on_grid = piece_of(music, PERFORMED_TICKS_PER_STEP)
    moved = lead * PERFORMED_TICKS_PER_STEP
    metres = [replace(metre, start_ticks=metre.start_ticks + moved) for metre in on_grid.time_signatures]
    chords = [replace(chord, start_ticks=chord.start_ticks + moved) for chord in on_grid.chords]
    return replace(
        on_grid,
        tracks=(replace(on_grid.tracks[0], notes=notes),),
        tempos=_tempo_curve(music, expression, moved),
        time_signatures=(*metres_of(np.full(min(lead, 1), lead), PERFORMED_TICKS_PER_STEP), *metres),
        chords=tuple(chords),
    )


def lead_steps(music: GridMusic, expression: Expression) -> int:
    """The sixteenths by which the first bar line comes after tick 0 in what `perform` gives: 0 in most pieces."""
    earliest = float((music.steps + expression.onset_steps.astype(np.float64)).min())
    early_ticks = round(-earliest * PERFORMED_TICKS_PER_STEP)  # whole ticks: the last bits of a float are not early
    return max(0, -(-early_ticks // PERFORMED_TICKS_PER_STEP))


def _kept_remainders(music: GridMusic, remainders: Reals) -> Reals:
    """The deviations of length [K] that still make sense.

    What was cut off a long note is given back only to a note that still is as long as a word can make it.
    """
    longest = cut_at_restrikes(music.steps, music.pitches, np.full(len(music.steps), MAX_STEPS))
    kept: Reals = np.where((remainders > _CUT_REMAINDER) & (music.durations < longest), 0.0, remainders)
    return kept


def _tempo_curve(music: GridMusic, expression: Expression, moved_ticks: int) -> tuple[Tempo, ...]:
    """The words' tempo, stretched in each beat as it was played, from tick 0 on."""
    steps = np.union1d(expression.beat_steps[:-1], music.tempo_steps)
    beats = np.clip(np.searchsorted(expression.beat_steps, steps, side="right") - 1, 0, None)
    stretches = expression.beat_stretches[np.minimum(beats, len(expression.beat_stretches) - 1)]
    speeds = _tempo_at(music, steps) / stretches.astype(np.float64)
    # As a MIDI file has it: then equal tempos are equal, whatever the last bits of the stretches.
    microseconds = np.clip(np.rint(_MICROSECONDS_PER_MINUTE / speeds), 1, _MAX_MICROSECONDS_PER_QUARTER)
    differ = np.append(True, np.diff(microseconds) != 0)
    ticks = steps * PERFORMED_TICKS_PER_STEP + np.where(steps > 0, moved_ticks, 0)
    return tuple(map(Tempo, ticks[differ].tolist(), (_MICROSECONDS_PER_MINUTE / microseconds[differ]).tolist()))


def _tempo_at(music: GridMusic, steps: Integers) -> Reals:
    """Quarters a minute that the words say at each step."""
    latest = np.searchsorted(music.tempo_steps, steps, side="right") - 1
    tempos: Reals = TEMPOS[music.tempos[latest] - FIRST_TEMPO]
    return tempos
