"""A tiny prepared corpus of piano pieces, two a quadrant: what is measured of it can be said in advance."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_pieces import Origin, PreparedPieces, joined, with_labels
from affetti.corpora.preparing import prepare_piece
from affetti.piece import Chord, Note, Piece, Tempo, Track
from affetti.tokens.elements import TEMPOS

TEMPO_OF = {0: TEMPOS[30], 1: TEMPOS[40], 2: TEMPOS[44], 3: TEMPOS[20], 4: TEMPOS[24]}
VELOCITY_OF = {0: 64, 1: 79, 2: 94, 3: 40, 4: 52}
LENGTH_OF = {0: 4, 1: 2, 2: 1, 3: 8, 4: 4}
"""Of a melody note, in sixteenths."""


def piano_piece(quadrant: int, number: int = 0, bars: int = 4) -> Piece:
    """Bars of a chord under a melody that climbs, in major where valence is positive, on the sixteenths of 4/4."""
    length, velocity = LENGTH_OF[quadrant], VELOCITY_OF[quadrant]
    third, quality = (3, "min") if quadrant in (2, 3) else (4, "maj")
    notes = []
    for bar in range(bars):
        start = 1920 * bar
        notes += [Note(start, 48 + number + step, 1920, velocity) for step in (0, third, 7)]
        notes += [Note(start + 120 * s, 72 + (s + bar) % 12, 120 * length, velocity) for s in range(0, 16, length)]
    chords = tuple(Chord(1920 * bar, number % 12, quality) for bar in range(bars))
    return Piece(480, (Track(tuple(notes)),), (Tempo(0, float(TEMPO_OF[quadrant])),), chords=chords)


def tiny_pieces(quadrants: Sequence[int] = (1, 1, 2, 2, 3, 3, 4, 4), corpus: str = "tiny") -> PreparedPieces:
    """Prepared pieces of these quadrants (0: no label); two that follow each other are of one song."""
    columns = joined([prepare_piece(piano_piece(quadrant, n)) for n, quadrant in enumerate(quadrants)])
    labels = {
        "quadrants": np.asarray(quadrants, np.int8),
        "emotions": np.full((len(quadrants), 2), np.nan, np.float32),
        "songs": (np.arange(len(quadrants)) // 2).astype(np.int32),
        "splits": np.zeros(len(quadrants), np.int8),
    }
    songs = [f"song {number}" for number in range((len(quadrants) + 1) // 2)]
    names = [f"{n}.mid" for n in range(len(quadrants))]
    return with_labels(columns, labels, Origin(corpus, "1", "CC0", "test"), names, songs)


def prepare_labelled_pieces() -> None:
    """Sixteen pieces of 4 bars and four emotions, the last eight held out, prepared as "tiny"."""
    splits = np.asarray([0] * 8 + [1] * 4 + [2] * 4, np.int8)
    dataclasses.replace(tiny_pieces((1, 2, 3, 4) * 4), splits=splits).save(prepared_path("tiny"))
