"""Thousands of damaged MIDI files through `affetti corpus prepare folder`, by hand:

python -m tests.corpora.fuzz_folder --count 20000 --workers 2

Reports how many files became pieces, why the others did not, how long it took, and the most memory that the first
process and its workers used. Fails where a file crashed or stalled a process, or is neither prepared nor rejected.
`test_fuzz_folder.py` does the same to a few hundred files without processes.
"""

import argparse
import csv
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from affetti.errors import InputError
from affetti.midi import midi_bytes
from affetti.piece import Note, Piece, Tempo, TimeSignature, Track
from tests import smf
from tests.conftest import SHARED_DATA
from tests.corpora.standins import waltz

SPECIAL_BYTES = (0x00, 0x7F, 0x80, 0x90, 0xC0, 0xF0, 0xF7, 0xFF, 0x2F, 0x51, 0x58, 0x59, 0x06)
CORPORA = ("emopia/EMOPIA_1.0/midis/*.mid", "pop909/POP909/*/*.mid", "vgmidi/labelled/midi/*.mid")
UNWANTED = re.compile(r"affetti fails|died|takes over|needs over")
"""Reasons that are a mistake of ours, or a file that took too much: each must be looked at."""


def bases(limit: int = 60) -> list[bytes]:
    """Sound files to damage: some of each corpus where they are here, and small ones of our own."""
    own = [waltz(2), waltz(20), smf.header() + smf.chunk(smf.note(60, 480) * 12 + smf.END)]
    for pattern in CORPORA:
        paths = sorted(SHARED_DATA.glob(pattern))
        own += [path.read_bytes() for path in paths[:: max(1, len(paths) * len(CORPORA) // limit)]]
    return own


def mutated(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A file with some of its bytes, events, times or chunks changed."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        rng.choice(MUTATIONS)(changed, others, rng)
    return bytes(changed)


def _place(data: bytearray, rng: random.Random) -> int:
    return rng.randrange(len(data)) if data else 0


def _set(data: bytearray, _: list[bytes], rng: random.Random) -> None:
    place = _place(data, rng)
    data[place : place + 1] = bytes([rng.choice(SPECIAL_BYTES) if rng.random() < 0.2 else rng.randrange(128)])


def _insert(data: bytearray, _: list[bytes], rng: random.Random) -> None:
    place = _place(data, rng)
    data[place:place] = rng.randbytes(rng.randint(1, 8))


def _delete(data: bytearray, _: list[bytes], rng: random.Random) -> None:
    place = _place(data, rng)
    del data[place : place + rng.choice((1, 2, 8, 100))]


def _cut(data: bytearray, _: list[bytes], rng: random.Random) -> None:
    if rng.random() < 0.3:
        del data[_place(data, rng) :]


def _repeat(data: bytearray, _: list[bytes], rng: random.Random) -> None:
    place = _place(data, rng)
    piece = data[place : place + rng.choice((4, 32, 1000))]
    data[place:place] = piece * rng.choice((1, 10, 100))


def _splice(data: bytearray, others: list[bytes], rng: random.Random) -> None:
    other = rng.choice(others)
    place = _place(data, rng)
    data[place:] = other[min(place, len(other)) :]


def _grid(data: bytearray, _: list[bytes], rng: random.Random) -> None:
    data[12:14] = rng.choice((0, 1, 2, 24, 479, 480, 960, 0x7FFF, 0x8000, 0xE728, 0xFFFF)).to_bytes(2, "big")


def _tempo(data: bytearray, _: list[bytes], rng: random.Random) -> None:
    place = data.find(b"\xff\x51\x03")
    if place >= 0:
        data[place + 3 : place + 6] = rng.choice((b"\0\0\1", b"\xff\xff\xff", b"\0\0\0", rng.randbytes(3)))


def _metre(data: bytearray, _: list[bytes], rng: random.Random) -> None:
    place = data.find(b"\xff\x58\x04")
    if place >= 0:
        data[place + 3 : place + 5] = bytes([rng.choice((0, 1, 3, 5, 7, 19, 255)), rng.choice((0, 1, 2, 3, 5, 7, 9))])


def _delay(data: bytearray, _: list[bytes], rng: random.Random) -> None:
    """A very long wait in the place of a delta time, near enough to one that it often is one."""
    place = max(22, _place(data, rng))
    data[place : place + 1] = rng.choice((b"\xff\xff\xff\x7f", b"\x81\x80\x80\x00", b"\x83\xff\x7f", b"\x00"))


def _length(data: bytearray, _: list[bytes], rng: random.Random) -> None:
    """Make the track's declared length fit again, so that what was changed inside is read."""
    place = data.rfind(b"MTrk")
    if place >= 0:
        data[place + 4 : place + 8] = max(0, len(data) - place - 8).to_bytes(4, "big")


MUTATIONS: tuple[Callable[[bytearray, list[bytes], random.Random], None], ...] = (
    _set, _set, _insert, _delete, _cut, _repeat, _splice, _grid, _tempo, _metre, _delay, _length, _length,
)  # fmt: skip


def odd_piece(rng: random.Random) -> bytes:
    """A sound file of music that nobody would write: clusters, gaps of minutes, any tempo, any metre."""
    ticks = rng.choice((1, 24, 96, 220, 480, 960, 0x7FFF))
    count = rng.choice((1, 2, 6, 40, 300, 300, 4000))
    gaps = rng.choice((0, 1, ticks // 4, ticks, ticks * 7, ticks * 100))
    at, notes = 0, []
    for _ in range(count):
        at += rng.choice((0, gaps, rng.randint(0, gaps)))
        notes.append(Note(at, rng.randrange(128), rng.choice((1, gaps + 1, ticks, ticks * 50)), rng.randint(1, 127)))
    places = [rng.randint(0, max(at, 1)) for _ in range(rng.choice((0, 1, 30)))]
    return midi_bytes(
        Piece(
            ticks,
            (Track(tuple(notes)), Track(tuple(notes[::7]), is_drum=True)),
            tempos=tuple(Tempo(place, rng.choice((3.6, 30.0, 120.0, 999.0, 1e6))) for place in sorted(places)),
            time_signatures=tuple(
                TimeSignature(place, rng.choice((1, 2, 3, 4, 5, 7, 12, 19, 255)), rng.choice((1, 2, 4, 8, 16, 128)))
                for place in sorted(places[::3])
            ),
        )
    )


def _odd_piece_if_any(rng: random.Random) -> bytes | None:
    """None for music that a MIDI file cannot hold."""
    try:
        return odd_piece(rng)
    except InputError:
        return None


def damaged_files(count: int, seed: int) -> Iterator[bytes]:
    """So many damaged or odd files; the same for the same seed and bases."""
    rng = random.Random(seed)
    sound = bases()
    for _ in range(count):
        odd = _odd_piece_if_any(rng) if rng.random() < 0.25 else None
        yield odd if odd is not None else mutated(rng.choice(sound), sound, rng)


def _resident_bytes(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _children(process: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _watch(process: "subprocess.Popen[str]", peaks: dict[str, int]) -> None:
    """Note the most memory that the first process and any other used (Linux)."""
    while process.poll() is None:
        peaks["first process"] = max(peaks["first process"], _resident_bytes(process.pid))
        peaks["a worker"] = max([peaks["a worker"], *map(_resident_bytes, _children(process.pid))])
        time.sleep(0.05)


def main() -> int:
    """Run it; 0 where every file was prepared or refused for a reason of its own."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--workers", type=int, default=2)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="affetti_fuzz_") as temporary:
        folder, home = Path(temporary, "fuzz"), Path(temporary, "home")
        folder.mkdir()
        for number, data in enumerate(damaged_files(chosen.count, chosen.seed)):
            (folder / f"{number:06}.mid").write_bytes(data)
        peaks = {"first process": 0, "a worker": 0}
        started = time.monotonic()
        with subprocess.Popen(
            [
                *(sys.executable, "-m", "affetti", "corpus", "prepare", "folder", "--from", str(folder)),
                *("--name", "fuzz", "--workers", str(chosen.workers), "--json"),
            ],
            env=os.environ | {"AFFETTI_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            watcher = threading.Thread(target=_watch, args=(process, peaks))
            watcher.start()
            out, _ = process.communicate()
            watcher.join()
        seconds = time.monotonic() - started
        with (home / "prepared" / "fuzz_rejected.csv").open(newline="", encoding="utf-8") as table:
            rejects = list(csv.DictReader(table))
    prepared = json.loads(out)["prepared"]["fuzz"]["pieces"]
    reasons = Counter(re.sub(r"[\d,.]+", "N", reject["reason"])[:60] for reject in rejects)
    print(f"{prepared:,} prepared, {len(rejects):,} rejected, in {seconds:.0f} s; exit code {process.returncode}")
    print(", ".join(f"{who}: {peak / 2**20:.0f} MiB at most" for who, peak in peaks.items()))
    for reason, number in reasons.most_common(40):
        print(f"{number:7,}  {reason}")
    unwanted = [reject for reject in rejects if UNWANTED.search(reject["reason"])]
    for reject in unwanted[:20]:
        print("LOOK AT", reject["file"], reject["reason"])
    return int(bool(unwanted) or process.returncode != 0 or prepared + len(rejects) != chosen.count)


if __name__ == "__main__":
    sys.exit(main())
