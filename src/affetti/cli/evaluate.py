"""`affetti evaluate`: what can be measured of trained models, for each system its own report.

Melody models: the paper's tables beside ours, and how new and how melodic the melodies are. Piano models: how well they
write down again the pieces that they have not learned from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from affetti.cli.output import AsJson, Force, print_json, progress
from affetti.emotion import Quadrant
from affetti.errors import InputError

if TYPE_CHECKING:
    from affetti.corpora.prepared_melodies import PreparedMelodies
    from affetti.evaluation.report import Picture, Table
    from affetti.runtime.melody_model import MelodyModel
    from affetti.runtime.piano_model import PianoModel

CORPUS = "musgenvae"
PUBLISHED = {"musgenvae_gru": "published GRU examples", "musgenvae_dense": "published dense examples"}
"""Prepared corpora of the authors' generated melodies -> what the report calls them."""
FEWEST, MOST = 80, 100_000
MELODIES, SEED, SPLIT = 2000, 0, "test"
"""What is taken where an option is not given."""

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
    int | None,
    typer.Option(
        metavar="N",
        min=FEWEST,
        max=MOST,
        help="Melody models: melodies composed per model, a multiple of 4.",
        show_default=str(MELODIES),
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="S",
        min=0,
        max=2**32 - 1,
        help="Melody models: same seed, same report.",
        show_default=str(SEED),
    ),
]
CorpusDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Melody models: read musgenvae from a folder laid out as published.",
        show_default="the prepared corpus",
    ),
]
CorpusName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Piano models: the prepared corpus whose pieces are reconstructed.",
        show_default="the one learned from last",
    ),
]
Split = Annotated[
    Literal["train", "validation", "test"] | None,
    typer.Option(help="Piano models: the songs that are reconstructed.", show_default=SPLIT),
]


@dataclass(frozen=True)
class Target:
    """A model to evaluate, what the report calls it, and the run it comes from, if it does."""

    name: str
    model: "MelodyModel | PianoModel"
    run: Path | None


def evaluate(
    targets: Targets,
    out: Out = None,
    melodies: Melodies = None,
    seed: Seed = None,
    corpus_dir: CorpusDir = None,
    corpus: CorpusName = None,
    split: Split = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Measure trained models: those of melodies as the CVAE-EmoReg paper does, with the novelty of what they compose;
    those of piano pieces by how well they reconstruct pieces that were held out.
    """
    if melodies is not None and melodies % 4:
        raise InputError(f"--melodies is {melodies}; it must be a multiple of 4, for the four emotions")
    from affetti.evaluation import report as pages

    found = find_targets(targets)
    out = default_out(targets) if out is None else out
    pages.check_out(out, force=force)
    of_melodies = {"--melodies": melodies, "--seed": seed, "--corpus-dir": corpus_dir}
    of_pieces = {"--corpus": corpus, "--split": split}
    if _is_of_pieces(found):
        _refuse(of_melodies, "melody models")
        written = _evaluate_pieces(found, corpus, split or SPLIT)
    else:
        _refuse(of_pieces, "piano models")
        written = _evaluate_melodies(
            found, MELODIES if melodies is None else melodies, SEED if seed is None else seed, corpus_dir
        )
    title = f"Evaluation of {', '.join(target.name for target in found)}"
    page = pages.markdown(title, written.tables, written.pictures, written.remarks)
    pages.write_report(out, written.files, written.figures, page, force=force)
    if as_json:
        print_json(written.figures)
    else:
        pages.print_tables(written.tables, [*written.remarks, f"Written to {out}: {len(written.files) + 2} files."])


@dataclass(frozen=True)
class _Written:
    """A report as its readers get it; `files` are those beside the page and the JSON document."""

    tables: "Sequence[Table]"
    remarks: Sequence[str]
    figures: dict[str, Any]
    pictures: "Sequence[Picture]" = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


def _is_of_pieces(targets: Sequence[Target]) -> bool:
    """Whether the targets are piano models. Raises InputError where some are and some are not."""
    systems = {target.model.config.system for target in targets}
    if len(systems) > 1:
        raise InputError("melody models and piano models are measured in different ways: evaluate them one by one")
    return systems == {"muser"}


def _refuse(options: Mapping[str, object], models: str) -> None:
    """Raise InputError for an option that was given and is for other models."""
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name} is for {models}")


def _evaluate_melodies(targets: Sequence[Target], melodies: int, seed: int, corpus_dir: Path | None) -> _Written:
    """The report of melody models."""
    import affetti
    from affetti.evaluation.emoreg_document import document
    from affetti.evaluation.emoreg_files import report_files
    from affetti.evaluation.emoreg_measures import compose_melodies, measure_model, measure_reference
    from affetti.evaluation.emoreg_report import EvaluationReport
    from affetti.evaluation.run_results import read_held_out, read_snapshots
    from affetti.runtime.weights import READER_WEIGHTS

    corpus, published = read_corpora(corpus_dir)
    steps = 1 + 6 * len(targets)  # the real melodies; of each model: 4 emotions, its figures, its files
    with progress("evaluating", total=steps) as advance:
        reference = measure_reference(corpus, published, melodies // 4, seed, affetti.load(READER_WEIGHTS))
        advance(1)
        models = []
        for target in targets:
            model = cast("MelodyModel", target.model)
            snapshots = read_snapshots(target.run) if target.run else ()
            held_out = read_held_out(target.run, corpus) if target.run else None
            composed = compose_melodies(model, melodies // 4, seed, lambda: advance(1))
            models.append(measure_model(target.name, model, reference, composed, snapshots, held_out))
            advance(1)
        report = EvaluationReport(reference, tuple(models), melodies // 4, seed)
        files = report_files(report, lambda: advance(1))
    remarks = [*report.remarks(), *files.missing]
    return _Written(report.tables(), remarks, document(report), files.pictures, files.all())


def _evaluate_pieces(targets: Sequence[Target], corpus: str | None, split: str) -> _Written:
    """The report of piano models."""
    from affetti.corpora.prepared_pieces import load_pieces
    from affetti.evaluation.muser_report import ModelReconstruction, ReconstructionReport
    from affetti.evaluation.reconstruction import measure, words_to_work_through

    by_name = {target.name: cast("PianoModel", target.model) for target in targets}
    name = _corpus_name(list(by_name.values())) if corpus is None else corpus
    pieces = load_pieces(name)
    with progress("reconstructing, words", total=len(by_name) * words_to_work_through(pieces, split)) as advance:
        models = [
            ModelReconstruction(
                title, model.weights_hash, model.config.is_test_model, measure(model, pieces, split, advance)
            )
            for title, model in by_name.items()
        ]
    report = ReconstructionReport(name, split, tuple(models))
    return _Written(report.tables(), report.remarks(), report.document())


def _corpus_name(models: "Sequence[PianoModel]") -> str:
    """The corpus that all models were trained on last. Raises InputError where they were not."""
    names = {model.config.trained_on[-1] if model.config.trained_on else "" for model in models}
    if len(names) > 1 or names == {""}:
        raise InputError("these models do not say one corpus that they were trained on: name it with --corpus")
    return names.pop()


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
                how = "finish it with affetti train --resume, unless its recipe makes none"
                raise InputError(f"{text} is a run without weights: {how}")
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
    from affetti.corpora.corpus import prepared_path
    from affetti.corpora.prepared_melodies import load_prepared

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
