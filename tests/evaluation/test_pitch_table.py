import numpy as np
import pytest

from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.evaluation.emoreg_paper import BASE_MEAN, EMOREG_MEAN, TRAINING_DEVIATION, TRAINING_MEAN
from affetti.evaluation.pitch_table import (
    cells_nearer,
    cells_nearer_by_real_draws,
    first_of_each,
    nearer_cells,
    pitch_table,
)
from affetti.tokens.melody import REST
from tests.evaluation.melodies import melodies


def test_table_by_hand() -> None:
    tokens = melodies([60, 62], [60, 64, 67], [61])
    table = pitch_table(tokens, np.asarray([1, 1, 3]))
    assert table.mean[:, 0].tolist() == [4.5, 2.5, 1.0, pytest.approx((1 + 2 / 3) / 2)]
    assert table.deviation[:2, 0].tolist() == [2.5, 0.5]  # divided by the count
    assert table.mean[:, 2].tolist() == [0, 1, 0, 0]
    assert np.isnan(table.mean[:, [1, 3]]).all()
    assert table.count.tolist() == [2, 0, 1, 0]


def test_silent_melodies_are_counted_and_left_out_of_the_scales() -> None:
    tokens = np.concatenate([melodies([60, 62]), np.full((1, 64), REST, np.int16)])
    table = pitch_table(tokens, np.asarray([1, 1]))
    assert table.silent == 1
    assert table.mean[:, 0].tolist() == [1.0, 1.0, 1.0, 1.0]


def test_nearer_is_strict_and_sees_through_rounding() -> None:
    target = np.full((4, 4), 0.72)
    assert nearer_cells(target + 0.01, target + 0.02, target).all()
    assert not nearer_cells(target - 0.01, target + 0.01, target).any()
    assert not nearer_cells(np.full((4, 4), np.nan), target + 1, target).any()


def test_cells_nearer_than_both_need_both() -> None:
    target = TRAINING_MEAN
    assert cells_nearer(target, target).than_both <= 16
    own = cells_nearer(EMOREG_MEAN, target)
    assert own.than_emoreg == own.than_both == 0
    assert own.than_base == 8  # and one tie: the paper counts 9
    tie = np.isclose(np.abs(EMOREG_MEAN - target), np.abs(BASE_MEAN - target))
    assert tie.sum() == 1


def test_first_of_each_emotion() -> None:
    quadrants = np.asarray([4, 1, 1, 2, 3, 4, 2, 3])
    assert first_of_each(quadrants, 1).tolist() == [0, 1, 3, 4]
    with pytest.raises(ValueError, match="fewer than 3"):
        first_of_each(quadrants, 3)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes"):
        nearer_cells(TRAINING_MEAN, TRAINING_MEAN[:2], TRAINING_MEAN)
    with pytest.raises(ValueError, match="quadrants"):
        pitch_table(melodies([60]), np.asarray([1, 2]))


@pytest.mark.corpus
def test_the_papers_training_column_is_reproduced(published: dict[str, PreparedMelodies]) -> None:
    corpus = published["musgenvae"]
    table = pitch_table(corpus.tokens, corpus.quadrants)
    assert table.count.tolist() == [80, 79, 93, 92]
    difference = table.mean - TRAINING_MEAN
    # e1 and e2 agree; on these files e3 and e4 come out 0.16-0.19 semitones, 0.05-0.06 pitches higher.
    np.testing.assert_allclose(difference[:2, :2], 0, atol=0.036)
    np.testing.assert_allclose(difference[2:, :2], 0, atol=0.006)
    np.testing.assert_allclose(difference[0, 2:], [0.186, 0.158], atol=0.001)
    np.testing.assert_allclose(difference[1, 2:], [0.064, 0.051], atol=0.001)
    np.testing.assert_allclose(difference[2:, 2:], 0, atol=0.022)
    np.testing.assert_allclose(table.deviation[:, :2], TRAINING_DEVIATION[:, :2], atol=0.006)


@pytest.mark.corpus
def test_cells_of_the_published_models(published: dict[str, PreparedMelodies]) -> None:
    real = published["musgenvae"]
    target = pitch_table(real.tokens, real.quadrants).mean
    assert cells_nearer(EMOREG_MEAN, target).than_base == 9  # as in the paper, on the recomputed column
    counted = {
        name: cells_nearer(pitch_table(published[name].tokens, published[name].quadrants).mean, target).than_both
        for name in ("musgenvae_gru", "musgenvae_dense")
    }
    assert counted == {"musgenvae_gru": 6, "musgenvae_dense": 2}


@pytest.mark.corpus
def test_noise_decides_less_with_more_melodies(published: dict[str, PreparedMelodies]) -> None:
    real = published["musgenvae"]
    few = cells_nearer_by_real_draws(real.tokens, real.quadrants, each=20, draws=50)
    many = cells_nearer_by_real_draws(real.tokens, real.quadrants, each=500, draws=50)
    assert few.shape == (50, 3)
    assert few[:, 2].mean() < 8
    assert 11 < many[:, 2].mean() < 14
    assert np.array_equal(few, cells_nearer_by_real_draws(real.tokens, real.quadrants, each=20, draws=50))
