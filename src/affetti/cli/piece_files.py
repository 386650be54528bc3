"""The files that composed and transferred pieces are written to: which there are, what is in them, all or none."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affetti.cli.output import complain, progress
from affetti.errors import InputError
from affetti.files import check_writable, write_whole
from affetti.formats import Format, files_of

if TYPE_CHECKING:
    from affetti.audio.performance import Synthesiser
    from affetti.piece import Piece

Out = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="A file, or a folder; many files are numbered.", show_default="here"),
]
FormatNames = Annotated[
    str, typer.Option("--format", metavar="NAMES", help="mid, wav, musicxml, svg; several joined by commas.")
]
Soundfont = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="wav: a soundfont (.sf2, .sf3), played by FluidSynth.", show_default="what is installed"
    ),
]


def parse_formats(text: str) -> tuple[Format, ...]:
    """The formats in a list joined by commas, each once. Raises InputError for one that we do not write."""
    names = dict.fromkeys(name.strip().lower() for name in text.split(","))
    unknown = [name for name in names if name not in list(Format)]
    if unknown:
        raise InputError(f"unknown format {unknown[0][:40]!r}; use {', '.join(Format)}")
    return tuple(Format(name) for name in names)


def chosen_synthesiser(formats: tuple[Format, ...], soundfont: str | None) -> "Synthesiser | None":
    """What plays the pieces, told on stderr; None without sound. Raises InputError for a bad soundfont."""
    if Format.WAV not in formats:
        if soundfont is not None:
            raise InputError("--soundfont is for --format wav alone")
        return None
    from affetti.audio.wav import find_synthesiser

    synthesiser = find_synthesiser(None if soundfont is None else Path(soundfont))
    complain(f"played by {synthesiser.name}")
    return synthesiser


Files = dict[Path, bytes | Callable[[], bytes]]
"""What to write where; what makes it, where it is large."""


@dataclass(frozen=True)
class Target:
    """The files one piece goes to: `base` with the suffix of each format."""

    base: Path
    formats: tuple[Format, ...]

    @property
    def paths(self) -> list[Path]:
        """One file for each format; further pages of an SVG go beside the first."""
        return [self.base.with_name(f"{self.base.name}.{name}") for name in self.formats]

    def files(self, piece: "Piece", synthesiser: "Synthesiser | None") -> Files:
        """The piece in each format, with the further pages."""
        files: Files = {}
        for name, path in zip(self.formats, self.paths, strict=True):
            if name is Format.WAV and synthesiser is not None:
                files[path] = _sound(piece, synthesiser)
            else:
                files |= files_of(piece, path)
        return files


def _sound(piece: "Piece", synthesiser: "Synthesiser") -> Callable[[], bytes]:
    """What makes the WAV file of a piece. Raises InputError, at once, for a piece that cannot be played."""
    from affetti.audio.performance import performance
    from affetti.audio.wav import wav_bytes

    return partial(wav_bytes, performance(piece), synthesiser)


def rendered_files(targets: list[Target], pieces: list["Piece"], synthesiser: "Synthesiser | None") -> list[Files]:
    """The files of each piece."""
    rendered = []
    with progress("rendering", total=len(pieces)) as advance:
        for target, piece in zip(targets, pieces, strict=True):
            rendered.append(target.files(piece, synthesiser))
            advance(1)
    return rendered


def write_files(files: list[Files], *, force: bool) -> None:
    """Write the files of all pieces. Raises InputError, before the first is written, if one would overwrite."""
    for of_piece in files:
        for path in of_piece:  # only now the further pages are known
            check_writable(path, force=force)
    with progress("writing", total=len(files)) as advance:
        for of_piece in files:
            for path, content in of_piece.items():
                write_whole(path, content if isinstance(content, bytes) else content(), force=force)
            advance(1)


def targets_of(out: str | None, stem: str, count: int, formats: tuple[Format, ...], *, force: bool) -> list[Target]:
    """Where the pieces go: `out` is a file if it has a suffix, else a folder; many are numbered from 001.

    Raises InputError, before anything is composed, where `out` fits no format or a file exists and `force` is false.
    """
    targets = _targets(out, stem, count, formats)
    for target in targets:
        for path in target.paths:
            check_writable(path, force=force)
    return targets


def _targets(out: str | None, stem: str, count: int, formats: tuple[Format, ...]) -> list[Target]:
    """As `targets_of`, whatever is there already."""
    base = Path(stem)
    if out is not None:
        path = Path(out)
        is_folder = path.is_dir() or not path.suffix or out.endswith("/")
        if not is_folder and path.suffix not in [f".{name}" for name in formats]:
            asked = ", ".join(f".{name}" for name in formats)
            raise InputError(f"{out} does not end in {asked}: give --format for other files, or a folder")
        base = path / stem if is_folder else path.with_suffix("")
    if count == 1:
        return [Target(base, formats)]
    digits = max(3, len(str(count)))
    numbers = range(1, count + 1)
    return [Target(base.with_name(f"{base.name}-{number:0{digits}}"), formats) for number in numbers]
