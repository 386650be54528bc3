"""`affetti transfer`: a piano piece with elements of another, to change its emotion."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affetti.cli.output import AsJson, Force, print_json, printable, progress
from affetti.cli.piece_files import (
    FormatNames,
    Out,
    Soundfont,
    chosen_synthesiser,
    parse_formats,
    rendered_files,
    targets_of,
    write_files,
)
from affetti.emotion import parse_quadrant
from affetti.errors import InputError

if TYPE_CHECKING:
    from affetti.piece import Piece
    from affetti.runtime.transfer import Transfer

_DIGITS = {"chord": 2, "bar_beat": 2, "type": 2, "duration": 2}
"""Decimals of an element's mean, where one is too few."""


def transfer(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A MIDI file of piano music.", show_default=False)],
    reference: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Take the elements from this MIDI file.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="EMOTION", help="Take them from music with this emotion: happy, angry, sad, calm; Q1 to Q4."
        ),
    ] = None,
    elements: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="tempo, chord, bar-beat, type, pitch, duration, velocity, several joined by commas; or all; or auto: "
            "those that carry the difference.",
        ),
    ] = "auto",
    strength: Annotated[float, typer.Option(metavar="S", help="0 (the source as it is) to 1 (all the way).")] = 1.0,
    references: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="--to: prior (composed for it), or a prepared corpus with labels, for example emopia."
        ),
    ] = "prior",
    candidates: Annotated[
        int | None,
        typer.Option(metavar="N", help="--to: how many references are tried, 1 to 64.", show_default="4"),
    ] = None,
    count: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many of the candidates to write, best first.")
    ] = 1,
    weights: Annotated[
        str, typer.Option(metavar="NAME|DIR", help="The piano weights that compose references.")
    ] = "muser",
    seed: Annotated[
        int | None,
        typer.Option(metavar="S", help="The same seed gives the same bytes.", show_default="random"),
    ] = None,
    out: Out = None,
    format_names: FormatNames = "mid",
    soundfont: Soundfont = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Change the emotion of a piano piece: chosen elements come from a reference, all else stays.

    The reference is a file (--from), or music with the emotion wanted (--to): of several, the one with which the piece
    is heard as wanted and keeps most of itself. Bars stay where they are, and so does the player's timing.
    """
    from affetti.midi import read_midi
    from affetti.runtime.transfer import transfer as transferred
    from affetti.runtime.transfer_exchange import parse_elements
    from affetti.runtime.transfer_music import Reference, Source

    parse_elements(elements)
    formats = parse_formats(format_names)
    if reference is None and to is None:
        raise InputError("from which music? use --from FILE or --to EMOTION")
    if reference is not None and to is not None:
        raise InputError("use either --from or --to")
    if reference is not None and (references != "prior" or weights != "muser"):
        raise InputError("--references and --weights are for --to")
    if reference is not None and count > 1:
        raise InputError("--count is for --to: one reference makes one piece")
    wanted = None if to is None else parse_quadrant(to)
    seed = secrets.randbelow(2**32) if seed is None else seed
    like = wanted.label if wanted is not None else f"like-{Path(str(reference)).stem}"
    targets = targets_of(out, f"{source.stem}-{like}-{seed}", count, formats, force=force)
    synthesiser = chosen_synthesiser(formats, soundfont)
    own = Source.of(read_midi(source), str(source))
    given = None if reference is None else Reference.of(read_midi(reference), str(reference))
    with progress("transferring") as advance:
        result = transferred(
            own,
            wanted,
            reference=given,
            elements=elements,
            strength=strength,
            candidates=candidates,
            references=references,
            weights=weights,
            seed=seed,
            progress=advance,
        )
    if count > len(result.candidates):
        raise InputError(f"--count is {count}: there are {len(result.candidates)} candidates")
    written = [one.piece for one in result.candidates[:count]]
    files = rendered_files(targets, written, synthesiser)
    write_files(files, force=force)
    document = _document(source, result, [list(one) for one in files])
    if as_json:
        print_json(document)
    else:
        _print_text(document)


def _document(source: Path, result: "Transfer", paths: list[list[Path]]) -> dict[str, Any]:
    """The result as JSON: what was asked, the source, and each candidate, best first; `paths` of those written."""
    from affetti.runtime.transfer_measures import SUMMARIES, element_means

    return {
        "source": str(source),
        "to": None if result.to is None else result.to.label,
        "elements": list(result.elements),
        "strength": result.strength,
        "references": result.references,
        "seed": result.seed,
        "bars": len(result.source.music.bar_steps),
        "notes_lost": result.source.notes_lost,
        "means_are": SUMMARIES,
        "before": {"means": _rounded(element_means(result.source.music)), "heard": _heard(result.source.piece)},
        "candidates": [
            {
                "paths": [str(path) for path in paths[rank]] if rank < len(paths) else [],
                "reference": one.reference,
                "reached": None if one.reached is None else round(one.reached, 4),
                "kept": _rounded(
                    {"pitch_classes": one.kept.pitch_classes, "onsets": one.kept.onsets, "contour": one.kept.contour}
                ),
                "means": _rounded(element_means(one.music)),
                "heard": _heard(one.piece),
                "seconds": round(one.piece.duration_seconds, 3),
            }
            for rank, one in enumerate(result.candidates)
        ],
    }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


def _heard(piece: "Piece") -> dict[str, Any] | None:
    """What the users' recogniser hears; None for what is too short or too long to be heard."""
    from affetti.runtime.transfer import heard

    try:
        found = heard(piece)
    except InputError:
        return None
    return {
        "valence": round(found.emotion.valence, 4),
        "arousal": round(found.emotion.arousal, 4),
        "quadrant": found.quadrant.name,
        "label": found.quadrant.label,
    }


def _print_text(document: dict[str, Any]) -> None:
    """The result as text: what was written from what, then what became of the emotion and the elements."""
    names = ", ".join(name.replace("_", "-") for name in document["elements"])
    for one in document["candidates"]:
        if not one["paths"]:
            continue
        of = f", best of {len(document['candidates'])}" if len(document["candidates"]) > 1 else ""
        print(f"{', '.join(map(printable, one['paths']))}: {names} of {printable(one['reference'])}{of}")
        print(f"  heard     {_emotion(document['before']['heard'])} -> {_emotion(one['heard'])}")
        for name, unit in document["means_are"].items():
            before, after = document["before"]["means"][name], one["means"][name]
            digits = _DIGITS.get(name, 1)
            values = f"{before:.{digits}f} -> {after:.{digits}f}"
            if before == after:
                values = f"{before:.{digits}f}"
            print(f"  {name.replace('_', '-'):9} {values:16} {unit}")
        kept = one["kept"]
        print(
            f"  kept      pitch classes {kept['pitch_classes']:.0%}, onsets {kept['onsets']:.0%}, "
            f"contour of the upper line {kept['contour']:.0%}"
        )
    if document["notes_lost"]:
        print(f"  {document['notes_lost']} notes of the source have no place on the grid and are left out")


def _emotion(heard: dict[str, Any] | None) -> str:
    if heard is None:
        return "nothing"
    return f"{heard['quadrant']} {heard['label']} (valence {heard['valence']:+.2f}, arousal {heard['arousal']:+.2f})"
