"""Standard MIDI Files written by hand, byte for byte, for the tests: also such as no library would write."""

import struct

END = b"\x00\xff\x2f\x00"
QUARTER = b"\x00\x90\x3c\x50\x83\x60\x80\x3c\x00"  # middle C, velocity 80, 480 ticks


def number(value: int) -> bytes:
    """A variable-length number."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))


def meta(kind: int, content: bytes, delta: int = 0) -> bytes:
    return number(delta) + bytes([0xFF, kind]) + number(len(content)) + content


def note(pitch: int, ticks: int, *, delta: int = 0, channel: int = 0, velocity: int = 80) -> bytes:
    on, off = bytes([0x90 | channel, pitch, velocity]), bytes([0x80 | channel, pitch, 0])
    return number(delta) + on + number(ticks) + off


def chunk(content: bytes, *, tag: bytes = b"MTrk", size: int | None = None) -> bytes:
    return tag + struct.pack(">I", len(content) if size is None else size) + content


def header(*, kind: int = 1, tracks: int = 1, division: int = 480, size: int = 6) -> bytes:
    return b"MThd" + struct.pack(">IHHH", size, kind, tracks, division)


def file(*tracks: bytes, kind: int = 1, division: int = 480) -> bytes:
    """A file of these tracks; each gets its end-of-track event."""
    return header(kind=kind, tracks=len(tracks), division=division) + b"".join(chunk(track + END) for track in tracks)
