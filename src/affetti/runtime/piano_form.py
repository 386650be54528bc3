"""From compound words to a finished piece: moved to a key, at an exact tempo."""

from dataclasses import replace

import numpy as np

from affetti.analysis.chords import CHORDS
from affetti.analysis.key import Key, estimate_key, parse_key
from affetti.errors import InputError
from affetti.piece import CHORD_QUALITIES, KeySignature, Piece, Tempo
from affetti.tokens.compound_word import TICKS_PER_STEP, GridMusic, cut_at_restrikes, piece_of, read_words
from affetti.tokens.elements import HIGHEST_PITCH, LOWEST_PITCH, NO_CHORD_VALUE, Integers
from affetti.tokens.grammar import Words


def finished_piece(words: Words, *, key: str | None = None, quarters_per_minute: float | None = None) -> Piece:
    """The piece that words [T, 7] write, with a key signature.

    key: where the piece is to stand. Its own key is heard (`estimate_key`) and it is moved as a whole, so that the two
    tonics agree. Whether it is major or minor the music has decided by then: where the name says the other mode, the
    piece is moved to the relative key, whose signature is that of the key asked for ("D minor" takes a piece heard in
    major to F major: one flat).
    quarters_per_minute: one tempo for the whole piece, whatever the words say.
    """
    music = read_words(words)
    signature = heard = estimate_key(piece_of(music, TICKS_PER_STEP))
    if key is not None:
        signature = _key_named(key, heard)
        tonic = signature.tonic if signature.is_minor == heard.is_minor else _relative(signature).tonic
        music = transposed(music, tonic - heard.tonic)
    piece = piece_of(music, TICKS_PER_STEP)
    if quarters_per_minute is not None:
        piece = replace(piece, tempos=(Tempo(0, quarters_per_minute),))
    return replace(piece, key_signatures=(KeySignature(0, signature.sharps, signature.is_minor),))


def transposed(music: GridMusic, semitones: int) -> GridMusic:
    """Notes and chords moved by the nearest interval of this pitch class that keeps most notes on the piano.

    A note that still leaves the piano moves by an octave; where it meets another one on its key, one of them goes.
    """
    near = (semitones + 6) % 12 - 6
    shift = min((near, near - 12, near + 12), key=lambda one: (_outside(music.pitches + one), abs(one)))
    pitches = music.pitches + shift
    pitches = pitches + 12 * (pitches < LOWEST_PITCH) - 12 * (pitches > HIGHEST_PITCH)
    _, kept = np.unique(np.stack([music.steps, pitches]), axis=1, return_index=True)  # sorted by step, then pitch
    steps, pitches, durations = music.steps[kept], pitches[kept], music.durations[kept]
    numbers = music.chords - NO_CHORD_VALUE
    moved = 1 + (numbers - 1 + shift * len(CHORD_QUALITIES)) % (CHORDS - 1)
    return replace(
        music,
        steps=steps,
        pitches=pitches,
        durations=cut_at_restrikes(steps, pitches, durations),
        velocities=music.velocities[kept],
        chords=NO_CHORD_VALUE + np.where(numbers == 0, 0, moved),
    )


def _outside(pitches: Integers) -> int:
    return int(((pitches < LOWEST_PITCH) | (pitches > HIGHEST_PITCH)).sum())


def _key_named(name: str, heard: Key) -> Key:
    """The key of a name; one that says a tonic alone takes the mode of the key that was heard."""
    try:
        return parse_key(name, is_minor=heard.is_minor)
    except InputError:  # it says the other mode
        return parse_key(name)


def _relative(key: Key) -> Key:
    """The key of the other mode with the same signature."""
    return Key((key.tonic + (3 if key.is_minor else 9)) % 12, not key.is_minor)
