import re
import shlex
from pathlib import Path

import pytest
import yaml

import affetti.muser.config
import affetti.muser.train
import affetti.recogniser.config
import affetti.recogniser.train
from affetti.emoreg.config import PRESETS
from affetti.emoreg.train import resolve
from affetti.errors import InputError
from affetti.training.recipe import EmoregRecipe, MuserRecipe, RecogniserRecipe, load_recipe, parse_recipe

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes").rglob("*.yaml"))
GOOD = b"system: emoreg\nname: x\npreset: cvae_base_2021\ncorpus: musgenvae\n"
PIANO = b"""
system: muser
name: x
preset: muser_small
phases:
  - {part: vqvae, corpora: [pop909, emopia]}
  - {part: prior, corpora: [emopia], training: {epochs: 7}}
"""


def test_there_is_a_recipe_for_every_preset() -> None:
    presets = {*PRESETS, *affetti.muser.config.PRESETS, *affetti.recogniser.config.PRESETS}
    assert {load_recipe(path).preset for path in RECIPES} == presets


def test_the_ablations_are_recipes_and_each_is_evaluated() -> None:
    script = (RECIPES[0].parent / "muser_ablations.sh").read_text().replace("\\\n", " ")
    calls = re.findall(r"^train (\w+) (\S+)(.*)$", script, re.MULTILINE)
    models = {}
    for name, path, rest in calls:
        recipe = RECIPES[0].parents[1] / path.replace("$small", "recipes/muser_small.yaml")
        found = parse_recipe(recipe.read_bytes(), shlex.split(rest)[1::2], source=name)
        assert isinstance(found, MuserRecipe)
        models[name] = affetti.muser.train.resolve(found).model
    first = models["faithful"]
    assert {name for name, model in models.items() if model != first} == models.keys() - {"faithful"}
    assert {model.latent for model in models.values()} == {"vq_regularised", "vq", "vae"}
    assert {model.decoding for model in models.values()} == {"two_level", "global", "element"}
    (evaluated,) = re.findall(r"^affetti evaluate ([\w ]+) --ablations", script, re.MULTILINE)
    assert evaluated.split() == list(models)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid(path: Path) -> None:
    recipe = load_recipe(path)
    if isinstance(recipe, EmoregRecipe):
        resolve(recipe)
    elif isinstance(recipe, RecogniserRecipe):
        affetti.recogniser.train.resolve(recipe)
    else:
        affetti.muser.train.resolve(recipe)
        assert not recipe.is_test_model
    assert recipe.name == path.stem


def test_set_reaches_into_lists() -> None:
    changes = ["phases.0.training.epochs=5", "phases.1.corpora.0=pop909", "phases.1.training.threads=1"]
    recipe = parse_recipe(PIANO, [*changes, "training.epochs=9", "model.heads=2"], source="r")
    assert isinstance(recipe, MuserRecipe)
    config = affetti.muser.train.resolve(recipe)
    assert config.model.heads == 2
    trainings = [affetti.muser.train.phase_training(recipe, config, number) for number in (0, 1)]
    assert [training.epochs for training in trainings] == [5, 7]
    assert [training.threads for training in trainings] == [0, 1]
    assert recipe.phases[1].corpora == ("pop909",)


def test_when_to_stop_is_no_part_of_a_run() -> None:
    recipe = parse_recipe(PIANO, ["stop_after_minutes=9"], source="r")
    assert isinstance(recipe, MuserRecipe)
    assert recipe.stop_after_minutes == 9
    written = affetti.muser.train.written_out(recipe, affetti.muser.train.resolve(recipe))
    assert written == parse_recipe(yaml.safe_dump(written.model_dump(mode="json")).encode(), source="config.yaml")
    assert "stop_after_minutes" not in written.model_dump()


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
        (GOOD, ["system=other"], "must be one of emoreg, muser, recogniser"),
        (GOOD, ["system=[1]"], "must be one of"),
        (GOOD, ["stop_after_minutes=9"], "stop_after_minutes"),
        (PIANO, ["phases=[]"], "phases"),
        (PIANO, ["phases.2.part=prior"], "not a number from 0 to 1"),
        (PIANO, ["phases.x=1"], "not a number"),
        (PIANO, ["phases.1.part=vqvae", "phases.0.part=prior"], "a phase of the prior comes before"),
        (PIANO, ["phases.0.part=prior"], "no phase trains the vqvae"),
        (PIANO, ["phases.0.part.x=1"], "no keys"),
        (PIANO, ["phases.0.corpora=[]"], "corpora"),
        (PIANO, ["stop_after_minutes=0"], "stop_after_minutes"),
        (PIANO, ["stop_after_minutes=.nan"], "stop_after_minutes"),
        (PIANO, ["folds=2"], "folds"),
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


@pytest.mark.parametrize(
    "override",
    [
        "preset=cvae_base_2021",
        "training.epochs=0",
        "phases.0.training.speed=fast",
        "phases.1.training.commitment_weight=1",  # the prior has none
        "model.heads=7",
        "model.latent=vae",
        "training.tempo_shift=3",
        "composing.elements=[]",
    ],
)
def test_values_that_no_piano_model_can_have(override: str) -> None:
    recipe = parse_recipe(PIANO, [override], source="r")
    assert isinstance(recipe, MuserRecipe)
    with pytest.raises(InputError) as caught:
        affetti.muser.train.resolve(recipe)
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_missing_or_huge(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_recipe(tmp_path / "none.yaml")
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * 100_000)
    with pytest.raises(InputError, match="limit"):
        load_recipe(huge)
