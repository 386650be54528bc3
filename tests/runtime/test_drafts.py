import numpy as np
import pytest

from affetti.emotion import Emotion, Quadrant
from affetti.runtime.drafts import (
    FAR,
    FEATURES,
    NO_NOTE,
    choose,
    edge_pitches,
    phrase_features,
    profile_distances,
    rests_on_tonic,
    target,
)
from affetti.runtime.melody_config import Profiles
from affetti.tokens.melody import HOLD, REST

MEAN = np.array([10.0, 7.0, 5.0, 0.9, 0.6])
FACTOR = np.diag([2.0, 1.0, 1.0, 0.1, 0.1])


def profiles(drafts: int = 4) -> Profiles:
    one = {"mean": MEAN.tolist(), "cholesky": FACTOR.tolist()}
    return Profiles.model_validate({"drafts": drafts, "scale": [2, 1, 1, 0.1, 0.1], "quadrants": [one] * 4})


def kept(drafts: np.ndarray, aims: np.ndarray, **options: object) -> np.ndarray:
    return choose(drafts, profile_distances(drafts, aims, profiles()), **options)


def melody(*pitches: int, length: int = 4) -> np.ndarray:
    tokens = np.full(64, REST, np.int16)
    for place, pitch in enumerate(pitches):
        tokens[place * length : (place + 1) * length] = [pitch, *[HOLD] * (length - 1)]
    return tokens


def test_features_by_hand() -> None:
    features = phrase_features(np.stack([melody(60, 63, 67, 60), melody()]))
    assert len(FEATURES) == features.shape[1] == 5
    np.testing.assert_allclose(features[0], [4, 7, 3, 0.75, 1.0])
    np.testing.assert_allclose(features[1], 0)


def test_the_nearest_draft_is_kept() -> None:
    drafts = np.stack([[melody(60), melody(60, 62, 64, 65), melody(*range(60, 70))]] * 2)
    aims = phrase_features(np.stack([melody(60, 62, 64, 67), melody(48)]))
    assert kept(drafts, aims).tolist() == [1, 0]


def test_a_closing_phrase_prefers_a_draft_that_rests_on_the_tonic() -> None:
    drafts = np.stack([[melody(60, 62, 64, 65), melody(60, 60, 60, 72)]])
    aims = phrase_features(drafts[0, :1])
    assert kept(drafts, aims).tolist() == [0]
    assert kept(drafts, aims, close=True).tolist() == [1]
    assert kept(drafts[:, :1], aims, close=True).tolist() == [0]  # none does: the nearest all the same


@pytest.mark.parametrize(
    ("tokens", "rests"),
    [
        (melody(60), True),
        (melody(62, 48), True),
        (melody(60, 62), False),
        (melody(62, 60, length=2), False),
        (melody(), False),
        (np.array([60, HOLD, HOLD, REST], np.int16), False),
        (np.array([REST, 60, HOLD, HOLD, HOLD, REST, REST], np.int16), True),
    ],
)
def test_what_rests_on_the_tonic(tokens: np.ndarray, rests: bool) -> None:
    assert rests_on_tonic(tokens) == rests


def test_targets_cover_the_profile_evenly() -> None:
    """Their mean is nearer to the profile's than independent draws would be, from the first few dozen pieces on."""
    aims = np.stack([[target(profiles(), Quadrant.Q2, seed, piece) for piece in range(256)] for seed in range(5)])
    errors = (aims.mean(axis=1) - MEAN) / np.diag(FACTOR)
    assert np.sqrt(np.mean(errors**2)) < 0.5 / np.sqrt(256)
    np.testing.assert_allclose(aims.std(axis=(0, 1)), np.diag(FACTOR), rtol=0.1)


def test_a_target_belongs_to_its_seed_quadrant_and_piece() -> None:
    aim = target(profiles(), Quadrant.Q1, 3, 5)
    np.testing.assert_array_equal(aim, target(profiles(), Quadrant.Q1, 3, 5))
    for other in ((4, 5), (3, 6)):
        assert not np.allclose(aim, target(profiles(), Quadrant.Q1, *other))


def test_a_points_target_is_mixed_from_the_quadrants() -> None:
    content = profiles().model_dump()
    for number, one in enumerate(content["quadrants"]):
        one["mean"] = [float(number)] * 5
        one["cholesky"] = np.zeros((5, 5)).tolist()
    mixed = Profiles.model_validate(content)
    np.testing.assert_allclose(target(mixed, Emotion(0.0, 0.0), 1, 1), 1.5)
    np.testing.assert_allclose(target(mixed, Emotion(0.9, 0.7), 1, 1), 0)  # beyond the middle of Q1 nothing else
    np.testing.assert_allclose(target(mixed, Emotion(0.25, 0.5), 1, 1), 0.25)


def test_the_first_and_the_last_pitch() -> None:
    held = np.concatenate([[REST] * 3, melody(60, 64, 67)[:40], [HOLD] * 21])
    tokens = np.stack([held, melody(72), melody()])
    assert edge_pitches(tokens, last=False).tolist() == [60, 72, NO_NOTE]
    assert edge_pitches(tokens, last=True).tolist() == [67, 72, NO_NOTE]


def test_a_phrase_goes_on_near_the_note_before_where_a_draft_does() -> None:
    drafts = np.stack([[melody(60, 62, 64, 65), melody(72, 60, 60, 74)]] * 3)
    aims = np.repeat(phrase_features(drafts[0, :1]), 3, axis=0)
    before = np.array([67, 79, NO_NOTE])
    assert kept(drafts, aims, before=before).tolist() == [0, 1, 0]
    assert kept(drafts, aims, before=np.array([100] * 3)).tolist() == [0] * 3  # none does


def test_a_distance_without_end_counts_before_the_joint_and_the_close() -> None:
    drafts = np.stack([[melody(60, 62, 64, 65), melody(72, 60, 60, 60)]])
    assert choose(drafts, np.array([[0.0, FAR]]), close=True, before=np.array([72])).tolist() == [0]
    assert choose(drafts, np.array([[FAR, 0.5 * FAR]]), before=np.array([60])).tolist() == [1]
    assert choose(drafts, np.array([[0.0, 5.0]]), close=True, before=np.array([72])).tolist() == [1]
