import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affetti.analysis.features import EARS
from affetti.cli import run as affetti
from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_pieces import Origin, PreparedPieces, joined, with_labels
from affetti.corpora.preparing import prepare_piece
from affetti.evaluation.piano_emotion import Heard
from affetti.evaluation.recogniser_report import RATED_CORPUS, measure, pieces_to_hear
from affetti.evaluation.recognition import CONDITIONS, STRETCH_BARS, Rated, calibration_error, hear_rated
from affetti.recogniser.train import train
from affetti.runtime.recogniser import Recogniser, load_recogniser
from affetti.runtime.recogniser_config import Songs
from affetti.training.run_folder import RunFolder
from tests.evaluation.tiny_pieces import piano_piece
from tests.recogniser.tiny_recogniser import prepare_tiny_emopia, silent, tiny_recipe


def test_calibration_error_by_hand() -> None:
    # Two that are 65 % sure, one of them right; two that are 95 % sure, both right: |1.3 - 1| + |1.9 - 2| of 4.
    rows = [[0.65, 0.35, 0, 0]] * 2 + [[0, 0.95, 0.05, 0]] * 2
    heard = Heard(np.asarray([1, 2, 2, 2]), np.asarray(rows))
    assert calibration_error(heard) == pytest.approx((0.3 + 0.1) / 4)


def test_correlations_by_hand() -> None:
    # Two pieces of two stretches. Valence: pieces agree and stretches within them do not; arousal: the other way round.
    heard = np.asarray([[0.5, 0.2], [0.6, 0.1], [-0.6, 0.2], [-0.5, 0.1]])
    rated = np.asarray([[0.6, 0.2], [0.5, 0.1], [-0.5, 0.4], [-0.6, 0.3]])
    overall, pieces, within = Rated(heard, rated, np.asarray([0, 0, 3, 3])).correlations()
    np.testing.assert_allclose(pieces, [1, np.nan])
    np.testing.assert_allclose(within, [-1, 1])
    assert overall[0] == pytest.approx(np.corrcoef(heard[:, 0], rated[:, 0])[0, 1])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two folds, trained once."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("run") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFETTI_HOME", str(home))
        prepare_tiny_emopia(16)
        train(tiny_recipe(folds=3), RunFolder(folder), resume=False, progress=silent)
    return folder


def test_a_run_is_measured_on_what_its_folds_did_not_learn_from(run: Path) -> None:
    corpus = prepare_tiny_emopia(16)
    recogniser = load_recogniser(run / "weights")
    folds = [load_recogniser(run / "folds" / str(fold) / "weights") for fold in range(3)]
    advanced: list[int] = []
    report = measure(recogniser, folds, advanced.append)
    assert sum(advanced) == pieces_to_hear(recogniser) == len(corpus)
    (held_out,) = report.unheard
    assert list(held_out.by_condition) == [condition.name for condition in CONDITIONS]
    played = held_out.by_condition["as played"]
    assert len(played.asked) == len(corpus)
    assert played.four_way > 0.9  # the pieces are made to be told apart
    figures = report.document()["unheard"][held_out.title]["as played"]
    assert figures["four_way"] == pytest.approx(played.four_way, rel=1e-5)
    assert np.sum(figures["confusion"]) == len(corpus)
    assert report.rated == {}
    assert "vgmidi_pieces is not prepared" in report.remarks()[-1]


def test_without_folds_nothing_is_claimed(run: Path) -> None:
    prepare_tiny_emopia(16)
    report = measure(load_recogniser(run / "weights"), [], lambda steps: None)
    assert report.unheard == ()
    assert "have learned from every song" in report.remarks()[1]


def test_clips_of_songs_that_are_anothers_are_unheard(run: Path) -> None:
    corpus = prepare_tiny_emopia(16)
    songs = Songs(part="selection")
    weights = load_recogniser(run / "weights").weights
    weights = replace(weights, config=weights.config.model_copy(update={"songs": songs}))
    (others,) = measure(Recogniser(weights), [], lambda steps: None).unheard
    count = sum(not songs.has_in_part("emopia", song) for song in corpus.song_names)
    assert 0 < count < len(corpus)
    assert {len(heard.asked) for heard in others.by_condition.values()} == {count}


def rated_pieces(bars: int) -> PreparedPieces:
    """A happy, an angry and a sad piece, whose bars are all rated as their label says; nobody rated the second."""
    columns = joined([prepare_piece(piano_piece(quadrant, bars=bars)) for quadrant in (1, 2, 3)])
    labels = {
        "quadrants": np.zeros(3, np.int8),
        "emotions": np.full((3, 2), np.nan, np.float32),
        "songs": np.arange(3, dtype=np.int32),
        "splits": np.zeros(3, np.int8),
    }
    pieces = with_labels(columns, labels, Origin(RATED_CORPUS, "1", "CC0", "test"), list("abc"), list("abc"))
    emotions = np.full((len(pieces.bar_steps), 2), np.nan, np.float32)
    for index, emotion in ((0, (0.5, 0.25)), (2, (-0.5, -0.25))):
        emotions[pieces.bar_offsets[index] : pieces.bar_offsets[index + 1]] = emotion
    return replace(pieces, bar_emotions=emotions)


def test_stretches_that_listeners_rated_are_heard_by_every_ear(run: Path) -> None:
    recogniser = load_recogniser(run / "weights")
    found = hear_rated(recogniser, rated_pieces(STRETCH_BARS + STRETCH_BARS // 2), lambda steps: None)
    assert set(found) == set(EARS)
    for rated in found.values():
        assert rated.pieces.tolist() == [0, 0, 2, 2]  # a whole stretch and half a one of each that was rated
        np.testing.assert_array_equal(rated.rated, [[0.5, 0.25]] * 2 + [[-0.5, -0.25]] * 2)
        assert (np.sign(rated.heard) == np.sign(rated.rated)).all()
    assert hear_rated(recogniser, rated_pieces(STRETCH_BARS // 2 - 1), lambda steps: None) == {}  # too short


def test_the_command(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_tiny_emopia(16)
    assert affetti(["evaluate", str(run), "--out", str(tmp_path / "out"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["name"] == "tiny"
    assert "clips held out, 3 folds by song" in document["unheard"]
    page = (tmp_path / "out" / "evaluation.md").read_text()
    assert "| on the grid, all notes equally loud | 64 |" in page
    assert affetti(["evaluate", str(run), str(run / "weights"), "--out", str(tmp_path / "two")]) == 2
    assert "one by one" in capsys.readouterr().err
    assert affetti(["evaluate", str(run), "--seed", "1", "--out", str(tmp_path / "two")]) == 2
    assert "--seed is for" in capsys.readouterr().err
    assert not prepared_path(RATED_CORPUS).exists()
