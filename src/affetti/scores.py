"""Pieces as scores: MusicXML through music21, engraved as SVG by verovio (the extra `affetti[scores]`).

A score is a reading of a piece, not the piece: times are rounded to sixteenths, and each staff is one voice,
in which a chord lasts until the next one starts at most. A melody on the grid is written exactly. Drums are
left out.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from affetti.errors import InputError
from affetti.piece import Piece, TimeSignature, Track

if TYPE_CHECKING:  # music21 takes a second to import
    import music21

MAX_BARS = 4_000
"""Bars of all tracks together. The longest piece in our corpora has 1,884 in three tracks and takes 10 s."""

_SIXTEENTHS_PER_QUARTER = 4
_SIXTEENTHS_PER_WHOLE = 16
_MIDDLE_C = 60
_NOTE_HEADS = (16, 12, 8, 6, 4, 3, 2, 1)  # sixteenths: whole, dotted half, half …
_RESTS = (16, 8, 4, 2, 1)
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10, 11)}  # with the leading tone
_MIN_SHARE_OF_HAND = 0.2  # fewer notes beyond middle C are one hand's excursion, not another hand

_Sixteenths = tuple[int, int, int]
"""A note as (start, end, pitch), times in sixteenths."""


@dataclass(frozen=True, slots=True)
class _Key:
    sharps: int
    is_minor: bool


@dataclass(frozen=True, slots=True)
class _Chord:
    """Pitches that start together; an empty chord is a rest. Times in sixteenths."""

    start: int
    end: int
    pitches: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Bar:
    """A bar: its first sixteenth, its length and beat in sixteenths, and its metre where that is new."""

    start: int
    length: int
    beat: int
    is_compound: bool
    new_metre: str | None


def musicxml(piece: Piece) -> str:
    """A piece as MusicXML: one staff for a voice or a hand, two for a track that plays both hands of a piano.

    The key is the piece's first key signature, else one heard in the notes; the tempo is the first one.
    Changes of metre take effect at the next bar line. The same piece gives the same text. Raises InputError
    without the extra, for a piece without pitched notes, one of more than `MAX_BARS`, or bars that are no
    whole number of sixteenths.
    """
    try:
        import music21
        from music21.musicxml.m21ToXml import GeneralObjectExporter
    except ImportError as error:
        raise _missing_extra() from error
    tracks = [track for track in piece.tracks if track.notes and not track.is_drum]
    if not tracks:
        raise InputError("no pitched notes: there is nothing to write in a score")
    notes = [_sixteenths(track, piece.ticks_per_quarter) for track in tracks]
    end = max(end for track_notes in notes for _, end, _ in track_notes)
    bars = _bars(piece, end, limit=MAX_BARS // len(tracks))
    key = _key(piece)
    score = music21.stream.Score()
    score.metadata = music21.metadata.Metadata(title=" ")  # else music21 calls it a fragment
    for track, track_notes in zip(tracks, notes, strict=True):
        staves = [track_notes] if len(tracks) == 2 else _hands(track_notes)
        parts = [_part(_chords(staff), bars, key) for staff in staves]
        for part in parts:
            part.partName = track.name if len(tracks) > 2 and part is parts[0] else ""
            score.insert(0, part)
        if len(parts) == 2:
            score.insert(0, music21.layout.StaffGroup(parts, symbol="brace", barTogether=True))
    parts = list(score.parts)
    if len(tracks) == 2:
        score.insert(0, music21.layout.StaffGroup(parts, symbol="brace", barTogether=True))
    for number, part in enumerate(parts, start=1):
        instrument = music21.instrument.Instrument()
        instrument.partId = f"P{number}"  # else music21 draws one
        part.insert(0, instrument)
    if piece.tempos:
        mark = music21.tempo.MetronomeMark(number=round(piece.tempos[0].quarters_per_minute))
        parts[0].measure(1).insert(0, mark)
    text: str = GeneralObjectExporter(score).parse().decode()
    return re.sub(r"\s*<encoding-date>.*?</encoding-date>", "", text)


def svg_pages(piece: Piece) -> list[str]:
    """The pages of a piece's score, each an SVG document. Raises InputError as `musicxml` does."""
    text = musicxml(piece)
    try:
        import verovio
    except ImportError as error:
        raise _missing_extra() from error
    verovio.enableLog(verovio.LOG_ERROR)
    toolkit = verovio.toolkit()
    toolkit.setOptions(
        {
            "adjustPageHeight": True,  # four bars are a strip, not an empty page
            "adjustPageWidth": True,
            "footer": "none",
            "header": "none",
            "pageWidth": 2100,
            "scale": 50,
            "svgViewBox": True,
            "xmlIdSeed": 1,  # else every call makes other ids
        }
    )
    if not toolkit.loadData(text):
        raise RuntimeError("verovio cannot read the MusicXML that music21 wrote")
    return [toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1)]


def _missing_extra() -> InputError:
    return InputError('scores need music21 and verovio: pip install "affetti[scores]"')


def _sixteenths(track: Track, ticks_per_quarter: int) -> list[_Sixteenths]:
    """The notes of a track, times rounded to the nearest sixteenth, each at least one long; sorted."""
    scale = _SIXTEENTHS_PER_QUARTER / ticks_per_quarter
    notes = []
    for note in track.notes:
        start = int(note.start_ticks * scale + 0.5)
        notes.append((start, max(int(note.end_ticks * scale + 0.5), start + 1), note.pitch))
    return sorted(notes)


def _hands(notes: list[_Sixteenths]) -> list[list[_Sixteenths]]:
    """The staves of a track: one for a single voice or hand, else what lies above and below middle C."""
    upper = [note for note in notes if note[2] >= _MIDDLE_C]
    lower = [note for note in notes if note[2] < _MIDDLE_C]
    is_one_voice = all(first[1] <= second[0] for first, second in pairwise(notes))
    is_one_hand = min(len(upper), len(lower)) < _MIN_SHARE_OF_HAND * len(notes)
    return [notes] if is_one_voice or is_one_hand else [upper, lower]


def _chords(notes: list[_Sixteenths]) -> list[_Chord]:
    """The notes of a staff as one voice: chords, each cut where the next one starts, and rests between."""
    groups: dict[int, list[_Sixteenths]] = {}
    for note in notes:
        groups.setdefault(note[0], []).append(note)
    starts = sorted(groups)
    chords: list[_Chord] = []
    now = 0
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        if start > now:
            chords.append(_Chord(now, start, ()))
        now = max(end for _, end, _ in groups[start])
        if following is not None:
            now = min(now, following)
        chords.append(_Chord(start, now, tuple(sorted({pitch for _, _, pitch in groups[start]}))))
    return chords


def _bars(piece: Piece, end: int, *, limit: int) -> list[_Bar]:
    """The bars up to a sixteenth. Raises InputError for more than `limit`, or uneven ones."""
    scale = _SIXTEENTHS_PER_QUARTER / piece.ticks_per_quarter
    metres = sorted(piece.time_signatures, key=lambda metre: metre.start_ticks)
    starts = [int(metre.start_ticks * scale + 0.5) for metre in metres]
    bars: list[_Bar] = []
    position, current = 0, ""
    while position < end:
        index = bisect_right(starts, position) - 1
        metre = metres[index] if index >= 0 else TimeSignature(0, 4, 4)
        name = f"{metre.numerator}/{metre.denominator}"
        length, remainder = divmod(metre.numerator * _SIXTEENTHS_PER_WHOLE, metre.denominator)
        if remainder:
            raise InputError(f"bars of {name} cannot be written in sixteenths")
        is_compound = metre.denominator >= 8 and metre.numerator > 3 and metre.numerator % 3 == 0
        beat = max(_SIXTEENTHS_PER_WHOLE // metre.denominator, 1) * (3 if is_compound else 1)
        bars.append(_Bar(position, length, beat, is_compound, None if name == current else name))
        position, current = position + length, name
        if len(bars) > limit:
            raise InputError(f"more than {MAX_BARS:,} bars in all tracks together: too long for a score")
    return bars


def _key(piece: Piece) -> _Key:
    """The key to write: the piece's first, else the one in which the least of its time is foreign.

    Among equals music21's correlation with Krumhansl and Kessler's profiles decides. It does not decide
    alone: it hears G A B C in F major, and a reader wants few accidentals.
    """
    import music21

    if piece.key_signatures:
        return _Key(piece.key_signatures[0].sharps, piece.key_signatures[0].is_minor)
    ticks = [0] * 12
    for note in piece.notes:
        ticks[note.pitch % 12] += max(note.duration_ticks, 1)
    heard = music21.stream.Stream()
    for pitch_class, total in enumerate(ticks):
        if total:
            quarters = total / piece.ticks_per_quarter
            heard.append(music21.note.Note(_MIDDLE_C + pitch_class, quarterLength=quarters))

    def rank(key: "music21.key.Key") -> tuple[int, float]:
        scale = {(key.tonic.pitchClass + step) % 12 for step in _SCALES[key.mode]}
        foreign = sum(total for pitch_class, total in enumerate(ticks) if pitch_class not in scale)
        return foreign, -key.correlationCoefficient

    likeliest = heard.analyze("key")
    key = min([likeliest, *likeliest.alternateInterpretations], key=rank)
    return _Key(key.sharps, key.mode == "minor")


def _lengths(chord: _Chord, start: int, end: int, bar: _Bar) -> list[int]:
    """The lengths, in sixteenths, of the note heads or rests that write a time within one bar.

    What starts on a beat is written as long as can be; what starts off the beat is cut at the next beat, but
    for the plain syncopation that lasts a beat and starts half a beat late.
    """
    lengths = []
    position = start - bar.start
    while position < end - bar.start:
        left, late = end - bar.start - position, position % bar.beat
        limit = left
        if late and not (chord.pitches and left == bar.beat == 2 * late):
            limit = min(left, bar.beat - late)
        elif bar.is_compound and left > bar.beat:
            limit = left // bar.beat * bar.beat
        if chord.pitches:
            length = next(length for length in _NOTE_HEADS if length <= limit)
        else:
            length = next(length for length in _RESTS if length <= limit and position % length == 0)
        lengths.append(length)
        position += length
    return lengths


def _part(chords: list[_Chord], bars: list[_Bar], key: _Key) -> "music21.stream.Part":
    """A staff: clef, key, metre, and its chords cut at the bar lines and tied across them."""
    import music21

    part = music21.stream.Part()
    end = bars[-1].start + bars[-1].length
    voice = [*chords, _Chord(chords[-1].end, end, ())]
    index = 0
    for number, bar in enumerate(bars, start=1):
        measure = music21.stream.Measure(number=number)
        if number == 1:
            measure.append(_clef(chords))
            measure.append(music21.key.KeySignature(key.sharps))
        if bar.new_metre:
            measure.append(music21.meter.TimeSignature(bar.new_metre))
        bar_end = bar.start + bar.length
        while index < len(voice) and voice[index].start < bar_end:
            chord = voice[index]
            start, stop = max(chord.start, bar.start), min(chord.end, bar_end)
            if not chord.pitches and stop - start == bar.length:
                rest = music21.note.Rest(quarterLength=bar.length / _SIXTEENTHS_PER_QUARTER)
                rest.fullMeasure = True
                measure.append(rest)
            else:
                for length in _lengths(chord, start, stop, bar):
                    measure.append(_written(chord, start, length, key))
                    start += length
            if chord.end > bar_end:
                break
            index += 1
        part.append(measure)
    part.measure(len(bars)).rightBarline = "final"
    return part


def _written(chord: _Chord, start: int, length: int, key: _Key) -> "music21.note.GeneralNote":
    """One note head, chord or rest of a chord, tied to its neighbours where it is only a part of it."""
    import music21

    quarters = length / _SIXTEENTHS_PER_QUARTER
    if not chord.pitches:
        return music21.note.Rest(quarterLength=quarters)
    names = [_spelled(pitch, key) for pitch in chord.pitches]
    written = (
        music21.note.Note(names[0], quarterLength=quarters)
        if len(names) == 1
        else music21.chord.Chord(names, quarterLength=quarters)
    )
    is_first, is_last = start == chord.start, start + length == chord.end
    if not (is_first and is_last):
        written.tie = music21.tie.Tie("start" if is_first else "stop" if is_last else "continue")
    return written


def _spelled(pitch: int, key: _Key) -> str:
    """A pitch's name in a key, in music21's way: 63 is E-4 in c minor, D#4 in e minor.

    Twelve neighbours on the line of fifths (… B-, F, C, G …) name the twelve pitch classes: in major from the
    lowered third to the raised fifth, in minor from the lowered second to the raised fourth.
    """
    lowest = key.sharps - (2 if key.is_minor else 3)
    fifths = lowest + (7 * pitch - lowest) % 12
    alteration, letter = divmod(fifths + 1, 7)
    octave = (pitch - alteration) // 12 - 1
    return "FCGDAEB"[letter] + "#" * alteration + "-" * -alteration + str(octave)


def _clef(chords: list[_Chord]) -> "music21.clef.Clef":
    """The treble clef where most of a staff lies above middle C, else the bass clef."""
    import music21

    pitches = sorted(pitch for chord in chords for pitch in chord.pitches)
    is_high = pitches[len(pitches) // 2] >= _MIDDLE_C
    return music21.clef.TrebleClef() if is_high else music21.clef.BassClef()
