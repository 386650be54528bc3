"""`affetti read`: the emotion that the melody reader hears in MIDI files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affetti.cli.output import AsJson, complain, print_json, printable, progress
from affetti.errors import InputError

if TYPE_CHECKING:
    from affetti.emotion import Emotion
    from affetti.runtime.melody_model import MelodyModel, Reading


def read(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="MIDI files; the melody is read.")],
    key: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The melodies' key.", show_default="the file's, or estimated"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the emotion of melodies: valence and arousal (each -1 to 1), quadrant, confidence (0 to 1) and key.

    A file that cannot be read costs one line on stderr and makes the exit code 2; the others are still read.
    """
    import affetti
    from affetti.analysis.key import parse_key
    from affetti.runtime.weights import READER_WEIGHTS

    if key is not None:
        parse_key(key)  # a key that is none is one mistake, not one in every file
    reader = affetti.load(READER_WEIGHTS)
    documents: list[dict[str, Any]] = []
    with progress("reading", total=len(files)) as advance:
        for file in files:
            try:
                documents.append(_document(file, _heard(reader, file, key)))
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


def _heard(reader: "MelodyModel", file: Path, key: str | None) -> "Reading":
    """What the reader hears in a file. Raises InputError that names the file."""
    from affetti.midi import read_midi

    piece = read_midi(file)
    try:
        return reader.read(piece, key=key)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def _document(file: Path, reading: "Reading") -> dict[str, Any]:
    """One reading as JSON; `phrases` are the four-bar phrases that are not silent, in order."""
    return {
        "path": str(file),
        **_point(reading.emotion),
        "quadrant": reading.quadrant.name,
        "label": reading.quadrant.label,
        "confidence": round(reading.confidence, 4),
        "key": reading.key.name,
        "key_source": reading.key_source,
        "phrases": [_point(phrase) for phrase in reading.phrases],
    }


def _point(emotion: "Emotion") -> dict[str, float]:
    return {"valence": round(emotion.valence, 4), "arousal": round(emotion.arousal, 4)}


def _line(document: dict[str, Any]) -> str:
    """One reading as text."""
    point = f"valence {document['valence']:+.2f}, arousal {document['arousal']:+.2f}"
    quadrant = f"{document['quadrant']} {document['label']}"
    key = f"{document['key']} ({document['key_source']})"
    return f"{printable(document['path'])}: {point}, {quadrant}, confidence {document['confidence']:.2f}, {key}"
