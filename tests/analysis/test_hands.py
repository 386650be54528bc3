"""Which hand plays what: accompaniment and melody wherever they lie, and hands of a human size."""

import numpy as np
import pytest

from affetti.analysis.hands import in_right_hand
from affetti.midi import read_midi


@pytest.mark.parametrize("moved", [-14, 0, 12])
def test_melody_and_accompaniment_are_told_apart_wherever_they_lie(moved: int) -> None:
    melody = [(float(beat), pitch + moved) for beat, pitch in enumerate([67, 69, 72, 71, 67, 64, 65, 67] * 2)]
    bass = [(float(beat), pitch + moved) for beat in range(0, 16, 2) for pitch in (43, 50, 55)]
    starts, pitches = np.asarray(melody + bass).T
    right = in_right_hand(starts, pitches.astype(np.int64))
    assert right.tolist() == [True] * len(melody) + [False] * len(bass)


def test_no_hand_spans_two_octaves() -> None:
    pitches = np.asarray([40, 47, 52, 64, 68, 71])
    assert in_right_hand(np.zeros(6), pitches).tolist() == [False] * 3 + [True] * 3


def test_order_does_not_matter_and_nothing_is_nothing() -> None:
    rng = np.random.default_rng(0)
    starts, pitches = rng.integers(0, 40, 60) / 4, rng.integers(30, 95, 60)
    order = rng.permutation(60)
    assert (in_right_hand(starts, pitches)[order] == in_right_hand(starts[order], pitches[order])).all()
    assert in_right_hand(np.zeros(0), np.zeros(0, np.int64)).shape == (0,)


@pytest.mark.corpus
def test_hands_of_piano_pieces_with_a_track_for_each(shared_data) -> None:
    """Every tenth of VGMIDI's pieces in two tracks: better than a line at middle C, and nine notes in ten."""
    shares = []
    for path in sorted((shared_data / "vgmidi").rglob("*.mid"))[::10]:
        piece = read_midi(path)
        tracks = sorted(piece.tracks, key=lambda track: sum(note.pitch for note in track.notes) / len(track.notes))
        if len(tracks) != 2 or any(track.is_drum for track in tracks):
            continue
        notes = [(note.start_ticks, note.pitch, hand) for hand, track in enumerate(tracks) for note in track.notes]
        starts, pitches, hands = np.asarray(notes).T
        heard = in_right_hand(starts / piece.ticks_per_quarter, pitches)
        shares.append(((heard == hands).mean(), ((pitches >= 60) == hands).mean()))
    right, by_middle_c = np.mean(shares, axis=0)
    assert len(shares) >= 10
    assert right > max(0.9, by_middle_c)
