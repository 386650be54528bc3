"""Broken, absurd and malicious files: each is refused in one line that names it; none hangs or crashes us."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.errors import InputError
from affetti.midi import MAX_MIDI_BYTES, MAX_NOTES, MAX_SETTINGS, MAX_TICKS, MAX_TRACKS, midi_bytes, read_midi
from affetti.piece import KeySignature, Marker, Note, Piece, Tempo, TimeSignature, Track
from tests import smf

LONGEST_DELTA = b"\xff\xff\xff\x7f"
NOTE = smf.QUARTER


def track(content: bytes) -> bytes:
    return smf.header() + smf.chunk(content + smf.END)


HOSTILE = {
    "empty": (b"", "empty file"),
    "text": (b"To be or not to be, that is no MIDI file.", "not a MIDI file"),
    "four letters of a file": (b"MThd", "ends inside its header"),
    "half a header": (smf.header()[:11], "ends inside its header"),
    "header of another length": (
        smf.header(size=2**32 - 1) + smf.chunk(NOTE),
        "header of 4,294,967,295 bytes",
    ),
    "type 2": (smf.header(kind=2) + smf.chunk(NOTE), "type 2"),
    "type 40000": (smf.header(kind=40_000) + smf.chunk(NOTE), "type 40000"),
    "zero ticks per quarter": (smf.file(NOTE, division=0), "zero ticks per quarter"),
    "SMPTE time": (smf.file(NOTE, division=0xE728), "SMPTE"),
    "no tracks": (smf.header(tracks=0), "without tracks"),
    "tracks that are missing": (smf.header(tracks=3) + smf.chunk(NOTE + smf.END), "after 1 of its 3 tracks"),
    "65,535 tracks that are missing": (smf.header(tracks=65_535), "after 0 of its 65535 tracks"),
    "a track longer than the file": (
        smf.header() + smf.chunk(NOTE, size=2**32 - 1),
        "track 1 of 1 ends beyond",
    ),
    "a foreign chunk longer than the file": (
        smf.header() + smf.chunk(b"", tag=b"JUNK", size=2**32 - 8) + smf.chunk(NOTE),
        "ends beyond the file",
    ),
    "half a track header": (smf.header() + b"MTrk\0\0", "after 0 of its 1 tracks"),
    "a track cut in an event": (smf.header() + smf.chunk(NOTE[:3]), "ends inside an event"),
    "a track cut in a delta time": (smf.header() + smf.chunk(NOTE + b"\x81"), "ends inside an event"),
    "a track cut after a status": (smf.header() + smf.chunk(NOTE + b"\x00\x90"), "ends inside an event"),
    "a track cut in a text": (smf.header() + smf.chunk(b"\x00\xff\x01\x7fabc"), "ends inside an event"),
    "a text of 256 MB": (track(b"\x00\xff\x01" + LONGEST_DELTA + b"abc"), "ends inside an event"),
    "system exclusive of 256 MB": (track(b"\x00\xf0" + LONGEST_DELTA + b"abc"), "ends inside an event"),
    "data without a status": (track(b"\x00\x3c\x50"), "is no MIDI event (0x3c)"),
    "running status after system exclusive": (
        track(b"\x00\x90\x3c\x50\x00\xf0\x01\xf7\x60\x3c\x00"),
        "is no MIDI event (0x3c)",
    ),
    "a status that no file may hold": (track(b"\x00\xf8" + NOTE), "is no MIDI event (0xf8)"),
    "pitch 188": (track(b"\x00\x90\xbc\x50"), "is no MIDI data"),
    "velocity 200": (track(b"\x00\x90\x3c\xc8"), "is no MIDI data"),
    "program 255": (track(b"\x00\xc0\xff"), "is no MIDI data"),
    "a number of five bytes": (track(b"\x81\x80\x80\x80\x00" + NOTE[1:]), "more than four bytes"),
    "an hour beyond the clock": (track(LONGEST_DELTA + NOTE[1:]), f"lasts over {MAX_TICKS:,} ticks"),
    "a length that wraps 31 bits": (
        track(b"\x00\x90\x3c\x50" + (LONGEST_DELTA + b"\xb0\x07\x50") * 9 + b"\x00\x80\x3c\x00"),
        "lasts over",
    ),
    "times that wrap 32 bits": (track((LONGEST_DELTA + b"\xb0\x07\x50") * 17 + NOTE), "lasts over"),
    "a tempo of 0": (track(smf.meta(0x51, b"\0\0\0") + NOTE), "infinitely fast"),
    "a tempo without a value": (track(smf.meta(0x51, b"") + NOTE), "kind 0x51 has 0 bytes"),
    "a tempo of ten bytes": (
        track(smf.meta(0x51, b"\x07\xa1\x20" + b"\0" * 7) + NOTE),
        "kind 0x51 has 10 bytes",
    ),
    "a metre of 0/4": (track(smf.meta(0x58, b"\x00\x02\x18\x08") + NOTE), "impossible time signature, 0/2^2"),
    "a metre in 2^255": (
        track(smf.meta(0x58, b"\x04\xff\x18\x08") + NOTE),
        "impossible time signature, 4/2^255",
    ),
    "a metre without a value": (track(smf.meta(0x58, b"") + NOTE), "kind 0x58 has 0 bytes"),
    "a key of 64 sharps": (track(smf.meta(0x59, b"\x40\x00") + NOTE), "impossible key signature, 64 sharps"),
    "a key in mode 7": (track(smf.meta(0x59, b"\x00\x07") + NOTE), "mode 7"),
    "a key without a value": (track(smf.meta(0x59, b"") + NOTE), "kind 0x59 has 0 bytes"),
    "ten million notes": (
        track(b"\x01\x90\x3d\x50" + b"\x01\x3d\x00\x01\x3d\x50" * 10_000_000),
        "the limit is",
    ),
    "too many notes for a piece": (
        track(b"\x01\x90\x3d\x50" + b"\x01\x3d\x00\x01\x3d\x50" * MAX_NOTES),
        f"more than {MAX_NOTES:,} notes",
    ),
    "too many tempos for a piece": (
        track(b"\x01\xff\x51\x03\x07\xa1\x20" * (MAX_SETTINGS + 1)),
        f"more than {MAX_SETTINGS:,} tempo",
    ),
    "one track that is 2,048": (
        track(
            b"".join(
                bytes([0, 0xC0 | channel, program]) + smf.note(60, 1, channel=channel)
                for channel in range(16)
                for program in range(128)
            )
        ),
        f"2,048 tracks; the limit is {MAX_TRACKS:,}",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line_that_names_it(name: str, tmp_path: Path) -> None:
    data, complaint = HOSTILE[name]
    path = tmp_path / "hostile.mid"
    path.write_bytes(data)
    started = time.monotonic()
    with pytest.raises(InputError) as refusal:
        read_midi(path)
    assert time.monotonic() - started < 10
    assert str(refusal.value).startswith(f"{path}: ")
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_refusal_of_bytes_says_so() -> None:
    with pytest.raises(InputError, match=r"^MIDI data: an empty file$"):
        read_midi(b"")


def test_500_megabytes_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.mid"
    path.write_bytes(b"MThd")
    os.truncate(path, 500 * 2**20)
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("the file was opened"))
    with pytest.raises(InputError, match=f"524,288,000 bytes; the limit is {MAX_MIDI_BYTES:,}"):
        read_midi(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mid")
    for path in (tmp_path, tmp_path / "pipe.mid", tmp_path / "missing.mid", Path("/dev/zero")):
        with pytest.raises(InputError, match=r"not an ordinary file|no such file"):
            read_midi(path)


def test_the_largest_file_we_accept_takes_seconds() -> None:
    data = track(b"\x00\xb0\x07\x50" + b"\x00\x07\x50" * (MAX_MIDI_BYTES // 3 - 20) + NOTE)
    assert MAX_MIDI_BYTES - 100 < len(data) <= MAX_MIDI_BYTES
    started = time.monotonic()
    assert len(read_midi(data).notes) == 1
    assert time.monotonic() - started < 20


# ---- anything at all: a Piece or an InputError, never anything else

VALID = midi_bytes(
    Piece(
        480,
        (
            Track(tuple(Note(index * 240, 60 + index % 12, 240) for index in range(30)), name="right hand"),
            Track(tuple(Note(index * 960, 48, 960, 60) for index in range(8)), name="left hand", program=5),
            Track((Note(0, 36, 120),), is_drum=True),
        ),
        tempos=(Tempo(0, 90.0), Tempo(960, 120.0)),
        time_signatures=(TimeSignature(0, 4, 4), TimeSignature(1920, 6, 8)),
        key_signatures=(KeySignature(0, -3, True),),
        markers=(Marker(0, "{}" * 100),),
    )
)
SPECIAL_BYTES = st.sampled_from([0x00, 0x7F, 0x80, 0x90, 0xC0, 0xF0, 0xF7, 0xFF, 0x2F, 0x51, 0x58, 0x59, 0x06])


def assert_a_piece_or_a_refusal(data: bytes) -> None:
    try:
        piece = read_midi(data)
    except InputError:
        return
    assert piece.duration_ticks <= MAX_TICKS
    if piece != Piece(piece.ticks_per_quarter, ()):  # an empty one is not written
        assert read_midi(midi_bytes(piece)) == piece


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    assert_a_piece_or_a_refusal(data)


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_a_track_of_random_bytes(data: bytes) -> None:
    assert_a_piece_or_a_refusal(smf.header() + smf.chunk(data))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_valid_file_with_a_few_bytes_changed(data: st.DataObject) -> None:
    mutated = bytearray(VALID)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, max(len(mutated) - 1, 0)))
        match data.draw(st.sampled_from(["set", "insert", "delete", "cut"])):
            case "set":
                mutated[position : position + 1] = bytes([data.draw(SPECIAL_BYTES | st.integers(0, 255))])
            case "insert":
                mutated[position:position] = data.draw(st.binary(min_size=1, max_size=8))
            case "delete":
                del mutated[position : position + data.draw(st.integers(1, 8))]
            case "cut":
                del mutated[position:]
    assert_a_piece_or_a_refusal(bytes(mutated))
