"""What is heard in a piece, as numbers: how dense, loud, high, consonant, connected, regular and repeated it is.

For the recogniser of emotion (`runtime.recogniser`). Every feature is made of notes in seconds alone: beats, bars and
chords of the file are not asked for, because a transcribed performance has none to trust. A performance and the same
music on the grid of sixteenths have nearly the same features: onsets within 35 ms count as one, lengths end at two
seconds, and nothing measures deviations from a grid. But for register, and what middle C divides, none depends on the
key; few depend on the length.

Which features speak for which emotion: Gabrielsson and Lindström (in Handbook of Music and Emotion, 2010) on mode,
tempo, loudness, articulation, register and dissonance; Panda, Malheiro and Paiva (IEEE Transactions on Affective
Computing 14, 2023) on the rest.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affetti.analysis import features_of_pitch, features_of_playing
from affetti.analysis.heard_notes import LONGEST, HeardNotes
from affetti.analysis.note_arrays import Reals, note_arrays
from affetti.errors import InputError
from affetti.piece import Piece, Tempo

Ear = Literal["full", "without_velocity", "without_tempo"]
EARS: tuple[Ear, ...] = ("full", "without_velocity", "without_tempo")
"""Ways to listen: to all of a piece, to one whose notes are equally loud, to one at PLAIN_TEMPO throughout."""

MAX_NOTES = 100_000
MAX_SECONDS = 7_200.0
"""Of a piece whose features can be made."""

PLAIN_VELOCITY = 64
"""Of every note where loudness is removed."""
PLAIN_TEMPO = 120.0
"""Quarters a minute of every piece where tempo is normalised."""


GROUPS: dict[str, tuple[tuple[str, ...], Callable[[HeardNotes], Reals]]] = {
    "density": (features_of_playing.DENSITY, features_of_playing.density),
    "loudness": (features_of_playing.LOUDNESS, features_of_playing.loudness),
    "register": (features_of_playing.REGISTER, features_of_playing.register),
    "articulation": (features_of_playing.ARTICULATION, features_of_playing.articulation),
    "mode": (features_of_pitch.MODE, features_of_pitch.mode),
    "harmony": (features_of_pitch.HARMONY, features_of_pitch.harmony),
    "dissonance": (features_of_pitch.DISSONANCE, features_of_pitch.dissonance),
    "voices": (features_of_pitch.VOICES, features_of_pitch.voices),
    "regularity": (features_of_playing.REGULARITY, features_of_playing.regularity),
}
"""What a feature is about -> the names of its features and what gives them."""

FEATURE_NAMES: tuple[str, ...] = tuple(name for names, _ in GROUPS.values() for name in names)


def piece_features(piece: Piece, ear: Ear = "full") -> NDArray[np.float64]:
    """The features of a piece: [F], in the order of FEATURE_NAMES, all finite.

    ear: "without_velocity" gives every note the velocity 64; "without_tempo" plays the piece at 120 quarters a minute
    throughout, by its own quarters. A file whose quarters mean nothing (EMOPIA's, as published) is better made words
    of before, which have true ones.

    Raises InputError for a piece without pitched notes, or beyond MAX_NOTES or MAX_SECONDS.
    """
    if ear == "without_tempo":
        piece = replace(piece, tempos=(Tempo(0, PLAIN_TEMPO),))
    notes = note_arrays(piece)
    if not len(notes):
        raise InputError("no pitched notes: there is no emotion to hear")
    if len(notes) > MAX_NOTES:
        raise InputError(f"{len(notes):,} notes: features are made of {MAX_NOTES:,} at most")
    starts = notes.start_seconds - notes.start_seconds[0]
    if starts[-1] > MAX_SECONDS:
        raise InputError(f"{starts[-1]:,.0f} seconds: features are made of {MAX_SECONDS:,.0f} at most")
    lengths = np.clip(notes.end_seconds - notes.start_seconds, 0.01, LONGEST)
    velocities = np.full(len(notes), PLAIN_VELOCITY) if ear == "without_velocity" else notes.velocities
    heard = HeardNotes(starts, starts + lengths, notes.pitches, velocities.astype(np.float64))
    return np.concatenate([group(heard) for _, group in GROUPS.values()])
