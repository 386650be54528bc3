import json

import pytest

from affetti.runtime.melody_config import MelodyModelConfig
from affetti.runtime.weights import READER_WEIGHTS, SHIPPED, find_weights, shipped_names

MAX_BYTES = 60 * 1024 * 1024


def test_all_shipped_weights_are_small() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) < MAX_BYTES


@pytest.mark.parametrize("name", shipped_names())
def test_every_model_card_says_what_a_user_must_know(name: str) -> None:
    weights = find_weights(name)
    card = (weights.folder / "README.md").read_text()
    assert card.startswith(f"# {name}\n")
    assert f"`{weights.sha256}`" in card  # the card is about these weights
    for heading in ("**Data**", "**Licence**", "**Training**", "## Measured", "## Limits"):
        assert heading in card
    assert weights.config.licence.split()[0] in card
    assert weights.config.name == name


@pytest.mark.parametrize("name", shipped_names())
def test_a_weights_folder_holds_nothing_else(name: str) -> None:
    files = {file.name for file in (SHIPPED / name).iterdir()}
    graphs = {f"{graph}.onnx" for graph in find_weights(name).config.graphs}
    assert files == {"config.json", "model.safetensors", "README.md"} | graphs
    assert json.loads((SHIPPED / name / "config.json").read_text())["name"] == name


def test_only_the_reader_reads() -> None:
    configs = {name: find_weights(name).config for name in shipped_names()}
    melodies = {name: config for name, config in configs.items() if isinstance(config, MelodyModelConfig)}
    assert {name for name, config in melodies.items() if config.reading_slope} == {READER_WEIGHTS}
