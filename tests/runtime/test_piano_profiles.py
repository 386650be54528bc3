"""What drafts are to come near to, and that the nearest is kept."""

import numpy as np
import pytest

from affetti.emotion import Quadrant
from affetti.piece import Note, Piece, Tempo, Track
from affetti.runtime import piano_drafts
from affetti.runtime.piano_drafts import Target, choose
from affetti.runtime.piano_profiles import Profile
from affetti.tokens.compound_word import GridMusic, encode, read_words


def _music(low: int, high: int, together: int) -> GridMusic:
    """Two bars of half notes: chords of `together` notes from `low` upwards, and one note `high`."""
    chords = [Note(960 * place, low + 4 * n, 960, 64) for place in range(3) for n in range(together)]
    piece = Piece(480, (Track((*chords, Note(2880, high, 960, 64))),), tempos=(Tempo(0, 120.0),))
    return read_words(encode(piece).words)


def test_a_profile_is_the_mean_and_deviation_of_the_papers_measures() -> None:
    """Ranges 24 and 12; pitch classes 1 and 2; polyphony 1 and (3 · 2 + 1) / 4."""
    pieces = [_music(48, 72, 1), _music(48, 60, 2)]
    profile = Profile(means=(18.0, 1.5, 1.375), deviations=(6.0, 0.5, 0.375))
    found = [profile.distance(one, np.zeros(3)) for one in pieces]
    assert found == pytest.approx([1.0, 1.0])  # each one deviation away in each measure
    assert profile.distance(pieces[0], np.asarray([1.0, -1.0, -1.0])) == pytest.approx(0.0, abs=1e-9)


def test_profiles_of_words_are_what_was_measured() -> None:
    words = [encode(Piece(480, (Track((Note(0, 48, 480, 64), Note(480, high, 480, 64))),))).words for high in (60, 72)]
    profile = Profile.of_pieces(words)
    assert profile.means == (18.0, 1.0, 1.0)
    assert profile.deviations == (6.0, 0.001, 0.001)


def test_targets_are_spread_as_real_pieces_but_for_the_farthest() -> None:
    profile = Profile(means=(1, 1, 1), deviations=(1, 1, 1))
    random = np.random.default_rng(0)
    targets = np.stack([profile.target(random) for _ in range(4000)])
    assert np.abs(targets.mean(axis=0)).max() < 0.05
    assert np.abs(targets).max() == 1.5
    assert 0.8 < targets.std() < 0.9


def test_of_drafts_heard_as_asked_the_nearest_to_the_target_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    drafts = [_music(48, 72, 1), _music(48, 60, 2), _music(36, 96, 3)]
    heard = dict(zip(map(id, drafts), (0.9, 0.9, 0.1), strict=True))
    monkeypatch.setattr(piano_drafts, "_probability", lambda one, wanted: heard[id(one)])
    profile = Profile(means=(18.0, 1.5, 1.375), deviations=(6.0, 0.5, 0.375))
    near_second = Target(profile, np.asarray([-1.0, 1.0, 1.0]))
    assert choose(drafts, Quadrant.Q1, closes=False) == 0
    assert choose(drafts, Quadrant.Q1, closes=False, target=near_second) == 1
    near_third = Target(profile, _place(profile, drafts[2]))
    assert choose(drafts, Quadrant.Q1, closes=False, target=near_third) != 2  # it is not heard as asked
    heard[id(drafts[2])] = 0.9
    assert choose(drafts, Quadrant.Q1, closes=False, target=near_third) == 2


def _place(profile: Profile, music: GridMusic) -> np.ndarray:
    """Where a piece lies: found by asking how far it is from three places on each axis alone."""
    zero = profile.distance(music, np.zeros(3)) ** 2
    steps = [profile.distance(music, np.eye(3)[axis]) ** 2 for axis in range(3)]
    return np.asarray([(1 - 3 * (step - zero)) / 2 for step in steps])
