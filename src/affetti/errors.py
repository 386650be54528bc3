"""The one exception that means "your input is wrong", as against "affetti is wrong"."""

from collections.abc import Mapping, Sequence
from typing import Any


class InputError(ValueError):
    """Bad input from outside: a file, an option, a recipe.

    The message is one line that says what is wrong and, where it can, what would be right.
    The command line prints it to stderr and exits with code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))

    @classmethod
    def of_validation(cls, source: object, problems: Sequence[Mapping[str, Any]], *, whole: str) -> "InputError":
        """The first of the problems that pydantic lists (`error.errors()`): "SOURCE: place.in.it: what is wrong".

        whole: what to call the place of a problem that lies in no single value.
        """
        where = ".".join(str(part) for part in problems[0]["loc"]) or whole
        return cls(f"{source}: {where}: {problems[0]['msg'].removeprefix('Value error, ')}")
