"""Recipes: a YAML file that says what to train on what, with `--set key=value` on top."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from affetti.errors import InputError
from affetti.files import read_bounded

MAX_RECIPE_BYTES = 64 * 1024
M = TypeVar("M", bound=BaseModel)


class _Recipe(BaseModel):
    """What a recipe says of any system."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")
    """Name of the weights the run produces."""
    preset: str
    seed: int = Field(0, ge=0, lt=2**31)


class _FoldedRecipe(_Recipe):
    """What a recipe says that learns from one corpus and may be cross-validated on it. `model` and `training` hold what
    differs from the preset.
    """

    corpus: str
    """Prepared corpus with the labelled examples."""
    folds: int = Field(0, ge=0, le=20)
    """Cross-validation folds trained before the final model, split by tune or song; 0 for none."""
    fold_seed: int = Field(0, ge=0, lt=2**31)
    model: dict[str, Any] = {}
    training: dict[str, Any] = {}

    @field_validator("folds")
    @classmethod
    def _leaves_some_to_train_on(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one fold leaves nothing to train on; use 0 for none, or at least 2")
        return folds


class EmoregRecipe(_FoldedRecipe):
    """One training run of the melody system."""

    system: Literal["emoreg"]
    composing: dict[str, Any] = {}
    """What differs from the preset in how melodies are composed."""


class Phase(BaseModel):
    """One part of the piano system trained on some corpora, from where the phase before left it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: Literal["vqvae", "prior"]
    corpora: tuple[str, ...] = Field(min_length=1)
    """Prepared corpora: the songs of their training split are learned from, those of validation measured."""
    training: dict[str, Any] = {}
    """What differs from the recipe's `training` (or `prior_training`) in this phase."""


class MuserRecipe(_Recipe):
    """One training run of the piano system. The mappings hold what differs from the preset.

    All phases of the VQ-VAE come before those of the prior, which learns the codes that the finished VQ-VAE gives.
    """

    system: Literal["muser"]
    phases: tuple[Phase, ...] = Field(min_length=1, max_length=20)
    model: dict[str, Any] = {}
    prior: dict[str, Any] = {}
    training: dict[str, Any] = {}
    prior_training: dict[str, Any] = {}
    composing: dict[str, Any] = {}
    is_test_model: bool = False
    """Whether the weights are to say of themselves that they are not trained in earnest."""
    stop_after_minutes: float | None = Field(None, gt=0, exclude=True)
    """Ends this call, not the training, before an epoch that would not be over by then; --resume goes on. No part of
    what a run is, so it is not stored with it."""

    @field_validator("phases")
    @classmethod
    def _codes_come_first(cls, phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
        parts = [phase.part for phase in phases]
        if parts != sorted(parts, reverse=True):
            raise ValueError("a phase of the prior comes before one of the vqvae, whose codes it would learn")
        if parts[0] == "prior":
            raise ValueError("no phase trains the vqvae, whose codes the prior learns")
        return phases


class RecogniserRecipe(_FoldedRecipe):
    """One training run of a recogniser of emotion in piano pieces, whose folds are split by song."""

    system: Literal["recogniser"]


Recipe = EmoregRecipe | MuserRecipe | RecogniserRecipe
"""A training run of any system."""

_RECIPES: dict[str, type[Recipe]] = {
    "emoreg": EmoregRecipe,
    "muser": MuserRecipe,
    "recogniser": RecogniserRecipe,
}


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a YAML file with `key=value` overrides applied: dotted keys, or numbers from 0 in a list
    (phases.0.training.epochs=5), and YAML values.

    Raises InputError in one line for anything that is not a valid recipe.
    """
    return parse_recipe(read_bounded(path, max_bytes=MAX_RECIPE_BYTES), overrides, source=str(path))


def parse_recipe(data: bytes, overrides: Sequence[str] = (), *, source: str) -> Recipe:
    """As `load_recipe`, from the file's bytes; `source` names it in messages."""
    content = _parse_yaml(data, source)
    if not isinstance(content, dict):
        raise InputError(f"{source}: a recipe is a mapping of keys to values")
    for override in overrides:
        _apply(content, override)
    system = content.get("system")
    if not isinstance(system, str) or system not in _RECIPES:
        raise InputError(f"{source}: system: must be one of {', '.join(_RECIPES)}")
    return validated(_RECIPES[system], content, source)


def validated(model: type[M], content: Any, source: str) -> M:
    """`content` as a pydantic model; the first problem becomes one InputError line."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError.of_validation(source, error.errors(), whole="value") from error


def resolved(recipe: Recipe, presets: Mapping[str, Callable[[], M]]) -> M:
    """The recipe's preset with what the recipe says of each of its parts. Raises InputError for an unknown preset, key
    or value.
    """
    if recipe.preset not in presets:
        raise InputError(f"unknown preset {recipe.preset[:40]!r}; there are {', '.join(presets)}")
    preset = presets[recipe.preset]()
    parts = {part: getattr(preset, part).model_dump() | getattr(recipe, part) for part in type(preset).model_fields}
    return validated(type(preset), parts, f"recipe {recipe.name}")


def _parse_yaml(data: bytes | str, source: str) -> Any:
    """The value of a YAML text; `source` names it in messages. Raises InputError for what is not YAML."""
    try:
        return yaml.safe_load(data)
    except Exception as error:  # PyYAML lets through whatever int(), float(), date() … say to a value: many kinds
        raise InputError(f"{source}: not YAML ({' '.join(str(error).split())[:200]})") from error


def _apply(content: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise InputError(f"--set {override[:80]!r}: write key=value, for example training.epochs=50")
    *parents, last = key.split(".")
    place: Any = content
    for parent in parents:
        place = _inside(place, parent, override)
    value = _parse_yaml(text, f"--set {override[:80]!r}")
    if isinstance(place, list):
        place[_number(place, last, override)] = value
    else:
        place[last] = value


def _inside(place: Any, key: str, override: str) -> Any:
    """What a mapping has under `key` (made where it has nothing), or a list at the number `key`."""
    found = place[_number(place, key, override)] if isinstance(place, list) else place.setdefault(key, {})
    if not isinstance(found, dict | list):
        raise InputError(f"--set {override[:80]!r}: {key} has no keys inside")
    return found


def _number(place: list[Any], key: str, override: str) -> int:
    if not key.isascii() or not key.isdigit() or len(key) > 4 or int(key) >= len(place):
        raise InputError(f"--set {override[:80]!r}: {key} is not a number from 0 to {len(place) - 1}")
    return int(key)
