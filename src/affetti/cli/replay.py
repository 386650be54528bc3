"""`affetti replay`: a piece again, from the provenance stored in its file."""

from pathlib import Path
from typing import Annotated

import typer

from affetti.cli.output import AsJson, Force, print_json, printable
from affetti.files import check_writable, write_whole


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A MIDI file that affetti composed.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write the new piece here."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR", help="The weights it was made with.", show_default="shipped ones"),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Regenerate a piece from the provenance stored in it, and say whether it is the same, byte for byte.

    Exit code 0: identical; 1: it differs, for example because the file was edited. A file may name only weights that
    come with affetti; a folder is opened only when you name it with --weights.
    """
    if out is not None:
        check_writable(out, force=force)

    from affetti.midi import midi_bytes, read_midi
    from affetti.runtime.provenance import replay as regenerate

    again = midi_bytes(regenerate(read_midi(file), weights))
    identical = again == file.read_bytes()
    if out is not None:
        write_whole(out, again, force=force)
    if as_json:
        print_json({"path": str(file), "identical": identical, "written": None if out is None else str(out)})
    else:
        verdict = "identical, byte for byte" if identical else "differs from what its provenance regenerates"
        print(printable(f"{file}: {verdict}" + (f"; written to {out}" if out else "")))
    if not identical:
        raise typer.Exit(1)
