"""affetti corpus: list, get and prepare the corpora the models learn from."""

from pathlib import Path
from typing import Annotated, Any

import typer

from affetti.cli.output import AsJson, complain, print_json, progress
from affetti.corpora import CORPORA
from affetti.corpora.corpus import Corpus, Holding, Preparation, rejects_path, save_preparation
from affetti.corpora.prepared import PreparedMelodies
from affetti.emotion import Quadrant
from affetti.errors import InputError

app = typer.Typer(help="List, get and prepare the corpora the models learn from.")

Name = Annotated[str, typer.Argument(help=f"The corpus: {' or '.join(CORPORA)}.")]
From = Annotated[
    Path | None,
    typer.Option("--from", help="A folder laid out as the publisher does; nothing is downloaded."),
]


@app.command("list")
def list_corpora(as_json: AsJson = False) -> None:
    """Show the corpora: version, licence, how many files are here of how many, and where."""
    held = [(corpus, corpus.find()) for corpus in CORPORA.values()]
    if as_json:
        print_json([_description(corpus, holding) for corpus, holding in held])
        return
    rows = [("name", "version", "licence", "files", "where")]
    for corpus, holding in held:
        files = f"{holding.files}/{corpus.expected_files}"
        rows.append((corpus.name, corpus.version, corpus.licence, files, str(holding.folder or "not here")))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command()
def get(name: Name, source: From = None, as_json: AsJson = False) -> None:
    """Fetch a corpus from its publisher, or take it from a folder with --from."""
    corpus = _corpus(name)
    holding = corpus.get(source, progress)
    _warn(holding.warnings)
    if as_json:
        print_json(_description(corpus, holding))
    else:
        print(f"{corpus.name}: {holding.files} of {corpus.expected_files} files in {holding.folder}")
        print(f"licence: {corpus.licence}; source: {corpus.source}")


@app.command()
def prepare(name: Name, source: From = None, as_json: AsJson = False) -> None:
    """Turn a corpus into the arrays that training reads."""
    corpus = _corpus(name)
    preparation = corpus.prepare(source, progress)
    paths = save_preparation(corpus.name, preparation)
    _warn(preparation.warnings)
    if as_json:
        print_json(
            {
                "corpus": corpus.name,
                "prepared": {
                    prepared: {"path": str(paths[prepared]), **_counts(melodies)}
                    for prepared, melodies in preparation.corpora.items()
                },
                "rejected": [{"file": one.file, "reason": one.reason} for one in preparation.rejects],
                "rejected_file": str(rejects_path(corpus.name)),
                "warnings": list(preparation.warnings),
                **preparation.report,
            }
        )
        return
    for prepared, melodies in preparation.corpora.items():
        counts = _counts(melodies)
        labels = ", ".join(f"{label} {count}" for label, count in counts["quadrants"].items()) or "no labels"
        print(f"{prepared}: {len(melodies)} melodies ({labels}), {counts['tunes']} tunes, in {paths[prepared]}")
    if preparation.rejects:
        print(f"{len(preparation.rejects)} files left out, see {rejects_path(corpus.name)}")
    _print_reproduction(preparation)


def _corpus(name: str) -> Corpus:
    """The corpus of this name. Raises InputError that lists the names."""
    if name not in CORPORA:
        raise InputError(f"unknown corpus {name[:40]!r}; use one of {', '.join(CORPORA)}")
    return CORPORA[name]


def _description(corpus: Corpus, holding: Holding) -> dict[str, Any]:
    """A corpus and what of it is here, as JSON."""
    return {
        "name": corpus.name,
        "title": corpus.title,
        "version": corpus.version,
        "licence": corpus.licence,
        "source": corpus.source,
        "files": holding.files,
        "expected_files": corpus.expected_files,
        "folder": str(holding.folder) if holding.folder else None,
        "warnings": list(holding.warnings),
    }


def _counts(melodies: PreparedMelodies) -> dict[str, Any]:
    """How many melodies, of each emotion, and tunes there are."""
    quadrants = {quadrant.name: int((melodies.quadrants == quadrant).sum()) for quadrant in Quadrant}
    return {
        "melodies": len(melodies),
        "quadrants": {name: count for name, count in quadrants.items() if count},
        "tunes": len(set(melodies.tunes.tolist())),
    }


def _print_reproduction(preparation: Preparation) -> None:
    """Say how far the published melodies came out as published."""
    if found := preparation.report.get("reproduction"):
        print(f"note for note as published: {found['note_for_note']} of {found['published']}")
        for how, names in found["different"].items():
            print(f"  {how}: {len(names)} ({', '.join(names[:5])}{', …' if len(names) > 5 else ''})")
        print(f"  not among the published: {len(found['unpublished'])}")


def _warn(warnings: tuple[str, ...]) -> None:
    """Print warnings to stderr, a line each."""
    for warning in warnings:
        complain(f"warning: {warning}")
