"""Recipes: a YAML file that says what to train on what, with `--set key=value` on top."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from affetti.errors import InputError
from affetti.files import read_bounded

MAX_RECIPE_BYTES = 64 * 1024
M = TypeVar("M", bound=BaseModel)


class Recipe(BaseModel):
    """One training run. `model`, `training` and `composing` hold what differs from the preset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: Literal["emoreg"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")
    """Name of the weights the run produces."""
    preset: str
    corpus: str
    """Prepared corpus with the labelled examples."""
    seed: int = Field(0, ge=0, lt=2**31)
    folds: int = Field(0, ge=0, le=20)
    """Cross-validation folds trained before the final model, split by tune; 0 for none."""
    fold_seed: int = Field(0, ge=0, lt=2**31)
    model: dict[str, Any] = {}
    training: dict[str, Any] = {}
    composing: dict[str, Any] = {}

    @field_validator("folds")
    @classmethod
    def _leaves_some_to_train_on(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one fold leaves no melody to train on; use 0 for none, or at least 2")
        return folds


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a YAML file with `key=value` overrides (dotted keys, YAML values) applied.

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
    return validated(Recipe, content, source)


def validated(model: type[M], content: Any, source: str) -> M:
    """`content` as a pydantic model; the first problem becomes one InputError line."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError.of_validation(source, error.errors(), whole="value") from error


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
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise InputError(f"--set {override[:80]!r}: {parent} has no keys inside")
    content[last] = _parse_yaml(text, f"--set {override[:80]!r}")
