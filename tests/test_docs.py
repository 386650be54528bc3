"""The documents say what is: the help page, every command line shown, and the Python of the README."""

import doctest
import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_group

from affetti.cli import app

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("src/affetti/weights/*/README.md"))]


def _load(path: Path) -> ModuleType:
    """A script that belongs to no package, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _command_lines(page: Path) -> list[list[str]]:
    """The words of every `affetti …` command in a page's fenced sh and console blocks, without "affetti"."""
    blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = []
    for line in lines:
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words[:1] == ["affetti"]:
            end = min((words.index(mark) for mark in ("&&", "|", ">") if mark in words), default=len(words))
            found.append(words[1:end])
    return found


def test_cli_page_is_the_help_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")  # the script sets it too; this puts it back afterwards
    page = ROOT / "docs" / "cli.md"
    assert page.read_text("utf-8") == _load(ROOT / "docs" / "make_cli.py").cli_page(), (
        "docs/cli.md is not the help of today: python docs/make_cli.py"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_shown_can_be_typed(page: Path) -> None:
    group = get_group(app)
    for words in _command_lines(page):
        context = group.make_context("affetti", list(words))
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        while hasattr(command, "resolve_command"):  # affetti corpus get …
            context = command.make_context(name, rest, parent=context)
            name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        command.make_context(name, rest, parent=context)  # parses and converts, and does not run


def test_the_readme_shows_commands() -> None:
    assert len(_command_lines(README)) >= 5


def test_the_python_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert attempted > 5
    assert failed == 0
