from pathlib import Path

import numpy as np
import pytest

from affetti.errors import InputError
from affetti.evaluation import discriminator
from affetti.evaluation.corruptions import CORRUPTIONS, PATCHWORKS, Corruption, shuffled_pitches
from affetti.evaluation.discriminator import (
    FOLDS,
    Discriminator,
    Songs,
    kept_discriminator,
    read_discriminator,
    train_discriminator,
    write_discriminator,
)
from tests.evaluation.grids import song
from tests.evaluation.tiny_pieces import tiny_pieces

SONGS = Songs(
    tuple(song(seed, bars=9 + seed % 3) for seed in range(20)), tuple(f"made:song {n // 2}" for n in range(20))
)


@pytest.fixture(scope="module")
def judges() -> Discriminator:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(discriminator._TREES, "n_estimators", 15)
        patch.setitem(discriminator._TREES, "min_samples_leaf", 2)
        return train_discriminator(SONGS, [Songs((song(90),), ("other:song",))], seed=1)


def test_songs_are_told_from_what_was_made_of_them(judges: Discriminator) -> None:
    shares = judges.held_out_shares
    assert list(shares) == ["real", *CORRUPTIONS]
    assert shares["real"] >= 0.95
    assert all(shares[name] < 0.5 for name in CORRUPTIONS)
    assert {name: len(scores) for name, scores in judges.held_out.items()} == {"real": 20} | dict.fromkeys(
        CORRUPTIONS, 40
    )
    assert judges.learned == {"made": [60, 10], "other": [1, 1]}


def test_every_judge_says_what_it_thinks_of_new_music(judges: Discriminator) -> None:
    real = [song(seed) for seed in range(50, 56)]
    wrong = [shuffled_pitches(one, np.random.default_rng(0)) for one in real]
    assert judges.scores(real).shape == (FOLDS, 6)
    assert judges.taken_for_real(real).mean() > judges.taken_for_real(wrong).mean() + 0.3
    assert judges.taken_for_real(real)[:2].tolist() == judges.taken_for_real(real[:2]).tolist()


def test_what_was_held_out_is_judged_by_the_one_that_does_not_know_it(judges: Discriminator) -> None:
    by_all = judges.scores(SONGS.music)
    distance = np.abs(by_all - judges.held_out["real"])
    assert distance.min(axis=0).tolist() == pytest.approx([0] * 20, abs=1e-9)


def test_a_song_is_in_one_fold() -> None:
    others = Songs((song(90), song(91)), ("other:song", "made:song 3"))
    real = discriminator._joined([SONGS, others])
    folds = discriminator._folds(SONGS, [others], real, np.random.default_rng(0))
    assert (folds[:20:2] == folds[1:20:2]).all()
    assert folds[21] == folds[6]
    assert np.bincount(folds[:20]).tolist() == [4] * FOLDS


def test_the_threshold_accepts_the_share_that_it_is_to_accept(judges: Discriminator) -> None:
    accepted = (judges.held_out["real"] >= judges.threshold).sum()
    assert accepted == 20  # of 20, 97 % is more than 19


def test_kept_judges_judge_alike(judges: Discriminator, tmp_path: Path) -> None:
    write_discriminator(tmp_path / "judges.safetensors", judges)
    again = read_discriminator(tmp_path / "judges.safetensors")
    music = [song(60), song(61)]
    assert again.scores(music).tolist() == judges.scores(music).tolist()
    assert again.held_out_shares == judges.held_out_shares
    assert again.learned == judges.learned


def test_trees_are_those_of_scikit_learn() -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    random = np.random.default_rng(0)
    features = random.normal(size=(80, 4)).astype(np.float32).astype(np.float64)
    wanted = features[:, 0] + features[:, 1] ** 2 > 0.5
    settings = discriminator._TREES | {"n_estimators": 9, "max_features": 3, "min_samples_leaf": 2}
    model = GradientBoostingClassifier(**settings, random_state=0).fit(features, wanted)
    forest = discriminator._stacked([[one.tree_ for one in model.estimators_[:, 0]]])
    assert forest.scores(0, features).tolist() == pytest.approx(model.decision_function(features).tolist())


def test_too_few_songs_and_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 songs held out"):
        train_discriminator(Songs((song(1),), ("one",)))
    (tmp_path / "other.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="holds no judges"):
        read_discriminator(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="0 songs held out"):
        kept_discriminator(tiny_pieces())


def test_judges_are_kept_for_the_same_corpora(monkeypatch: pytest.MonkeyPatch, judges: Discriminator) -> None:
    trained = []

    def train(target: Songs, others: list[Songs], corruptions: dict[str, Corruption], *, seed: int) -> Discriminator:
        trained.append((list(corruptions), seed))
        return judges

    monkeypatch.setattr(discriminator, "train_discriminator", train)
    for seed in (0, 0, 1):
        assert kept_discriminator(tiny_pieces(), seed=seed).threshold == judges.threshold
    assert trained == [(list(CORRUPTIONS), 0), (list(CORRUPTIONS), 1)]
    kept_discriminator(tiny_pieces(), (), "whole")
    assert trained[2:] == [(list(PATCHWORKS), 0)]
