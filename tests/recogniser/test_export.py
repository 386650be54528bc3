"""Experts as arrays against scikit-learn, graphs against arrays."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from affetti.analysis.features import EARS
from affetti.recogniser.config import ModelConfig, TrainingConfig
from affetti.recogniser.experts import CLIP, fit_forest, fit_linear
from affetti.recogniser.export import as_stored, export_weights
from affetti.recogniser.fitting import Lesson, best_temperature, fit_ear, softmax
from affetti.runtime.recogniser_config import RecogniserConfig, Songs
from affetti.runtime.weights import RecogniserWeights, find_weights

FEATURES = 7


def practice(count: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Features that say something of the quadrants, some of them whole numbers, and the quadrants."""
    random = np.random.default_rng(3)
    quadrants = np.asarray([1, 2, 3, 4] * (count // 4), np.int8)
    x = random.normal(size=(count, FEATURES))
    x[:, 0] += np.isin(quadrants, (1, 4))
    x[:, 1] += 2 * np.isin(quadrants, (1, 2))
    x[:, 2] = np.rint(x[:, 2] * 2)
    return x.astype(np.float32), quadrants


def test_the_forest_is_scikit_learns() -> None:
    x, quadrants = practice()
    training = TrainingConfig(rounds=15, features_per_split=3)
    forest = fit_forest(x, quadrants, training, seed=5)
    targets = quadrants, np.isin(quadrants, (1, 4)), np.isin(quadrants, (1, 2))
    wanted = []
    for target in targets:
        fitted = GradientBoostingClassifier(
            n_estimators=15, learning_rate=0.05, subsample=0.5, max_features=3, init="zero", random_state=5
        )
        wanted.append(fitted.fit(x, target).decision_function(x).reshape(len(x), -1))
    np.testing.assert_allclose(forest.scores(x), np.hstack(wanted), atol=1e-5)


def test_the_linear_expert_is_scikit_learns() -> None:
    x, quadrants = practice()
    linear = fit_linear(x, quadrants, TrainingConfig(ridge=0.1))
    standard = np.clip((x - np.median(x, axis=0)) / x.std(axis=0), -CLIP, CLIP)
    fitted = LogisticRegression(C=0.1, max_iter=1000).fit(standard, quadrants)
    np.testing.assert_allclose(linear.scores(x)[:, :4], fitted.decision_function(standard), atol=1e-4)


@pytest.mark.parametrize("experts", [("trees",), ("logistic",), ("trees", "logistic")])
def test_the_graphs_compute_what_the_experts_do(experts: tuple[str, ...], tmp_path: Path) -> None:
    x, quadrants = practice()
    model = ModelConfig.model_validate({"experts": experts})
    folds = np.arange(len(x)) % 3
    ears = {
        ear: fit_ear(Lesson((x, x + seed), quadrants), folds, model, TrainingConfig(rounds=9, depth=4), seed)
        for seed, ear in enumerate(EARS)
    }
    names = tuple(f"feature {number}" for number in range(FEATURES))
    config = RecogniserConfig(
        name="practice",
        system="recogniser",
        preset="none",
        licence="CC0",
        trained_on="nothing",
        songs=Songs(part="all"),
        features=names,
        typical=(0.0,) * FEATURES,
    )
    sha256 = export_weights(tmp_path, config, ears)
    weights = find_weights(tmp_path)
    assert isinstance(weights, RecogniserWeights)
    assert weights.sha256 == sha256
    far = np.concatenate([x, x * 1000, np.zeros((1, FEATURES), np.float32)])
    for ear, fitted in ears.items():
        (found,) = weights.graph(ear).run(["probabilities"], {"features": far})
        np.testing.assert_allclose(found, as_stored(fitted).probabilities(far), atol=1e-5)
        np.testing.assert_allclose(found, fitted.probabilities(far), atol=2e-3)  # rounding to float16
        onnx.checker.check_model(tmp_path / f"{ear}.onnx")


def test_temperature_undoes_a_scale() -> None:
    random = np.random.default_rng(0)
    likelihoods = random.normal(size=(4000, 4)) * 2
    chances = softmax(likelihoods)
    quadrants = np.asarray([random.choice(4, p=row) + 1 for row in chances], np.int8)
    for scale in (0.5, 1.0, 3.0):
        assert best_temperature(likelihoods * scale, quadrants) == pytest.approx(scale, rel=0.1)
