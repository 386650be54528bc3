"""`affetti evaluate`: the paper's tables beside ours, and how new and how melodic the melodies are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affetti.cli.output import AsJson, Force, print_json, progress
from affetti.emotion import Quadrant
from affetti.errors import InputError

if TYPE_CHECKING:
    from affetti.corpora.prepared import PreparedMelodies
    from affetti.runtime.melody_model import MelodyModel

CORPUS = "musgenvae"
PUBLISHED = {"musgenvae_gru": "published GRU examples", "musgenvae_dense": "published dense examples"}
"""Prepared corpora of the authors' generated melodies -> what the report calls them."""
FEWEST, MOST = 80, 100_000

Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET",
        help="A run folder, a weights folder, shipped weights, or emoreg: all shipped weights of the system.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The report's folder.", show_default="RUN/evaluation or ./evaluation-NAME"),
]
Melodies = Annotated[
    int, typer.Option(metavar="N", min=FEWEST, max=MOST, help="Melodies composed per model, a multiple of 4.")
]
Seed = Annotated[int, typer.Option(metavar="S", min=0, max=2**32 - 1, help="Same seed, same report.")]
CorpusDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Read musgenvae from a folder laid out as published.",
        show_default="the prepared corpus",
    ),
]


@dataclass(frozen=True)
class Target:
    """A model to evaluate, what the report calls it, and the run it comes from, if it does."""

    name: str
    model: "MelodyModel"
    run: Path | None


def evaluate(
    targets: Targets,
    out: Out = None,
    melodies: Melodies = 2000,
    seed: Seed = 0,
    corpus_dir: CorpusDir = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Measure trained models as the CVAE-EmoReg paper does, and the novelty of what they compose."""
    if melodies % 4:
        raise InputError(f"--melodies is {melodies}; it must be a multiple of 4, for the four emotions")
    import affetti
    from affetti.evaluation import report as pages
    from affetti.evaluation.emoreg_document import document
    from affetti.evaluation.emoreg_files import report_files
    from affetti.evaluation.emoreg_measures import compose_melodies, measure_model, measure_reference
    from affetti.evaluation.emoreg_report import EvaluationReport
    from affetti.evaluation.run_results import read_held_out, read_snapshots
    from affetti.runtime.weights import READER_WEIGHTS

    found = find_targets(targets)
    out = default_out(targets) if out is None else out
    pages.check_out(out, force=force)
    corpus, published = read_corpora(corpus_dir)
    steps = 1 + 6 * len(found)  # the real melodies; of each model: 4 emotions, its figures, its files
    with progress("evaluating", total=steps) as advance:
        reference = measure_reference(corpus, published, melodies // 4, seed, affetti.load(READER_WEIGHTS))
        advance(1)
        models = []
        for target in found:
            snapshots = read_snapshots(target.run) if target.run else ()
            held_out = read_held_out(target.run, corpus) if target.run else None
            composed = compose_melodies(target.model, melodies // 4, seed, lambda: advance(1))
            models.append(measure_model(target.name, target.model, reference, composed, snapshots, held_out))
            advance(1)
        report = EvaluationReport(reference, tuple(models), melodies // 4, seed)
        files = report_files(report, lambda: advance(1))
    tables, remarks = report.tables(), [*report.remarks(), *files.missing]
    figures = document(report)
    title = f"Evaluation of {', '.join(target.name for target in found)}"
    page = pages.markdown(title, tables, files.pictures, remarks)
    pages.write_report(out, files.all(), figures, page, force=force)
    if as_json:
        print_json(figures)
    else:
        pages.print_tables(tables, [*remarks, f"Written to {out}: {len(files.all()) + 2} files."])


def find_targets(texts: Sequence[str]) -> list[Target]:
    """The models meant by the command line's targets; names that occur twice are numbered.

    Raises InputError for a target that is none, or a run that has no weights yet.
    """
    import affetti
    from affetti.runtime.weights import DEFAULT_WEIGHTS, shipped_names

    sources: list[tuple[str | Path, Path | None]] = []
    for text in texts:
        if text in DEFAULT_WEIGHTS:
            sources += [(name, None) for name in shipped_names() if affetti.load(name).config.system == text]
        elif (Path(text) / "config.yaml").is_file():
            if not (Path(text) / "weights" / "config.json").is_file():
                raise InputError(f"{text} is a run without weights: finish it with affetti train --resume")
            sources.append((Path(text) / "weights", Path(text)))
        else:
            sources.append((text, None))
    targets: list[Target] = []
    for source, run in sources:
        model = affetti.load(source)
        same = sum(target.model.config.name == model.config.name for target in targets)
        targets.append(Target(model.config.name + (f"_{same + 1}" if same else ""), model, run))
    if not targets:
        raise InputError("no weights of this system come with affetti")
    return targets


def default_out(texts: Sequence[str]) -> Path:
    """RUN/evaluation for one run, ./evaluation-NAME for other weights, ./evaluation for several targets."""
    if len(texts) > 1:
        return Path("evaluation")
    path = Path(texts[0])
    return path / "evaluation" if (path / "config.yaml").is_file() else Path(f"evaluation-{path.resolve().name}")


def read_corpora(folder: Path | None) -> tuple["PreparedMelodies", dict[str, "PreparedMelodies"]]:
    """The real melodies, and the published examples that are here by the name the report gives them.

    Raises InputError that says what to do when the real melodies are not here.
    """
    from affetti.corpora.prepared import load_prepared, prepared_path

    if folder is not None:
        from affetti.corpora.musgenvae import prepare

        prepared = prepare(folder).corpora
    else:
        names = [name for name in (CORPUS, *PUBLISHED) if name == CORPUS or prepared_path(name).is_file()]
        prepared = {name: load_prepared(name) for name in names}
    absent = [quadrant.name for quadrant in Quadrant if quadrant not in prepared[CORPUS].quadrants]
    if absent:
        raise InputError(f"{CORPUS} has no melody of {', '.join(absent)}; there is nothing to compare with")
    return prepared[CORPUS], {title: prepared[name] for name, title in PUBLISHED.items() if name in prepared}
