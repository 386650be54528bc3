"""The formats that a piece can be written in, and the files that it is in each."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affetti.piece import Piece


class Format(StrEnum):
    """A format's name is its files' suffix."""

    MID = "mid"
    WAV = "wav"
    MUSICXML = "musicxml"
    SVG = "svg"


def files_of(piece: "Piece", path: Path) -> dict[Path, bytes]:
    """The files of a piece in the format that the suffix of `path` names, MIDI where it names none.

    That is one file, `path`; a score of several pages as SVG goes on in "NAME-page2.svg" and so on beside it.
    Sound is played by what `audio.wav.find_synthesiser` finds. Raises InputError for what the format cannot hold, and
    where an extra that it needs is missing.
    """
    # The libraries of the formats are loaded when they are used.
    suffix = path.suffix.lower().removeprefix(".")
    if suffix == Format.WAV:
        from affetti.audio.performance import performance
        from affetti.audio.wav import find_synthesiser, wav_bytes

        return {path: wav_bytes(performance(piece), find_synthesiser())}
    if suffix == Format.MUSICXML:
        from affetti.scores import musicxml

        return {path: musicxml(piece).encode()}
    if suffix == Format.SVG:
        from affetti.scores import svg_pages

        return {
            path if number == 1 else path.with_stem(f"{path.stem}-page{number}"): page.encode()
            for number, page in enumerate(svg_pages(piece), start=1)
        }
    from affetti.midi import midi_bytes

    return {path: midi_bytes(piece)}
