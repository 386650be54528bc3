"""Soundfonts played by FluidSynth, the extra `affetti[audio]` with the system's libfluidsynth."""

import contextlib
import ctypes
import io
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from affetti.audio.performance import SAMPLE_RATE, Performance, Samples
from affetti.errors import InputError

# Licences: all MIT. Others that are often installed are not (TimGM6mb is GPL), so they are played only when named.
_FREE_SOUNDFONTS = ("FluidR3_GM.sf2", "FluidR3Mono_GM.sf3", "MuseScore_General.sf3", "MuseScore_General.sf2")
_FOLDERS = tuple(
    Path(root) / folder
    for root in ("/usr/share", "/usr/local/share", "/opt/homebrew/share")
    for folder in ("sounds/sf2", "sounds/sf3", "soundfonts", "fluidr3mono-gm-soundfont")
)

_GAIN = 0.3  # of FluidSynth: what it clips is lost, so loud chords must stay far within its 16 bits
_MAKE_UP = 6.4  # after it, both synthesisers play a piece about as loudly
_DRUM_BANK = 128
_SETTINGS = {"synth.polyphony": 512, "synth.chorus.active": 0, "synth.dynamic-sample-loading": 1}
_LOG_LEVELS = 5
_MAX_PARTS = 16


class FluidSynth:
    """FluidSynth with a soundfont: every track with the instrument that its program names."""

    def __init__(self, soundfont: Path) -> None:
        """Raises InputError where FluidSynth is not installed, or the file is no soundfont."""
        _check(soundfont)
        self._library = _library()
        self._soundfont = soundfont
        self.name = f"FluidSynth with {soundfont.name}"
        self._open()[0].delete()  # what is wrong with the file is said now, not after composing

    def play(self, performance: Performance) -> Samples:
        """The sound of a performance: the same on one machine each time, to the last bit."""
        synth, font = self._open()
        try:
            channels = {program: number for number, program in enumerate(np.unique(performance.programs).tolist())}
            for program, channel in channels.items():
                self._select(synth, font, program, channel)
            sound = np.zeros((2, performance.samples), np.float32)
            now = 0
            for sample, is_on, channel, pitch, velocity in _events(performance, channels):
                if sample > now:
                    sound[:, now:sample] = _samples(synth, sample - now)
                    now = sample
                if is_on:
                    synth.noteon(channel, pitch, velocity)
                else:
                    synth.noteoff(channel, pitch)
            sound[:, now:] = _samples(synth, sound.shape[1] - now)
            return sound
        finally:
            synth.delete()

    def _select(self, synth: Any, font: int, program: int, channel: int) -> None:
        """Put the instrument of a program on a channel; where the soundfont lacks it the first one, but no drums."""
        if program < 0:
            synth.program_select(channel, font, _DRUM_BANK, 0)
        elif synth.program_select(channel, font, 0, program) and synth.program_select(channel, font, 0, 0):
            raise InputError(f"{self._soundfont} has neither instrument {program} nor 0")

    def _open(self) -> tuple[Any, int]:
        """A new synthesiser, silent, and the number of the soundfont in it."""
        synth = self._library.Synth(gain=_GAIN, samplerate=float(SAMPLE_RATE), **_SETTINGS)
        font = synth.sfload(str(self._soundfont))
        if font < 0:
            synth.delete()
            raise InputError(f"{self._soundfont}: FluidSynth cannot read this soundfont")
        return synth, font


def free_soundfont() -> Path | None:
    """A soundfont under a permissive licence in one of the folders where systems keep them."""
    paths = (folder / name for name in _FREE_SOUNDFONTS for folder in _FOLDERS)
    return next((path for path in paths if path.is_file()), None)


def _library() -> Any:
    """pyfluidsynth, its library told to print nothing. Raises InputError where one of the two is missing."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # with CI in the environment it prints what it found
            import fluidsynth
    except (ImportError, OSError) as error:
        raise InputError(
            'a soundfont needs pyfluidsynth (pip install "affetti[audio]") and the library libfluidsynth '
            "(Debian: apt install libfluidsynth3; macOS: brew install fluid-synth)"
        ) from error
    with contextlib.suppress(OSError, AttributeError):
        set_log_function = ctypes.CDLL(fluidsynth.lib).fluid_set_log_function
        for level in range(_LOG_LEVELS):
            set_log_function(level, None, None)
    return fluidsynth


def _check(path: Path) -> None:
    """Raise InputError for what is no soundfont on the face of it: FluidSynth tries to read whatever it is given."""
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if not path.is_file():
            raise InputError(f"{path}: not an ordinary file")
        str(path).encode()
        with path.open("rb") as stream:
            parts = _parts(stream)
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: FluidSynth opens no file with such a name") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if parts is None:
        raise InputError(f"{path}: not a soundfont (.sf2, .sf3)")
    if not parts >= {b"INFO", b"sdta", b"pdta"}:
        raise InputError(f"{path}: a soundfont that is cut off or broken")


def _parts(stream: BinaryIO) -> set[bytes] | None:
    """The kinds of the lists that a soundfont consists of, as far as they are whole; None for another file."""
    head = stream.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        return None
    end = stream.seek(0, io.SEEK_END)
    position = 12
    parts: set[bytes] = set()
    while position + 12 <= end and len(parts) < _MAX_PARTS:
        stream.seek(position)
        tag, size, kind = struct.unpack("<4sI4s", stream.read(12))
        position += 8 + size
        stream.seek(position)
        position += size % 2 and stream.read(1) == b"\0"  # some compressed soundfonts do not pad
        if tag == b"LIST" and position <= end:
            parts.add(kind)
    return parts


def _events(performance: Performance, channels: dict[int, int]) -> list[tuple[int, bool, int, int, int]]:
    """(sample, is on, channel, pitch, velocity) of all keys that go down and up, in order; up before down."""
    columns = (performance.programs.tolist(), performance.pitches.tolist(), performance.velocities.tolist())
    firsts = np.rint(performance.starts * SAMPLE_RATE).astype(np.int64).tolist()
    lasts = np.rint(performance.ends * SAMPLE_RATE).astype(np.int64).tolist()
    events = []
    for first, last, program, pitch, velocity in zip(firsts, lasts, *columns, strict=True):
        events.append((first, True, channels[program], pitch, velocity))
        events.append((max(last, first + 1), False, channels[program], pitch, 0))
    return sorted(events)


def _samples(synth: Any, count: int) -> Samples:
    """The next samples [2, count]."""
    sound: Samples = synth.get_samples(count).reshape(-1, 2).T * np.float32(_MAKE_UP / 2**15)
    return sound
