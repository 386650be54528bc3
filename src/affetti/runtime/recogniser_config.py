"""config.json of a recogniser's weights, and the rule that says which songs it learned from."""

import hashlib
from typing import Literal, Self

from pydantic import Field, model_validator

from affetti.analysis.features import EARS
from affetti.runtime.stored import Signature, Stored

SELECTION_PERCENT = 40
"""Of the songs, those that the recogniser for selection learns from; the one for evaluation learns from the others."""


class Songs(Stored):
    """The songs of a corpus that are learned from, by a rule on a song's own name: what it says of one song does not
    depend on which others there are.
    """

    part: Literal["all", "selection", "evaluation"]
    folds: int = Field(0, ge=0, le=20)
    """Of weights of a fold, how many folds the cross-validation has; 0: nothing is held out."""
    fold: int = Field(0, ge=0)
    """The fold that is held out."""
    fold_seed: int = Field(0, ge=0)
    """Another one divides the songs otherwise."""

    @model_validator(mode="after")
    def _is_a_fold(self) -> Self:
        if self.folds == 1 or self.fold >= max(self.folds, 1):
            raise ValueError(f"there is no fold {self.fold} of {self.folds}")
        return self

    def has_in_part(self, corpus: str, song: str) -> bool:
        """Whether a song is in the part, also one of the fold that is held out."""
        is_for_selection = _number(f"{corpus}:recogniser:{song}") % 100 < SELECTION_PERCENT
        return self.part == "all" or (self.part == "selection") == is_for_selection

    def has_learned(self, corpus: str, song: str) -> bool:
        """Whether a song is one that is learned from."""
        if not self.has_in_part(corpus, song):
            return False
        return not self.folds or self.fold_of(corpus, song, self.folds) != self.fold

    def fold_of(self, corpus: str, song: str, folds: int) -> int:
        """Which of so many folds a song is in, from 0."""
        return _number(f"{corpus}:fold {self.fold_seed}:{song}") % folds


def _number(text: str) -> int:
    """A whole number that a text always has and that says nothing about it."""
    return int(hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest(), 16)


class RecogniserConfig(Stored):
    """config.json of a recogniser's weights."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")
    system: Literal["recogniser"]
    preset: str = Field(max_length=200)
    licence: str = Field(max_length=200)
    trained_on: str = Field(max_length=200)
    songs: Songs
    features: tuple[str, ...] = Field(min_length=1, max_length=1000)
    """[F] the names of those that it hears (analysis.features), in the order of the graphs' input."""
    typical: tuple[float, ...]
    """[F] their medians over the pieces that it learned from."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if len(self.typical) != len(self.features) or len(set(self.features)) != len(self.features):
            raise ValueError("every feature has one name and one typical value")
        return self

    @property
    def graphs(self) -> tuple[str, ...]:
        """The names of the graphs that these weights have: one for each way to listen."""
        return EARS

    def signature(self, graph: str) -> Signature:
        """Names and shapes, without the batch, of a graph's inputs and outputs."""
        return Signature({"features": [len(self.features)]}, {"probabilities": [4]})
