"""`affetti read`: the emotion that is heard in MIDI files of piano music or melodies."""

from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affetti.cli.output import AsJson, complain, print_json, printable, progress
from affetti.errors import InputError

if TYPE_CHECKING:
    from affetti.emotion import Emotion
    from affetti.piece import Piece
    from affetti.runtime.melody_model import MelodyModel, Reading
    from affetti.runtime.recogniser import Recognised, Recogniser

POLYPHONIC = 1.2
"""Pitches that sound together, on average, from which on a file is taken for piano music: legato alone makes less."""

DECIDING = 10
"""Features that a piano piece's JSON names."""
TOLD = 3
"""Groups of features that its text names, those that speak most for what is heard."""


class Kind(StrEnum):
    """What a file is read as."""

    PIANO = "piano"
    MELODY = "melody"


def read(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="MIDI files.")],
    kind: Annotated[
        Kind | None,
        typer.Option("--as", help="What the files are.", show_default="piano where notes sound together, else melody"),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Melodies: their key.", show_default="the file's, or estimated"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the emotion of music: valence and arousal (each -1 to 1), quadrant and confidence (0 to 1).

    Of piano music also what decided, of melodies the key they were heard in; --key reads all files as melodies.
    A file that cannot be read costs one line on stderr and makes the exit code 2; the others are still read.
    """
    from affetti.analysis.key import parse_key

    if key is not None:
        parse_key(key)  # a key that is none is one mistake, not one in every file
        if kind is Kind.PIANO:
            raise InputError("--key is for melodies")
        kind = Kind.MELODY
    readers = _Readers()
    documents: list[dict[str, Any]] = []
    with progress("reading", total=len(files)) as advance:
        for file in files:
            try:
                documents.append(_read(readers, file, kind, key))
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


class _Readers:
    """Each loaded when the first file needs it."""

    @cached_property
    def melody(self) -> "MelodyModel":
        """Reads melodies."""
        from affetti.runtime.melody_model import MelodyModel
        from affetti.runtime.weights import READER_WEIGHTS

        return MelodyModel.load(READER_WEIGHTS)

    @cached_property
    def piano(self) -> "Recogniser":
        """Reads piano music."""
        from affetti.runtime.recogniser import load_recogniser

        return load_recogniser()


def _read(readers: _Readers, file: Path, kind: Kind | None, key: str | None) -> dict[str, Any]:
    """What is heard in a file, as JSON. Raises InputError that names the file."""
    from affetti.midi import read_midi

    piece = read_midi(file)
    try:
        if (kind or _kind_of(piece)) is Kind.PIANO:
            return _piano_document(file, readers.piano.read([piece])[0])
        return _melody_document(file, readers.melody.read(piece, key=key))
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def _kind_of(piece: "Piece") -> Kind:
    from affetti.analysis.note_arrays import note_arrays
    from affetti.analysis.pitch import polyphony

    notes = note_arrays(piece)
    return Kind.PIANO if polyphony(notes.start_ticks, notes.end_ticks, notes.pitches)[0] >= POLYPHONIC else Kind.MELODY


def _piano_document(file: Path, heard: "Recognised") -> dict[str, Any]:
    """What is heard in piano music. The contribution of a feature, or of a group of them, says by how many times (as a
    natural logarithm) the quadrant is more probable than with typical values.
    """
    return {
        "path": str(file),
        "read_as": Kind.PIANO.value,
        **_point(heard.emotion),
        "quadrant": heard.quadrant.name,
        "label": heard.quadrant.label,
        "confidence": round(heard.confidence, 4),
        "probabilities": {f"Q{number}": round(one, 4) for number, one in enumerate(heard.probabilities, 1)},
        "groups": {name: round(contribution, 4) for name, contribution in heard.groups},
        "features": [
            {"name": name, "value": round(value, 4), "contribution": round(contribution, 4)}
            for name, value, contribution in heard.features[:DECIDING]
        ],
    }


def _melody_document(file: Path, reading: "Reading") -> dict[str, Any]:
    """One melody as JSON; `phrases` are the four-bar phrases that are not silent, in order."""
    return {
        "path": str(file),
        "read_as": Kind.MELODY.value,
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
    if document["read_as"] == Kind.PIANO:
        groups = [name for name, contribution in document["groups"].items() if contribution > 0]
        last = f"piano, by its {', '.join(groups[:TOLD])}" if groups else "piano"
    else:
        last = f"{document['key']} ({document['key_source']})"
    return f"{printable(document['path'])}: {point}, {quadrant}, confidence {document['confidence']:.2f}, {last}"
