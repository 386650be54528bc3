"""How well chords and keys are recognised: `python benchmarks/recognise_chords.py POP909_DIR [--json FILE]`.

POP909_DIR holds a folder for each song, with its MIDI, beat_midi.txt, chord_midi.txt and key_audio.txt. Needs mir_eval;
the library chorder is compared where it is installed. All notes of a song are heard, the melody's too.

- chords: root, majmin and sevenths of mir_eval.chord (time-weighted, per cent, mean of the songs); how much time has no
  chord, and how much of that (precision) and of the annotated (recall) is right; mean beats between changes; songs a
  second, of the recognition alone. On the annotated beats with and without downbeats, and on the beats that affetti
  tracks. chorder hears a MIDI whose quarters are the annotated beats and whose pairs of quarters, in which it hears
  chords, begin with a downbeat: the best that it can be given.
- keys: per cent of songs with tonic and mode right, and mir_eval.key's weighted score, against the key that lasts
  longest; beside it Krumhansl and Schmuckler's estimate.

affetti's weights were learned on songs 001-699.
"""

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affetti.analysis.beats import track_beats
from affetti.analysis.chords import chord_number, chord_of, estimate_chords
from affetti.analysis.key import Key, estimate_key, parse_key
from affetti.analysis.metrical_grid import between_beats
from affetti.analysis.note_arrays import NoteArrays, note_arrays
from affetti.midi import read_midi
from affetti.piece import Chord, Piece

Reals = NDArray[np.float64]
Labels = tuple[Reals, list[str]]
"""[I, 2] intervals in seconds, and the chord of each."""

# Krumhansl & Kessler, Psychological Review 89 (1982): what the key estimate is compared with.
KRUMHANSL_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
KRUMHANSL_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

CHORDER_QUALITIES = {
    "M": "maj",
    "m": "min",
    "o": "dim",
    "+": "aug",
    "sus2": "sus2",
    "sus4": "sus4",
    "7": "7",
    "M7": "maj7",
    "m7": "min7",
    "/o7": "hdim7",
    "o7": "dim7",
}
CHORDER_TICKS = 480


@dataclass(frozen=True)
class Song:
    """A song of POP909 with its annotations; times in seconds."""

    piece: Piece
    notes: NoteArrays
    beats: Reals
    downbeats: NDArray[np.bool_]
    chords: Labels
    key: Key


@dataclass(frozen=True)
class Recognised:
    """Chord numbers of the beats that begin at these seconds, and how long the recognition took."""

    beats: Reals
    numbers: NDArray[np.int64]
    seconds: float


def read_song(folder: Path) -> Song:
    """One folder of POP909."""
    piece = read_midi(folder / f"{folder.name}.mid")
    beats = np.loadtxt(folder / "beat_midi.txt")
    chords = [line.split() for line in (folder / "chord_midi.txt").read_text().splitlines() if line.strip()]
    intervals = np.asarray([(float(start), float(end)) for start, end, _ in chords])
    lasting: dict[str, float] = {}
    for line in (folder / "key_audio.txt").read_text().splitlines():
        start, end, name = line.split()
        lasting[name] = lasting.get(name, 0.0) + float(end) - float(start)
    key = parse_key(max(lasting, key=lambda name: lasting[name]).replace(":", " "))
    labels = [chord for _, _, chord in chords]
    return Song(piece, note_arrays(piece), beats[:, 0], beats[:, 2] == 1, (intervals, labels), key)


def in_beats(seconds: Reals, beats: Reals) -> Reals:
    """Seconds as beats with fractions; outside, the first and the last beat go on."""
    return between_beats(seconds, beats, np.arange(len(beats)))


def by_affetti(song: Song, beats: Reals, downbeats: NDArray[np.bool_] | None) -> Recognised:
    """affetti's chords on given beats."""
    notes = song.notes
    starts, ends = in_beats(notes.start_seconds, beats), in_beats(notes.end_seconds, beats)
    start = time.perf_counter()
    numbers = estimate_chords(starts, ends, notes.pitches, notes.velocities, len(beats), downbeats)
    return Recognised(beats, numbers, time.perf_counter() - start)


def by_affetti_alone(song: Song) -> Recognised:
    """affetti's chords on the beats that it tracks itself."""
    notes = song.notes
    tracked = track_beats(notes.start_seconds, notes.pitches, notes.velocities, notes.end_seconds)
    return by_affetti(song, tracked.seconds, tracked.beat_in_bar == 0)


def by_chorder(song: Song) -> Recognised:
    """chorder's chords on the annotated beats; a beat of silence goes before a song whose downbeats are odd."""
    containers = importlib.import_module("miditoolkit.midi.containers")
    midi = importlib.import_module("miditoolkit").MidiFile(ticks_per_beat=CHORDER_TICKS)
    notes = song.notes
    lead = int(np.flatnonzero(song.downbeats)[0]) % 2
    starts, ends = (
        np.rint(np.maximum(in_beats(seconds, song.beats) + lead, 0) * CHORDER_TICKS).astype(int)
        for seconds in (notes.start_seconds, notes.end_seconds)
    )
    columns = zip(notes.velocities.tolist(), notes.pitches.tolist(), starts.tolist(), ends.tolist(), strict=True)
    instrument = containers.Instrument(0)
    instrument.notes = [containers.Note(v, p, start, max(end, start + 1)) for v, p, start, end in columns]
    midi.instruments = [instrument]
    midi.max_tick = int(ends.max()) + 1
    start = time.perf_counter()
    chords = importlib.import_module("chorder").Dechorder.dechord(midi)
    seconds = time.perf_counter() - start
    numbers = np.zeros(len(song.beats), np.int64)
    for beat, chord in enumerate(chords[lead : lead + len(numbers)]):
        if chord.root_pc is not None and chord.quality is not None:
            numbers[beat] = chord_number(chord.root_pc, CHORDER_QUALITIES[chord.quality])
    return Recognised(song.beats, numbers, seconds)


def as_labels(recognised: Recognised) -> Labels:
    """The chords as mir_eval takes them."""
    beats = recognised.beats
    ends = np.append(beats[1:], 2 * beats[-1] - beats[-2])
    chords = [chord_of(number) for number in recognised.numbers.tolist()]
    return np.stack([beats, ends], axis=1), ["N" if chord is None else Chord(0, *chord).name for chord in chords]


def time_without_chord(reference: Labels, estimate: Labels) -> tuple[float, float, float]:
    """Seconds of the annotated time that have no chord: in the annotation, in the estimate, in both."""
    util = importlib.import_module("mir_eval.util")
    start, end = reference[0].min(), reference[0].max()
    adjusted = util.adjust_intervals(*estimate, start, end, "N", "N")
    intervals, annotated, heard = util.merge_labeled_intervals(*reference, *adjusted)
    seconds = np.diff(intervals, axis=1)[:, 0]
    none, silent = np.asarray(annotated) == "N", np.asarray(heard) == "N"
    return float(seconds[none].sum()), float(seconds[silent].sum()), float(seconds[none & silent].sum())


def chord_figures(songs: list[Song], recognise: Callable[[Song], Recognised]) -> dict[str, float]:
    """Everything about the chords of all songs, recognised in one way."""
    evaluate = importlib.import_module("mir_eval.chord").evaluate
    scores, none, seconds, beats, changes = [], np.zeros(3), 0.0, 0, 0
    for song in songs:
        recognised = recognise(song)
        estimate = as_labels(recognised)
        scores.append(evaluate(*song.chords, *estimate))
        none += time_without_chord(song.chords, estimate)
        seconds += recognised.seconds
        beats += len(recognised.numbers)
        changes += 1 + int(np.count_nonzero(np.diff(recognised.numbers)))
    annotated = sum(float(song.chords[0].max() - song.chords[0].min()) for song in songs)
    return {
        **{name: round(100 * fmean(score[name] for score in scores), 1) for name in ("root", "majmin", "sevenths")},
        "none": round(100 * none[1] / annotated, 2),
        "none_precision": round(100 * none[2] / max(none[1], 1e-9), 1),
        "none_recall": round(100 * none[2] / max(none[0], 1e-9), 1),
        "beats_per_chord": round(beats / changes, 2),
        "songs_per_second": round(len(songs) / seconds, 1),
    }


def annotation_figures(songs: list[Song]) -> dict[str, float]:
    """Of the annotated chords: per cent of time without one, and mean beats between changes (of the bass as well)."""
    seconds = np.concatenate([np.diff(song.chords[0], axis=1)[:, 0] for song in songs])
    none = np.asarray([label == "N" for song in songs for label in song.chords[1]])
    changes = sum(len(list(groupby(song.chords[1]))) for song in songs)
    beats = sum(len(song.beats) for song in songs)
    return {
        "none": round(100 * float(seconds[none].sum() / seconds.sum()), 2),
        "beats_per_chord": round(beats / changes, 2),
    }


def krumhansl_schmuckler(piece: Piece) -> Key:
    """The key whose probe-tone profile correlates best with the durations of the piece's pitch classes."""
    classes, durations = [note.pitch % 12 for note in piece.notes], [note.duration_ticks for note in piece.notes]
    heard = np.bincount(classes, durations, minlength=12)
    keys = [Key(tonic, is_minor) for is_minor in (False, True) for tonic in range(12)]
    profiles = [np.roll(KRUMHANSL_MINOR if key.is_minor else KRUMHANSL_MAJOR, key.tonic) for key in keys]
    return keys[int(np.argmax([np.corrcoef(profile, heard)[0, 1] for profile in profiles]))]


def key_figures(songs: list[Song], estimate: Callable[[Piece], Key]) -> dict[str, float]:
    """Per cent of songs whose key is right, and mir_eval's weighted score."""
    weighted_score = importlib.import_module("mir_eval.key").weighted_score

    def spelt(key: Key) -> str:
        return key.name.replace("♭", "b").replace("♯", "#")

    keys = [estimate(song.piece) for song in songs]
    return {
        "right": round(100 * fmean(key == song.key for key, song in zip(keys, songs, strict=True)), 1),
        "weighted": round(
            100 * fmean(weighted_score(spelt(song.key), spelt(key)) for key, song in zip(keys, songs, strict=True)), 1
        ),
    }


def measure(songs: list[Song]) -> dict[str, Any]:
    """All figures."""
    ways: dict[str, Callable[[Song], Recognised]] = {
        "affetti, annotated beats": lambda song: by_affetti(song, song.beats, song.downbeats),
        "affetti, without downbeats": lambda song: by_affetti(song, song.beats, None),
        "affetti, tracked beats": by_affetti_alone,
    }
    if importlib.util.find_spec("chorder"):
        ways["chorder, annotated beats"] = by_chorder
    return {
        "songs": len(songs),
        "chords": {name: chord_figures(songs, recognise) for name, recognise in ways.items()},
        "annotation": annotation_figures(songs),
        "keys": {
            "affetti": key_figures(songs, estimate_key),
            "Krumhansl-Schmuckler": key_figures(songs, krumhansl_schmuckler),
        },
    }


def main() -> None:
    """Measure, print, and write the JSON that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pop909", type=Path, help="the folder with folders 001, 002, …")
    parser.add_argument("--songs", default="700-799", help="first and last number (default 700-799)")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    first, last = map(int, options.songs.split("-"))
    folders = [options.pop909 / f"{number:03d}" for number in range(first, last + 1)]
    figures = measure([read_song(folder) for folder in folders if (folder / "chord_midi.txt").is_file()])
    print(f"{figures['songs']} songs of POP909, {options.songs}")
    for title in ("chords", "keys"):
        rows = figures[title]
        columns = list(next(iter(rows.values())))
        print(f"\n{title:28}" + "".join(f"{column:>18}" for column in columns))
        for name, row in rows.items():
            print(f"{name:28}" + "".join(f"{row[column]:18}" for column in columns))
    annotation = figures["annotation"]
    print(f"\nannotation: {annotation['beats_per_chord']} beats per chord, none {annotation['none']} %")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
