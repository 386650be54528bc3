"""What config.json of any system's weights is made of."""

from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class Stored(BaseModel):
    """A part of config.json: nothing that it does not know, and no number that is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SamplingDefaults(Stored):
    """How these weights are sampled unless the caller says otherwise."""

    temperature: float = Field(1.0, ge=0.05, le=5)
    nucleus: float = Field(1.0, ge=0.01, le=1)
    greedy: bool = False


class Signature(NamedTuple):
    """Names and shapes, without the batch, of a graph's inputs and outputs."""

    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]
