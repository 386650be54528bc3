"""`affetti evaluate`: what can be measured of trained models, for each system its own report.

Melody models: the paper's tables beside ours, and how new and how melodic the melodies are. Piano models: how well they
write down again the pieces that they have not learned from, and what the pieces that they compose are like.
Recognisers: how well they hear songs unknown to them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from affetti.cli.output import AsJson, Force, print_json
from affetti.cli.reports import (
    Target,
    Written,
    find_targets,
    report_of_ablations,
    report_of_disentanglement,
    report_of_melodies,
    report_of_pieces,
    report_of_plane,
    report_of_recogniser,
    report_of_transfer,
)
from affetti.errors import InputError

FEWEST, MOST = 80, 100_000
MOST_PIECES, MOST_BARS = 10_000, 2_000
MELODIES, PIECES, PLANE_PIECES, ABLATION_PIECES, SEED, SPLIT = 2000, 100, 20, 25, 0, "test"
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
OfAblations = Annotated[
    bool,
    typer.Option(
        "--ablations",
        help="Piano models and runs: put reconstruction, disentanglement and the emotion of what they compose side by "
        "side, instead, with --pieces of each emotion.",
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
    of_ablations: OfAblations = False,
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

    modes = {
        "transfer": of_transfer,
        "ablations": of_ablations,
        "disentanglement": of_disentanglement,
        "plane": of_plane,
    }
    mode = _one_of([name for name, is_chosen in modes.items() if is_chosen])
    of_melodies: dict[str, object] = {"--melodies": melodies, "--corpus-dir": corpus_dir}
    of_pieces: dict[str, object] = {"--corpus": corpus, "--split": split, "--pieces": pieces, "--bars": bars}
    of_runs = mode in ("ablations", "disentanglement")  # which also measure runs that have no weights
    found = [] if of_runs else find_targets(targets)
    out = default_out(targets) if out is None else out
    pages.check_out(out, force=force)
    if mode:
        others = {name: value for name, value in (of_melodies | of_pieces).items() if name not in _OPTIONS[mode]}
        _refuse(others, f"what is measured without --{mode}")
    seed_or_first = SEED if seed is None else seed
    if mode == "disentanglement":
        names, written = report_of_disentanglement(targets, corpus, seed_or_first)
        return _publish(names, written, out, force=force, as_json=as_json)
    if mode == "ablations":
        count = ABLATION_PIECES if pieces is None else pieces
        names, written = report_of_ablations(targets, corpus, count, seed_or_first)
        return _publish(names, written, out, force=force, as_json=as_json)
    system = _system(found)
    if mode == "transfer" and system != "muser":
        raise InputError("--transfer is for piano models")
    if mode == "transfer":
        written = report_of_transfer(found, corpus, PIECES if pieces is None else pieces, seed_or_first)
    elif mode == "plane":
        written = report_of_plane(found, PLANE_PIECES if pieces is None else pieces, seed_or_first)
    elif system == "recogniser":
        _refuse(of_melodies, "melody models")
        _refuse({"--seed": seed}, "melody and piano models")
        _refuse(of_pieces, "piano models")
        written = report_of_recogniser(found)
    elif system == "muser":
        _refuse(of_melodies, "melody models")
        count = PIECES if pieces is None else pieces
        written = report_of_pieces(found, corpus, split or SPLIT, count, bars, seed_or_first)
    else:
        _refuse(of_pieces, "piano models")
        written = report_of_melodies(found, MELODIES if melodies is None else melodies, seed_or_first, corpus_dir)
    return _publish([target.name for target in found], written, out, force=force, as_json=as_json)


_OPTIONS = {
    "transfer": {"--corpus", "--pieces"},
    "ablations": {"--corpus", "--pieces"},
    "disentanglement": {"--corpus"},
    "plane": {"--pieces"},
}
"""The options that go with what is measured instead."""


def _one_of(modes: Sequence[str]) -> str:
    """The one that was chosen, or "". Raises InputError for several."""
    if len(modes) > 1:
        raise InputError(f"--{modes[0]} and --{modes[1]} are measured one at a time")
    return modes[0] if modes else ""


def _publish(names: Sequence[str], written: Written, out: Path, *, force: bool, as_json: bool) -> None:
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


def default_out(texts: Sequence[str]) -> Path:
    """RUN/evaluation for one run, ./evaluation-NAME for other weights, ./evaluation for several targets."""
    if len(texts) > 1:
        return Path("evaluation")
    path = Path(texts[0])
    return path / "evaluation" if (path / "config.yaml").is_file() else Path(f"evaluation-{path.resolve().name}")
