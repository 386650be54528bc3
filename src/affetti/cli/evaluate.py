"""`affetti evaluate`: what can be measured of trained models, for each system its own report.

Melody models: the paper's tables beside ours, and how new and how melodic the melodies are. Piano models: how well they
write down again the pieces that they have not learned from, and what the pieces that they compose are like.
Recognisers: how well they hear songs unknown to them.
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
    from affetti.evaluation.latent_systems import LatentSystem
    from affetti.evaluation.piano_generated import Measured
    from affetti.evaluation.report import Picture, Table
    from affetti.runtime.melody_model import MelodyModel
    from affetti.runtime.piano_model import PianoModel
    from affetti.runtime.recogniser import Recogniser

CORPUS = "musgenvae"
PUBLISHED = {"musgenvae_gru": "published GRU examples", "musgenvae_dense": "published dense examples"}
"""Prepared corpora of the authors' generated melodies -> what the report calls them."""
EMOTIONAL = "emopia"
"""The corpus whose emotions latent blocks are measured by where none is named."""
FEWEST, MOST = 80, 100_000
MOST_PIECES, MOST_BARS = 10_000, 2_000
MELODIES, PIECES, PLANE_PIECES, SEED, SPLIT = 2000, 100, 20, 0, "test"
"""What is taken where an option is not given."""

Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET",
        help="A run folder, a weights folder, shipped weights, or emoreg or muser: all shipped weights of the system.",
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
        help="Melody and piano models: same seed, same report.",
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
        help="Piano models: the prepared corpus whose pieces are reconstructed and compared with.",
        show_default="the one learned from last",
    ),
]
Pieces = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        max=MOST_PIECES,
        help="Piano models: pieces composed for each emotion; 0: reconstruction only.",
        show_default=str(PIECES),
    ),
]
Bars = Annotated[
    int | None,
    typer.Option(
        metavar="B",
        min=1,
        max=MOST_BARS,
        help="Piano models: bars of a composed piece.",
        show_default="as many as the model finds right",
    ),
]
Split = Annotated[
    Literal["train", "validation", "test"] | None,
    typer.Option(help="Piano models: the songs that are reconstructed.", show_default=SPLIT),
]

OfTransfer = Annotated[
    bool,
    typer.Option(
        "--transfer", help="A piano model: measure element transfer instead, --pieces transfers of each direction."
    ),
]


OfDisentanglement = Annotated[
    bool,
    typer.Option(
        "--disentanglement",
        help="Piano models and runs: measure which latent block knows what, and which elements carry emotion, instead.",
    ),
]


OfPlane = Annotated[
    bool,
    typer.Option(
        "--plane",
        help="Piano and melody models: measure whether points of valence and arousal, and paths, are heard as asked, "
        "instead, with --pieces at each of 25 points.",
    ),
]


@dataclass(frozen=True)
class Target:
    """A model to evaluate, what the report calls it, and the run it comes from, if it does."""

    name: str
    model: "MelodyModel | PianoModel | Recogniser"
    run: Path | None


def evaluate(
    targets: Targets,
    out: Out = None,
    melodies: Melodies = None,
    seed: Seed = None,
    corpus_dir: CorpusDir = None,
    corpus: CorpusName = None,
    split: Split = None,
    pieces: Pieces = None,
    bars: Bars = None,
    of_transfer: OfTransfer = False,
    of_disentanglement: OfDisentanglement = False,
    of_plane: OfPlane = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Measure trained models: those of melodies as the CVAE-EmoReg paper does, with the novelty of what they compose;
    those of piano pieces by how well they reconstruct pieces that were held out, and by what they compose (pitch,
    emotion as it is heard, novelty, musical sanity, whether judges take it for real music); recognisers by how well
    they hear songs that they have not learned from.
    """
    if melodies is not None and melodies % 4:
        raise InputError(f"--melodies is {melodies}; it must be a multiple of 4, for the four emotions")
    from affetti.evaluation import report as pages

    of_melodies = {"--melodies": melodies, "--corpus-dir": corpus_dir}
    of_pieces = {"--corpus": corpus, "--split": split, "--pieces": pieces, "--bars": bars}
    of_pieces["--transfer"] = of_transfer or None
    found = [] if of_disentanglement else find_targets(targets)  # it also measures runs that have no weights
    out = default_out(targets) if out is None else out
    pages.check_out(out, force=force)
    if of_disentanglement:
        _refuse({**of_melodies, **of_pieces, "--corpus": None}, "what is measured without --disentanglement")
        names, written = _evaluate_disentanglement(targets, corpus, SEED if seed is None else seed)
        return _publish(names, written, out, force=force, as_json=as_json)
    system = _system(found)
    if of_plane:
        _refuse({**of_melodies, **of_pieces, "--pieces": None}, "what is measured without --plane")
        written = _evaluate_plane(found, PLANE_PIECES if pieces is None else pieces, SEED if seed is None else seed)
    elif system == "recogniser":
        _refuse(of_melodies, "melody models")
        _refuse({"--seed": seed}, "melody and piano models")
        _refuse(of_pieces, "piano models")
        written = _evaluate_recogniser(found)
    elif system == "muser":
        _refuse(of_melodies, "melody models")
        count, seed = PIECES if pieces is None else pieces, SEED if seed is None else seed
        if of_transfer:
            _refuse({"--split": split, "--bars": bars}, "what is measured without --transfer")
            written = _evaluate_transfer(found, corpus, count, seed)
        else:
            written = _evaluate_pieces(found, corpus, split or SPLIT, count, bars, seed)
    else:
        _refuse(of_pieces, "piano models")
        written = _evaluate_melodies(
            found, MELODIES if melodies is None else melodies, SEED if seed is None else seed, corpus_dir
        )
    return _publish([target.name for target in found], written, out, force=force, as_json=as_json)


@dataclass(frozen=True)
class _Written:
    """A report as its readers get it; `files` are those beside the page and the JSON document."""

    tables: "Sequence[Table]"
    remarks: Sequence[str]
    figures: dict[str, Any]
    pictures: "Sequence[Picture]" = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


def _publish(names: Sequence[str], written: _Written, out: Path, *, force: bool, as_json: bool) -> None:
    """Write the report of these models, and print it."""
    from affetti.evaluation import report as pages

    page = pages.markdown(f"Evaluation of {', '.join(names)}", written.tables, written.pictures, written.remarks)
    pages.write_report(out, written.files, written.figures, page, force=force)
    if as_json:
        print_json(written.figures)
    else:
        pages.print_tables(written.tables, [*written.remarks, f"Written to {out}: {len(written.files) + 2} files."])


def _system(targets: Sequence[Target]) -> str:
    """The system that all targets are of. Raises InputError where they are of several."""
    systems = {target.model.config.system for target in targets}
    if len(systems) > 1:
        raise InputError("models of different systems are measured in different ways: evaluate them one by one")
    return systems.pop()


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


def _evaluate_pieces(
    targets: Sequence[Target], corpus: str | None, split: str, count: int, bars: int | None, seed: int
) -> _Written:
    """The report of piano models: reconstruction, and `count` pieces of each emotion that each model composes."""
    from affetti.corpora.prepared_pieces import load_pieces
    from affetti.evaluation.muser_report import ModelReconstruction, ReconstructionReport
    from affetti.evaluation.piano_ablations import ablation_of, ablation_table
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
    composed = _compose_and_measure(by_name, name, count, bars, seed) if count else None
    if len(targets) > 1:
        of_each = composed.measured if composed else (None,) * len(targets)
        ablations = [
            ablation_of(model, target.run, found) for model, target, found in zip(models, targets, of_each, strict=True)
        ]
        tables = [ablation_table(ablations), *report.tables()]
    else:
        tables = report.tables()
    if composed is None:
        return _Written(tables, report.remarks(), report.document())
    return _Written(
        [*composed.written.tables, *tables],
        [*report.remarks(), *composed.written.remarks],
        report.document() | {"composed": composed.written.figures},
        composed.written.pictures,
        composed.written.files,
    )


def _evaluate_transfer(targets: Sequence[Target], corpus: str | None, transfers: int, seed: int) -> _Written:
    """The report of element transfer, with references from a corpus and composed by a piano model."""
    from affetti.corpora.prepared_pieces import load_pieces
    from affetti.evaluation.transfer import measure, work
    from affetti.evaluation.transfer_report import TransferReport

    if len(targets) > 1 or not transfers:
        raise InputError("element transfer is measured with one model and at least one piece")
    model = cast("PianoModel", targets[0].model)
    name = _corpus_name([model]) if corpus is None else corpus
    with progress("transferring", total=work(transfers)) as advance:
        report = TransferReport(measure(model, name, load_pieces(name), transfers, seed, advance))
    remarks, pictures = report.remarks(), []
    try:
        pictures = report.pictures()
    except InputError as error:
        remarks.append(str(error))
    files = {file: content for picture in pictures for file, content in picture.files().items()}
    return _Written(report.tables(), remarks, report.document(), pictures, files)


def _evaluate_disentanglement(texts: Sequence[str], corpus: str | None, seed: int) -> tuple[list[str], _Written]:
    """What piano models are called, and the report of their latent blocks and of the elements that carry emotion."""
    from affetti.corpora.prepared_pieces import load_pieces
    from affetti.evaluation.disentanglement import STEPS, measure, pieces_to_measure
    from affetti.evaluation.disentanglement_report import DisentanglementReport, page_files
    from affetti.evaluation.emotion_elements import EXCHANGE_STEPS, REAL_STEPS
    from affetti.evaluation.emotion_elements_report import measure_emotion_elements

    prepared = load_pieces(EMOTIONAL if corpus is None else corpus)
    pieces = pieces_to_measure(prepared)
    systems = find_latent_systems(texts)
    with progress("measuring", total=STEPS * len(systems) + REAL_STEPS + EXCHANGE_STEPS) as advance:
        measured = tuple(measure(system, pieces, seed, advance) for system in systems)
        emotion = measure_emotion_elements(prepared, seed, advance)
    report = DisentanglementReport(pieces, measured, emotion, seed)
    remarks, pictures = report.remarks(), []
    try:
        pictures = list(report.pictures())
    except InputError as error:
        remarks.append(str(error))
    files = {file: content for picture in pictures for file, content in picture.files().items()}
    written = _Written(report.tables(), remarks, report.document(), pictures, files | page_files(report))
    return [system.name for system in systems], written


def find_latent_systems(texts: Sequence[str]) -> "list[LatentSystem]":
    """The piano models meant by the command line's targets. Runs, which are called by their folders, are read as they
    were trained, by torch, as some have no weights; names that occur twice are numbered.

    Raises InputError for a target that is none, or none of the piano system.
    """
    from affetti.evaluation.latent_systems import ExportedSystem

    systems: list[LatentSystem] = []
    for text in texts:
        run = Path(text)
        if (run / "config.yaml").is_file():
            systems.append(_run_network(run))
            continue
        for target in find_targets([text]):
            if target.model.config.system != "muser":
                raise InputError(f"{text}: disentanglement is measured of piano models")
            systems.append(ExportedSystem(target.name, target.model))
    called = [system.name for system in systems]
    for number, system in enumerate(systems):
        same = called[:number].count(system.name)
        system.name += f"_{same + 1}" if same else ""
    return systems


def _run_network(run: Path) -> "LatentSystem":
    try:
        from affetti.muser.latent_network import RunNetwork
    except ModuleNotFoundError as error:
        raise InputError(f"{run} is a run, which needs torch: pip install 'affetti[train]'") from error
    return RunNetwork(run.resolve().name, run)


@dataclass(frozen=True)
class _Composed:
    """What was measured of each model's pieces, and the report of it."""

    measured: "Sequence[Measured]"
    written: _Written


def _compose_and_measure(
    models: "Mapping[str, PianoModel]", corpus: str, count: int, bars: int | None, seed: int
) -> _Composed:
    """What models compose, beside the pieces of a prepared corpus."""
    from affetti.evaluation.piano_generated import compose_collection, load_references, measure
    from affetti.evaluation.piano_generated_files import generated_pictures
    from affetti.evaluation.piano_generated_report import GeneratedReport
    from affetti.evaluation.report import plain

    learned = dict.fromkeys([*(name for model in models.values() for name in model.config.trained_on), corpus])
    with progress("composing, pieces", total=4 * count * len(models)) as advance:
        collections = [
            compose_collection(name, model, count, bars=bars, seed=seed, progress=advance)
            for name, model in models.items()
        ]
    with progress("measuring", total=3 + len(collections)) as advance:
        references = load_references(corpus, tuple(learned), seed=seed)
        advance(1)
        measured = []
        for one in collections:
            measured.append(measure(one, references))
            advance(1)
        report = GeneratedReport(references, tuple(measured))
        document: dict[str, Any] = plain(report.document())
        advance(1)
        remarks, pictures = list(report.remarks()), []
        try:
            pictures = list(generated_pictures(report, collections))
        except InputError as error:
            remarks.append(str(error))
        advance(1)
    option = "--form free" if bars is None else f"--bars {bars}"
    remarks.append(f"{count} pieces of each emotion, seed {seed}: affetti compose {option} writes the same.")
    remarks += [
        f"{name} is a test model of random weights: what it composes is no music."
        for name, model in models.items()
        if model.config.is_test_model
    ]
    files = {file: content for picture in pictures for file, content in picture.files().items()}
    return _Composed(measured, _Written(report.tables(), remarks, document, pictures, files))


def _evaluate_plane(targets: Sequence[Target], pieces: int, seed: int) -> _Written:
    """The report of whether points of the plane of emotion, and paths through it, are heard as asked."""
    from affetti.evaluation.plane import plane_report, plane_work
    from affetti.evaluation.plane_pictures import plane_pictures

    models = {target.name: target.model for target in targets}
    with progress("composing, pieces", total=plane_work(len(models), pieces)) as advance:
        report = plane_report(models, pieces, seed, advance)
    remarks, pictures = report.remarks(), []
    try:
        pictures = list(plane_pictures(report))
    except InputError as error:
        remarks.append(str(error))
    files = {file: content for picture in pictures for file, content in picture.files().items()}
    return _Written(report.tables(), remarks, report.document(), pictures, files)


def _evaluate_recogniser(targets: Sequence[Target]) -> _Written:
    """The report of a recogniser. Raises InputError for several: their songs differ."""
    from affetti.evaluation.recogniser_report import measure, pieces_to_hear
    from affetti.runtime.recogniser import load_recogniser

    if len(targets) > 1:
        raise InputError("recognisers are evaluated one by one, because they do not know the same songs")
    recogniser, run = cast("Recogniser", targets[0].model), targets[0].run
    folds = sorted(run.glob("folds/*/weights")) if run else []
    with progress("listening", total=pieces_to_hear(recogniser)) as advance:
        report = measure(recogniser, [load_recogniser(fold) for fold in folds], advance)
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
