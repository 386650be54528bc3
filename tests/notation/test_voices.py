"""Staves and voices, by hand: melodies exactly, hands as a reader would write them."""

from hypothesis import given
from hypothesis import strategies as st

from affetti.notation.bars import GridNote
from affetti.notation.voices import VoiceChord, staff_of, staves_of


def notes_of(*rows: tuple[int, int, int]) -> list[GridNote]:
    """From (start, length, pitch)."""
    return sorted(GridNote(start, pitch, start + length) for start, length, pitch in rows)


def test_a_melody_is_one_voice_exactly() -> None:
    (staff,) = staves_of(notes_of((0, 3, 60), (3, 1, 40), (7, 5, 80)))
    assert staff.voices == ([VoiceChord(0, 3, (60,)), VoiceChord(3, 4, (40,)), VoiceChord(7, 12, (80,))],)


def test_small_gaps_are_closed_and_rests_are_not() -> None:
    staff = staff_of(notes_of((0, 3, 60), (0, 3, 64), (4, 2, 62), (8, 6, 64), (16, 7, 65)), is_left=False)
    (voice,) = staff.voices
    assert [(chord.start, chord.end) for chord in voice] == [(0, 4), (4, 6), (8, 16), (16, 24)]


def test_a_right_hand_holds_its_highest_note_a_left_hand_its_lowest() -> None:
    right = staff_of(notes_of((0, 8, 79), (2, 2, 67), (4, 2, 64), (6, 2, 67), (8, 4, 77)), is_left=False)
    assert [[chord.pitches for chord in voice] for voice in right.voices] == [[(79,), (77,)], [(67,), (64,), (67,)]]
    left = staff_of(notes_of((0, 8, 41), (2, 2, 53), (4, 2, 57), (6, 2, 53), (8, 4, 43)), is_left=True)
    assert [[chord.pitches for chord in voice] for voice in left.voices] == [[(41,), (43,)], [(53,), (57,), (53,)]]
    assert left.voices[0][0].end == 8


def test_what_is_let_go_below_a_held_note_goes_to_the_lower_voice() -> None:
    staff = staff_of(notes_of((0, 8, 79), (0, 2, 64), (4, 4, 65)), is_left=False)
    assert staff.voices == (
        [VoiceChord(0, 8, (79,))],
        [VoiceChord(0, 2, (64,)), VoiceChord(4, 8, (65,))],
    )


def test_under_a_pedal_nothing_is_held() -> None:
    """A broken chord all of whose notes ring until the end is one voice of eighths."""
    broken = notes_of(*((start, 8 - start, pitch) for start, pitch in ((0, 76), (2, 72), (4, 67), (6, 64))), (8, 2, 76))
    (voice,) = staff_of(broken, is_left=False).voices
    assert [(chord.start, chord.end) for chord in voice] == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]


def test_a_line_that_steps_down_legato_is_one_voice() -> None:
    line = notes_of((0, 6, 76), (4, 6, 74), (8, 6, 72), (12, 4, 71))
    assert len(staff_of(line, is_left=False).voices) == 1


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), st.integers(30, 100)), min_size=1, max_size=40),
    st.booleans(),
)
def test_every_note_is_written_once_where_it_begins(rows: list[tuple[int, int, int]], is_left: bool) -> None:
    staff = staff_of(notes_of(*rows), is_left=is_left)
    assert 1 <= len(staff.voices) <= 2
    for voice in staff.voices:
        for chord, following in zip(voice, [*voice[1:], None], strict=True):
            assert chord.start < chord.end
            assert following is None or chord.end <= following.start
    written = [(chord.start, pitch) for voice in staff.voices for chord in voice for pitch in chord.pitches]
    assert sorted(written) == sorted({(start, pitch) for start, _, pitch in rows})
