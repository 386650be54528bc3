import numpy as np

from affetti.runtime.transfer_alignment import Alignment
from affetti.runtime.transfer_rhythm import exchange_rhythm
from affetti.runtime.transfer_values import Arranged
from affetti.tokens.compound_word import GridMusic
from tests.runtime.grid_music import grid_music

BASS = [(0, 36, 16, 10)]


def exchanged(source: GridMusic, reference: GridMusic, *, positions: bool, sizes: bool) -> Arranged:
    arranged = Arranged(source, np.arange(len(source.steps)))
    alignment = Alignment.of(source, reference, stretched=False)
    return exchange_rhythm(
        arranged, alignment, np.ones(len(source.bar_steps), np.bool_), positions=positions, sizes=sizes
    )


def struck(arranged: Arranged) -> list[tuple[int, int]]:
    return list(zip(arranged.music.steps.tolist(), arranged.music.pitches.tolist(), strict=True))


def test_positions_move_to_the_reference_s_rhythm_in_order() -> None:
    source = grid_music([(0, 60, 2, 20), (4, 62, 2, 21), (8, 64, 2, 22), (12, 65, 2, 23)])
    reference = grid_music([(0, 72, 2, 20), (6, 72, 2, 20), (8, 72, 2, 20), (14, 72, 2, 20)])
    found = exchanged(source, reference, positions=True, sizes=False)
    assert struck(found) == [(0, 60), (6, 62), (8, 64), (14, 65)]
    assert found.music.velocities.tolist() == [20, 21, 22, 23]
    assert found.origins.tolist() == [0, 1, 2, 3]


def test_more_chords_than_the_reference_has_positions_stay_near_theirs() -> None:
    source = grid_music([(step, 60 + step, 1, 20) for step in (0, 1, 2, 8)])
    reference = grid_music([(0, 72, 2, 20), (10, 72, 2, 20)])
    found = exchanged(source, reference, positions=True, sizes=False)
    assert struck(found) == [(0, 60), (1, 61), (2, 62), (10, 68)]


def test_chords_are_thinned_from_within_and_filled_with_chord_tones() -> None:
    tune = [(0, pitch, 4, velocity) for pitch, velocity in ((48, 10), (64, 12), (67, 11), (72, 20))]
    source = grid_music([*tune, (8, 48, 4, 10), (8, 76, 4, 20)], chords=[(0, 0, "maj")])
    reference = grid_music(
        [(0, 48, 4, 10), (0, 76, 4, 10), *((8, pitch, 4, 10) for pitch in (48, 55, 64, 76))], chords=[(0, 0, "maj")]
    )
    found = exchanged(source, reference, positions=False, sizes=True)
    assert [pitch for step, pitch in struck(found) if step == 0] == [48, 72]
    filled = [pitch for step, pitch in struck(found) if step == 8]
    assert len(filled) == 4
    assert (filled[0], filled[-1]) == (48, 76)
    assert {pitch % 12 for pitch in filled} <= {0, 4, 7}
    assert found.origins.tolist().count(-1) == 2


def test_the_tune_takes_the_reference_s_rhythm_over_its_accompaniment() -> None:
    tune = [(0, 72, 4, 20), (4, 74, 4, 20), (8, 76, 8, 20)]
    source = grid_music([*BASS, *tune], chords=[(0, 0, "maj")])
    figure = [(step, pitch, 2, 10) for step, pitch in ((0, 41), (4, 48), (8, 53), (12, 48))]
    reference = grid_music([*figure, (2, 81, 2, 10), (6, 79, 2, 10), (10, 77, 2, 10)], chords=[(0, 5, "maj")])
    found = exchanged(source, reference, positions=True, sizes=True)
    assert [one for one in struck(found) if one[1] >= 60] == [(2, 72), (6, 74), (10, 76)]
    below = [one for one in struck(found) if one[1] < 60]
    assert [step for step, _ in below] == [0, 4, 8, 12]
    assert below[0][1] % 12 == 0  # the source's bass
    assert {pitch % 12 for _, pitch in below} <= {0, 4, 7}
    assert below[1][1] == below[3][1] < below[2][1]  # the figure's contour


def test_a_bar_of_another_metre_keeps_its_beats() -> None:
    source = grid_music([(step, 60 + step, 2, 20) for step in (0, 4, 8)], bar_steps=[12])
    reference = grid_music([(step, 72, 2, 20) for step in (0, 2, 8, 14)])
    assert struck(exchanged(source, reference, positions=True, sizes=False)) == [(0, 60), (2, 64), (8, 68)]
    found = exchanged(reference, source, positions=True, sizes=True)
    assert found.music.steps.tolist() == [0, 4, 8, 12]


def test_silent_bars_stay_as_they_are() -> None:
    source = grid_music([(0, 60, 4, 20), (20, 62, 4, 20)])
    reference = grid_music([(2, 72, 4, 20)], bar_steps=[16, 16])
    for positions, sizes in ((True, False), (False, True), (True, True)):
        found = exchanged(source, reference, positions=positions, sizes=sizes)
        assert (20, 62) in struck(found)
    found = exchanged(reference, source, positions=True, sizes=True)
    assert found.music.steps.tolist() == [0]  # its second bar stays without notes
