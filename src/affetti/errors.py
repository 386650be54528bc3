"""The one exception that means "your input is wrong", as against "affetti is wrong"."""


class InputError(ValueError):
    """Bad input from outside: a file, an option, a recipe.

    The message is one line that says what is wrong and, where it can, what would be right.
    The command line prints it to stderr and exits with code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
