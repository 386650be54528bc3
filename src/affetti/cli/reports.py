"""The reports that `affetti evaluate` makes, and the models that they are about."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from affetti.cli.output import progress
from affetti.emotion import Quadrant
from affetti.errors import InputError

if TYPE_CHECKING:
    from affetti.corpora.prepared_melodies import PreparedMelodies
    from affetti.evaluation.latent_systems import LatentSystem
    from affetti.evaluation.report import Picture, Table
    from affetti.runtime.melody_model import MelodyModel
    from affetti.runtime.piano_model import PianoModel
    from affetti.runtime.recogniser import Recogniser

CORPUS = "musgenvae"
PUBLISHED = {"musgenvae_gru": "published GRU examples", "musgenvae_dense": "published dense examples"}
"""Prepared corpora of the authors' generated melodies -> what the report calls them."""
EMOTIONAL = "emopia"
"""The corpus whose emotions latent blocks are measured by where none is named."""


@dataclass(frozen=True)
class Target:
    """A model to evaluate, what the report calls it, and the run it comes from, if it does."""

    name: str
    model: "MelodyModel | PianoModel | Recogniser"
    run: Path | None


@dataclass(frozen=True)
class Written:
    """A report as its readers get it; `files` are those beside the page and the JSON document."""

    tables: "Sequence[Table]"
    remarks: Sequence[str]
    figures: dict[str, Any]
    pictures: "Sequence[Picture]" = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


def _drawn(draw: "Callable[[], Iterable[Picture]]", remarks: list[str]) -> "tuple[Sequence[Picture], dict[str, bytes]]":
    """A report's pictures and their files; none where they cannot be drawn, and then the remarks say why."""
    try:
        pictures = list(draw())
    except InputError as error:
        remarks.append(str(error))
        pictures = []
    return pictures, {file: content for picture in pictures for file, content in picture.files().items()}


def report_of_melodies(targets: Sequence[Target], melodies: int, seed: int, corpus_dir: Path | None) -> Written:
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
    return Written(report.tables(), remarks, document(report), files.pictures, files.all())


def report_of_pieces(
    targets: Sequence[Target], corpus: str | None, split: str, count: int, bars: int | None, seed: int
) -> Written:
    """The report of piano models: reconstruction, and `count` pieces of each emotion that each model composes."""
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
    composed = _compose_and_measure(by_name, name, count, bars, seed) if count else None
    if composed is None:
        return Written(report.tables(), report.remarks(), report.document())
    return Written(
        [*composed.tables, *report.tables()],
        [*report.remarks(), *composed.remarks],
        report.document() | {"composed": composed.figures},
        composed.pictures,
        composed.files,
    )


def report_of_transfer(targets: Sequence[Target], corpus: str | None, transfers: int, seed: int) -> Written:
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
    remarks = report.remarks()
    pictures, files = _drawn(report.pictures, remarks)
    return Written(report.tables(), remarks, report.document(), pictures, files)


def report_of_disentanglement(texts: Sequence[str], corpus: str | None, seed: int) -> tuple[list[str], Written]:
    """What piano models are called, and the report of their latent blocks and of the elements that carry emotion."""
    from affetti.corpora.prepared_pieces import load_pieces
    from affetti.evaluation.disentanglement import STEPS, measure, pieces_to_measure
    from affetti.evaluation.disentanglement_report import DisentanglementReport, page_files
    from affetti.evaluation.emotion_elements import EXCHANGE_STEPS, REAL_STEPS
    from affetti.evaluation.emotion_elements_report import measure_emotion_elements

    prepared = load_pieces(EMOTIONAL if corpus is None else corpus)
    pieces = pieces_to_measure(prepared)
    systems = [system for system, _ in find_latent_systems(texts)]
    with progress("measuring", total=STEPS * len(systems) + REAL_STEPS + EXCHANGE_STEPS) as advance:
        measured = tuple(measure(system, pieces, seed, advance) for system in systems)
        emotion = measure_emotion_elements(prepared, seed, advance)
    report = DisentanglementReport(pieces, measured, emotion, seed)
    remarks = report.remarks()
    pictures, files = _drawn(report.pictures, remarks)
    written = Written(report.tables(), remarks, report.document(), pictures, files | page_files(report))
    return [system.name for system in systems], written


def report_of_ablations(texts: Sequence[str], corpus: str | None, count: int, seed: int) -> tuple[list[str], Written]:
    """What piano models are called, and the report of all of them side by side."""
    from affetti.corpora.prepared_pieces import load_pieces
    from affetti.evaluation.disentanglement import pieces_to_measure
    from affetti.evaluation.latent_systems import ExportedSystem
    from affetti.evaluation.piano_ablations import AblationReport, Subject, measure, steps_of
    from affetti.evaluation.piano_generated import load_references
    from affetti.runtime.piano_model import PianoModel

    name = EMOTIONAL if corpus is None else corpus
    prepared = load_pieces(name)
    pieces = pieces_to_measure(prepared)
    subjects = []
    for system, run in find_latent_systems(texts):
        if isinstance(system, ExportedSystem):
            subjects.append(Subject(system, run, system.model))
        elif run is not None:
            weights = run / "weights"
            subjects.append(Subject(system, run, PianoModel.load(weights) if weights.is_dir() else None))
    models = [subject.model for subject in subjects if subject.model is not None]
    learned = dict.fromkeys([*(name for model in models for name in model.config.trained_on), name])
    with progress("measuring", total=1 + sum(steps_of(subject, count) for subject in subjects)) as advance:
        references = load_references(name, tuple(learned), seed=seed) if count and models else None
        advance(1)
        measured = [measure(subject, prepared, pieces, references, count, seed, advance) for subject in subjects]
    report = AblationReport(pieces, tuple(measured), references, count, seed)
    return [one.name for one in measured], Written(report.tables(), report.remarks(), report.document())


def find_latent_systems(texts: Sequence[str]) -> "list[tuple[LatentSystem, Path | None]]":
    """The piano models meant by the command line's targets, each with its run folder if it is one. Runs, which are
    called by their folders, are read as they were trained, by torch, as some have no weights; names that occur twice
    are numbered.

    Raises InputError for a target that is none, or none of the piano system.
    """
    from affetti.evaluation.latent_systems import ExportedSystem

    found: list[tuple[LatentSystem, Path | None]] = []
    for text in texts:
        run = Path(text)
        if (run / "config.yaml").is_file():
            found.append((_run_network(run), run))
            continue
        for target in find_targets([text]):
            if target.model.config.system != "muser":
                raise InputError(f"{text}: latents by element are measured of piano models")
            found.append((ExportedSystem(target.name, target.model), None))
    called = [system.name for system, _ in found]
    for number, (system, _) in enumerate(found):
        same = called[:number].count(system.name)
        system.name += f"_{same + 1}" if same else ""
    return found


def _run_network(run: Path) -> "LatentSystem":
    try:
        from affetti.muser.latent_network import RunNetwork
    except ModuleNotFoundError as error:
        raise InputError(f"{run} is a run, which needs torch: pip install 'affetti[train]'") from error
    return RunNetwork(run.resolve().name, run)


def _compose_and_measure(
    models: "Mapping[str, PianoModel]", corpus: str, count: int, bars: int | None, seed: int
) -> Written:
    """The report of what models compose, beside the pieces of a prepared corpus."""
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
        remarks = list(report.remarks())
        pictures, files = _drawn(lambda: generated_pictures(report, collections), remarks)
        advance(1)
    option = "--form free" if bars is None else f"--bars {bars}"
    remarks.append(f"{count} pieces of each emotion, seed {seed}: affetti compose {option} writes the same.")
    remarks += [
        f"{name} is a test model of random weights: what it composes is no music."
        for name, model in models.items()
        if model.config.is_test_model
    ]
    return Written(report.tables(), remarks, document, pictures, files)


def report_of_plane(targets: Sequence[Target], pieces: int, seed: int) -> Written:
    """The report of whether points of the plane of emotion, and paths through it, are heard as asked."""
    from affetti.evaluation.plane import plane_report, plane_work
    from affetti.evaluation.plane_pictures import plane_pictures

    models = {target.name: target.model for target in targets}
    with progress("composing, pieces", total=plane_work(len(models), pieces)) as advance:
        report = plane_report(models, pieces, seed, advance)
    remarks = report.remarks()
    pictures, files = _drawn(lambda: plane_pictures(report), remarks)
    return Written(report.tables(), remarks, report.document(), pictures, files)


def report_of_recogniser(targets: Sequence[Target]) -> Written:
    """The report of a recogniser. Raises InputError for several: their songs differ."""
    from affetti.evaluation.recogniser_report import measure, pieces_to_hear
    from affetti.runtime.recogniser import load_recogniser

    if len(targets) > 1:
        raise InputError("recognisers are evaluated one by one, because they do not know the same songs")
    recogniser, run = cast("Recogniser", targets[0].model), targets[0].run
    folds = sorted(run.glob("folds/*/weights")) if run else []
    with progress("listening", total=pieces_to_hear(recogniser)) as advance:
        report = measure(recogniser, [load_recogniser(fold) for fold in folds], advance)
    return Written(report.tables(), report.remarks(), report.document())


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
