"""How well and how fast beats are tracked: `python benchmarks/track_beats.py POP909_DIR [--songs A-B] [--json FILE]`.

Every tracker gets the onsets, pitches, velocities and ends of a song's notes in seconds, all tracks together, and no
tempo, metre or tick of the file. Its beats are compared with beat_midi.txt by mir_eval (needed), the first 5 seconds
left out of both as mir_eval.beat.evaluate does:

- F: beats within 70 ms; CMLt, AMLt: the share of beats in continuous stretches, at the annotated metrical level, or at
  it, its double, its half or the off-beat;
- downbeat F: the same F for the beats that begin bars. The annotation marks two lengths of bar, in its second column 2
  or 3 beats and in its third twice as many; bars of 4 (4/4) and of 3 (3/4) are compared;
- songs a second: of processor time (all use one core), from arrays to beats; reading MIDI files is not in it.

Compared with librosa's `beat_track`, on the onset curve described at `librosa_beats`, and partitura's
`estimate_time`, which has no downbeats but a time signature. Both are skipped with a line where not installed. Every
figure is a mean over songs. affetti was tuned on 001-699.
"""

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.beats import track_beats
from affetti.analysis.note_arrays import NoteArrays, note_arrays
from affetti.midi import read_midi

Reals = NDArray[np.float64]
Tracker = Callable[[NoteArrays], tuple[Reals, Reals | None]]

RATE = 22_050
HOP = 256  # 86 frames a second


def affetti_beats(notes: NoteArrays) -> tuple[Reals, Reals | None]:
    """Beats and downbeats of `track_beats`."""
    beats = track_beats(notes.start_seconds, notes.pitches, notes.velocities, notes.end_seconds)
    return beats.seconds, beats.seconds[beats.beat_in_bar == 0]


def librosa_beats(notes: NoteArrays) -> tuple[Reals, Reals | None]:
    """Beats of librosa's tracker on how many notes start around each frame.

    Of seven curves tried on songs 300-311 the one with which it does best: it beats velocities, roots and 43 frames a
    second.
    """
    import librosa  # type: ignore[import-not-found,unused-ignore]

    frames = np.rint(notes.start_seconds * RATE / HOP).astype(np.int64)
    counts = np.bincount(frames, minlength=int(notes.end_seconds.max() * RATE / HOP) + 1)
    curve = np.convolve(counts, np.hanning(7), "same")
    _, beats = librosa.beat.beat_track(onset_envelope=curve, sr=RATE, hop_length=HOP, units="time", trim=False)
    return np.asarray(beats, np.float64), None


def partitura_beats(notes: NoteArrays) -> tuple[Reals, Reals | None]:
    """Beats of partitura's estimate."""
    from partitura.musicanalysis import estimate_time  # type: ignore[import-not-found,unused-ignore]

    columns = [("onset_sec", "f4"), ("duration_sec", "f4"), ("pitch", "i4"), ("velocity", "i4")]
    array = np.zeros(len(notes), columns)
    array["onset_sec"], array["pitch"], array["velocity"] = notes.start_seconds, notes.pitches, notes.velocities
    array["duration_sec"] = np.maximum(notes.end_seconds - notes.start_seconds, 0.01)
    return np.unique(np.asarray(estimate_time(array)["beats"], np.float64)), None


def installed(library: str) -> bool:
    """Whether a library can be used; a line says so where not.

    Importing partitura 1.9 may look for a soundfont on the network; without one it goes on.
    """
    if importlib.util.find_spec(library) is None:
        print(f"{library} is not installed: skipped", file=sys.stderr)
        return False
    return True


def annotated(path: Path) -> tuple[Reals, Reals]:
    """Beats and downbeats of a beat_midi.txt: lines of seconds and two flags."""
    seconds, short, long = np.loadtxt(path).T
    threes = np.median(np.diff(np.flatnonzero(short))) == 3
    return seconds, seconds[(short if threes else long) > 0]


def scores(tracker: Tracker, songs: dict[str, tuple[NoteArrays, Reals, Reals]]) -> dict[str, float | None]:
    """The measures of a tracker, means over songs."""
    from mir_eval import beat as measures  # type: ignore[import-untyped,unused-ignore]

    rows = []
    busy = 0.0
    for notes, beats, downbeats in songs.values():
        start = time.process_time()
        found, found_downbeats = tracker(notes)
        busy += time.process_time() - start
        wanted, given = measures.trim_beats(beats), measures.trim_beats(found)
        _, cmlt, _, amlt = measures.continuity(wanted, given)
        wanted_downbeats = measures.trim_beats(downbeats)
        bar = np.nan
        if found_downbeats is not None:
            bar = measures.f_measure(wanted_downbeats, measures.trim_beats(found_downbeats))
        rows.append((measures.f_measure(wanted, given), cmlt, amlt, bar))
    f, cmlt, amlt, bar = (float(value) for value in np.mean(rows, axis=0))
    return {
        "f_measure": round(f, 4),
        "cmlt": round(cmlt, 4),
        "amlt": round(amlt, 4),
        "downbeat_f_measure": None if np.isnan(bar) else round(bar, 4),
        "songs_per_second": round(len(songs) / busy, 2),
    }


def read_songs(folder: Path, first: int, last: int) -> dict[str, tuple[NoteArrays, Reals, Reals]]:
    """The notes and annotations of the songs that are there."""
    songs = {}
    for number in range(first, last + 1):
        name = f"{number:03d}"
        annotation = folder / name / "beat_midi.txt"
        if annotation.exists():
            songs[name] = (note_arrays(read_midi(folder / name / f"{name}.mid")), *annotated(annotation))
    return songs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="POP909, the folder that holds 001, 002 …")
    parser.add_argument("--songs", default="700-799", metavar="FIRST-LAST")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    first, _, last = options.songs.partition("-")
    songs = read_songs(options.folder, int(first), int(last or first))
    if not songs:
        sys.exit(f"no annotated songs {options.songs} in {options.folder}")
    trackers: dict[str, Tracker] = {"affetti": affetti_beats}
    trackers |= {"librosa": librosa_beats} if installed("librosa") else {}
    trackers |= {"partitura": partitura_beats} if installed("partitura") else {}
    figures: dict[str, Any] = {"songs": f"{min(songs)}-{max(songs)}", "count": len(songs)}
    print(f"{len(songs)} songs, {figures['songs']}")
    print(f"{'':10}{'F':>8}{'CMLt':>8}{'AMLt':>8}{'downbeat F':>12}{'songs/s':>9}")
    for name, tracker in trackers.items():
        tracker(next(iter(songs.values()))[0])  # the first call loads and compiles
        figures[name] = row = scores(tracker, songs)
        cells = [row["f_measure"], row["cmlt"], row["amlt"], row["downbeat_f_measure"]]
        text = "".join(
            f"{'–' if cell is None else format(cell, '.3f'):>{width}}"
            for cell, width in zip(cells, (8, 8, 8, 12), strict=True)
        )
        print(f"{name:10}{text}{row['songs_per_second']:>9.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
