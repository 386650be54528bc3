"""Processes that files kill, stall or exhaust: each costs itself, and the order is kept."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest

from affetti.corpora import pool
from affetti.corpora.pool import Failure, Limits, map_isolated
from affetti.errors import InputError
from tests.corpora.standins import misbehave

LIMITS = Limits(seconds=0.5, memory_bytes=2**30)


def reasons(results: list[object]) -> list[str]:
    return [result.reason if isinstance(result, Failure) else str(result) for result in results]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_task_that_kills_stalls_or_exhausts_its_process_costs_only_itself(tmp_path: Path) -> None:
    tasks = ["a", "exit", "b", "crash", "loop", "sleep", "c", "memory", "refuse", "fail x", f"once {tmp_path / 'x'}"]
    results = reasons(list(map_isolated(misbehave, tasks, workers=2, limits=LIMITS)))
    assert results == [
        "a",
        "the process that worked on it died (exit code 3)",
        "b",
        f"the process that worked on it died (signal {signal.SIGSEGV.value})",
        "takes over 0.5 s",
        "takes over 0.5 s",
        "c",
        "needs over 1,024 MiB of memory",
        "no good",
        "affetti fails: KeyError: 'x'",
        f"once {tmp_path / 'x'}",
    ]
    assert multiprocessing.active_children() == []


def test_results_come_in_order_whatever_the_number_of_processes() -> None:
    tasks = [f"{number}" for number in range(30)]
    for workers in (1, 3):
        assert list(map_isolated(misbehave, tasks, workers=workers)) == tasks
    assert list(map_isolated(misbehave, [], workers=0)) == []


def test_a_caller_that_stops_leaves_no_process() -> None:
    results = map_isolated(misbehave, ["a", "loop", "b"], workers=2, limits=LIMITS)
    assert next(results) == "a"
    assert multiprocessing.active_children()
    results.close()
    assert multiprocessing.active_children() == []


def test_processes_have_one_thread_and_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert list(map_isolated(os.getenv, ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], workers=1)) == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_processes_that_cannot_start_are_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_serve", misbehave)  # wrong arguments: it dies at once
    with pytest.raises(InputError, match="die as they start"):
        list(map_isolated(misbehave, ["a"], workers=1))
    assert multiprocessing.active_children() == []
