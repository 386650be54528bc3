"""`affetti compose --system muser`, end to end with a tiny model of random numbers."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from affetti.midi import read_midi

Affetti = Callable[[str], int]
Captured = pytest.CaptureFixture[str]

WARNING = "affetti: warning: tiny_piano is a model for tests; what it composes is not music\n"


@pytest.fixture
def weights(piano_weights: Path, here: Path) -> str:
    shutil.copytree(piano_weights, here / "piano")
    return "--weights piano"


def test_a_piece_in_a_file(weights: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti(f"compose --system muser {weights} --emotion sad --seed 1 --bars 8 --out sad.mid") == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("sad.mid: sad (Q3), 8 bars, ")
    assert captured.err == WARNING
    piece = read_midi(here / "sad.mid")
    assert piece.chords
    assert piece.tempos
    assert piece.tracks[0].name == "Piano"
    assert json.loads(piece.markers[0].text)["licence"] == "CC0-1.0"


def test_the_weights_say_which_system_they_are_of(weights: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    for name, system in (("a", "--system muser"), ("b", "")):
        assert affetti(f"compose {system} {weights} --emotion sad --seed 1 --bars 2 --out {name}.mid") == 0
    assert (here / "a.mid").read_bytes() == (here / "b.mid").read_bytes()
    capsys.readouterr()
    assert affetti(f"compose --system emoreg {weights} --emotion sad --seed 1") == 2
    assert affetti("compose --system muser --weights emoreg_reader --emotion sad --seed 1") == 2
    assert capsys.readouterr().err.splitlines() == [
        "affetti: piano holds weights of muser, not of emoreg",
        "affetti: emoreg_reader holds weights of emoreg, not of muser",
    ]


def test_many_pieces_of_no_length(weights: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    options = "--emotion happy --form free --seed 1"
    assert affetti(f"compose {weights} {options} --count 3 --out x.mid --json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["system"], document["weights"], document["bars"]) == ("muser", "tiny_piano", None)
    assert document["is_test_model"] is True
    bar = 4 * 480
    for number, described in enumerate(document["pieces"], start=1):
        assert described["paths"] == [f"x-{number:03}.mid"]
        piece = read_midi(here / described["paths"][0])
        assert described["bars"] == piece.notes[-1].start_ticks // bar + 1
        assert described["notes"] == len(piece.notes)
    assert affetti(f"compose {weights} {options} --count 21 --out y.mid") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("y-001.mid … y-021.mid: 21 pieces, happy (Q1), ")


def test_a_song_is_16_bars_and_closes_with_a_chord(weights: str, here: Path, affetti: Affetti) -> None:
    assert affetti(f"compose {weights} --emotion happy --seed 1 --out x.mid") == 0
    assert affetti(f"compose {weights} --emotion happy --seed 1 --bars 16 --form song --out y.mid") == 0
    assert (here / "x.mid").read_bytes() == (here / "y.mid").read_bytes()
    bar = 4 * 480
    piece = read_midi(here / "x.mid")
    last = [note for note in piece.notes if note.start_ticks >= 15 * bar]
    assert {(note.start_ticks, note.end_ticks) for note in last} == {(15 * bar, 16 * bar)}
    assert affetti("compose --system emoreg --emotion happy --form free") == 2


def test_one_bar_is_one_bar(weights: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti(f"compose {weights} --emotion happy --seed 1 --bars 1 --out x.mid") == 0
    assert capsys.readouterr().out.startswith("x.mid: happy (Q1), 1 bar, ")


def test_options_and_replay(weights: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    options = "--bars 4 --tempo 77 --key 'G minor' --temperature 0.5 --nucleus 0.8 --strength 1.5"
    assert affetti(f"compose {weights} --valence -0.5 --arousal -0.2 --seed 4 --count 2 {options} --out a.mid") == 0
    piece = read_midi(here / "a-002.mid")
    assert [tempo.quarters_per_minute for tempo in piece.tempos] == [77]
    assert piece.key_signatures[0].sharps == -2
    capsys.readouterr()
    assert affetti("replay a-002.mid --weights piano") == 0
    assert capsys.readouterr().out == "a-002.mid: identical, byte for byte\n"
    assert affetti("replay a-002.mid") == 2
    assert "--weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--weights piano --drafts 17", "a piece has 1 to 16"),
        ("--weights piano --drafts 2 --greedy", "greedy leaves nothing to draw"),
        ("--system emoreg --drafts 2", "--drafts is for muser"),
        ("--weights piano --bars 0", "a piece has 1 to 2,000"),
        ("--weights piano --bars 2001", "a piece has 1 to 2,000"),
        ("--weights piano --bars 2000 --count 100000", "one call makes at most"),
        ("--weights piano --key H", "unknown key"),
        ("--weights piano --strength 11", "strength"),
        ("--system emoreg --strength 2", "--strength is for muser"),
    ],
)
def test_bad_options_are_one_line(options: str, says: str, weights: str, affetti: Affetti, capsys: Captured) -> None:
    assert affetti(f"compose --emotion sad --seed 1 {options}") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.replace(WARNING, "").splitlines()
    assert says in line


def test_sound_and_scores_of_a_piano_piece(weights: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    pytest.importorskip("verovio")
    assert affetti(f"compose {weights} --emotion calm --seed 2 --bars 8 --format mid,wav,musicxml,svg --out a.mid") == 0
    paths = capsys.readouterr().out.partition(": ")[0].split(", ")
    assert paths[:4] == ["a.mid", "a.wav", "a.musicxml", "a.svg"]
    assert (here / "a.wav").read_bytes()[:4] == b"RIFF"
    piece, score = read_midi(here / "a.mid"), (here / "a.musicxml").read_text("utf-8")
    assert score.count("<measure ") == 8
    assert "<staves>2</staves>" in score
    assert "<harmony" in score
    assert f"<fifths>{piece.key_signatures[0].sharps}</fifths>" in score


def test_without_a_system_the_shipped_piano_weights_compose(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("compose --emotion calm --bars 2 --seed 1 --out a.mid --json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["system"], document["weights"], document["is_test_model"]) == ("muser", "muser", False)
    assert affetti("compose --system muser --emotion calm --bars 2 --seed 1 --out b.mid") == 0
    assert (here / "a.mid").read_bytes() == (here / "b.mid").read_bytes()


@pytest.fixture
def hears_every_step(here: Path) -> str:
    """Weights that are told the emotion at every step."""
    from tests.tiny_piano import export_tiny

    told = {"emotion_input": "every_step"}
    export_tiny(here / "piano", told, codebook="per_element", latent_into_decoder="concatenate", **told)
    return "--weights piano"


def test_a_path_and_its_replay(hears_every_step: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    weights = hears_every_step
    assert affetti(f"compose {weights} --path 'calm:2, tense:1,0.5/-0.25:2' --seed 1 --count 2 --json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["path"], document["bars"]) == ("calm:2,angry:1,0.5/-0.25:2", 5)
    assert [document[name] for name in ("emotion", "valence", "arousal", "quadrant")] == [None] * 4
    assert [piece["paths"] for piece in document["pieces"]] == [["path-1-001.mid"], ["path-1-002.mid"]]
    assert affetti(f"replay path-1-002.mid {weights}") == 0
    assert "identical, byte for byte" in capsys.readouterr().out
    assert affetti(f"compose {weights} --path calm:2,tense:1,0.5/-0.25:2 --bars 5 --seed 1 --out one.mid") == 0
    assert "one.mid: calm:2,angry:1,0.5/-0.25:2, 5 bars, " in capsys.readouterr().out
    assert (here / "one.mid").read_bytes() == (here / "path-1-001.mid").read_bytes()


def test_a_path_from_a_file(hears_every_step: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    (here / "story.csv").write_text("bar,valence,arousal\n1,-0.5,-0.5\n3,0.5,0.5\n")
    assert affetti(f"compose {hears_every_step} --path story.csv --seed 1 --out story.mid") == 0
    assert "story.mid: -0.5/-0.5:1,0/0:1,0.5/0.5:1, 3 bars, " in capsys.readouterr().out
    (here / "story.csv").unlink()  # the piece knows its path
    assert affetti(f"replay story.mid {hears_every_step}") == 0
    many = "\n".join(f"{bar},{-1 + bar / 50},0" for bar in range(1, 41))
    (here / "story.csv").write_text(f"bar,valence,arousal\n{many}\n")
    capsys.readouterr()
    assert affetti(f"compose {hears_every_step} --path story.csv --seed 1 --out long.mid") == 0
    assert "…, 40 bars, " in capsys.readouterr().out


def test_weights_that_are_told_the_emotion_once(weights: str, affetti: Affetti, capsys: Captured) -> None:
    assert affetti(f"compose {weights} --path calm:2,tense:2 --seed 1") == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "affetti: tiny_piano is told the emotion once, at the start: it follows no path"
    )
