"""A piece of music as affetti sees it: notes, tempo, metre, key and markers, independent of any file format.

Times are in ticks; `ticks_per_quarter` says how long a tick is. Pieces are immutable values.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path

DEFAULT_BPM = 120.0


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """One note. Pitch is a MIDI number (0-127, 60 = middle C), velocity 1-127."""

    start_ticks: int
    pitch: int
    duration_ticks: int
    velocity: int = 80

    @property
    def end_ticks(self) -> int:
        """The tick at which the note is released."""
        return self.start_ticks + self.duration_ticks


@dataclass(frozen=True, slots=True)
class Tempo:
    """Quarter notes per minute from `start_ticks` on."""

    start_ticks: int
    quarters_per_minute: float


@dataclass(frozen=True, slots=True)
class TimeSignature:
    """Metre from `start_ticks` on, for example 4/4."""

    start_ticks: int
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class KeySignature:
    """Key from `start_ticks` on. `sharps` is negative for flats (-7..7)."""

    start_ticks: int
    sharps: int
    is_minor: bool


@dataclass(frozen=True, slots=True)
class Marker:
    """A text at a moment; affetti stores a piece's provenance in one."""

    start_ticks: int
    text: str


@dataclass(frozen=True, slots=True)
class Track:
    """Notes of one instrument (General MIDI program 0-127), sorted by start, then pitch."""

    notes: tuple[Note, ...]
    name: str = ""
    program: int = 0
    is_drum: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(sorted(self.notes)))


@dataclass(frozen=True, slots=True)
class Piece:
    """A whole piece: tracks, tempo map, metre, key and markers on one tick grid."""

    ticks_per_quarter: int
    tracks: tuple[Track, ...]
    tempos: tuple[Tempo, ...] = ()
    time_signatures: tuple[TimeSignature, ...] = ()
    key_signatures: tuple[KeySignature, ...] = ()
    markers: tuple[Marker, ...] = ()

    @property
    def notes(self) -> tuple[Note, ...]:
        """All pitched notes (drum tracks left out), sorted by start, then pitch."""
        return tuple(sorted(note for track in self.tracks if not track.is_drum for note in track.notes))

    @property
    def duration_ticks(self) -> int:
        """The tick at which the last note of any track ends."""
        return max((note.end_ticks for track in self.tracks for note in track.notes), default=0)

    @property
    def duration_seconds(self) -> float:
        """Length in seconds under the tempo map."""
        return self.seconds_at(self.duration_ticks)

    def seconds_at(self, ticks: int) -> float:
        """Time in seconds of a tick under the tempo map (120 quarters per minute where none is given)."""
        tempos = sorted(self.tempos, key=lambda tempo: tempo.start_ticks)
        if not tempos or tempos[0].start_ticks > 0:
            tempos.insert(0, Tempo(0, DEFAULT_BPM))
        last = bisect_right([tempo.start_ticks for tempo in tempos], ticks)
        seconds = 0.0
        for index, tempo in enumerate(tempos[:last]):
            end = tempos[index + 1].start_ticks if index + 1 < last else ticks
            seconds += (end - tempo.start_ticks) / self.ticks_per_quarter * 60.0 / tempo.quarters_per_minute
        return seconds

    def with_marker(self, text: str) -> "Piece":
        """The same piece with one more marker at its start."""
        return replace(self, markers=(Marker(0, text), *self.markers))

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the piece as a Standard MIDI File. Raises InputError if `path` exists and `force` is false."""
        from affetti.midi import write_midi  # the file format is the lower layer's business, loaded when used

        write_midi(self, Path(path), force=force)
