import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.evaluation.piano_novelty import RUN, copied_runs
from affetti.tokens.compound_word import GridMusic
from tests.evaluation.grids import music


def tune(pitches: list[int], gap: int = 2) -> GridMusic:
    return music([(gap * n, pitch, 1) for n, pitch in enumerate(pitches)], bars=gap * len(pitches) // 16 + 1)


TUNE = [60, 62, 64, 65, 67, 71, 69, 60, 64, 72]


def test_a_copy_is_found_in_any_key() -> None:
    found = copied_runs([tune([pitch + 3 for pitch in TUNE])], [tune([50, 90]), tune(TUNE)])
    assert (found.longest.tolist(), found.notes.tolist(), found.shares.tolist()) == ([10], [10], [1.0])


def test_rhythm_is_part_of_a_run() -> None:
    assert copied_runs([tune(TUNE, gap=2)], [tune(TUNE, gap=3)]).longest.tolist() == [1]


def test_a_run_within() -> None:
    # Notes 2 to 9 are the tune's: eight notes, so one run of eight among the three of ten notes.
    piece = tune([40, *TUNE[1:9], 99])
    found = copied_runs([piece], [tune(TUNE)])
    assert found.longest.tolist() == [8]
    assert found.shares.tolist() == [pytest.approx(1 / 3)]


def test_no_run_goes_from_one_song_into_the_next() -> None:
    found = copied_runs([tune(TUNE)], [tune(TUNE[:6]), tune(TUNE[5:])])
    assert found.longest.tolist() == [6]


def test_short_pieces_have_no_runs_to_share() -> None:
    found = copied_runs([tune([60]), tune(TUNE[: RUN - 1])], [tune(TUNE)])
    assert found.longest.tolist() == [1, RUN - 1]
    assert np.isnan(found.shares).all()


def test_the_upper_voice_alone() -> None:
    accompanied = music(
        [*((2 * n, pitch, 1) for n, pitch in enumerate(TUNE)), *((4 * n, 40 + n, 1) for n in range(5))], bars=2
    )
    assert copied_runs([accompanied], [tune(TUNE)]).longest.tolist() == [2]
    assert copied_runs([accompanied], [tune(TUNE)], top_line=True).longest.tolist() == [10]


@given(
    st.lists(st.lists(st.integers(60, 63), min_size=1, max_size=14), min_size=1, max_size=3),
    st.lists(st.lists(st.integers(60, 63), min_size=1, max_size=14), min_size=1, max_size=3),
)
def test_the_longest_run_is_that_of_a_plain_search(pieces: list[list[int]], songs: list[list[int]]) -> None:
    def runs(pitches: list[int], notes: int) -> set[tuple[int, ...]]:
        steps = np.diff(pitches).tolist()
        return {tuple(steps[at : at + notes - 1]) for at in range(len(pitches) - notes + 1)}

    found = copied_runs([tune(one) for one in pieces], [tune(one) for one in songs])
    for pitches, longest, share in zip(pieces, found.longest.tolist(), found.shares.tolist(), strict=True):
        lengths = [n for n in range(1, len(pitches) + 1) if any(runs(pitches, n) & runs(song, n) for song in songs)]
        assert longest == max(lengths)
        steps = np.diff(pitches).tolist()
        own = [tuple(steps[at : at + RUN - 1]) for at in range(len(pitches) - RUN + 1)]
        copied = [one for one in own if any(one in runs(song, RUN) for song in songs)]
        assert share == pytest.approx(len(copied) / len(own) if own else np.nan, nan_ok=True)
