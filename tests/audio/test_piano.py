"""The built-in piano: pitch, level, brightness, dampers, and what a performance is."""

import numpy as np
import pytest

from affetti.audio.performance import MAX_NOTES, MAX_SECONDS, SAMPLE_RATE, TAIL_SECONDS, Samples, performance
from affetti.audio.piano import Piano, tone_of
from affetti.errors import InputError
from affetti.piece import Note, Piece, Tempo, Track


def played(*notes: Note, ticks_per_second: int = 960) -> Samples:
    return Piano().play(performance(Piece(ticks_per_second // 2, (Track(notes),))))


def level(sound: Samples, first: float, last: float) -> float:
    """Decibels of what sounds between two times."""
    return 10 * float(np.log10(np.mean(sound[:, round(first * SAMPLE_RATE) : round(last * SAMPLE_RATE)] ** 2) + 1e-12))


def centre(sound: Samples) -> float:
    """The mean frequency of the first tenth of a second, in hertz."""
    power = np.abs(np.fft.rfft(sound[:, : SAMPLE_RATE // 10].sum(axis=0))) ** 2
    return float(power @ np.fft.rfftfreq(SAMPLE_RATE // 10, 1 / SAMPLE_RATE) / power.sum())


@pytest.mark.parametrize("pitch", [33, 48, 60, 69, 84, 100])
def test_a_key_sounds_at_its_pitch(pitch: int) -> None:
    sound = tone_of(pitch, 0.5, SAMPLE_RATE).sum(axis=0)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * SAMPLE_RATE))
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    around = slice(round(4 * hertz * 0.97), round(4 * hertz * 1.03))
    assert (around.start + spectrum[around].argmax()) / 4 == pytest.approx(hertz, rel=0.003)


def test_low_keys_ring_longer_than_high_ones() -> None:
    falls = [level(tone_of(pitch, 0.5, 3 * SAMPLE_RATE), 0, 0.1) for pitch in (30, 60, 90)]
    falls = [
        fall - level(tone_of(pitch, 0.5, 3 * SAMPLE_RATE), 1, 1.1)
        for fall, pitch in zip(falls, (30, 60, 90), strict=True)
    ]
    assert falls == sorted(falls)
    assert falls[0] < 12 < falls[2] < 60


def test_a_harder_stroke_is_louder_and_brighter() -> None:
    sounds = [played(Note(0, 60, 480, velocity)) for velocity in (30, 70, 120)]
    levels = [level(sound, 0, 0.3) for sound in sounds]
    assert np.diff(levels).min() > 4
    assert np.diff([centre(sound) for sound in sounds]).min() > 20


def test_a_released_key_falls_silent_and_the_highest_ring_on() -> None:
    for pitch, falls in ((40, True), (72, True), (96, False)):
        short = played(Note(0, pitch, 240), Note(1500, 20, 1, 1))
        long = played(Note(0, pitch, 1440), Note(1500, 20, 1, 1))
        difference = level(long, 0.6, 0.9) - level(short, 0.6, 0.9)
        assert (difference > 12) == falls


def test_a_key_struck_again_does_not_sound_twice() -> None:
    heard = performance(Piece(480, (Track((Note(0, 60, 960), Note(480, 60, 960), Note(480, 62, 240))),)))
    assert sorted(zip(heard.pitches, heard.ends, strict=True)) == [(60, 0.5), (60, 1.5), (62, 0.75)]


def test_of_notes_that_strike_one_key_at_once_one_is_heard() -> None:
    tracks = (Track((Note(0, 60, 960), Note(0, 64, 480))), Track((Note(0, 60, 240), Note(0, 62, 240))))
    heard = performance(Piece(480, tracks))
    assert sorted(heard.pitches) == [60, 62, 64]


def test_bass_is_left_and_treble_right_but_neither_alone() -> None:
    for pitch, side in ((30, 0), (98, 1)):
        left, right = (float(np.mean(one**2)) for one in played(Note(0, pitch, 480)))
        assert (left, right)[side] > (left, right)[1 - side] > 0.1 * (left, right)[side]


def test_tempo_and_tail() -> None:
    piece = Piece(480, (Track((Note(0, 60, 960),)),), tempos=(Tempo(0, 60.0), Tempo(480, 30.0)))
    heard = performance(piece)
    assert heard.ends.tolist() == [3.0]
    sound = Piano().play(heard)
    assert sound.shape == (2, round((3 + TAIL_SECONDS) * SAMPLE_RATE))
    assert np.abs(sound[:, -10:]).max() < 1e-4


def test_the_same_each_time_and_drums_are_left_out() -> None:
    piano = Track((Note(0, 60, 480), Note(240, 64, 480, 100)), program=24)
    drums = Track((Note(0, 36, 480), Note(900, 36, 1)), is_drum=True)
    first, second = (Piano().play(performance(Piece(480, (piano, drums)))) for _ in range(2))
    assert (first == second).all()
    silent = Piano().play(performance(Piece(480, (drums,))))
    assert not silent.any()


def test_what_cannot_be_played_is_refused() -> None:
    with pytest.raises(InputError, match="no notes"):
        performance(Piece(480, (Track(()),)))
    with pytest.raises(InputError, match=f"at most {MAX_SECONDS:,.0f} s"):
        performance(Piece(480, (Track((Note(0, 60, 960 * 901),)),)))
    with pytest.raises(InputError, match=f"at most {MAX_SECONDS:,.0f} s"):
        performance(Piece(480, (Track((Note(480, 60, 1),)),), tempos=(Tempo(0, 1e-300),)))
    with pytest.raises(InputError, match=f"at most {MAX_NOTES:,}"):
        performance(Piece(480, (Track((Note(0, 60, 1),) * (MAX_NOTES + 1)),)))
