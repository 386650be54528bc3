"""The README opens with the two commands that CI runs; what they need is in the project's files."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _command(number: int) -> str:
    script = ROOT / ".ci" / "readme_commands.py"
    return subprocess.run([sys.executable, script, str(number)], capture_output=True, text=True, check=True).stdout


def test_command_1_composes_with_the_light_installation() -> None:
    command = _command(1)
    assert "affetti compose --emotion happy --seed 1 --out happy.mid" in command
    assert "[" not in command  # no extras: torch is not needed


def test_command_2_runs_the_tests() -> None:
    assert _command(2).rstrip().endswith("pytest")


@pytest.mark.parametrize("number", [1, 2])
def test_a_command_is_one_chain_in_a_new_environment(number: int) -> None:
    lines = _command(number).strip().splitlines()
    assert lines[0].startswith("python3 -m venv ")
    assert all(line.endswith("&&") for line in lines[:-1])
    assert any("-c constraints.txt" in line for line in lines)


def test_constraints_pin_all_that_pyproject_asks_for() -> None:
    pinned = {
        re.split(r"==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {re.split(r"[<>=\[; ]", requirement)[0].lower().replace("_", "-") for requirement in asked}
    assert len(names) > 15
    assert names <= pinned
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
