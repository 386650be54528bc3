import math

import numpy as np
import pytest

from affetti.analysis.note_arrays import note_arrays
from affetti.analysis.pitch import PieceMeasures, piece_measures
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.evaluation.element_statistics import (
    CHORD_KINDS,
    ElementCounts,
    amounts_of_values,
    count_elements,
    entropy,
    summarise,
    word_measures,
)
from affetti.piece import CHORD_QUALITIES
from affetti.tokens.compound_word import decode
from affetti.tokens.elements import BAR_BEAT, CHORD, DURATION, ELEMENTS, PITCH, TEMPO, TEMPOS, TYPE, VELOCITY
from tests.evaluation.tiny_pieces import LENGTH_OF, TEMPO_OF, VELOCITY_OF, tiny_pieces

PIECES = tiny_pieces()


def counts_of(pieces: PreparedPieces) -> ElementCounts:
    sets = [np.ones(len(pieces), bool), *(pieces.quadrants == quadrant for quadrant in (1, 2, 3, 4))]
    return count_elements(pieces.words, pieces.word_offsets, sets)


def test_counts_are_those_of_each_set() -> None:
    counts = counts_of(PIECES)
    for element, of_element in zip(ELEMENTS, counts.counts, strict=True):
        assert of_element.shape == (5, element.size)
        assert (of_element[0] == of_element[1:].sum(axis=0)).all()
        assert of_element[0].sum() == len(PIECES.words)
    assert counts.said(PITCH)[0].sum() == len(PIECES.onset_remainders)
    assert counts.said(TEMPO)[0].sum() == len(PIECES.bar_steps)  # each bar line says it, and it never changes


@pytest.mark.parametrize("quadrant", [1, 2, 3, 4])
def test_summaries_are_what_was_put_in(quadrant: int) -> None:
    counts = counts_of(PIECES)
    found = {e: summarise(counts.counts[e][quadrant], amounts_of_values(e)) for e in (TEMPO, VELOCITY, DURATION, PITCH)}
    assert found[TEMPO].quantiles == pytest.approx([TEMPO_OF[quadrant]] * 5)
    assert found[VELOCITY].mean == pytest.approx(VELOCITY_OF[quadrant])
    assert found[VELOCITY].deviation == 0
    melody, chords = 4 * (16 // LENGTH_OF[quadrant]), 4 * 3
    assert found[DURATION].count == 2 * (melody + chords)
    assert found[DURATION].mean == pytest.approx((melody * LENGTH_OF[quadrant] + chords * 16) / (melody + chords))
    assert found[PITCH].quantiles[0] < 60 < found[PITCH].quantiles[4]


def test_quantiles_are_amounts_that_occur() -> None:
    found = summarise(np.asarray([5, 1, 1, 1, 1]), np.asarray([np.nan, 10.0, 20.0, 30.0, 40.0]))
    assert found.count == 4
    assert found.mean == 25
    assert found.quantiles == (10, 10, 20, 30, 40)


def test_nothing_has_no_summary() -> None:
    found = summarise(np.zeros(ELEMENTS[TEMPO].size, int), amounts_of_values(TEMPO))
    assert found.count == 0
    assert all(math.isnan(value) for value in (found.mean, found.deviation, *found.quantiles))
    none = count_elements(PIECES.words, PIECES.word_offsets, [np.zeros(len(PIECES), bool)])
    assert np.isnan(none.shares(CHORD)).all()
    assert math.isnan(entropy(none.shares(CHORD)[0]))


def test_chords_by_quality_and_third() -> None:
    counts = counts_of(PIECES)
    qualities, kinds = counts.quality_shares(), counts.kind_shares()
    assert qualities[1].tolist() == [name == "maj" for name in (*CHORD_QUALITIES, "none")]
    assert qualities[2].tolist() == [name == "min" for name in (*CHORD_QUALITIES, "none")]
    assert kinds["major third"].tolist() == [0.5, 1, 0, 0, 1]
    assert kinds["minor third"].tolist() == [0.5, 0, 1, 1, 0]
    assert sorted(name for names in CHORD_KINDS.values() for name in names) == sorted(CHORD_QUALITIES)


def test_positions_and_types() -> None:
    counts = counts_of(PIECES)
    positions = counts.position_shares()
    assert positions[2] == pytest.approx(np.full(16, 1 / 16))  # sixteenths
    assert positions[3] == pytest.approx(np.where(np.arange(16) % 8 == 0, 1 / 2, 0))
    assert counts.said(TYPE)[0].sum() == len(PIECES.words) - len(PIECES)  # all but the end words
    assert counts.said(BAR_BEAT)[3].sum() == 2 * 4 * 2


@pytest.mark.parametrize(
    ("element", "value", "amount"), [(TEMPO, 2, TEMPOS[0]), (PITCH, 1, 21), (DURATION, 16, 16), (VELOCITY, 1, 4)]
)
def test_what_values_amount_to(element: int, value: int, amount: float) -> None:
    amounts = amounts_of_values(element)
    assert amounts[value] == amount
    assert np.isnan(amounts[0])
    assert len(amounts) == ELEMENTS[element].size


def test_names_have_no_amounts() -> None:
    with pytest.raises(ValueError, match="chord"):
        amounts_of_values(CHORD)


def test_entropy_in_bits() -> None:
    assert entropy(np.asarray([1.0, 0.0])) == 0
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(3)


def test_measures_of_words_are_those_of_the_decoded_piece() -> None:
    found = word_measures(PIECES.piece(index) for index in range(len(PIECES)))
    for row, index in zip(found, range(len(PIECES)), strict=True):
        words = PIECES.piece(index)
        bar_lines = np.append(0, np.cumsum(words.bar_steps, dtype=int)) * 120.0
        assert row == pytest.approx(piece_measures(note_arrays(decode(words.words, words.bar_steps)), bar_lines))


def test_measures_of_words_on_the_grid_are_those_of_the_file() -> None:
    found = word_measures(PIECES.piece(index) for index in range(len(PIECES)))
    of_file = np.stack([getattr(PIECES, name) for name in PieceMeasures._fields], axis=1)
    np.testing.assert_allclose(found, of_file, rtol=1e-6)
