from pathlib import Path

import pytest

from affetti.emoreg.config import PRESETS
from affetti.emoreg.train import resolve
from affetti.errors import InputError
from affetti.training.recipe import load_recipe, parse_recipe

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes").rglob("*.yaml"))
GOOD = b"system: emoreg\nname: x\npreset: cvae_base_2021\ncorpus: musgenvae\n"


def test_there_is_a_recipe_for_every_preset() -> None:
    assert {load_recipe(path).preset for path in RECIPES} == set(PRESETS)
    assert len(RECIPES) == len(PRESETS)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid(path: Path) -> None:
    recipe = load_recipe(path)
    resolve(recipe)
    assert recipe.name == path.stem


def test_the_papers_hyperparameters() -> None:
    for name in ("cvae_base_2021", "cvae_emoreg_2023"):
        config = PRESETS[name]()
        assert (config.model.hidden_size, config.model.latent_size) == (512, 2)
        assert config.model.label_in_encoder
        assert config.model.label_in_decoder
        assert not config.model.autoregressive
        training = config.training
        assert (training.optimizer, training.learning_rate) == ("rmsprop", 0.001)
        assert (training.epochs, training.batch_size, training.kl_weight) == (700, 16, 1.0)
    assert PRESETS["cvae_base_2021"]().training.regularization_weight == 0


def test_set_changes_one_value() -> None:
    recipe = parse_recipe(GOOD, ["training.epochs=5", "seed=3"], source="r")
    assert recipe.seed == 3
    assert resolve(recipe).training.epochs == 5
    assert resolve(recipe).training.batch_size == 16


@pytest.mark.parametrize(
    ("data", "overrides", "message"),
    [
        (b"", [], "mapping"),
        (b"[1, 2]", [], "mapping"),
        (b"a: [", [], "not YAML"),
        (b"\xff\xfe\x00", [], "not YAML"),
        (b"[" * 5000, [], "not YAML"),
        (b"!!python/object/apply:os.system ['true']", [], "not YAML"),
        (GOOD + b"extra: 1\n", [], "extra"),
        (GOOD.replace(b"name: x", b"name: ../x"), [], "name"),
        (GOOD, ["epochs"], "key=value"),
        (GOOD, ["seed=-1"], "seed"),
        (GOOD, ["name.x=1"], "no keys"),
        (GOOD, ["seed=["], "not YAML"),
        (GOOD, ["seed=2001-13-45"], "not YAML"),
        (GOOD, ["seed=0b_"], "not YAML"),
        (GOOD, ["seed=" + "9" * 5000], "not YAML"),
        (GOOD, ["seed=" + "[" * 5000], "not YAML"),
        (GOOD, ["seed=!!timestamp noon"], "not YAML"),
        (GOOD, ["seed=!!bool perhaps"], "not YAML"),
        (GOOD, ["seed=" + ":".join("1" * 400) + ".0"], "not YAML"),  # minutes of minutes of minutes …
        (GOOD + b"seed: 2001-13-45\n", [], "not YAML"),
        (GOOD + b"seed: 0b_\n", [], "not YAML"),
        (GOOD + b"seed: " + b"9" * 5000, [], "not YAML"),
        (GOOD + b"seed: !!timestamp noon\n", [], "not YAML"),
        (GOOD, ["seed=2001-12-13"], "seed"),
        (GOOD, ["seed=.inf"], "seed"),
        (GOOD, ["folds=1"], r"recipe.yaml: folds: one fold .*0 for none, or at least 2"),
        (GOOD, ["folds=21"], "folds"),
    ],
)
def test_bad_recipes_are_one_line(data: bytes, overrides: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_recipe(data, overrides, source="recipe.yaml")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_folds_are_none_or_several() -> None:
    for folds in (0, 2, 20):
        assert parse_recipe(GOOD, [f"folds={folds}"], source="r").folds == folds


@pytest.mark.parametrize(
    "override",
    [
        "preset=nothing",
        "training.epochs=0",
        "training.speed=fast",
        "model.hidden_size=zero",
        "model.latent_size=1",
        "training.learning_rate=.inf",
        "training.kl_weight=.nan",
        "training.learning_rate=" + "9" * 400,
    ],
)
def test_values_that_no_model_can_have(override: str) -> None:
    with pytest.raises(InputError):
        resolve(parse_recipe(GOOD, [override], source="r"))


def test_a_recipe_that_is_missing_or_huge(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_recipe(tmp_path / "none.yaml")
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * 100_000)
    with pytest.raises(InputError, match="limit"):
        load_recipe(huge)
