import numpy as np
import pytest

from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.evaluation import melodic
from affetti.tokens.melody import HOLD, REST
from tests.evaluation.melodies import melodies, melody


def test_intervals_by_hand() -> None:
    tokens = melodies([60, 60, 62, 75, 74], [60])
    assert melodic.repeated_notes(tokens)[0] == 0.25
    assert melodic.stepwise_motion(tokens)[0] == 0.5
    assert melodic.wide_leaps(tokens)[0] == 0.25
    assert melodic.interval_size(tokens)[0] == (0 + 2 + 13 + 1) / 4
    for measure in (
        melodic.repeated_notes,
        melodic.stepwise_motion,
        melodic.wide_leaps,
        melodic.interval_size,
    ):
        assert np.isnan(measure(tokens)[1])


def test_an_octave_is_not_a_leap_over_an_octave() -> None:
    assert melodic.wide_leaps(melodies([60, 72])).tolist() == [0]


def test_time_by_hand() -> None:
    tokens = np.stack([melody([60, 62], length=8), np.full(64, REST), np.full(64, HOLD)])
    tokens[0, 16:20] = [64, HOLD, REST, HOLD]
    assert melodic.rests(tokens).tolist() == [1 - 18 / 64, 1, 1]
    assert melodic.longest_note(tokens).tolist() == [2, 0, 0]
    assert melodic.note_count(tokens).tolist() == [3, 0, 0]


def test_ends_on_tonic() -> None:
    tokens = np.concatenate([melodies([62, 60], [60, 62], [48]), np.full((1, 64), REST, np.int16)])
    assert melodic.ends_on_tonic(tokens)[:3].tolist() == [1, 0, 1]
    assert np.isnan(melodic.ends_on_tonic(tokens)[3])


def test_distinct_bars() -> None:
    bar, other = melody([60, 62, 64, 65])[:16], melody([60, 62, 64, 67])[:16]
    tokens = np.stack([np.concatenate(bars) for bars in ([bar] * 4, [bar, other, bar, other], [bar, bar, other, bar])])
    assert melodic.distinct_bars(tokens).tolist() == [1, 2, 2]
    with pytest.raises(ValueError, match="whole bars"):
        melodic.distinct_bars(tokens[:, :60])


def test_distributions() -> None:
    tokens = melodies([60, 62, 60, 80, 60])
    lengths = melodic.note_length_distribution(tokens)
    assert lengths[melodic.NOTE_LENGTHS.index(4)] == 1
    assert lengths.sum() == 1
    intervals = melodic.interval_distribution(tokens)
    assert len(intervals) == len(melodic.INTERVALS) + 2
    assert intervals[[0, -1]].tolist() == [0.25, 0.25]  # -20 and +20
    assert intervals[1:-1][melodic.INTERVALS.index(2)] == 0.25
    assert np.isnan(melodic.interval_distribution(melodies([60]))).all()


def test_total_variation() -> None:
    assert melodic.total_variation(np.asarray([0.5, 0.5]), np.asarray([0.5, 0.5])) == 0
    assert melodic.total_variation(np.asarray([1.0, 0.0]), np.asarray([0.0, 1.0])) == 1
    with pytest.raises(ValueError, match="shapes"):
        melodic.total_variation(np.asarray([1.0]), np.asarray([0.5, 0.5]))


def test_separation() -> None:
    low, high = np.asarray([1.0, 2.0, np.nan]), np.asarray([3.0, 4.0])
    assert melodic.separation(low, high) == melodic.separation(high, low) == 1
    assert melodic.separation(low, low) == 0.5
    assert melodic.separation(np.asarray([1.0, 2.0]), np.asarray([1.0, 3.0])) == 0.625  # one tie of four pairs
    assert np.isnan(melodic.separation(low, np.asarray([np.nan])))


def test_shuffling_keeps_rhythm_and_pitches() -> None:
    tokens = melodies([60, 62, 64, 65, 67, 69, 71, 72], [60, 61, 62, 63])
    before = tokens.copy()
    shuffled = melodic.shuffled_pitches(tokens, seed=4)
    assert np.array_equal(tokens, before)
    assert np.array_equal(shuffled >= REST, tokens >= REST)
    assert not np.array_equal(shuffled, tokens)
    assert np.array_equal(np.sort(shuffled), np.sort(tokens))
    assert np.array_equal(shuffled, melodic.shuffled_pitches(tokens, seed=4))


def test_measures_of_bad_tokens_are_value_errors() -> None:
    for measure in melodic.MEASURES.values():
        with pytest.raises(ValueError, match="0-129"):
            measure(np.full((1, 64), 200))


@pytest.mark.corpus
def test_good_measures_know_a_melody_from_its_shuffled_pitches(
    published: dict[str, PreparedMelodies],
) -> None:
    real = published["musgenvae"].tokens
    shuffled = melodic.shuffled_pitches(real)
    assert melodic.separation(melodic.stepwise_motion(real), melodic.stepwise_motion(shuffled)) > 0.9
    assert melodic.separation(melodic.interval_size(real), melodic.interval_size(shuffled)) > 0.8
    assert melodic.separation(melodic.rests(real), melodic.rests(shuffled)) == 0.5
