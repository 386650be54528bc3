"""Write docs/cli.md, the help of every command: `python docs/make_cli.py`. A test checks that it was run."""

import io
import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from typer.main import get_group

from affetti.cli import app, run

PAGE = Path(__file__).with_name("cli.md")
OPENING = """# The command `affetti`

This page is the help of every command, written by `python docs/make_cli.py`.

Bad input is one line on stderr and exit code 2; an interrupted command exits with 130. Files are written
whole or not at all, and nothing is overwritten without `--force`. Progress goes to stderr, and only to a terminal.
"""


def cli_page() -> str:
    """The whole page."""
    os.environ["COLUMNS"] = "100"  # not the width of the terminal that happens to be there
    sections = [OPENING]
    for command in _commands(get_group(app), ()):
        text = io.StringIO()
        with redirect_stdout(text):
            assert run([*command, "--help"]) == 0
        name = " ".join(("affetti", *command))
        sections.append(f"## `{name}`\n\n```text\n{text.getvalue().rstrip()}\n```\n")
    return "\n".join(sections)


def _commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A group's own path and those of all commands below it, in the order of the help."""
    yield path
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if hasattr(command, "list_commands"):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


if __name__ == "__main__":
    PAGE.write_text(cli_page(), encoding="utf-8")
