"""What the tests give the processes to do, at the top of a module because processes import it; and small pieces."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from affetti.corpora.pool import Limits, _attempt
from affetti.corpora.prepared_pieces import Columns
from affetti.corpora.preparing import Task, prepare_file
from affetti.errors import InputError
from affetti.midi import midi_bytes
from affetti.piece import Note, Piece, Tempo, TimeSignature, Track


def waltz(bars: int = 4, low: int = 48) -> bytes:
    """A MIDI file of `bars` bars in 3/4, on its own grid."""
    notes = [
        Note(bar * 1440 + beat * 480, low + 12 * (beat > 0) + bar, 480) for bar in range(bars) for beat in range(3)
    ]
    notes += [Note(bar * 1440 + beat * 480, 76 + beat, 480, 90) for bar in range(bars) for beat in range(3)]
    return midi_bytes(
        Piece(480, (Track(tuple(notes)),), tempos=(Tempo(0, 90.0),), time_signatures=(TimeSignature(0, 3, 4),))
    )


def write_tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def misbehave(what: str) -> str:
    """Do as the task says; most of it kills a process or never ends."""
    kind, _, detail = what.partition(" ")
    match kind:
        case "exit":
            os._exit(3)
        case "crash":
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGSEGV)
        case "loop":
            while True:
                pass
        case "sleep":
            time.sleep(60)
        case "memory":
            return str(np.ones(2**28).sum())
        case "refuse":
            raise InputError("no good")
        case "fail":
            raise KeyError(detail)
        case "once":  # killed from outside, the first time
            if not Path(detail).exists():
                Path(detail).touch()
                os.kill(os.getpid(), signal.SIGKILL)
    return what


def counted(task: Task) -> Columns:
    """As the real one, leaving a mark beside the file each time."""
    with task.path.with_suffix(".seen").open("a") as stream:
        stream.write("x")
    return prepare_file(task)


def deadly(task: Task) -> Columns:
    """As the real one, except for files that are called deadly."""
    if "deadly" in task.path.name:
        os._exit(9)
    return prepare_file(task)


def in_this_process(function, tasks, *, workers):  # type: ignore[no-untyped-def]
    """As map_isolated, without its processes: for tests of what surrounds it."""
    for task in tasks:
        yield _attempt(function, task, Limits())
