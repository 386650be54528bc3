"""Fixtures of the command line's tests: an empty folder to work in, and the command itself."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from affetti.cli import run

Affetti = Callable[[str], int]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test runs in an empty folder of its own, the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def affetti() -> Affetti:
    """The command: `affetti("compose --emotion sad")` runs it in this process and returns the exit code."""
    return lambda line: run(shlex.split(line))
