import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.evaluation.corruptions import CORRUPTIONS
from affetti.evaluation.grid_notes import GridNotes
from affetti.evaluation.musical_sanity import (
    MEASURES,
    MEASURES_OF_BARS,
    MEASURES_OF_ENDINGS,
    distance,
    interval_classes,
    keys_of,
    position_shares,
    sanity,
    share_inside,
)
from affetti.tokens.compound_word import GridMusic
from tests.evaluation.grids import music, song

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def of(piece: GridMusic) -> dict[str, float]:
    found = sanity(GridNotes.of([piece]))
    assert found.shape == (1, len(MEASURES))
    return dict(zip((measure.name for measure in MEASURES), found[0].tolist(), strict=True))


def test_every_measure_has_a_name_of_its_own() -> None:
    assert len({measure.name for measure in MEASURES}) == len(MEASURES)
    assert MEASURES == MEASURES_OF_BARS + MEASURES_OF_ENDINGS


def test_bars() -> None:
    bar = [(0, 60, 4), (4, 64, 4)]
    found = of(music([*bar, *[(32 + s, p, d) for s, p, d in bar], (48, 60, 4), (50, 66, 4)], bars=4))
    assert found["empty bars"] == 0.25
    assert found["notes per bar"] == 1.5
    assert found["unevenness"] == pytest.approx((0.75) ** 0.5 / 1.5)  # 2, 0, 2, 2
    assert found["repeated bars"] == 0.5  # of the two bars with notes after the first, one
    # The last bar shares C at its start with each earlier bar, of three places and classes in all; onsets 0 of 0, 4, 2.
    assert found["self-similarity"] == pytest.approx((1 + 1 / 3) / 2)
    assert found["rhythm, bar to bar"] == pytest.approx((1 + 1 / 3) / 2)


def test_one_bar_has_nothing_to_be_like() -> None:
    assert np.isnan(of(music([(0, 60, 4)]))["self-similarity"])


def test_tonality() -> None:
    scales = [(16 * bar + 2 * n, pitch, 2) for bar in range(5) for n, pitch in enumerate(SCALE)]
    found = of(music(scales, bars=5))
    assert found["scale tones"] == 1
    assert found["key stability"] == 1
    assert found["strangers"] == 0
    wrong = [(step, 66 if step == 40 else pitch, 2) for step, pitch, _ in scales]
    found = of(music(wrong, bars=5))
    assert found["scale tones"] == 39 / 40
    assert found["strangers"] == 1 / 40  # F sharp, beside F and G, in the third bar


def test_chords_and_dissonance() -> None:
    triads = [(beat, pitch, 4) for beat in range(0, 32, 4) for pitch in (48, 60, 64, 67)]
    found = of(music(triads, bars=2))
    assert (found["chord tones"], found["chord changes per bar"]) == (1, 0)
    assert (found["sharp dissonance"], found["mild dissonance"]) == (0, 0)
    assert found["notes together"] == 4
    # C, D flat and D together: two semitones and a whole tone, of three pairs; the octave does not matter.
    found = of(music([(0, 60, 4), (0, 73, 4), (0, 62, 4)]))
    assert found["sharp dissonance"] == pytest.approx(2 / 3)
    assert found["mild dissonance"] == pytest.approx(1 / 3)


def test_interval_classes() -> None:
    present = np.zeros((2, 12), bool)
    present[0, [0, 6, 11]] = True
    assert interval_classes(present).tolist() == [[1, 0, 0, 0, 1, 1], [0] * 6]


def test_voices() -> None:
    # Up a step, repeated, up a leap of ten, down: above a bass that repeats.
    tune = [(0, 72, 4), (4, 74, 4), (8, 74, 4), (12, 84, 4), (16, 83, 4)]
    found = of(music([*tune, (0, 40, 8), (8, 40, 8)], bars=2))
    assert [found[f"top line: {name}"] for name in ("repeats", "steps", "leaps")] == [0.25, 0.5, 0.25]
    assert found["leaps answered"] == 1
    assert found["bass: repeats"] == 0.5  # and then the tune is left alone
    assert found["phrase length"] == pytest.approx(17 / 16)
    gap = of(music([(0, 72, 2), (2, 72, 2), (16, 72, 2), (18, 72, 2)], bars=2))
    assert gap["phrase length"] == pytest.approx(3 / 16)


def test_rhythm() -> None:
    found = of(music([(0, 60, 2), (4, 60, 2), (6, 60, 2), (7, 60, 1)]))
    assert [found[f"on {name}"] for name in ("quarters", "eighths", "sixteenths")] == [0.5, 0.25, 0.25]
    assert found["grid entropy"] == 2
    assert found["even pace"] == 0  # gaps of 4, 2, 1
    assert found["note length"] == 7 / 4
    assert found["silence"] == pytest.approx(1 - 6 / 16)
    assert position_shares(GridNotes.of([music([(0, 60, 1), (5, 60, 1)])]))[0, [0, 5]].tolist() == [0.5, 0.5]


def test_silence_counts_time_once() -> None:
    assert of(music([(0, 60, 8), (2, 64, 2), (6, 72, 4)]))["silence"] == pytest.approx(6 / 16)


def test_endings() -> None:
    scale = [(2 * n, pitch, 2) for n, pitch in enumerate(SCALE)]
    end = [(16, 48, 8), (16, 64, 8), (16, 72, 8)]
    found = of(music([*scale, *end], bars=2))
    assert [found[measure.name] for measure in MEASURES_OF_ENDINGS] == [1, 1, 1]
    found = of(music([*scale, (16, 43, 4), (16, 62, 4)], bars=2))
    assert [found[measure.name] for measure in MEASURES_OF_ENDINGS] == [0, 0, 0]


def test_keys() -> None:
    chroma = np.zeros((2, 12))
    chroma[0, [2, 4, 6, 7, 9, 11, 1]] = [4, 1, 3, 1, 3, 1, 1]
    chroma[1, [9, 11, 0, 2, 4, 5, 8]] = [4, 1, 3, 1, 3, 1, 1]
    assert keys_of(chroma).tolist() == [2, 12 + 9]


@given(st.integers(0, 11))
def test_nothing_depends_on_the_key_or_on_what_stands_beside(semitones: int) -> None:
    piece, other = song(1), song(2)
    moved = music(list(zip(piece.steps, piece.pitches + semitones, piece.durations, strict=True)), len(piece.bar_steps))
    found = sanity(GridNotes.of([other, moved]))
    assert found[1].tolist() == pytest.approx(sanity(GridNotes.of([piece]))[0].tolist(), nan_ok=True)


def test_corrupted_songs_lie_elsewhere() -> None:
    songs = [song(seed) for seed in range(8)]
    real = sanity(GridNotes.of(songs))
    for corrupt in CORRUPTIONS.values():
        made = sanity(GridNotes.of([corrupt(one, np.random.default_rng(n)) for n, one in enumerate(songs)]))
        column = [measure.name for measure in MEASURES].index("self-similarity")
        assert (made[:, column] < real[:, column]).all()


def test_distance_is_the_area_between_distributions() -> None:
    reference = np.asarray([0.0, 2.0])  # deviation 1
    assert distance(reference, reference) == 0
    assert distance(np.asarray([3.0, 5.0]), reference) == 3
    assert distance(np.asarray([1.0]), reference) == 1
    assert distance(np.asarray([1.0, np.nan]), np.asarray([0.0, 2.0, np.nan])) == 1
    assert np.isnan(distance(np.asarray([np.nan]), reference))
    assert np.isnan(distance(reference, np.asarray([1.0, 1.0])))


def test_distance_is_wasserstein_s() -> None:
    from scipy.stats import wasserstein_distance

    random = np.random.default_rng(0)
    first, second = random.normal(size=30), random.normal(1, 2, size=17)
    assert distance(first, second) == pytest.approx(wasserstein_distance(first, second) / second.std())


def test_share_inside_the_band() -> None:
    reference = np.arange(101.0)  # its band is 5 to 95
    assert share_inside(np.asarray([4.0, 5.0, 50.0, np.nan]), reference) == pytest.approx(2 / 3)
    assert np.isnan(share_inside(np.asarray([]), reference))
