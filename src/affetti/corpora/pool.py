"""A pure function applied to many files by several processes, of which no file can stop the others.

A file that takes too long, needs too much memory or kills its process costs nothing but itself. What comes out depends
on the files alone: not on how many processes there are, nor on which of them is quick.
"""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from affetti.errors import InputError

T = TypeVar("T")
R = TypeVar("R")

PATIENCE = 4
"""Times its processor time that a task may take by the clock: a process that waits, or is deep in a library that
does not let the signal through, is killed then. A busy machine rarely makes a task wait that long."""

ATTEMPTS = 2
"""A process may also be killed from outside, as Linux does when memory is short: only twice is no accident."""

_RUN_AHEAD = 1_000  # results held back while an earlier file takes its time
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True, slots=True)
class Failure:
    """What a task gave instead of a result: why, in one line."""

    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one task may use."""

    seconds: float = 5.0
    """Of the processor."""
    memory_bytes: int = 2**30
    """Of the whole process, where the system can limit it (Linux)."""


class _OutOfTimeError(BaseException):
    """Raised by the alarm. No Exception, so that no library takes it for one of its own."""


def map_isolated(
    function: Callable[[T], R], tasks: Iterable[T], *, workers: int, limits: Limits = Limits()
) -> Generator[R | Failure, None, None]:
    """What `function` gives for each task, in their order, computed by `workers` processes.

    `function` is importable (defined at the top of a module), and it, tasks and results can be pickled. An InputError
    is a Failure with its message, and so is whatever else `function` raises or does to its process. Raises InputError
    when processes cannot be started.
    """
    crew = _Crew(function, limits)
    waiting = enumerate(tasks)
    done: dict[int, R | Failure] = {}
    turn = 0  # the next result to hand out
    try:
        for _ in range(workers):
            crew.hire()
        while True:
            for member in crew.idle():
                if len(done) < _RUN_AHEAD and (task := next(waiting, None)) is not None:
                    member.give(*task)
            if not crew.busy():
                break
            done.update(crew.wait())
            while turn in done:
                yield done.pop(turn)
                turn += 1
    finally:
        crew.dismiss()


@dataclass(slots=True)
class _Member(Generic[T]):
    """A process, and what it is doing."""

    process: BaseProcess
    connection: Connection
    limits: Limits
    has_started: bool = False
    index: int = -1  # the number of its task; -1: none
    task: T | None = None
    attempts: int = 0
    deadline: float = 0.0

    def give(self, index: int, task: T, attempts: int = 0) -> None:
        """Let it work on a task."""
        self.index, self.task, self.attempts = index, task, attempts + 1
        self.deadline = time.monotonic() + PATIENCE * self.limits.seconds
        with contextlib.suppress(OSError):  # it died while idle: waiting for it will tell
            self.connection.send(task)

    def end(self) -> None:
        """Stop the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self.connection.close()


class _Crew(Generic[T, R]):
    """The processes at work."""

    def __init__(self, function: Callable[[T], R], limits: Limits) -> None:
        self.function = function
        self.limits = limits
        self.members: list[_Member[T]] = []
        # spawn: a fork of a process with threads (the progress bar has one) may hang
        self.context = multiprocessing.get_context("spawn")

    def hire(self) -> _Member[T]:
        """Start one more process."""
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_serve, args=(theirs, self.function, self.limits), daemon=True)
        with _environment(dict.fromkeys(_ONE_THREAD, "1")):
            process.start()
        theirs.close()
        self.members.append(_Member(process, ours, self.limits))
        return self.members[-1]

    def idle(self) -> list[_Member[T]]:
        """Those that wait for a task."""
        return [member for member in self.members if member.index < 0]

    def busy(self) -> list[_Member[T]]:
        """Those that work on one."""
        return [member for member in self.members if member.index >= 0]

    def wait(self) -> dict[int, R | Failure]:
        """Wait until something happens; the results that came of it, by the number of the task."""
        first = min(member.deadline for member in self.busy())
        ready = wait([member.connection for member in self.busy()], max(first - time.monotonic(), 0.0))
        results: dict[int, R | Failure] = {}
        for member in self.busy():
            if member.connection in ready:
                try:
                    message = member.connection.recv()
                except (EOFError, OSError):
                    results.update(self.replace(member))
                    continue
                if not member.has_started:  # its first message says only that it lives
                    member.has_started = True
                    member.deadline = time.monotonic() + PATIENCE * self.limits.seconds
                    continue
                results[member.index] = message
                member.index, member.task = -1, None
            elif member.deadline <= time.monotonic():
                if not member.has_started:  # a machine so busy that processes start slowly
                    member.deadline += PATIENCE * self.limits.seconds
                    continue
                results[member.index] = _too_slow(self.limits)
                member.index = -1
                self.replace(member)
        return results

    def replace(self, member: _Member[T]) -> dict[int, R | Failure]:
        """Another process in the place of a dead one; it gets the task again, unless that has killed enough."""
        if not member.has_started:
            raise InputError("processes that prepare files die as they start (out of memory?); try --workers 1")
        member.end()
        self.members.remove(member)
        heir = self.hire()
        if member.index < 0:
            return {}
        if member.attempts >= ATTEMPTS:
            return {member.index: Failure(f"the process that worked on it died ({_cause(member.process)})")}
        assert member.task is not None
        heir.give(member.index, member.task, member.attempts)
        return {}

    def dismiss(self) -> None:
        """Stop all processes."""
        for member in self.members:
            member.end()


def _cause(process: BaseProcess) -> str:
    """Why a process ended: "signal 11", "exit code 3"."""
    code = process.exitcode or 0
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _too_slow(limits: Limits) -> Failure:
    return Failure(f"takes over {limits.seconds:g} s")


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for the processes that are started inside."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, function: Callable[[Any], Any], limits: Limits) -> None:
    """The life of a process: tasks in, results out, until nobody is at the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    _limit_memory(limits.memory_bytes)
    if hasattr(signal, "SIGPROF"):
        signal.signal(signal.SIGPROF, _alarm)
    with contextlib.suppress(EOFError, OSError):
        connection.send(None)
        while True:
            connection.send(_attempt(function, connection.recv(), limits))


def _attempt(function: Callable[[Any], Any], task: Any, limits: Limits) -> Any:
    """The result of a task, or the Failure."""
    try:
        _set_alarm(limits.seconds)
        try:
            return function(task)
        finally:
            _set_alarm(0)
    except InputError as error:
        return Failure(str(error))
    except _OutOfTimeError:
        return _too_slow(limits)
    except MemoryError:
        return Failure(f"needs over {limits.memory_bytes // 2**20:,} MiB of memory")
    except Exception as error:  # a mistake of ours; the other files must go on
        return Failure(" ".join(f"affetti fails: {type(error).__name__}: {error}".split())[:300])


def _alarm(*_: Any) -> None:
    raise _OutOfTimeError


def _set_alarm(seconds: float) -> None:
    """Let the alarm ring after `seconds` of processor time; 0: not at all. No such alarm on Windows."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory(size: int) -> None:
    """Refuse this process more memory than `size`, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (size, most))
