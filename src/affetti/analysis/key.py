"""Keys: their names, transposition from and to C, and an estimate from a piece's notes."""

import re
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from affetti.errors import InputError
from affetti.piece import Piece, Track

# Of the key on each pitch class: how its tonic is written, and the sharps (negative: flats) of its signature.
MAJOR_NAMES = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_MAJOR_SHARPS = (0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5)
_MINOR_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "G♯", "A", "B♭", "B")
_MINOR_SHARPS = (-3, 4, -1, -6, 1, -4, 3, -2, 5, 0, -5, 2)
_PITCH_CLASS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
_KEY_NAME = re.compile(
    r"([a-gA-G])"
    r"(?:[\s-]*(#|♯|b|♭|(?i:sharp|flat)))?"
    r"(?:[\s-]*(M|m|(?i:major|maj|minor|min)))?"  # of the letter alone the case matters: DM is major, Dm minor
)

# How much each pitch class, counted from the tonic, speaks for a key: a logistic regression over the 24 keys, fitted to
# POP909 001-699, where a song with several keys counts with the one that lasts longest.
_MAJOR_PROFILE = (22.9, 4.1, 0.2, -10.1, 15.9, -0.7, -13.5, 20.7, -3.0, -7.8, -23.5, -5.3)
_MINOR_PROFILE = (24.1, -17.4, 2.5, 13.0, -7.5, -4.1, -4.5, 18.1, -1.4, -24.7, -2.4, 4.3)


@dataclass(frozen=True, slots=True)
class Key:
    """A major or minor key; `tonic` is a pitch class (0 = C to 11 = B)."""

    tonic: int
    is_minor: bool

    @property
    def name(self) -> str:
        """For example "E♭ major"."""
        names = _MINOR_NAMES if self.is_minor else MAJOR_NAMES
        return f"{names[self.tonic]} {'minor' if self.is_minor else 'major'}"

    @property
    def sharps(self) -> int:
        """Sharps of the key signature, negative for flats (-6 to 6)."""
        return (_MINOR_SHARPS if self.is_minor else _MAJOR_SHARPS)[self.tonic]

    @property
    def semitones_from_c(self) -> int:
        """The shorter way from C to the tonic: -5 to 6."""
        return self.tonic if self.tonic <= 6 else self.tonic - 12

    def transposed_from_c(self, piece: Piece) -> Piece:
        """A piece in C moved to this key."""
        return _transposed(piece, self.semitones_from_c)

    def transposed_to_c(self, piece: Piece) -> Piece:
        """A piece in this key moved to C."""
        return _transposed(piece, -self.semitones_from_c)


def parse_key(text: str, *, is_minor: bool | None = None) -> Key:
    """The key meant by a name such as "D", "e flat minor", "F# Major", "E-flat" or "Bbm".

    is_minor: the mode that is wanted; a name that says the other one is an InputError, as is no key at all. Without
    it, and without a mode in the name, the key is major.
    """
    match = _KEY_NAME.fullmatch(text.strip())
    if match is None:
        raise InputError(f"unknown key {text[:40]!r}; write for example D, 'E♭ major' or 'F# minor'")
    letter, accidental, mode = match.groups()
    tonic = (_PITCH_CLASS[letter.lower()] + _ACCIDENTALS[(accidental or "").lower()]) % 12
    if mode is None:
        return Key(tonic, bool(is_minor))
    named_minor = mode == "m" or mode.lower().startswith("min")
    if is_minor is not None and named_minor != is_minor:
        wanted = "minor" if is_minor else "major"
        raise InputError(f"this emotion is written in {wanted}: ask for key {Key(tonic, is_minor).name}")
    return Key(tonic, named_minor)


def notated_key(piece: Piece) -> Key | None:
    """The key of the piece's first key signature, if it has one."""
    if not piece.key_signatures:
        return None
    signature = min(piece.key_signatures, key=lambda one: one.start_ticks)
    major_tonic = signature.sharps * 7 % 12
    return Key((major_tonic - 3 * signature.is_minor) % 12, signature.is_minor)


def estimate_key(piece: Piece) -> Key:
    """The key for which the piece's pitch classes speak most, a note counting by the square root of its duration.

    One key for the whole piece, the one that matters most where it modulates. Pop songs are what it has learned from:
    of POP909 700-799 it finds 88 %, mode included (Krumhansl and Schmuckler's profiles: 80 %). Four bars of one voice
    often fit two or three keys: of the 344 chorale melodies of musgenvae it finds 62 % (the tonic alone: 64 %).

    Raises InputError for a piece without pitched notes.
    """
    notes = piece.notes
    if not notes:
        raise InputError("no pitched notes: there is no key to hear")
    pitch_classes = np.asarray([note.pitch % 12 for note in notes])
    durations = np.asarray([note.duration_ticks for note in notes], np.float64)
    heard = np.bincount(pitch_classes, np.sqrt(np.maximum(durations, 1.0)), minlength=12)
    best = int(np.argmax(key_profiles() @ heard))
    return Key(best % 12, best >= 12)


@cache
def key_profiles() -> NDArray[np.float64]:
    """[24, 12] how much each pitch class speaks for each key: the major keys from C, then the minor keys."""
    return np.asarray(
        [np.roll(profile, tonic) for profile in (_MAJOR_PROFILE, _MINOR_PROFILE) for tonic in range(12)], np.float64
    )


def _transposed(piece: Piece, semitones: int) -> Piece:
    """All pitched notes and chords moved; a note that would leave 0-127 moves by an octave less or more."""
    if semitones == 0:
        return piece

    def moved(pitch: int) -> int:
        target = pitch + semitones
        return target - 12 if target > 127 else target + 12 if target < 0 else target

    tracks = tuple(
        track
        if track.is_drum
        else Track(
            tuple(replace(note, pitch=moved(note.pitch)) for note in track.notes),
            track.name,
            track.program,
        )
        for track in piece.tracks
    )
    chords = tuple(
        chord if chord.root is None else replace(chord, root=(chord.root + semitones) % 12) for chord in piece.chords
    )
    return replace(piece, tracks=tracks, chords=chords, key_signatures=())
