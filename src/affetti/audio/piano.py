"""A piano in numpy: it always sounds, whatever is installed.

A struck string is a sum of decaying sinusoids (modes), and a sum of modes is one matrix product: with z = exp((-d + iw)
/ rate) a mode is z^n, and z^(lM + m) = (z^M)^l z^m, so [L, K] times [K, M] gives L x M samples of K modes. What a key
sounds like at one loudness is computed once, as long as its longest note.

The numbers are of a concert grand in round figures. Inharmonicity: Rigaud, David and Daudet, J. Acoust. Soc. Am. 133
(2013). Two-stage decay of the two or three strings of a key: Weinreich, J. Acoust. Soc. Am. 62 (1977). Rates of decay
and the spectrum by key and loudness: Fletcher and Rossing, The Physics of Musical Instruments, chapter 12; compared
with the piano of FluidR3.
"""

import numpy as np
from numpy.typing import NDArray

from affetti.audio.performance import SAMPLE_RATE, Performance, Samples

Reals = NDArray[np.float64]

_LEVEL = 0.11  # root mean square of the first moments of a key struck at velocity 127
_LOUDNESS_POWER = 1.7  # of velocity: 32 dB from 14 to 127
_LAYERS = 12  # timbres by velocity

_HIGHEST_HZ = 15_000.0
_MAX_PARTIALS = 110
_SOUNDBOARD_HZ = 50.0  # below it the soundboard radiates little
_STRIKE = 0.12  # of the string's length: where the hammer hits
_IRREGULARITY_DB = 2.5  # no two partials of a piano are alike
_QUIETEST_DB = -60.0  # beside the first partial: less is left out

# The strings of a key: how far each is out of tune (cents), its share of the amplitude, and of the rate of decay.
# Together they decay fast, until they have come apart and what is left decays slowly.
_STRINGS = ((0.0, 0.6, 1.0), (0.4, 0.25, 0.7), (-0.5, 0.2, 0.35))
_HIGHEST_OF_TWO_STRINGS = 40

_KNOCKS = 40  # modes of hammer, key and soundboard, 60-2,400 Hz, over in some hundredths of a second
_KNOCK_DB = -11.0

_LONGEST_SECONDS = 20.0
_BLOCK = 512
_ATTACK_SECONDS = 0.0025
_HIGHEST_DAMPED = 89  # above it keys have no dampers
_FADE_SECONDS = 0.3

_ROOM_SECONDS = 0.8  # until an echo is 60 dB below
_ROOM_DELAY = 0.011
_ROOM_LEVEL = 0.16  # root of the share of energy that comes back
_FFT = 2**17


class Piano:
    """The built-in piano. It plays every pitched track, whatever its program; drums are left out."""

    name = "the built-in piano"

    def play(self, performance: Performance) -> Samples:
        """The sound of a performance: the same on one machine each time, to the last bit."""
        sound = np.zeros((2, performance.samples), np.float32)
        layers = np.minimum(performance.velocities * _LAYERS // 128, _LAYERS - 1)
        pitched = performance.programs >= 0
        for pitch, layer in sorted(set(zip(performance.pitches[pitched], layers[pitched], strict=True))):
            numbers = np.flatnonzero(pitched & (performance.pitches == pitch) & (layers == layer))
            _add_notes(sound, performance, numbers, int(pitch), (layer + 0.5) / _LAYERS)
        _add_room(sound)
        fade = min(round(_FADE_SECONDS * SAMPLE_RATE), sound.shape[1])
        sound[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32) ** 2
        return sound


def _add_notes(sound: Samples, performance: Performance, numbers: NDArray[np.int64], pitch: int, force: float) -> None:
    """Add the notes of these numbers, which are of one key and struck about as hard, to [2, S]."""
    release = _release(pitch)
    firsts = np.rint(performance.starts[numbers] * SAMPLE_RATE).astype(np.int64)
    held = np.rint(performance.ends[numbers] * SAMPLE_RATE).astype(np.int64) - firsts
    room = sound.shape[1] - firsts
    lengths = np.minimum(held + len(release) if release is not None else room, room)
    tone = tone_of(pitch, force, int(lengths.max()))
    levels = (performance.velocities[numbers] / 127) ** _LOUDNESS_POWER
    for first, until, length, level in zip(firsts, held, lengths, levels, strict=True):
        length = min(length, tone.shape[1])
        note = tone[:, :length] * np.float32(level)
        if release is not None and until < length:
            note[:, until:] *= release[: length - until]
        sound[:, first : first + length] += note


def tone_of(pitch: int, force: float, samples: int) -> Samples:
    """The sound of a key (MIDI pitch) struck with a force of 0-1 and held: [2, at most `samples`], ending in silence.

    Of every force the first moments have the same level; a harder stroke is brighter.
    """
    modes = np.concatenate([_string_modes(pitch, force), _knock_modes(pitch, force)], axis=1)
    hertz, amplitudes, decays, phases = modes[0], modes[1], modes[2], modes[3:]
    # Until the loudest mode of those that last longest is 80 dB below the first moment.
    lasting = np.log(np.maximum(amplitudes / amplitudes.max(), 1e-9) * 1e4) / decays
    samples = min(samples, round(min(max(float(lasting.max()), 0.1), _LONGEST_SECONDS) * SAMPLE_RATE))
    rows = -(-samples // _BLOCK)
    exponents = (-decays + 2j * np.pi * hertz) / SAMPLE_RATE
    starting = _gains(pitch)[:, None] * amplitudes * np.exp(1j * phases)
    coarse = (starting[:, None, :] * np.exp(exponents * (_BLOCK * np.arange(rows))[:, None])).reshape(2 * rows, -1)
    fine = np.exp(exponents[:, None] * np.arange(_BLOCK))
    left = np.concatenate([coarse.real, -coarse.imag], axis=1).astype(np.float32)
    tone = (left @ np.concatenate([fine.real, fine.imag]).astype(np.float32)).reshape(2, -1)[:, :samples]
    attack = min(round(_ATTACK_SECONDS * (1.6 - force) * SAMPLE_RATE), samples)
    tone[:, :attack] *= np.sin(np.linspace(0, np.pi / 2, attack, dtype=np.float32)) ** 2
    return tone


def _string_modes(pitch: int, force: float) -> Reals:
    """[5, K] the modes of a key's strings: hertz, amplitude, decay (1/s), phase on the left and on the right."""
    generator = np.random.default_rng(pitch)
    fundamental = 440 * 2 ** ((pitch - 69) / 12)
    inharmonicity = np.exp(-0.0847 * pitch - 5.82) + np.exp(0.0926 * pitch - 13.64)
    partials = np.arange(1, _MAX_PARTIALS + 1)
    hertz = partials * fundamental * np.sqrt((1 + inharmonicity * partials**2) / (1 + inharmonicity))
    kilohertz = hertz / 1000
    softness = 3.5 + 11.0 * (1 - force)  # decibels a kilohertz
    levels = -softness * kilohertz / (1 + kilohertz / 7)
    levels -= 10 * np.log10(1 + (_SOUNDBOARD_HZ / hertz) ** 4) + 15 * np.log10(partials)
    levels += 20 * np.log10(np.maximum(np.abs(np.sin(np.pi * partials * _STRIKE)), 0.08))
    levels += generator.normal(0, _IRREGULARITY_DB, _MAX_PARTIALS)
    amplitudes = 10 ** (levels / 20)
    decibels = 4 * 15 ** ((pitch - 21) / 87) * (1 + 0.3 * (kilohertz - kilohertz[0]))  # a second
    decays = decibels * (np.log(10) / 20)
    phases = _phases(generator, _MAX_PARTIALS)
    kept = (hertz < _HIGHEST_HZ) & (levels > levels[0] + _QUIETEST_DB)
    kept[0] = True
    amplitudes *= _LEVEL * 2**0.5 / np.sqrt((amplitudes[kept] ** 2).sum())
    strings = _STRINGS if pitch > _HIGHEST_OF_TWO_STRINGS else _STRINGS[::2]
    modes = [
        np.stack([hertz * 2 ** (cents / 1200), amplitudes * share, decays * rate, *phases])[:, kept]
        for cents, share, rate in strings
    ]
    return np.concatenate(modes, axis=1)


def _knock_modes(pitch: int, force: float) -> Reals:
    """[5, K] the modes of the noise of a stroke, as of the strings."""
    generator = np.random.default_rng([pitch, 1])
    hertz = 60 * 40 ** generator.random(_KNOCKS)
    level = _LEVEL * 10 ** ((_KNOCK_DB + 8 * force) / 20)
    amplitudes = level * np.abs(generator.normal(0, 1, _KNOCKS)) * np.sqrt(2 / _KNOCKS) * (200 / (200 + hertz))
    return np.stack([hertz, amplitudes, generator.uniform(25, 120, _KNOCKS), *_phases(generator, _KNOCKS)])


def _phases(generator: np.random.Generator, count: int) -> Reals:
    """[2, count] phases on the left and on the right, which differ so that a key is not heard in one point."""
    left = generator.uniform(-np.pi, np.pi, count)
    return np.stack([left, left + generator.uniform(-0.9, 0.9, count)])


def _gains(pitch: int) -> Reals:
    """[2] how loud a key is on the left and on the right: the bass comes more from the left."""
    angle = np.pi / 4 * (1 + 0.45 * (np.clip(pitch, 21, 108) - 64.5) / 43.5)
    return 2**0.5 * np.asarray([np.cos(angle), np.sin(angle)])


def _release(pitch: int) -> Samples | None:
    """[R] how the sound of a key fades when the damper falls; None where there is none."""
    if pitch > _HIGHEST_DAMPED:
        return None
    seconds = 0.09 * 0.5 ** ((pitch - 21) / 68)  # heavy strings are damped slowly
    faded: Samples = np.exp(-np.arange(round(7 * seconds * SAMPLE_RATE)) / (seconds * SAMPLE_RATE)).astype(np.float32)
    return faded


def _add_room(sound: Samples) -> None:
    """Add the echo of a small room to [2, S], block by block."""
    length = round(_ROOM_SECONDS * SAMPLE_RATE)
    noise = np.random.default_rng(0).normal(0, 1, (2, length)) * np.exp(-np.log(1000) * np.arange(length) / length)
    noise = np.stack([np.convolve(one, np.hanning(14)[1:-1], "same") for one in noise])  # walls swallow high tones
    noise *= _ROOM_LEVEL / np.sqrt((noise**2).sum(axis=1, keepdims=True))
    response = np.fft.rfft(np.pad(noise, ((0, 0), (round(_ROOM_DELAY * SAMPLE_RATE), 0))), _FFT)
    step = _FFT - length - round(_ROOM_DELAY * SAMPLE_RATE) + 1
    dry = sound.copy()
    for first in range(0, sound.shape[1], step):
        block = np.fft.irfft(np.fft.rfft(dry[:, first : first + step], _FFT) * response, _FFT)
        there = min(_FFT, sound.shape[1] - first)
        sound[:, first : first + there] += block[:, :there].astype(np.float32)
