"""The pictures of a corpus report: its elements as violins, and piano rolls of some pieces as they were played."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from affetti.analysis.metrical_grid import MetricalGrid
from affetti.analysis.pitch import Integers
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.evaluation.corpus_report import CorpusReport
from affetti.evaluation.drawing import COLOURS
from affetti.evaluation.element_pictures import element_violins
from affetti.evaluation.element_statistics import ElementCounts
from affetti.evaluation.piano_rolls import NOTE_COLOUR, Roll, grid_facts, piano_roll_sheet
from affetti.evaluation.report import Picture, markdown, plain, write_report
from affetti.tokens.compound_word import read_words
from affetti.tokens.expression import PERFORMED_TICKS_PER_STEP, lead_steps, perform

ROLLS_A_PAGE = 4


def write_corpus_report(out: Path, report: CorpusReport, *, rolls: int, seed: int, force: bool) -> str:
    """Write tables, pictures and the JSON document into the folder `out`; a line that says what was written.

    Without matplotlib there are no pictures, and the line says so. Raises InputError where `out` cannot be written.
    """
    remarks = report.remarks()
    drawn: list[Picture] = []
    try:
        drawn += corpus_pictures(report, rolls, seed)
    except InputError as error:
        remarks.append(str(error))
    files = {name: content for picture in drawn for name, content in picture.files().items()}
    page = markdown(f"The corpus {report.name}", report.tables(), drawn, remarks)
    write_report(out, files, plain(report.document()), page, force=force)
    missing = "" if drawn else f" ({remarks[-1]})"
    return f"Written to {out}: {len(files) + 2} files{missing}."


def corpus_pictures(report: CorpusReport, rolls: int, seed: int) -> Iterator[Picture]:
    """The elements of each quadrant (of all pieces where none has a label), then piano rolls of `rolls` pieces.

    Raises InputError that names the extra when matplotlib is not installed.
    """
    drawn = slice(1, None) if len(report.quadrants) > 1 else slice(None)
    counts = ElementCounts(tuple(of_element[drawn] for of_element in report.counts.counts))
    yield element_violins("elements", f"{report.name}: the seven elements", counts, report.quadrants[drawn])
    chosen = sampled_pieces(report.pieces, rolls, seed)
    for page, start in enumerate(range(0, len(chosen), ROLLS_A_PAGE), start=1):
        yield piano_roll_sheet(
            f"rolls-{page}",
            f"{report.name}: {len(chosen)} of {len(report.pieces):,} pieces, drawn with seed {seed}",
            [prepared_roll(report.pieces, int(index)) for index in chosen[start : start + ROLLS_A_PAGE]],
            caption="As played, with the beats, bars and chords of the words; a note is dark where it is struck",
        )


def sampled_pieces(pieces: PreparedPieces, count: int, seed: int) -> Integers:
    """`count` pieces (all, where there are fewer) drawn with `seed`, as many of each quadrant as can be, in order."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(pieces))
    quadrants = pieces.quadrants[order]
    turn = np.zeros(len(order), np.int64)
    for quadrant in np.unique(quadrants):
        of_it = quadrants == quadrant
        turn[of_it] = np.arange(of_it.sum())
    chosen: Integers = order[np.argsort(turn, kind="stable")[:count]]
    return chosen[np.lexsort((chosen, pieces.quadrants[chosen]))]


def prepared_roll(pieces: PreparedPieces, index: int) -> Roll:
    """One prepared piece as it was played, with the beats that its words were written by."""
    words, expression = pieces.piece(index), pieces.expression(index)
    piece = perform(words, expression)
    music = read_words(words.words, words.bar_steps)
    # The performance begins with a bar more where a note was played before the first bar line.
    beat_steps = lead_steps(music, expression) + expression.beat_steps
    tracked, confidence = bool(pieces.is_tracked[index]), float(pieces.grid_confidence[index])
    grid = MetricalGrid(
        beat_steps.astype(np.float64) * PERFORMED_TICKS_PER_STEP,
        expression.beat_steps,
        np.searchsorted(expression.beat_steps, music.bar_starts[:-1]),
        tracked,
        confidence,
    )
    quadrant = Quadrant(int(pieces.quadrants[index])) if pieces.quadrants[index] else None
    facts = [
        pieces.names[index],
        *([f"{quadrant.name} {quadrant.label}"] if quadrant else []),
        grid_facts(float(pieces.tempo[index]), tracked, confidence),
    ]
    return Roll(" · ".join(facts), piece, grid, COLOURS[quadrant] if quadrant else NOTE_COLOUR)
