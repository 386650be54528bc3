"""WAV files: their form and level, and which synthesiser plays."""

import io
import shutil
import struct
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from affetti.audio import soundfont, wav
from affetti.audio.performance import Performance, Samples, performance
from affetti.audio.piano import Piano
from affetti.audio.soundfont import FluidSynth, free_soundfont
from affetti.audio.wav import find_synthesiser, wav_bytes
from affetti.errors import InputError
from affetti.piece import Note, Piece, Track

PIECE = Piece(480, (Track((Note(0, 60, 480, 80), Note(480, 64, 480, 80), Note(960, 67, 960, 80))),))
LOUD = Piece(480, (Track(tuple(Note(0, pitch, 960, 127) for pitch in range(30, 90))),))


def samples(data: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44_100)
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        assert len(frames) == file.getnframes()
    return frames / 2**15


def test_a_wav_file_holds_the_music() -> None:
    sound = samples(wav_bytes(performance(PIECE), Piano()))
    assert len(sound) == round(3.5 * 44_100)
    assert 0.03 < np.abs(sound).max() < 0.9
    assert wav_bytes(performance(PIECE), Piano()) == wav_bytes(performance(PIECE), Piano())


def test_loud_music_does_not_clip_and_soft_music_stays_soft() -> None:
    loud = np.abs(samples(wav_bytes(performance(LOUD), Piano())))
    assert 0.97 < loud.max() <= 0.981
    assert (loud > 0.979).sum() < 10  # made softer as a whole, not cut off
    soft = Piece(480, (Track((Note(0, 60, 480, 10),)),))
    assert np.abs(samples(wav_bytes(performance(soft), Piano()))).max() < 0.02


class Hum:
    """Plays anything as one level."""

    name = "a hum"

    def play(self, performance: Performance) -> Samples:
        return np.full((2, 3), -2.0, np.float32)


def test_any_synthesiser_will_do() -> None:
    assert samples(wav_bytes(performance(PIECE), Hum())) == pytest.approx(-0.98, abs=1e-4)


# ---- soundfonts


def test_without_a_soundfont_or_fluidsynth_the_piano_plays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wav, "free_soundfont", lambda: None)
    assert isinstance(find_synthesiser(), Piano)
    monkeypatch.setattr(wav, "free_soundfont", lambda: font_file(tmp_path))
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    assert isinstance(find_synthesiser(), Piano)
    with pytest.raises(InputError, match=r'pip install "affetti\[audio\]".*libfluidsynth'):
        find_synthesiser(font_file(tmp_path))


def test_only_free_soundfonts_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(soundfont, "_FOLDERS", (tmp_path / "none", tmp_path))
    for name in ("TimGM6mb.sf2", "default-GM.sf3"):
        (tmp_path / name).write_bytes(b"x")
    assert free_soundfont() is None
    (tmp_path / "FluidR3_GM.sf2").write_bytes(b"x")
    assert free_soundfont() == tmp_path / "FluidR3_GM.sf2"


def font_file(folder: Path, *lists: bytes) -> Path:
    """A file with the frame of a soundfont around empty lists."""
    body = b"sfbk" + b"".join(b"LIST" + struct.pack("<I", 4) + kind for kind in lists or (b"INFO", b"sdta", b"pdta"))
    path = folder / "made.sf2"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a soundfont"),
        (b"MThd" + bytes(20), "not a soundfont"),
        (b"RIFF\x10\0\0\0WAVE", "not a soundfont"),
        (b"RIFF\x10\0\0\0sfbk", "cut off or broken"),
        (b"RIFF\x10\0\0\0sfbkLIST\xff\xff\xff\xffINFO", "cut off or broken"),
        (b"RIFF\x10\0\0\0sfbk" + b"LIST\0\0\0\0INFO" * 9, "cut off or broken"),
        (b"RIFF\x10\0\0\0sfbk" + b"\0" * 100_000, "cut off or broken"),
    ],
)
def test_broken_soundfonts_are_one_line(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "font.sf2"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        find_synthesiser(path)


def test_folders_devices_and_nothing_are_no_soundfonts(tmp_path: Path) -> None:
    for path, says in ((tmp_path, "not an ordinary file"), (Path("/dev/zero"), "not an ord"), (tmp_path / "x", "no s")):
        with pytest.raises(InputError, match=says):
            find_synthesiser(path)


@pytest.fixture(scope="module")
def free_font() -> Path:
    pytest.importorskip("fluidsynth", reason="pyfluidsynth or libfluidsynth is missing", exc_type=ImportError)
    if (path := free_soundfont()) is None:
        pytest.skip("no free soundfont is installed")
    return path


def test_a_soundfont_plays_about_as_loudly_as_the_piano(free_font: Path) -> None:
    synthesiser = find_synthesiser()
    assert synthesiser.name == f"FluidSynth with {free_font.name}"
    heard, ours = (samples(wav_bytes(performance(PIECE), one)) for one in (synthesiser, Piano()))
    assert heard.shape == ours.shape
    assert 20 * abs(np.log10(heard.std() / ours.std())) < 6
    assert wav_bytes(performance(PIECE), synthesiser) == wav_bytes(performance(PIECE), synthesiser)


def test_programs_and_drums_are_heard(free_font: Path) -> None:
    synthesiser = FluidSynth(free_font)
    flute, piano = (Track((Note(0, 72, 480),), program=program) for program in (73, 0))
    drums = Track((Note(0, 38, 480),), is_drum=True)
    sounds = [samples(wav_bytes(performance(Piece(480, (track,))), synthesiser)) for track in (flute, piano, drums)]
    assert all(sound.std() > 0.001 for sound in sounds)
    assert np.abs(sounds[0] - sounds[1]).max() > 0.01


def test_more_instruments_than_midi_has_channels_all_play(free_font: Path) -> None:
    tracks = tuple(Track((Note(480 * number, 60, 240),), program=number) for number in range(18))
    sound = samples(wav_bytes(performance(Piece(480, tracks)), FluidSynth(free_font)))
    for number in range(18):  # half a second each
        assert sound[22_050 * number : 22_050 * (number + 1)].std() > 0.001, number


def test_a_chord_of_sixty_notes_is_not_cut_off(free_font: Path) -> None:
    sound = np.abs(samples(wav_bytes(performance(LOUD), FluidSynth(free_font))))
    assert (sound > 0.979).sum() < 10


def test_what_looks_like_a_soundfont_and_is_none(free_font: Path, tmp_path: Path) -> None:
    path = font_file(tmp_path)
    with pytest.raises(InputError, match="FluidSynth cannot read"):
        find_synthesiser(path)
    cut = tmp_path / "cut.sf3"
    shutil.copy(free_font, cut)
    with cut.open("r+b") as stream:
        stream.truncate(200_000)
    with pytest.raises(InputError, match="cut off or broken"):
        find_synthesiser(cut)
