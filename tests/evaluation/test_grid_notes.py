import numpy as np
import pytest

from affetti.evaluation.grid_notes import GridNotes, heard_chords
from affetti.tokens.compound_word import write_words
from affetti.tokens.excerpts import excerpt, excerpts
from affetti.tokens.grammar import check
from tests.evaluation.grids import music, song

# C major held for a bar under E5 and G5, then one note in a second bar; and another piece of one note.
HELD = music([(0, 48, 16), (0, 76, 4), (4, 79, 4), (4, 40, 2), (20, 60, 1)], bars=2)
OTHER = music([(3, 67, 2)])
BOTH = GridNotes.of([HELD, OTHER])


def test_pieces_lie_apart_on_one_line() -> None:
    assert BOTH.by_piece.tolist() == [0, 0, 0, 0, 0, 1]
    assert BOTH.bars.tolist() == [0, 0, 0, 0, 1, 2]
    assert BOTH.positions.tolist() == [0, 0, 4, 4, 4, 3]
    assert BOTH.bar_pieces.tolist() == [0, 0, 1]
    assert BOTH.steps[-1] - BOTH.steps[-2] > 32
    with pytest.raises(ValueError, match="no pieces"):
        GridNotes.of([])


def test_moments() -> None:
    moments = BOTH.moments
    assert moments.by_piece.tolist() == [0, 0, 0, 1]
    assert moments.sizes.tolist() == [2, 2, 1, 1]
    assert moments.lowest.tolist() == [48, 40, 60, 67]
    assert moments.highest.tolist() == [76, 79, 60, 67]


def test_what_sounds_is_struck_or_held() -> None:
    moments, notes = BOTH.sounding
    heard = {moment: sorted(BOTH.pitches[notes[moments == moment]].tolist()) for moment in range(4)}
    assert heard == {0: [48, 76], 1: [40, 48, 79], 2: [60], 3: [67]}
    assert BOTH.chroma_of_moments[1].nonzero()[0].tolist() == [0, 4, 7]


def test_outer_voices_are_those_heard() -> None:
    notes = GridNotes.of([music([(0, 48, 16), (0, 76, 8), (4, 60, 4), (8, 72, 4)])])
    assert notes.moments.highest[notes.top_line].tolist() == [76, 72]  # 60 is struck under 76
    assert notes.moments.lowest[notes.bass_line].tolist() == [48]


def test_chroma_counts_roots_of_lengths() -> None:
    assert BOTH.chroma_of_bars[0, [0, 4, 7]].tolist() == pytest.approx([4, 2 + 2**0.5, 2])
    assert BOTH.chroma_of_pieces[1].tolist() == pytest.approx([0] * 7 + [2**0.5] + [0] * 4)


def test_chords_are_heard_in_each_beat() -> None:
    triads = [
        (16 * bar + beat, pitch, 4)
        for bar, root in enumerate((60, 65))
        for beat in (0, 4, 8, 12)
        for pitch in (root - 12, root, root + 4, root + 7)
    ]
    chords, places = heard_chords(music(triads, bars=2))
    assert places.tolist() == list(range(8))
    assert [(number - 1) // 11 for number in chords] == [0] * 4 + [5] * 4
    short = music([(0, 60, 3), (14, 60, 3)], bars=2, steps=14)
    assert heard_chords(short)[1].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert GridNotes.of([short, short]).heard_chords.shape == (4, 4)


def test_means_by_piece() -> None:
    assert BOTH.mean_by_piece(np.asarray([0, 0]), np.asarray([1, 4])).tolist() == pytest.approx(
        [2.5, np.nan], nan_ok=True
    )


def test_an_excerpt_is_a_piece_of_its_own() -> None:
    part = excerpt(HELD, 0, 1)
    assert part.durations.max() == 16
    assert excerpt(music([(12, 60, 16)], bars=2), 0, 1).durations.tolist() == [4]
    second = excerpt(HELD, 1, 1)
    assert (second.steps.tolist(), second.pitches.tolist()) == ([4], [60])
    for one in (part, second):
        words = write_words(one)
        assert check(words.words, words.bar_steps) == []


def test_excerpts_leave_out_what_is_too_short() -> None:
    def lengths(bars: int) -> list[int]:
        return [len(part.bar_steps) for part in excerpts(song(1, bars), 4, 2)]

    assert lengths(3) == [3]
    assert lengths(1) == [1]
    assert lengths(9) == [4, 4]
    assert lengths(10) == [4, 4, 2]
    silent_start = music([(70, 60, 1)], bars=6)
    assert [part.steps.tolist() for part in excerpts(silent_start, 4, 2)] == [[6]]
