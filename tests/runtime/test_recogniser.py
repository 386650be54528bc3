import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import load_file

import affetti
from affetti.analysis.features import EARS, FEATURE_NAMES, GROUPS, piece_features
from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.piece import Piece
from affetti.runtime.recogniser import Recogniser, expected_emotions, load_recogniser
from affetti.runtime.recogniser_config import SELECTION_PERCENT, RecogniserConfig, Songs
from affetti.runtime.weights import SHIPPED
from tests.evaluation.tiny_pieces import piano_piece

NAMES = ("piano_recogniser", "piano_recogniser_selection", "piano_recogniser_evaluation")


@pytest.fixture(scope="module", params=NAMES)
def recogniser(request: pytest.FixtureRequest) -> Recogniser:
    return load_recogniser(request.param)


def test_what_is_heard_is_consistent(recogniser: Recogniser) -> None:
    pieces = [piano_piece(quadrant, bars=8) for quadrant in Quadrant]
    for ear in EARS:
        for heard, piece in zip(recogniser.read(pieces, ear), pieces, strict=True):
            assert sum(heard.probabilities) == pytest.approx(1)
            assert heard.confidence == max(heard.probabilities) == heard.probabilities[heard.quadrant - 1]
            q1, q2, q3, q4 = heard.probabilities
            assert heard.emotion.valence == pytest.approx(q1 - q2 - q3 + q4)
            assert heard.emotion.arousal == pytest.approx(q1 + q2 - q3 - q4)
            found = recogniser.quadrant_probabilities(piece_features(piece, ear)[None], ear)
            np.testing.assert_allclose(found[0], heard.probabilities, atol=1e-6)


def test_fast_loud_music_is_aroused_and_slow_soft_music_is_not(recogniser: Recogniser) -> None:
    fast, slow = recogniser.read([piano_piece(2, bars=8), piano_piece(3, bars=8)])
    assert fast.emotion.arousal > 0.5
    assert slow.emotion.arousal < -0.5


def test_a_piece_is_heard_alike_alone_and_among_others(recogniser: Recogniser) -> None:
    pieces = [piano_piece(quadrant, number) for quadrant in Quadrant for number in range(5)]
    features = np.stack([piece_features(piece) for piece in pieces])
    together = recogniser.quadrant_probabilities(features)
    alone = np.concatenate([recogniser.quadrant_probabilities(row[None]) for row in features])
    np.testing.assert_array_equal(together, alone)


def test_evidence_is_what_changes_when_a_feature_is_typical() -> None:
    recogniser = load_recogniser()
    features = piece_features(piano_piece(1, bars=8))
    heard = recogniser.read([piano_piece(1, bars=8)])[0]
    assert {name for name, _, _ in heard.features} == set(recogniser.config.features)
    assert {name for name, _ in heard.groups} == set(GROUPS)
    strengths = [abs(contribution) for _, _, contribution in heard.features]
    assert strengths == sorted(strengths, reverse=True)
    name, value, contribution = heard.features[0]
    column = FEATURE_NAMES.index(name)
    assert value == features[column]
    features[column] = recogniser.config.typical[recogniser.config.features.index(name)]
    (without,) = recogniser.quadrant_probabilities(features[None])
    assert contribution == pytest.approx(np.log(heard.confidence / without[heard.quadrant - 1]), abs=1e-4)


def test_a_piece_like_all_others_has_no_evidence() -> None:
    recogniser = load_recogniser()
    typical = np.zeros(len(FEATURE_NAMES))
    typical[[FEATURE_NAMES.index(name) for name in recogniser.config.features]] = recogniser.config.typical
    heard = recogniser._read(typical, "full")
    assert all(contribution == 0 for *_, contribution in heard.features)


def test_expected_emotions() -> None:
    certain = [Emotion(1, 1), Emotion(-1, 1), Emotion(-1, -1), Emotion(1, -1)]
    assert expected_emotions(np.eye(4)) == certain
    assert expected_emotions(np.full((1, 4), 0.25)) == [Emotion(0, 0)]


def test_silence_is_not_read(recogniser: Recogniser) -> None:
    with pytest.raises(InputError, match="no pitched notes"):
        recogniser.read([Piece(480, ())])


def test_an_ear_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="no ear 'left'"):
        load_recogniser().quadrant_probabilities(np.zeros((1, len(FEATURE_NAMES))), "left")  # type: ignore[arg-type]


def test_what_can_be_loaded() -> None:
    assert isinstance(affetti.load("piano_recogniser"), Recogniser)
    assert load_recogniser().config.name == "piano_recogniser"
    with pytest.raises(InputError, match="weights of emoreg, which hear no piano pieces"):
        load_recogniser("emoreg_reader")
    with pytest.raises(InputError, match="one backend only"):
        affetti.load("piano_recogniser", backend="torch")  # type: ignore[call-overload]


# ---- which songs


def test_selection_and_evaluation_share_no_song() -> None:
    songs = [f"song {number}" for number in range(2000)]
    parts = {part: Songs(part=part) for part in ("all", "selection", "evaluation")}
    selection = [parts["selection"].has_learned("emopia", song) for song in songs]
    assert selection == [not parts["evaluation"].has_learned("emopia", song) for song in songs]
    assert all(parts["all"].has_learned("emopia", song) for song in songs)
    assert 100 * np.mean(selection) == pytest.approx(SELECTION_PERCENT, abs=4)


def test_every_song_of_a_part_is_held_out_once() -> None:
    folds = [Songs(part="evaluation", folds=5, fold=fold, fold_seed=3) for fold in range(5)]
    for song in (f"song {number}" for number in range(200)):
        learned = [fold.has_learned("emopia", song) for fold in folds]
        assert sum(learned) == (4 if folds[0].has_in_part("emopia", song) else 0)


@pytest.mark.parametrize("numbers", [{"folds": 1}, {"folds": 5, "fold": 5}, {"fold": 1}, {"folds": 21}])
def test_folds_that_there_are_not(numbers: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Songs(part="all", **numbers)


# ---- weights folders from elsewhere


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": ["nothing"], "typical": [0.0]}, "there is no feature 'nothing'"),
        ({"typical": [0.0]}, "one name and one typical value"),
        ({"features": ["velocity_mean", "velocity_mean"], "typical": [0.0, 0.0]}, "one name"),
        ({"features": ["velocity_mean"], "typical": [0.0]}, "not the graph that config.json describes"),
        ({"system": "muser"}, "config.json"),
        ({"songs": {"part": "some"}}, "songs"),
    ],
)
def test_a_folder_that_does_not_fit_together(change: dict[str, object], message: str, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(SHIPPED / "piano_recogniser_selection", folder)
    stored = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(stored | change))
    with pytest.raises(InputError, match=message):
        load_recogniser(folder).read([piano_piece(1)])


def test_damaged_numbers_are_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(SHIPPED / "piano_recogniser_selection", folder)
    numbers = load_file(folder / "model.safetensors")
    bias = numbers["full.logistic.bias"].tobytes()
    stored = (folder / "model.safetensors").read_bytes()
    assert stored.count(bias) == 1
    (folder / "model.safetensors").write_bytes(stored.replace(bias, b"\xff" * len(bias)))  # not a number
    with pytest.raises(InputError, match="weights: damaged weights"):
        load_recogniser(folder).read([piano_piece(1)])


def test_config_round_trip() -> None:
    config = load_recogniser().config
    assert RecogniserConfig.model_validate_json(config.model_dump_json()) == config
