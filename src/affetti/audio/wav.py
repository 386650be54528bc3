"""Pieces as WAV files: 44.1 kHz, two channels, 16 bits."""

import io
import wave
from pathlib import Path

import numpy as np

from affetti.audio.performance import SAMPLE_RATE, Performance, Samples, Synthesiser
from affetti.audio.piano import Piano
from affetti.audio.soundfont import FluidSynth, free_soundfont
from affetti.errors import InputError

_PEAK = 0.98  # of full scale
_BLOCK = 2**20


def find_synthesiser(soundfont: Path | None = None) -> Synthesiser:
    """FluidSynth with this soundfont, or with a free one of the system's; where there is none, the built-in piano.

    Raises InputError where a soundfont is given and FluidSynth is not installed or cannot read it.
    """
    if soundfont is not None:
        return FluidSynth(soundfont)
    found = free_soundfont()
    try:
        return Piano() if found is None else FluidSynth(found)
    except InputError:  # no FluidSynth, or a broken file: nobody asked for them
        return Piano()


def wav_bytes(performance: Performance, synthesiser: Synthesiser) -> bytes:
    """A piece as it is played, as a WAV file.

    Soft music is soft: the level is that of the notes' velocities. Only what would go beyond full scale is made softer,
    the whole piece alike. Raises InputError where the synthesiser has no instrument for it.
    """
    sound = synthesiser.play(performance)
    _limit(sound)
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(len(sound))
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.setnframes(sound.shape[1])
        for first in range(0, sound.shape[1], _BLOCK):
            block = np.rint(sound[:, first : first + _BLOCK].T * np.float32(2**15 - 1))
            file.writeframesraw(block.astype("<i2").tobytes())
    return stream.getvalue()


def _limit(sound: Samples) -> None:
    """Make what goes beyond full scale as much softer as it must be, in place."""
    peak = max(float(sound.max()), -float(sound.min()))
    if peak > _PEAK:
        sound *= np.float32(_PEAK / peak)
