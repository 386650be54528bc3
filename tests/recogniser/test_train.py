import json
from pathlib import Path

import numpy as np
import pytest

from affetti.analysis.features import EARS
from affetti.errors import InputError
from affetti.recogniser.train import train
from affetti.runtime.recogniser import load_recogniser
from affetti.runtime.renditions import corpus_features, rendition
from affetti.training.run_folder import RunFolder
from tests.recogniser.tiny_recogniser import prepare_tiny_emopia, silent, tiny_recipe


def test_a_run_and_its_folds(tmp_path: Path) -> None:
    corpus = prepare_tiny_emopia(16)
    seen: list[tuple[str, int, int]] = []
    recipe = tiny_recipe(folds=3)
    weights_hash = train(recipe, RunFolder(tmp_path / "run"), resume=False, progress=lambda *one: seen.append(one))
    assert seen[0] == ("features", 1, 64)
    assert seen[-1] == ("fitting", 12, 12)
    files = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    weights = {"config.json", "model.safetensors", *(f"{ear}.onnx" for ear in EARS)}
    places = ("weights", "folds/0/weights", "folds/1/weights", "folds/2/weights")
    assert files == {"config.yaml", "environment.json"} | {f"{place}/{name}" for place in places for name in weights}

    recogniser = load_recogniser(tmp_path / "run" / "weights")
    assert recogniser.weights_hash == weights_hash
    for index in range(8):  # pieces made to be told apart, of which these were learned from
        heard = recogniser.read([rendition(corpus, index, "played"), rendition(corpus, index, "on the grid")])
        assert [one.quadrant for one in heard] == [corpus.quadrants[index]] * 2
    folds = [load_recogniser(tmp_path / "run" / "folds" / str(fold) / "weights").config.songs for fold in range(3)]
    for song in corpus.song_names:  # each song is held out once
        assert sum(not songs.has_learned("emopia", song) for songs in folds) == 1


def test_the_same_recipe_gives_the_same_weights(tmp_path: Path) -> None:
    prepare_tiny_emopia()
    first = train(tiny_recipe(), RunFolder(tmp_path / "run"), resume=False, progress=silent)
    assert train(tiny_recipe(), RunFolder(tmp_path / "run"), resume=True, progress=silent) == first
    assert train(tiny_recipe(seed=1), RunFolder(tmp_path / "other"), resume=False, progress=silent) != first


def test_selection_and_evaluation_share_neither_songs_nor_features(tmp_path: Path) -> None:
    corpus = prepare_tiny_emopia(30)
    features = corpus_features(corpus, range(len(corpus)))
    configs = []
    for part in ("selection", "evaluation"):
        recipe = tiny_recipe(preset=f"piano_recogniser_{part}", name=part)
        train(recipe, RunFolder(tmp_path / part), resume=False, progress=silent)
        recogniser = load_recogniser(tmp_path / part / "weights")
        configs.append(recogniser.config)
        heard = recogniser.quadrant_probabilities(features["full", "played"])
        assert (heard.argmax(axis=1) + 1 == corpus.quadrants).mean() > 0.6
    selection, evaluation = configs
    assert not set(selection.features) & set(evaluation.features)
    for song in corpus.song_names:
        assert selection.songs.has_learned("emopia", song) != evaluation.songs.has_learned("emopia", song)


def test_config_says_what_it_learned_from(tmp_path: Path) -> None:
    prepare_tiny_emopia()
    train(tiny_recipe(), RunFolder(tmp_path), resume=False, progress=silent)
    stored = json.loads((tmp_path / "weights" / "config.json").read_text())
    assert (stored["licence"], stored["trained_on"]) == ("CC0", "emopia")
    assert stored["songs"] == {"part": "all", "folds": 0, "fold": 0, "fold_seed": 0}
    assert len(stored["features"]) == len(stored["typical"])
    assert np.isfinite(stored["typical"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"preset": "nothing"}, "unknown preset 'nothing'"),
        ({"model": {"part": "half"}}, "part"),
        ({"training": {"rounds": 0}}, "rounds"),
        ({"corpus": "nowhere"}, "nowhere is not prepared"),
        ({}, None),
    ],
)
def test_what_cannot_be_trained(change: dict[str, object], message: str | None, tmp_path: Path) -> None:
    prepare_tiny_emopia(3)
    with pytest.raises(InputError, match=message or "too few songs"):
        train(tiny_recipe(**change), RunFolder(tmp_path / "run"), resume=False, progress=silent)
    assert not (tmp_path / "run").exists()
