"""The files of the melody system's report: pictures, engraved examples, a CSV per model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.evaluation import pictures
from affetti.evaluation.drawing import require_pictures
from affetti.evaluation.emoreg_document import nearest_csv
from affetti.evaluation.emoreg_measures import ModelMeasures
from affetti.evaluation.emoreg_report import EvaluationReport
from affetti.evaluation.report import Picture
from affetti.piece import KeySignature
from affetti.tokens.melody import decode


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Pictures for the report's page, tables beside it (file name -> bytes), and why others are missing."""

    pictures: tuple[Picture, ...]
    tables: dict[str, bytes]
    missing: tuple[str, ...]

    def all(self) -> dict[str, bytes]:
        """Every file's content by its name."""
        return self.tables | {name: data for one in self.pictures for name, data in one.files().items()}


def report_files(report: EvaluationReport, done: Callable[[], None]) -> ReportFiles:
    """Draw and engrave what the installed extras can; `missing` says which extra the rest needs.

    `done` is called after each model, for a progress bar.
    """
    names = [
        name for name, q in zip(report.reference.corpus.names, report.reference.corpus.quadrants, strict=True) if q
    ]
    tables = {f"nearest-{model.name}.csv": nearest_csv(model, names) for model in report.models}
    drawn: list[Picture] = []
    missing: list[str] = []
    try:
        require_pictures()
        drawn.append(_novelty_picture(report))
    except InputError as error:
        missing.append(str(error))
    can_draw = bool(drawn)
    for model in report.models:
        if can_draw:
            drawn += _pictures(report, model)
        try:
            drawn += _scores(model)
        except InputError as error:
            missing.append(f"engraved examples: {error}")
        done()
    return ReportFiles(tuple(drawn), tables, tuple(dict.fromkeys(missing)))


def _novelty_picture(report: EvaluationReport) -> Picture:
    sets = {one.name: one.novelty for one in report.reference.published}
    sets |= {model.name: model.novelty for model in report.models}
    return pictures.novelty_histograms("novelty", "Novelty", sets, report.reference.among_all)


def _pictures(report: EvaluationReport, model: ModelMeasures) -> Iterator[Picture]:
    snapshots = model.snapshots or (model.training,)
    yield pictures.latent_map(f"latents-{model.name}", model.name, snapshots)
    yield pictures.figure_8(f"figure8-{model.name}", model.name, model.profile, report.reference.profile)
    yield pictures.melody_sheet(f"melodies-{model.name}", model.name, model.melodies)


def _scores(model: ModelMeasures) -> Iterator[Picture]:
    """The first melody of each emotion, engraved. Raises InputError where the extra is not installed."""
    from affetti.scores import svg_pages

    for quadrant in Quadrant:
        tokens = model.melodies.tokens[model.melodies.quadrants == quadrant][0]
        is_minor = quadrant.valence_sign < 0
        piece = replace(decode(tokens), key_signatures=(KeySignature(0, -3 if is_minor else 0, is_minor),))
        if piece.notes:
            page = svg_pages(piece)[0]
            caption = f"{model.name}: the first melody for {quadrant.label} ({quadrant.name})"
            yield Picture(f"score-{model.name}-{quadrant.label}", caption, None, page.encode())
