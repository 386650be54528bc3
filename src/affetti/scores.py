"""Pieces as scores: MusicXML through music21, engraved as SVG by verovio (the extra `affetti[scores]`).

A score is a reading of a piece, not the piece: performances are put on a grid of sixteenths, the notes of a track are
given to hands and voices (`notation`), and a hand's chord lasts until the next one of its voice starts at most. A
melody on the grid is written exactly. Every note begins where it does on the grid. Drums are left out.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from affetti.analysis.key import Key, estimate_key
from affetti.errors import InputError
from affetti.notation.bars import SIXTEENTHS_PER_QUARTER, Bar, GridNote, bars_until, grid_notes, on_grid
from affetti.notation.voices import Staff, VoiceChord, staff_of, staves_of
from affetti.piece import Chord, Piece, Track

if TYPE_CHECKING:  # music21 takes a second to import
    import music21

MAX_BARS = 4_000
"""Bars of all tracks together. The longest piece in our corpora has 1,884 in three tracks."""

MAX_NOTES = 50_000
"""Of a piece: music21 takes 2.5 ms for each, so two minutes for so many."""

MAX_NAME = 60
"""Characters of a track's name that are written before its staff."""

_HEADER = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN"
  "http://www.musicxml.org/dtds/partwise.dtd">
"""
_MIDDLE_C = 60
_LOWEST = 12
_NOTE_HEADS = (16, 12, 8, 6, 4, 3, 2, 1)  # sixteenths: whole, dotted half, half …
_RESTS = (16, 8, 4, 2, 1)
_SCALES = {False: (0, 2, 4, 5, 7, 9, 11), True: (0, 2, 3, 5, 7, 8, 10, 11)}  # minor with the leading tone

_CHORD_KINDS = {
    "maj": "major",
    "min": "minor",
    "dim": "diminished",
    "aug": "augmented",
    "sus2": "suspended-second",
    "sus4": "suspended-fourth",
    "7": "dominant-seventh",
    "maj7": "major-seventh",
    "min7": "minor-seventh",
    "hdim7": "half-diminished-seventh",
    "dim7": "diminished-seventh",
}
"""Our qualities in music21's words."""


@dataclass(frozen=True, slots=True)
class _Key:
    sharps: int
    is_minor: bool


def musicxml(piece: Piece) -> str:
    """A piece as MusicXML: one staff for a voice or a hand, two for a track that plays both hands of a piano.

    A performance, whose notes lie on no grid, is read as `notation.bars.on_grid` says. The key is the piece's first key
    signature, else one heard in the notes; the tempo is the one that lasts longest; chords stand above the first staff.
    Changes of metre take effect at the next bar line. The same piece gives the same text. Raises InputError without the
    extra, for a piece without pitched notes, one of more than `MAX_BARS` or `MAX_NOTES`, one with notes below the
    lowest C that MusicXML can write (MIDI 12), or bars that are no whole number of sixteenths.
    """
    try:
        import music21
        from music21.musicxml.m21ToXml import GeneralObjectExporter
    except ImportError as error:
        raise _missing_extra() from error
    count = len(piece.notes)
    if not count:
        raise InputError("no pitched notes: there is nothing to write in a score")
    if count > MAX_NOTES:
        raise InputError(f"{count:,} notes; at most {MAX_NOTES:,} are written in a score")
    piece = on_grid(piece)
    tracks = [track for track in piece.tracks if track.notes and not track.is_drum]
    notes = [grid_notes(track, piece.ticks_per_quarter) for track in tracks]
    end = max(note.end for track_notes in notes for note in track_notes)
    bars = bars_until(piece, end, limit=MAX_BARS // len(tracks))
    key = _key(piece)
    names = [_name(track) for track in tracks] if len(tracks) > 2 else [""]
    groups = [staves_of(track_notes) for track_notes in notes] if len(tracks) != 2 else [_hands_of_two_tracks(notes)]
    score = music21.stream.Score()
    score.metadata = music21.metadata.Metadata(title=" ")  # else music21 calls it a fragment
    for name, staves in zip(names, groups, strict=True):
        parts = [_part(staff, bars, key) for staff in staves]
        for part in parts:
            part.partName = name if part is parts[0] else ""
            score.insert(0, part)
        if len(parts) == 2:
            score.insert(0, music21.layout.StaffGroup(parts, symbol="brace", barTogether=True))
    parts = list(score.parts)
    for number, part in enumerate(parts, start=1):
        instrument = music21.instrument.Instrument()
        instrument.partId = f"P{number}"  # else music21 draws one
        part.insert(0, instrument)
    if piece.tempos:
        parts[0].measure(1).insert(0, music21.tempo.MetronomeMark(number=max(round(_tempo(piece)), 1)))
    _write_chords(piece, parts[0], bars, key)
    return _finished(GeneralObjectExporter(score).parse())


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
    pages = [toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1)]
    if len(pages) == 1 and pages[0].count('class="system"') == 1:
        toolkit.setOptions({"adjustPageWidth": True})
        toolkit.redoLayout()
        pages = [toolkit.renderToSVG(1)]
    return pages


def _hands_of_two_tracks(notes: list[list[GridNote]]) -> list[Staff]:
    """A staff for each of two tracks, the higher one above."""
    right, left = sorted(notes, key=lambda one: -sum(note.pitch for note in one) / len(one))
    return [staff_of(right, is_left=False), staff_of(left, is_left=True)]


def _finished(written: bytes) -> str:
    """MusicXML from music21 without its date, with voices numbered and chord names placed as readers expect them.

    A name that falls inside a note music21 writes after it, going back in time. Where the next staff follows, verovio
    puts it there: so it goes before the note, forward in time.
    """
    score = ElementTree.fromstring(written)  # noqa: S314  no text from outside
    for encoding in score.iter("encoding"):
        for date in encoding.findall("encoding-date"):
            encoding.remove(date)
    for root in score.iter("root"):
        if (natural := root.find("root-alter")) is not None and natural.text == "0":
            root.remove(natural)  # else verovio writes the sign
    for measure in score.iter("measure"):
        _number_voices(measure)
        for harmony in measure.findall("harmony"):
            offset = harmony.find("offset")
            if offset is None or not offset.text or int(offset.text) >= 0:
                continue
            later, place = int(offset.text), list(measure).index(harmony)
            while later < 0:
                place -= 1
                if measure[place].tag == "note" and measure[place].find("chord") is None:
                    later += int(measure[place].findtext("duration", "0"))
            offset.text = str(later)
            measure.remove(harmony)
            measure.insert(place, harmony)
    return _HEADER + ElementTree.tostring(score, encoding="unicode") + "\n"


def _number_voices(measure: ElementTree.Element) -> None:
    """Number the voices of each staff alike in every bar: 1 and 2, and those of the lower staff 5 and 6.

    music21 counts through both staves, so that a voice changes its number wherever the other staff has two.
    """
    numbers: dict[tuple[str, str], str] = {}
    for note in measure.findall("note"):
        voice = note.find("voice")
        if voice is not None and voice.text:
            staff = note.findtext("staff", "1")
            known = sum(one == staff for one, _ in numbers)
            first = 1 + 4 * (int(staff) - 1)
            voice.text = numbers.setdefault((staff, voice.text), str(first + known))


def _missing_extra() -> InputError:
    return InputError('scores need music21 and verovio: pip install "affetti[scores]"')


def _name(track: Track) -> str:
    """A track's name without what XML cannot hold: control characters, halves of characters."""
    return "".join(character for character in track.name if character.isprintable())[:MAX_NAME]


def _tempo(piece: Piece) -> float:
    """The tempo, in quarters per minute, that holds for the longest time in notes."""
    tempos = sorted(piece.tempos, key=lambda tempo: tempo.start_ticks)
    ends = [*(tempo.start_ticks for tempo in tempos[1:]), max(piece.duration_ticks, tempos[-1].start_ticks)]
    lasting: dict[float, int] = {}
    for tempo, end in zip(tempos, ends, strict=True):
        speed = tempo.quarters_per_minute
        lasting[speed] = lasting.get(speed, 0) + end - tempo.start_ticks
    return max(lasting, key=lasting.__getitem__)


def _key(piece: Piece) -> _Key:
    """The key to write: the piece's first, else the one that is heard, unless another one needs no accidentals."""
    if piece.key_signatures:
        return _Key(piece.key_signatures[0].sharps, piece.key_signatures[0].is_minor)
    pitch_classes = {note.pitch % 12 for note in piece.notes}
    heard = estimate_key(piece)
    keys = [heard, *(Key(tonic, is_minor) for is_minor in (False, True) for tonic in range(12))]
    fitting = [key for key in keys if pitch_classes <= {(key.tonic + step) % 12 for step in _SCALES[key.is_minor]}]
    key = min(fitting, key=lambda one: (one is not heard, abs(one.sharps)), default=heard)
    return _Key(key.sharps, key.is_minor)


def _write_chords(piece: Piece, part: "music21.stream.Part", bars: list[Bar], key: _Key) -> None:
    """Put the names of a piece's chords over the bars of a staff, where they change."""
    import music21

    scale = SIXTEENTHS_PER_QUARTER / piece.ticks_per_quarter
    chords = {int(chord.start_ticks * scale + 0.5): chord for chord in sorted(piece.chords, key=_start)}
    previous = None
    measures = list(part.getElementsByClass(music21.stream.Measure))
    number = 0
    for position, chord in chords.items():
        name, previous = previous, chord.name
        while number < len(bars) and position >= bars[number].end:
            number += 1
        if number == len(bars):
            return
        if name == chord.name:
            continue
        if chord.root is None or chord.quality is None:
            symbol = music21.harmony.NoChord()
        else:
            kind = _CHORD_KINDS[chord.quality]
            symbol = music21.harmony.ChordSymbol(root=_spelled(_MIDDLE_C + chord.root, key)[:-1], kind=kind)
        measures[number].insert((position - bars[number].start) / SIXTEENTHS_PER_QUARTER, symbol)


def _start(chord: Chord) -> int:
    return chord.start_ticks


def _lengths(chord: VoiceChord, start: int, end: int, bar: Bar) -> list[int]:
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


def _part(staff: Staff, bars: list[Bar], key: _Key) -> "music21.stream.PartStaff":
    """A staff: clef, key, metre, and its voices cut at the bar lines and tied across them."""
    import music21

    part = music21.stream.PartStaff()
    outer, *inner = (_by_bar(voice, bars) for voice in staff.voices)
    for number, bar in enumerate(bars, start=1):
        measure = music21.stream.Measure(number=number)
        if number == 1:
            measure.append(_clef(staff))
            measure.append(music21.key.KeySignature(key.sharps))
        if bar.new_metre:
            measure.append(music21.meter.TimeSignature(bar.new_metre))
        under = inner[0][number - 1] if inner else []
        if under:
            voices = [_Written(outer[number - 1], staff.is_left), _Written(under, not staff.is_left, hides_rests=True)]
            # The upper voice is the first.
            for name, written in enumerate(reversed(voices) if staff.is_left else voices, start=1):
                voice = music21.stream.Voice(written.elements(bar, key))
                voice.id = str(name)
                measure.insert(0, voice)
        else:
            measure.append(_Written(outer[number - 1]).elements(bar, key))
        part.append(measure)
    part.measure(len(bars)).rightBarline = "final"
    return part


def _by_bar(voice: list[VoiceChord], bars: list[Bar]) -> list[list[VoiceChord]]:
    """For each bar the chords of a voice that sound in it."""
    found: list[list[VoiceChord]] = [[] for _ in bars]
    number = 0
    for chord in voice:
        while chord.start >= bars[number].end:
            number += 1
        later = number
        while later < len(bars) and chord.end > bars[later].start:
            found[later].append(chord)
            later += 1
    return found


@dataclass(frozen=True, slots=True)
class _Written:
    """What a bar holds of one voice, and how that is drawn."""

    chords: list[VoiceChord]
    stems_down: bool | None = None
    """None: as they come."""
    hides_rests: bool = False

    def elements(self, bar: Bar, key: _Key) -> "list[music21.note.GeneralNote]":
        """The notes, chords and rests that fill the bar."""
        import music21

        if not self.chords:
            rest = music21.note.Rest(quarterLength=bar.length / SIXTEENTHS_PER_QUARTER)
            rest.fullMeasure = True
            return [rest]
        found = []
        now = bar.start
        for chord in [*self.chords, VoiceChord(bar.end, bar.end, ())]:
            silence = VoiceChord(now, max(chord.start, now), ())
            for part in (silence, chord):
                start, end = max(part.start, bar.start), min(part.end, bar.end)
                for length in _lengths(part, start, end, bar):
                    element = _head(part, start, length, key)
                    if part.pitches and self.stems_down is not None:
                        element.stemDirection = "down" if self.stems_down else "up"
                    if self.hides_rests and not part.pitches:
                        element.style.hideObjectOnPrint = True
                    found.append(element)
                    start += length
            now = min(chord.end, bar.end)
        return found


def _head(chord: VoiceChord, start: int, length: int, key: _Key) -> "music21.note.GeneralNote":
    """One note head, chord or rest of a chord, tied to its neighbours where it is only a part of it."""
    import music21

    quarters = length / SIXTEENTHS_PER_QUARTER
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
    lowered third to the raised fifth, in minor from the lowered second to the raised fourth. Raises InputError for
    what lies below octave 0.
    """
    lowest = key.sharps - (2 if key.is_minor else 3)
    fifths = lowest + (7 * pitch - lowest) % 12
    alteration, letter = divmod(fifths + 1, 7)
    octave = (pitch - alteration) // 12 - 1
    if pitch < _LOWEST:
        raise InputError(f"the note {pitch} is too low for a score, in which {_LOWEST} (C0) is the lowest")
    if octave < 0:
        return "C0"  # not a B sharp of octave -1, which music21 and MusicXML do not know
    return "FCGDAEB"[letter] + "#" * alteration + "-" * -alteration + str(octave)


def _clef(staff: Staff) -> "music21.clef.Clef":
    """The treble clef where most of a staff lies above middle C, else the bass clef."""
    import music21

    pitches = sorted(pitch for voice in staff.voices for chord in voice for pitch in chord.pitches)
    is_high = pitches[len(pitches) // 2] >= _MIDDLE_C
    return music21.clef.TrebleClef() if is_high else music21.clef.BassClef()
