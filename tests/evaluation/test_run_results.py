from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.errors import InputError
from affetti.evaluation.run_results import read_held_out, read_snapshots
from tests.tiny import tiny_corpus

CORNERS = np.asarray([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)


def write(path: Path, **tensors: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def write_fold(run: Path, fold: int, corpus: PreparedMelodies, indices: list[int], right: bool = True) -> None:
    quadrants = corpus.quadrants[indices]
    positions = CORNERS[quadrants - 1] * (1 if right else -1)
    rows = np.asarray(indices, np.int32)
    write(run / f"folds/{fold}/held_out.safetensors", positions=positions, quadrants=quadrants, indices=rows)


def test_snapshots_in_order_of_time(tmp_path: Path) -> None:
    labels = np.asarray([1, 2, 3, 4, 0], np.int8)
    positions = np.concatenate([CORNERS, np.full((1, 2), 5, np.float32)])  # the unlabelled one is left out
    write(tmp_path / "latents/final.safetensors", positions=positions, quadrants=labels)
    write(tmp_path / "latents/epoch_0000.safetensors", positions=-positions, quadrants=labels)
    write(tmp_path / "latents/epoch_0050.safetensors", positions=positions, quadrants=labels)
    snapshots = read_snapshots(tmp_path)
    assert [one.moment for one in snapshots] == ["the start", "epoch 50", "the end"]
    assert [one.placement.mean for one in snapshots] == [0, 1, 1]


def test_a_folder_without_results_has_none(tmp_path: Path) -> None:
    assert read_snapshots(tmp_path) == ()
    assert read_held_out(tmp_path, tiny_corpus()) is None


@pytest.mark.parametrize(
    "tensors",
    [
        {"positions": CORNERS},
        {"positions": CORNERS[:, :1].copy(), "quadrants": np.asarray([1, 2, 3, 4], np.int8)},
        {"positions": CORNERS, "quadrants": np.asarray([1, 2, 3, 9], np.int8)},
        {"positions": CORNERS, "quadrants": np.asarray([1, 2], np.int8)},
    ],
    ids=["no labels", "one axis", "no quadrant", "too few labels"],
)
def test_broken_snapshots_are_bad_input(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    write(tmp_path / "latents/final.safetensors", **tensors)
    with pytest.raises(InputError, match=r"final\.safetensors"):
        read_snapshots(tmp_path)


def test_held_out_folds(tmp_path: Path) -> None:
    corpus = tiny_corpus()
    everyone = list(range(len(corpus)))
    write_fold(tmp_path, 0, corpus, [i for i in everyone if not i // 2 % 2])
    write_fold(tmp_path, 1, corpus, [i for i in everyone if i // 2 % 2], right=False)
    held = read_held_out(tmp_path, corpus)
    assert held is not None
    assert [fold.mean for fold in held.folds] == [1, 0]
    assert (held.mean, held.deviation) == (0.5, 0.5)
    assert held.accuracies.tolist() == [0.5] * 4
    assert held.all_folds.mean == pytest.approx(0.5)
    assert (held.melodies, held.split_tunes) == (len(corpus), 0)


def test_a_tune_in_two_folds_is_told(tmp_path: Path) -> None:
    corpus = tiny_corpus()
    corpus.tunes[2] = corpus.tunes[0]
    write_fold(tmp_path, 0, corpus, [0, 8, 16])
    write_fold(tmp_path, 1, corpus, [2, 10, 18])
    held = read_held_out(tmp_path, corpus)
    assert held is not None
    assert held.split_tunes == 1


def test_folds_that_lack_an_emotion(tmp_path: Path) -> None:
    corpus = tiny_corpus()
    write_fold(tmp_path, 0, corpus, [0, 1])
    held = read_held_out(tmp_path, corpus)
    assert held is not None
    assert held.mean == 1
    assert np.isnan(held.accuracies).tolist() == [False, True, True, True]


def test_folds_of_another_corpus_are_bad_input(tmp_path: Path) -> None:
    corpus = tiny_corpus()
    write_fold(tmp_path, 0, corpus, [0, 6])
    corpus.quadrants[0] = 3
    with pytest.raises(InputError, match="other melodies"):
        read_held_out(tmp_path, corpus)


def test_a_melody_held_out_twice_is_bad_input(tmp_path: Path) -> None:
    corpus = tiny_corpus()
    write_fold(tmp_path, 0, corpus, [0, 6])
    write_fold(tmp_path, 1, corpus, [6, 12])
    with pytest.raises(InputError, match="elsewhere"):
        read_held_out(tmp_path, corpus)


def test_an_unfinished_fold_is_bad_input(tmp_path: Path) -> None:
    corpus = tiny_corpus()
    write_fold(tmp_path, 0, corpus, [0, 6])
    (tmp_path / "folds" / "1").mkdir()
    with pytest.raises(InputError, match="not finished"):
        read_held_out(tmp_path, corpus)
    (tmp_path / "folds" / "1" / "held_out.safetensors").write_bytes(b"not tensors")
    with pytest.raises(InputError, match="cannot be read"):
        read_held_out(tmp_path, corpus)
