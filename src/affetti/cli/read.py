"""`affetti read`: the emotion that the melody reader hears in MIDI files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from affetti.cli.output import AsJson, complain, print_json, printable, progress
from affetti.errors import InputError

READER = "emoreg_reader"


def read(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="MIDI files; the melody is read.")],
    key: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The melodies' key.", show_default="the file's, or estimated"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the emotion of melodies: valence and arousal (each -1 to 1), quadrant and confidence (0 to 1).

    A file that cannot be read costs one line on stderr and makes the exit code 2; the others are still read.
    """
    import affetti
    from affetti.midi import read_midi

    reader = affetti.load(READER)
    documents: list[dict[str, Any]] = []
    with progress("reading", total=len(files)) as advance:
        for file in files:
            try:
                documents.append(_document(file, reader.read(read_midi(file), key=key)))
            except InputError as error:
                complain(str(error))
            advance(1)
    if as_json:
        print_json(documents)
    else:
        for document in documents:
            print(_line(document))
    if len(documents) < len(files):
        raise typer.Exit(2)


def _document(file: Path, reading: Any) -> dict[str, Any]:
    """One reading as JSON."""
    return {
        "path": str(file),
        "valence": round(reading.emotion.valence, 4),
        "arousal": round(reading.emotion.arousal, 4),
        "quadrant": reading.quadrant.name,
        "label": reading.quadrant.label,
        "confidence": round(reading.confidence, 4),
        "key": reading.key.name,
        "key_source": reading.key_source,
    }


def _line(document: dict[str, Any]) -> str:
    """One reading as text."""
    point = f"valence {document['valence']:+.2f}, arousal {document['arousal']:+.2f}"
    quadrant = f"{document['quadrant']} {document['label']}"
    return f"{printable(document['path'])}: {point}, {quadrant}, confidence {document['confidence']:.2f}"
