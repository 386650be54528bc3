from pathlib import Path

import pytest

from affetti.analysis.key import Key, estimate_key, notated_key, parse_key
from affetti.errors import InputError
from affetti.midi import read_midi
from affetti.piece import Chord, KeySignature, Note, Piece, Track
from affetti.tokens.melody import HOLD, decode


def scale(tonic: int, steps: tuple[int, ...]) -> Piece:
    """Up the scale and down to a long tonic, with the fifth and third dwelt on, as tunes do."""
    pitches = [60 + tonic + step for step in (*steps, 12, *reversed(steps))]
    durations = [480 if (pitch - tonic) % 12 in (0, 3, 4, 7) else 240 for pitch in pitches]
    starts = [sum(durations[:place]) for place in range(len(durations))]
    return Piece(480, (Track(tuple(map(Note, starts, pitches, durations))),))


@pytest.mark.parametrize("tonic", range(12))
def test_estimates_every_key_of_a_scale(tonic: int) -> None:
    assert estimate_key(scale(tonic, (0, 2, 4, 5, 7, 9, 11))) == Key(tonic, is_minor=False)
    assert estimate_key(scale(tonic, (0, 2, 3, 5, 7, 8, 10))) == Key(tonic, is_minor=True)


@pytest.mark.parametrize(
    ("name", "tonic", "is_minor"),
    [
        ("D", 2, False),
        (" d ", 2, False),
        ("E flat minor", 3, True),
        ("F# major", 6, False),
        ("Bbm", 10, True),
        ("b", 11, False),
        ("C♯ min", 1, True),
        ("Cb", 11, False),
        ("a-minor", 9, True),
        ("D Major", 2, False),
        ("C MINOR", 0, True),
        ("B♭ Minor", 10, True),
        ("f sharp Min", 6, True),
        ("E-flat", 3, False),
        ("E-flat major", 3, False),
        ("C-Sharp-Minor", 1, True),
        ("DM", 2, False),
        ("Dm", 2, True),
        ("D Maj", 2, False),
    ],
)
def test_names(name: str, tonic: int, is_minor: bool) -> None:
    assert parse_key(name) == Key(tonic, is_minor)
    assert parse_key(name, is_minor=is_minor) == Key(tonic, is_minor)
    assert parse_key(Key(tonic, is_minor).name) == Key(tonic, is_minor)


@pytest.mark.parametrize("name", ["", "H", "C dorian", "major", "C" * 10_000, "D♮", "12", "C-", "Dma", "C major C"])
def test_what_is_no_key(name: str) -> None:
    with pytest.raises(InputError, match="unknown key"):
        parse_key(name)


def test_a_mode_against_the_emotion() -> None:
    assert parse_key("A", is_minor=True) == Key(9, is_minor=True)
    with pytest.raises(InputError, match="A minor"):
        parse_key("A major", is_minor=True)


@pytest.mark.parametrize(
    ("key", "sharps"),
    [
        (Key(0, False), 0),
        (Key(2, False), 2),
        (Key(10, False), -2),
        (Key(9, True), 0),
        (Key(0, True), -3),
        (Key(4, True), 1),
        (Key(3, True), -6),
        (Key(8, True), 5),
        (Key(10, True), -5),
        (Key(1, True), 4),
        (Key(6, True), 3),
        (Key(6, False), 6),
    ],
)
def test_signatures_both_ways(key: Key, sharps: int) -> None:
    assert key.sharps == sharps
    piece = Piece(480, (), key_signatures=(KeySignature(0, sharps, key.is_minor),))
    assert notated_key(piece) == key
    assert notated_key(Piece(480, ())) is None


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("is_minor", [False, True])
def test_the_name_and_the_signature_are_of_one_spelling(tonic: int, is_minor: bool) -> None:
    """Along the line of fifths F C G D A E B a major key's signature grows by one sharp; its minor has three less."""
    key = Key(tonic, is_minor)
    letter, accidental = key.name[0], key.name[1]
    fifths = "FCGDAEB".index(letter) - 1 + 7 * {"♯": 1, "♭": -1, " ": 0}[accidental]
    assert key.sharps == fifths - 3 * is_minor


@pytest.mark.parametrize("tonic", range(12))
def test_transposing_there_and_back(tonic: int) -> None:
    key = Key(tonic, is_minor=False)
    piece = decode([60, HOLD, 64, 67] * 4)
    there = key.transposed_from_c(piece)
    assert {(a.pitch - b.pitch) % 12 for a, b in zip(there.notes, piece.notes, strict=True)} == {tonic}
    assert key.transposed_to_c(there).notes == piece.notes


def test_chords_move_with_the_notes() -> None:
    piece = Piece(480, (Track((Note(0, 60, 480),)),), chords=(Chord(0, 11, "min7"), Chord(480)))
    assert Key(2, is_minor=False).transposed_from_c(piece).chords == (Chord(0, 1, "min7"), Chord(480))


def test_extreme_pitches_stay_midi_and_drums_stay_put() -> None:
    piece = Piece(480, (Track((Note(0, 127, 480), Note(0, 0, 480))), Track((Note(0, 36, 480),), is_drum=True)))
    for tonic in range(12):
        moved = Key(tonic, is_minor=False).transposed_from_c(piece)
        assert all(0 <= note.pitch <= 127 for note in moved.notes)
        assert moved.tracks[1] == piece.tracks[1]


def test_a_piece_without_notes_has_no_key() -> None:
    with pytest.raises(InputError, match="no pitched notes"):
        estimate_key(Piece(480, ()))


@pytest.mark.corpus
def test_how_often_the_estimate_is_right(shared_data: Path) -> None:
    """The figures that the docstring gives; the corpus is in C major and c minor."""
    from affetti.corpora.musgenvae import prepare

    corpus = prepare(shared_data / "musgenvae").corpora["musgenvae"]
    heard = [estimate_key(decode(tokens)) for tokens in corpus.tokens]
    meant = [Key(0, is_minor=quadrant in (2, 3)) for quadrant in corpus.quadrants]
    right = [one == other for one, other in zip(heard, meant, strict=True)]
    assert round(100 * sum(right) / len(corpus)) == 62
    assert round(100 * sum(key.tonic == 0 for key in heard) / len(corpus)) == 64


@pytest.mark.corpus
def test_how_often_the_estimate_is_right_for_songs(shared_data: Path) -> None:
    """The docstring's figure for POP909 700-799; of several keys in a song the one that lasts longest counts."""
    right = []
    for number in range(700, 800):
        folder = shared_data / "pop909" / "POP909" / str(number)
        keys: dict[str, float] = {}
        for line in (folder / "key_audio.txt").read_text().splitlines():
            start, end, name = line.split()
            keys[name] = keys.get(name, 0.0) + float(end) - float(start)
        meant = parse_key(max(keys, key=lambda name: keys[name]).replace(":", " "))
        right.append(estimate_key(read_midi(folder / f"{number}.mid")) == meant)
    assert sum(right) == 88
