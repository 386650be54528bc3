"""Piano rolls of performed music in seconds, with the beats, bar lines and chords that were heard in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.key import MAJOR_NAMES
from affetti.analysis.metrical_grid import MetricalGrid, metrical_grid
from affetti.analysis.note_arrays import Integers, NoteArrays, Reals, note_arrays, tempo_map
from affetti.evaluation.drawing import new_figure, picture_of
from affetti.evaluation.report import Picture
from affetti.piece import NO_CHORD, Chord, Piece
from affetti.tokens.compound_word import TICKS_PER_STEP
from affetti.tokens.quantisation import quantise

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Booleans = NDArray[np.bool_]

NOTE_COLOUR = "#0072B2"
_BEAT, _BAR, _OCTAVE = "#D0D0D0", "#777777", "#EEEEEE"
_CHORD_SIGNS = {"maj": "", "min": "m", "dim": "dim", "aug": "+", "min7": "m7", "hdim7": "ø7", "dim7": "dim7"}
"""How players write a quality behind its root; the others are written as they are named."""
_PAGE_INCHES, _ROLL_INCHES = 15.0, 2.5
_STRUCK_SECONDS = 0.07
_LEAST_SEMITONES = 36  # a roll of few pitches keeps notes of a readable height


@dataclass(frozen=True, slots=True)
class Roll:
    """One piano roll of a sheet: what stands above it, the piece, and the beats heard in it."""

    title: str
    piece: Piece
    grid: MetricalGrid | None = None
    colour: str = NOTE_COLOUR


def draw_piano_roll(
    axes: "Axes",
    piece: Piece,
    grid: MetricalGrid | None = None,
    *,
    seconds: tuple[float, float] | None = None,
    colour: str = NOTE_COLOUR,
) -> None:
    """Draw a piece: notes, dark where they are struck, paler the softer; beats, numbered bars, and chords on top.

    The horizontal axis is the time of the performance in seconds, from `seconds[0]` to `seconds[1]`: the whole piece
    where they are not given. The chords are the piece's own (`Piece.chords`); a chord is named where it begins.
    """
    notes = note_arrays(piece)
    times = tempo_map(piece)
    whole = (0.0, float(notes.end_seconds.max(initial=1.0)))
    start, end = whole if seconds is None else seconds
    shown = (notes.start_seconds < end) & (notes.end_seconds > start)
    _draw_pitch_axis(axes, notes.pitches[shown])
    if grid is not None:
        beats = times.seconds_at(grid.beat_ticks)
        _draw_beats(axes, beats, np.isin(np.arange(len(beats)), grid.bar_beats), start, end)
    _draw_notes(axes, notes, shown, colour)
    changes = sorted(piece.chords, key=lambda chord: chord.start_ticks)
    _draw_chords(axes, changes, times.seconds_at(np.asarray([c.start_ticks for c in changes])), start, end)
    axes.set_xlim(start, end)
    axes.set_ylabel("pitch")


def piano_roll_sheet(
    name: str, title: str, rolls: Sequence[Roll], *, most_seconds: float = 40.0, caption: str = ""
) -> Picture:
    """Piano rolls one below the other, at one scale of time; each shows at most its first `most_seconds`.

    Raises ValueError for no rolls.
    """
    if not rolls:
        raise ValueError("no piano rolls to draw")
    lengths = [float(note_arrays(roll.piece).end_seconds.max(initial=1.0)) for roll in rolls]
    end = min(most_seconds, max(lengths))
    with new_figure(_PAGE_INCHES, 0.6 + _ROLL_INCHES * len(rolls)) as figure:
        panels = figure.subplots(len(rolls), 1, squeeze=False)[:, 0]
        for panel, roll, length in zip(panels, rolls, lengths, strict=True):
            draw_piano_roll(panel, roll.piece, roll.grid, seconds=(0.0, end), colour=roll.colour)
            cut = f"; the first {end:.0f} of {length:.0f} s" if length > end + 0.5 else ""
            # A file's name may hold anything: it is no formula, and some characters cannot be drawn.
            heading = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in roll.title + cut)
            panel.set_title(heading, loc="left", pad=30 if roll.piece.chords else 6, parse_math=False)
        panels[-1].set_xlabel("seconds")
        figure.suptitle(title)
        return picture_of(figure, name, caption or title)


def heard_roll(title: str, piece: Piece, *, force_tracking: bool = False) -> Roll:
    """A performance as it is, with the beats and chords that preparing a corpus hears in it.

    Raises InputError where `metrical_grid` or `quantise` does.
    """
    grid = metrical_grid(piece, force_tracking=force_tracking)
    quantised = quantise(piece, grid)
    chords, tempo = quantised.piece.chords, quantised.report.tempo_median
    ticks = grid.ticks_at(np.asarray([chord.start_ticks for chord in chords]) / TICKS_PER_STEP)
    placed = [replace(chord, start_ticks=round(tick)) for chord, tick in zip(chords, ticks, strict=True)]
    title = f"{title} · {grid_facts(tempo, grid.is_tracked, grid.confidence)}"
    return Roll(title, replace(piece, chords=tuple(placed)), grid)


def grid_facts(tempo: float, is_tracked: bool, confidence: float) -> str:
    """What a roll says about its beats: tempo in quarters a minute, where they come from, how well they fit."""
    return f"{tempo:.0f} BPM · {'beats tracked' if is_tracked else 'own grid'}, confidence {confidence:.2f}"


def chord_sign(chord: Chord) -> str:
    """A chord as players write it, for example "F♯m7"; "N.C." for none."""
    if chord.root is None or chord.quality is None:
        return NO_CHORD
    return MAJOR_NAMES[chord.root] + _CHORD_SIGNS.get(chord.quality, chord.quality)


def _draw_pitch_axis(axes: "Axes", pitches: Integers) -> None:
    """The vertical axis with a line and a name at each C, wide enough for `pitches`."""
    low, high = int(pitches.min(initial=127)), int(pitches.max(initial=0))
    if low > high:
        low = high = 60
    spare = max(_LEAST_SEMITONES - (high - low), 0) // 2
    low, high = low - spare - 5, high + spare + 2  # below, room for the bar numbers
    octaves = range(12 * math.ceil(low / 12), high + 1, 12)
    axes.set_ylim(low, high)
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    for pitch in octaves:
        axes.axhline(pitch - 0.5, color=_OCTAVE, linewidth=0.8, zorder=0)


def _draw_beats(axes: "Axes", beats: Reals, is_bar: Booleans, start: float, end: float) -> None:
    """A thin line at each beat [B], a dark one at those that begin a bar, and the number of every bar."""
    shown = (beats >= start - 1e-6) & (beats <= end)
    for beat in beats[shown & ~is_bar]:
        axes.axvline(beat, color=_BEAT, linewidth=0.7, zorder=0.5)
    numbers = np.cumsum(is_bar)
    for index in np.flatnonzero(shown & is_bar):
        axes.axvline(beats[index], color=_BAR, linewidth=1.0, zorder=0.6)
        axes.annotate(
            str(numbers[index]),
            (beats[index], 0),
            xycoords=("data", "axes fraction"),
            xytext=(2, 2),
            textcoords="offset points",
            fontsize=6.5,
            color=_BAR,
        )


def _draw_notes(axes: "Axes", notes: NoteArrays, shown: Booleans, colour: str) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb

    begin, end = notes.start_seconds[shown], notes.end_seconds[shown]
    white_share = 0.8 - 0.6 * notes.velocities[shown, None] / 127
    faces = white_share + (1 - white_share) * np.asarray(to_rgb(colour))
    # Where a note is struck it is darkest: beats are judged by that, and a pedal makes long notes.
    struck = [0.5 * np.asarray(to_rgb(colour))]
    for until, colours in ((end, faces), (np.minimum(begin + _STRUCK_SECONDS, end), struck)):
        corners = np.stack([begin, begin, until, until], axis=1)
        heights = notes.pitches[shown, None] + np.asarray([-0.45, 0.45, 0.45, -0.45])
        boxes = np.stack([corners, heights], axis=2)
        axes.add_collection(PolyCollection(list(boxes), facecolors=colours, linewidths=0, zorder=2))


def _draw_chords(axes: "Axes", chords: Sequence[Chord], begins: Reals, start: float, end: float) -> None:
    """The name of each chord above the axes where it begins, the one in force at `start` there."""
    in_force = int(np.searchsorted(begins, start, side="right")) - 1
    last = ""
    for index, (chord, begin) in enumerate(zip(chords, begins, strict=True)):
        sign = chord_sign(chord)
        if index < in_force or begin >= end or sign == last:
            continue
        last = sign
        axes.annotate(
            sign,
            (max(float(begin), start), 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            fontsize=7.5,
            rotation=60,
            rotation_mode="anchor",
            ha="left",
            va="baseline",
        )
