"""A piece of music as affetti sees it: notes, tempo, metre, key, chords and markers, independent of any file format.

Times are in ticks; `ticks_per_quarter` says how long a tick is. Pieces are immutable values.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from affetti.files import check_writable, write_whole

DEFAULT_BPM = 120.0

MAX_DRAWN_NOTES = 5_000
"""A piano roll in a notebook shows the notes from the start up to here: about 500 KB of SVG."""

CHORD_QUALITIES = ("maj", "min", "dim", "aug", "sus2", "sus4", "7", "maj7", "min7", "hdim7", "dim7")
"""The eleven qualities of compound words, in Harte's notation (Harte et al., ISMIR 2005)."""

NO_CHORD = "N.C."
PITCH_CLASS_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

# Okabe and Ito's palette: its colours stay apart for colour-blind eyes, on light and on dark paper.
_TRACK_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


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
class Chord:
    """The harmony from `start_ticks` on: `root` is a pitch class (0 = C to 11 = B), `quality` one of CHORD_QUALITIES.

    No harmony at all (N.C.) has neither.
    """

    start_ticks: int
    root: int | None = None
    quality: str | None = None

    def __post_init__(self) -> None:
        if (self.root is None) != (self.quality is None):
            raise ValueError("a chord has a root and a quality, or neither")
        if self.root is not None and (not 0 <= self.root <= 11 or self.quality not in CHORD_QUALITIES):
            raise ValueError(f"no chord has root {self.root!r} and quality {self.quality!r}")

    @property
    def name(self) -> str:
        """For example "F#:min7", or "N.C."."""
        return NO_CHORD if self.root is None else f"{PITCH_CLASS_NAMES[self.root]}:{self.quality}"

    @classmethod
    def named(cls, start_ticks: int, name: str) -> "Chord | None":
        """The chord that `name` spells exactly as the property does; None where it spells none."""
        if name == NO_CHORD:
            return cls(start_ticks)
        root, colon, quality = name.partition(":")
        if not colon or root not in PITCH_CLASS_NAMES or quality not in CHORD_QUALITIES:
            return None
        return cls(start_ticks, PITCH_CLASS_NAMES.index(root), quality)


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
    """A whole piece: tracks, tempo map, metre, key, markers and chords on one tick grid."""

    ticks_per_quarter: int
    tracks: tuple[Track, ...]
    tempos: tuple[Tempo, ...] = ()
    time_signatures: tuple[TimeSignature, ...] = ()
    key_signatures: tuple[KeySignature, ...] = ()
    markers: tuple[Marker, ...] = ()
    chords: tuple[Chord, ...] = ()

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
        """Write the piece in the format that the suffix of `path` names: .wav, .musicxml, .svg, else MIDI.

        Of a score of several pages as SVG each is a file. Raises InputError if one of them exists and `force` is false,
        and as `formats.files_of` does.
        """
        from affetti.formats import files_of  # the file formats are the lower layers' business, loaded when used

        check_writable(Path(path), force=force)
        files = files_of(self, Path(path))
        for file in files:
            check_writable(file, force=force)
        for file, content in files.items():
            write_whole(file, content, force=force)

    def _repr_html_(self) -> str:
        """The piece as a notebook shows it: a line of facts and a piano roll (inline SVG)."""
        tracks = [(index, track) for index, track in enumerate(self.tracks) if not track.is_drum]
        drawn = sorted((note, index) for index, track in tracks for note in track.notes)[:MAX_DRAWN_NOTES]
        count = len(self.notes)
        shown = f", the first {len(drawn):,} drawn" if len(drawn) < count else ""
        names = ", ".join(track.name or f"track {index + 1}" for index, track in tracks)
        facts = f"{names}: {count:,} notes in {self.duration_seconds:.1f} s{shown}"
        return f"<figure><figcaption>{escape(facts)}</figcaption>{_piano_roll(drawn)}</figure>"


def _piano_roll(notes: list[tuple[Note, int]]) -> str:
    """An SVG of notes with the index of their track: 600 units wide, a line at each C, loud notes darker."""
    if not notes:
        return ""
    end = max(note.end_ticks for note, _ in notes) or 1
    low = min(note.pitch for note, _ in notes) - 1
    high = max(note.pitch for note, _ in notes) + 1
    row = 6  # units per semitone
    shapes = [
        f'<path d="M0 {(high - pitch + 1) * row}h600" stroke="#8888"/>'
        for pitch in range(low, high + 1)
        if pitch % 12 == 0
    ]
    for note, index in notes:
        x, width = note.start_ticks / end * 600, max(note.duration_ticks / end * 600, 0.5)
        shapes.append(
            f'<rect x="{x:.2f}" y="{(high - note.pitch) * row}" width="{width:.2f}" height="{row}" rx="1"'
            f' fill="{_TRACK_COLOURS[index % len(_TRACK_COLOURS)]}"'
            f' fill-opacity="{0.3 + 0.7 * note.velocity / 127:.2f}"/>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 {(high - low + 1) * row}" width="100%"'
        f' style="max-width: 60em" role="img" aria-label="piano roll">{"".join(shapes)}</svg>'
    )
