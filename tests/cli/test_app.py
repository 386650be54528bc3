"""The command as a whole: its verbs, its version, its exit codes, and one line for whatever is wrong."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from affetti.cli import VERBS, run
from affetti.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "] == list(VERBS)


def test_without_a_verb_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"Usage: affetti {verb} ")
    assert captured.err == ""


def test_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"affetti {project['version']}\n"


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (InputError("a\nmessage of two lines"), 2, "affetti: a message of two lines\n"),
        (InputError("a file named \x1b[31m.mid"), 2, "affetti: a file named \\x1b[31m.mid\n"),
        (PermissionError(13, "Permission denied", "kept.mid"), 2, "affetti: kept.mid: Permission denied\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=["input", "control characters", "permission", "interrupt"],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(
    raised: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise raised

    monkeypatch.setattr("affetti.cli.read.read", fail)
    assert run(["read"]) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", line)


def test_a_mistake_of_ours_is_not_called_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr("affetti.cli.read.read", fail)
    with pytest.raises(ValueError, match="a mistake"):
        run(["read"])


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "affetti", "compose", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as errors:
        assert errors.read() == b""
    assert process.wait() in (0, 1)


def test_output_survives_a_terminal_without_unicode() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "affetti", "read", "no \N{EIGHTH NOTE}.mid"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == b"affetti: no \\u266a.mid: no such file\n"
