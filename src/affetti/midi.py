"""Standard MIDI Files to pieces and back, through symusic: the only file that imports a MIDI library.

symusic pairs and writes the notes. Before it sees a byte, `_walk` passes over every event of the file: it
refuses what is broken or absurd in one line, and reads tempo, metre, key and markers on the way. symusic 0.6
does not crash on hostile files, but what it returns for some is wrong without a word: times wrap at 32 bits,
a tempo event without its bytes reads memory beyond it, a tempo of 0 passes, and of more than two dozen
simultaneous tempos or markers the order is lost.
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import symusic

from affetti.errors import InputError
from affetti.files import read_bounded, write_whole
from affetti.piece import Chord, KeySignature, Marker, Note, Piece, Tempo, TimeSignature, Track

MAX_MIDI_BYTES = 8 * 2**20
"""The largest of the 2,722 files in our four corpora has 46 KB; `_walk` takes a second for 8 MB."""

MAX_NOTES = 500_000
"""Ten notes a second for 14 hours: beyond that a file is an attack or noise, not a piece."""

MAX_SETTINGS = 100_000
"""Tempo, metre, key and marker events together: 3 hours of a tempo curve with a point at every sixteenth."""

MAX_TRACKS = 1_024
"""Tracks of a piece; one MIDI track makes up to 2,048 (16 channels × 128 programs), an orchestra about 60."""

MAX_TICKS = 0x0FFF_FFFF
"""The longest delta time of the format: 68 minutes at its finest grid. symusic's clock wraps at 2^31."""

MAX_TICKS_PER_QUARTER = 0x7FFF
"""The top bit of the 16-bit field means SMPTE time instead."""

_MICROSECONDS_PER_MINUTE = 60_000_000
_MAX_MICROSECONDS_PER_QUARTER = 0xFF_FFFF  # three bytes, so no tempo under 3.58 quarters a minute
_MAX_DENOMINATOR_POWER = 7  # 1/128 notes; symusic holds the denominator in 8 bits
_MAX_SHARPS = 7

_MARKER, _END_OF_TRACK, _TEMPO, _TIME_SIGNATURE, _KEY_SIGNATURE = 0x06, 0x2F, 0x51, 0x58, 0x59
_EVENT_BYTES = {_TEMPO: 3, _TIME_SIGNATURE: 4, _KEY_SIGNATURE: 2}
_SYSEX, _SYSEX_CONTINUED, _META = 0xF0, 0xF7, 0xFF


def read_midi(source: Path | bytes) -> Piece:
    """The piece in a Standard MIDI File of type 0 or 1, given as a path or as its bytes.

    A MIDI track becomes one Track for each channel and program that plays in it; channel 10 is a drum track.
    Notes of one pitch that overlap in a track are paired first in, first out (as symusic and muspy do); a
    note never released has no length and is left out, and so is a track without notes. Lyrics, controllers
    and texts other than markers are left out. A marker that names a chord as `Chord.name` does is that chord.

    Raises InputError, one line that names the file, for anything that is not such a file or exceeds the
    limits.
    """
    name = "MIDI data" if isinstance(source, bytes) else str(source)
    data = source if isinstance(source, bytes) else read_bounded(source, max_bytes=MAX_MIDI_BYTES)
    if len(data) > MAX_MIDI_BYTES:
        raise InputError(f"{name}: {len(data):,} bytes; the limit is {MAX_MIDI_BYTES:,}")
    try:
        walk = _walk(data)
        score = symusic.Score.from_midi(bytes(walk.data))
        if len(score.tracks) > MAX_TRACKS:
            raise InputError(f"{len(score.tracks):,} tracks; the limit is {MAX_TRACKS:,}")
    except (InputError, RuntimeError) as error:  # RuntimeError is how symusic refuses a file
        raise InputError(f"{name}: {error}") from error
    return Piece(
        score.ticks_per_quarter,
        tuple(_track(track) for track in score.tracks if len(track.notes)),
        tempos=tuple(sorted(walk.tempos, key=lambda event: event.start_ticks)),
        time_signatures=tuple(sorted(walk.time_signatures, key=lambda event: event.start_ticks)),
        key_signatures=tuple(sorted(walk.key_signatures, key=lambda event: event.start_ticks)),
        markers=tuple(sorted(walk.markers, key=lambda event: event.start_ticks)),
        chords=tuple(sorted(walk.chords, key=lambda event: event.start_ticks)),
    )


def midi_bytes(piece: Piece) -> bytes:
    """A piece as a Standard MIDI File of type 1: always the same bytes, and `read_midi` gives the piece back.

    Only what the format cannot hold differs after the round trip: a tempo is rounded to a microsecond per
    quarter, overlapping notes of one pitch in a track are paired first in, first out, and tracks without
    notes are left out. A chord is written as a marker, so a marker that spells a chord comes back as one. Raises
    InputError for a value outside the format or the limits above.
    """
    _check_piece(piece)
    score = symusic.Score(piece.ticks_per_quarter)
    for tempo in piece.tempos:
        score.tempos.append(symusic.Tempo(tempo.start_ticks, mspq=_microseconds_per_quarter(tempo)))
    for metre in piece.time_signatures:
        score.time_signatures.append(symusic.TimeSignature(metre.start_ticks, metre.numerator, metre.denominator))
    for key in piece.key_signatures:
        score.key_signatures.append(symusic.KeySignature(key.start_ticks, key.sharps, int(key.is_minor)))
    for marker in (*piece.markers, *(Marker(chord.start_ticks, chord.name) for chord in piece.chords)):
        score.markers.append(symusic.TextMeta(marker.start_ticks, marker.text))
    for track in piece.tracks:
        columns = np.asarray(
            [(note.start_ticks, note.duration_ticks, note.pitch, note.velocity) for note in track.notes],
            np.int32,
        ).reshape(-1, 4)
        written = symusic.Track(track.name, track.program, track.is_drum)
        start, duration = columns[:, :2].T.copy()
        pitch, velocity = columns[:, 2:].T.astype(np.int8)
        written.notes = symusic.Note.from_numpy(start, duration, pitch, velocity)
        score.tracks.append(written)
    return bytes(score.dumps_midi())


def write_midi(piece: Piece, path: Path, *, force: bool = False) -> None:
    """Write a piece as a Standard MIDI File, whole or not at all.

    Raises InputError when the file exists and `force` is false, or when the piece cannot be written as MIDI.
    """
    write_whole(path, midi_bytes(piece), force=force)


def _track(track: symusic.types.Track) -> Track:
    """A track of symusic's as ours."""
    columns = track.notes.numpy()
    notes = zip(*(columns[name].tolist() for name in ("time", "pitch", "duration", "velocity")), strict=True)
    return Track(tuple(Note(*note) for note in notes), track.name, track.program, track.is_drum)


def _quarters_per_minute(microseconds_per_quarter: int) -> float:
    """The tempo with the fewest decimals that is written with these microseconds: 90, not 89.999955."""
    exact = _MICROSECONDS_PER_MINUTE / microseconds_per_quarter
    for decimals in range(8):
        rounded = round(exact, decimals)
        if rounded and round(_MICROSECONDS_PER_MINUTE / rounded) == microseconds_per_quarter:
            return rounded
    return exact


def _microseconds_per_quarter(tempo: Tempo) -> int:
    """What a MIDI file stores for a tempo; 0 for one it cannot store (not finite, not positive, too fast)."""
    if not 0 < tempo.quarters_per_minute < float("inf"):
        return 0
    return round(_MICROSECONDS_PER_MINUTE / tempo.quarters_per_minute)


def _check_piece(piece: Piece) -> None:
    """Raise InputError for the first value of a piece that a MIDI file cannot hold."""
    notes = [note for track in piece.tracks for note in track.notes]
    settings: list[Tempo | TimeSignature | KeySignature | Marker | Chord] = [
        *piece.tempos,
        *piece.time_signatures,
        *piece.key_signatures,
        *piece.markers,
        *piece.chords,
    ]
    _require(1 <= piece.ticks_per_quarter <= MAX_TICKS_PER_QUARTER, piece.ticks_per_quarter, "ticks per quarter")
    _require(len(piece.tracks) <= MAX_TRACKS, len(piece.tracks), "tracks")
    _require(len(piece.tracks) + len(settings) > 0, piece, "an empty piece")
    _require(len(notes) <= MAX_NOTES, len(notes), "notes")
    _require(len(settings) <= MAX_SETTINGS, len(settings), "tempo, metre, key and marker events")
    for track in piece.tracks:
        _require(0 <= track.program <= 127 and _is_text(track.name), track.program, f"track {track.name!r}")
    for note in notes:
        _require(0 <= note.start_ticks <= note.end_ticks <= MAX_TICKS, note, "times")
        _require(0 <= note.pitch <= 127 and 1 <= note.velocity <= 127, note, "pitch or velocity")
    for event in settings:
        _require(0 <= event.start_ticks <= MAX_TICKS, event, "time")
    for tempo in piece.tempos:
        _require(1 <= _microseconds_per_quarter(tempo) <= _MAX_MICROSECONDS_PER_QUARTER, tempo, "tempo")
    for metre in piece.time_signatures:
        denominators = [2**power for power in range(_MAX_DENOMINATOR_POWER + 1)]
        _require(1 <= metre.numerator <= 255 and metre.denominator in denominators, metre, "time signature")
    for key in piece.key_signatures:
        _require(abs(key.sharps) <= _MAX_SHARPS, key, "key signature")
    for marker in piece.markers:
        _require(_is_text(marker.text), marker.start_ticks, "marker text at tick")


def _require(holds: bool, value: object, what: str) -> None:
    if not holds:
        raise InputError(f"a MIDI file cannot hold this {what}: {str(value)[:120]}")


def _is_text(text: str) -> bool:
    """Whether a text can be written as UTF-8 (a lone surrogate cannot)."""
    return text.isascii() or text.encode("utf-8", "ignore").decode() == text


@dataclass
class _Walk:
    """What `_walk` finds: the settings of all tracks, counts, and the bytes that symusic shall read."""

    data: bytearray
    notes: int = 0
    settings: int = 0
    tempos: list[Tempo] = field(default_factory=list)
    time_signatures: list[TimeSignature] = field(default_factory=list)
    key_signatures: list[KeySignature] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    chords: list[Chord] = field(default_factory=list)

    def add(self, kind: int, ticks: int, content: bytes) -> None:
        """Keep a meta event, if it is of a kind we keep. Raises InputError for an impossible value."""
        if len(content) != _EVENT_BYTES.get(kind, len(content)):
            raise InputError(f"a meta event of kind 0x{kind:02x} has {len(content)} bytes")
        if kind == _MARKER:
            text = content.decode("utf-8", "replace")
            if chord := Chord.named(ticks, text):
                self.chords.append(chord)
            else:
                self.markers.append(Marker(ticks, text))
        elif kind == _TEMPO:
            microseconds = int.from_bytes(content)
            if microseconds == 0:
                raise InputError("a tempo of 0 microseconds per quarter (infinitely fast)")
            self.tempos.append(Tempo(ticks, _quarters_per_minute(microseconds)))
        elif kind == _TIME_SIGNATURE:
            if content[0] == 0 or content[1] > _MAX_DENOMINATOR_POWER:
                raise InputError(f"an impossible time signature, {content[0]}/2^{content[1]}")
            self.time_signatures.append(TimeSignature(ticks, content[0], 2 ** content[1]))
        elif kind == _KEY_SIGNATURE:
            sharps = int.from_bytes(content[:1], signed=True)
            if abs(sharps) > _MAX_SHARPS or content[1] > 1:
                raise InputError(f"an impossible key signature, {sharps} sharps and mode {content[1]}")
            self.key_signatures.append(KeySignature(ticks, sharps, content[1] == 1))
        else:
            return
        self.settings += 1
        if self.settings > MAX_SETTINGS:
            raise InputError(f"more than {MAX_SETTINGS:,} tempo, metre, key and marker events")


def _walk(data: bytes) -> _Walk:
    """Pass over a whole file. Raises InputError, without the file's name, for the first thing that is
    wrong."""
    if not data:
        raise InputError("an empty file")
    if data[:4] != b"MThd":
        raise InputError("not a MIDI file: it does not begin with MThd")
    if len(data) < 14:
        raise InputError("a MIDI file that ends inside its header")
    header_bytes, kind, tracks, division = struct.unpack_from(">IHHH", data, 4)
    if header_bytes != 6:
        raise InputError(f"a MIDI header of {header_bytes:,} bytes; 6 were expected")
    if kind > 1:
        raise InputError(f"a MIDI file of type {kind}; types 0 and 1 can be read")
    if division > MAX_TICKS_PER_QUARTER:
        raise InputError("SMPTE time (frames, not beats); only ticks per quarter can be read")
    if division == 0:
        raise InputError("zero ticks per quarter")
    if tracks == 0:
        raise InputError("a MIDI file without tracks")
    walk = _Walk(bytearray(data))
    position = 14
    for number in range(tracks):
        tag = b""
        while tag != b"MTrk":  # chunks of other kinds are passed over, as the standard asks
            if position + 8 > len(data):
                raise InputError(f"truncated: it ends after {number} of its {tracks} tracks")
            tag, size = struct.unpack_from(">4sI", data, position)
            start = position + 8
            position = start + size
            if position > len(data):
                raise InputError(f"truncated: track {number + 1} of {tracks} ends beyond the file")
        try:
            _walk_track(walk, start, data[start:position])
        except IndexError:
            raise InputError(f"truncated: track {number + 1} of {tracks} ends inside an event") from None
        except InputError as error:
            raise InputError(f"track {number + 1} of {tracks}: {error}") from None
    return walk


def _walk_track(walk: _Walk, start: int, track: bytes) -> None:
    """Pass over the events of a track whose first byte is `start` in the file.

    Raises InputError for a broken event, IndexError where the track ends inside one.
    """
    position, ticks, status = 0, 0, 0
    while position < len(track):
        delta, position = _variable_length(track, position)
        ticks += delta
        if ticks > MAX_TICKS:
            raise InputError(f"lasts over {MAX_TICKS:,} ticks")
        first = track[position]
        if first in (_META, _SYSEX, _SYSEX_CONTINUED):
            kind = track[position + 1] if first == _META else -1
            length, content = _variable_length(track, position + 1 + (first == _META))
            if content + length > len(track):
                raise IndexError
            if kind == _END_OF_TRACK:
                return
            if first == _META:
                # It should end running status. Files are found where it does not, and symusic agrees with
                # them.
                walk.add(kind, ticks, track[content : content + length])
            else:
                status = 0
                # Same form and same meaning for us, but symusic takes the length of 0xF7 for a delta time.
                walk.data[start + position] = _SYSEX
            position = content + length
            continue
        if first >= 0x80:
            status = first
            position += 1
        if not 0x80 <= status < _SYSEX:
            raise InputError(f"byte {start + position:,} of the file is no MIDI event (0x{first:02x})")
        second = 0 if 0xC0 <= status < 0xE0 else track[position + 1]  # program and channel pressure have one byte
        if track[position] >= 0x80 or second >= 0x80:
            raise InputError(f"byte {start + position:,} of the file is no MIDI data")
        if 0x90 <= status < 0xA0 and second:
            walk.notes += 1
            if walk.notes > MAX_NOTES:
                raise InputError(f"more than {MAX_NOTES:,} notes")
        position += 1 if 0xC0 <= status < 0xE0 else 2


def _variable_length(track: bytes, position: int) -> tuple[int, int]:
    """A variable-length number of at most four bytes, and the position after it."""
    value = 0
    for index in range(position, position + 4):
        byte = track[index]
        value = (value << 7) | (byte & 0x7F)
        if byte < 0x80:
            return value, index + 1
    raise InputError("a number of more than four bytes")
