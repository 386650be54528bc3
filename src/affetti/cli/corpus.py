"""affetti corpus: list, get and prepare the corpora the models learn from."""

from pathlib import Path
from typing import Annotated, Any

import typer

from affetti.cli.output import AsJson, Force, complain, print_json, progress
from affetti.corpora import CORPORA, FOLDER
from affetti.corpora.corpus import (
    Corpus,
    Holding,
    Preparation,
    default_workers,
    rejects_path,
    save_preparation,
)
from affetti.errors import InputError

app = typer.Typer(help="List, get and prepare the corpora the models learn from.")

_NAMES = f"{', '.join(list(CORPORA)[:-1])} or {list(CORPORA)[-1]}"
Name = Annotated[str, typer.Argument(help=f"The corpus: {_NAMES}.")]
From = Annotated[
    Path | None,
    typer.Option("--from", help="A folder laid out as the publisher does; nothing is downloaded."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=256, help="Processes that read files; by default one a core.")
]
Labels = Annotated[
    Path | None, typer.Option("--labels", help="Of folder: a CSV table of labels; by default labels.csv in it.")
]
PreparedAs = Annotated[
    str | None, typer.Option("--name", help="Of folder: what the prepared corpus is called; by default as the folder.")
]
PreparedName = Annotated[
    str, typer.Argument(metavar="NAME", help="A prepared corpus of piano pieces, for example emopia.")
]
Rolls = Annotated[int, typer.Option(metavar="N", min=0, max=400, help="Piano rolls drawn into the report.")]
Seed = Annotated[int, typer.Option(metavar="S", min=0, max=2**32 - 1, help="Same seed, same pieces drawn.")]
StatsOut = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Also write a report with pictures into this folder.")
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
        files = "-" if corpus.expected_files is None else f"{holding.files}/{corpus.expected_files}"
        where = str(holding.folder or ("not here" if corpus.expected_files else corpus.source))
        rows.append((corpus.name, corpus.version, corpus.licence, files, where))
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
def prepare(
    name: Name,
    source: From = None,
    workers: Workers = None,
    labels: Labels = None,
    prepared_as: PreparedAs = None,
    as_json: AsJson = False,
) -> None:
    """Turn a corpus into the arrays that training reads. What is stopped goes on where it was."""
    corpus = _corpus(name)
    own = {key: value for key, value in (("labels", labels), ("name", prepared_as)) if value is not None}
    if own and corpus.name != FOLDER.name:
        raise InputError(f"--labels and --name are for your own files: affetti corpus prepare {FOLDER.name}")
    preparation = corpus.prepare(source, progress, workers or default_workers(), **own)
    paths = save_preparation(preparation)
    _warn(preparation.warnings)
    rejected = rejects_path(preparation.name)
    if as_json:
        print_json(
            {
                "corpus": corpus.name,
                "prepared": {
                    key: {"path": str(paths[key]), **arrays.counts()} for key, arrays in preparation.corpora.items()
                },
                "rejected": [{"file": one.file, "reason": one.reason} for one in preparation.rejects],
                "rejected_file": str(rejected),
                "warnings": list(preparation.warnings),
                **preparation.report,
            }
        )
        return
    for key, arrays in preparation.corpora.items():
        print(f"{key}: {arrays.summary()}, in {paths[key]}")
    if preparation.rejects:
        print(f"{len(preparation.rejects):,} files left out, see {rejected}")
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


def _print_reproduction(preparation: Preparation[Any]) -> None:
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


@app.command()
def stats(
    name: PreparedName,
    out: StatsOut = None,
    rolls: Rolls = 8,
    seed: Seed = 0,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Show what a prepared corpus of piano pieces is like, emotion beside emotion."""
    from affetti.corpora.prepared_pieces import load_pieces
    from affetti.evaluation import report as pages
    from affetti.evaluation.corpus_files import write_corpus_report
    from affetti.evaluation.corpus_report import measure_corpus

    if out is not None:
        pages.check_out(out, force=force)
    pieces = load_pieces(name)
    with progress("measuring", len(pieces)) as advance:
        report = measure_corpus(name, pieces, lambda: advance(1))
    written: list[str] = []
    if out is not None:
        with progress("drawing"):
            written.append(write_corpus_report(out, report, rolls=rolls, seed=seed, force=force))
    if as_json:
        print_json(pages.plain(report.document()))
    else:
        pages.print_tables(report.tables(), [*report.remarks(), *written])
