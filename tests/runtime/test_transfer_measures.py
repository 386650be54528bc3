import pytest

from affetti.runtime.transfer_measures import SUMMARIES, differing, element_means, kept
from affetti.tokens.elements import FIRST_TEMPO, TEMPOS
from tests.runtime.grid_music import grid_music

TUNE = [(0, 72, 4, 20), (4, 74, 4, 20), (8, 76, 4, 20), (12, 74, 4, 20)]


def test_means() -> None:
    music = grid_music(
        [*TUNE, (0, 48, 16, 10), (16, 60, 8, 10)],
        chords=[(0, 0, "maj"), (24, 9, "min7")],
        tempos=[(0, FIRST_TEMPO), (16, FIRST_TEMPO + 1)],
    )
    means = element_means(music)
    assert list(means) == list(SUMMARIES)
    assert means["tempo"] == pytest.approx(2 / (1 / TEMPOS[0] + 1 / TEMPOS[1]))
    assert means["chord"] == 0.25
    assert means["bar_beat"] == 2.5
    assert means["type"] == 6 / 5
    assert means["pitch"] == pytest.approx((72 + 74 + 76 + 74 + 48 + 60) / 6)
    assert means["duration"] == pytest.approx((16 + 16 + 8) / 6)
    assert means["velocity"] == pytest.approx((4 * 61 + 2 * 31) / 6)


def test_a_piece_keeps_itself() -> None:
    music = grid_music(TUNE)
    found = kept(music, music)
    assert (found.pitch_classes, found.onsets, found.contour, found.mean) == pytest.approx((1, 1, 1, 1))
    assert differing(music, music) == ()


def test_what_is_kept() -> None:
    before = grid_music(TUNE)
    turned = grid_music([(0, 72, 4, 20), (4, 70, 4, 20), (8, 76, 4, 20), (12, 74, 4, 20)])
    assert kept(before, turned).contour == pytest.approx(2 / 3)  # down, up, down for up, up, down
    octave = grid_music([(step, pitch - 12, *rest) for step, pitch, *rest in TUNE])
    found = kept(before, octave)
    assert (found.pitch_classes, found.onsets, found.contour) == pytest.approx((1, 1, 1))
    half = grid_music(TUNE[::2])
    assert kept(before, half).onsets == pytest.approx(2 * 2 / (4 + 2))
    other = grid_music([(step, pitch + 1, *rest) for step, pitch, *rest in TUNE])
    assert kept(before, other).pitch_classes == pytest.approx(0, abs=0.35)


def test_the_contour_is_that_of_the_upper_line() -> None:
    above = grid_music([*TUNE, *((step, 40 + 5 * (step % 3), 2, 20) for step in range(0, 16, 2))])
    below = grid_music([*TUNE, *((step, 50 - 5 * (step % 3), 2, 20) for step in range(0, 16, 2))])
    assert kept(above, below).contour == 1


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"tempos": ((0, 21),)}, ("tempo",)),
        ({"chords": ((0, 2, "min"),)}, ("chord",)),
        ({"notes": [(1, 72, 3, 20), *TUNE[1:]]}, ("bar_beat", "duration")),
        ({"notes": [(0, 72, 4, 21), *TUNE[1:]]}, ("velocity",)),
        ({"notes": [(0, 71, 4, 20), *TUNE[1:]]}, ("pitch",)),
        ({"notes": [(0, 40, 4, 20), *TUNE]}, ("type", "pitch", "duration", "velocity")),
        ({"tempos": ((0, 20), (8, 20))}, ()),
    ],
)
def test_what_differs(change: dict[str, object], names: tuple[str, ...]) -> None:
    other = grid_music(**({"notes": TUNE} | change))  # type: ignore[arg-type]
    assert differing(grid_music(TUNE), other) == names
