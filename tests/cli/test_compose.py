"""`affetti compose`: files, names, seeds, formats and what it prints."""

import json
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from affetti.midi import read_midi

Affetti = Callable[[str], int]
Captured = pytest.CaptureFixture[str]


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_command_of_the_readme(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("compose --system emoreg --emotion happy --seed 1 --out happy.mid") == 0
    piece = read_midi(here / "happy.mid")
    assert piece.notes
    assert 4.0 < piece.duration_seconds <= 8.0
    captured = capsys.readouterr()
    assert captured.out.startswith("happy.mid: happy (Q1), 4 bars, ")
    assert captured.out.endswith("s, seed 1\n")
    assert captured.err == ""


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(here: Path, affetti: Affetti) -> None:
    for name, seed in [("a", 7), ("b", 7), ("c", 8)]:
        assert affetti(f"compose --system emoreg --emotion sad --seed {seed} --out {name}.mid") == 0
    a, b, c = ((here / f"{name}.mid").read_bytes() for name in "abc")
    assert a == b != c


def test_a_drawn_seed_is_told_and_composes_the_same_again(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("compose --system emoreg --emotion calm --out first.mid --json") == 0
    seed = json.loads(capsys.readouterr().out)["seed"]
    assert affetti(f"compose --system emoreg --emotion calm --seed {seed} --out second.mid") == 0
    assert (here / "first.mid").read_bytes() == (here / "second.mid").read_bytes()


@pytest.mark.parametrize("names", [("happy", "Q1", "e1", "HAPPINESS"), ("calm", "q4", "relaxed", "content")])
def test_an_emotion_has_many_names(names: tuple[str, ...], here: Path, affetti: Affetti) -> None:
    for name in names:
        assert affetti(f"compose --system emoreg --emotion {name} --seed 1 --out {name}.mid") == 0
    assert len({(here / f"{name}.mid").read_bytes() for name in names}) == 1


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ("--emotion Q3", ["sad-5.mid"]),
        ("--valence 0.8 --arousal -0.4", ["v+0.80a-0.40-5.mid"]),
        ("--emotion e1 --out folder", ["folder/happy-5.mid"]),
        ("--emotion e1 --out folder.d/", ["folder.d/happy-5.mid"]),
        ("--emotion e1 --out new/a.mid", ["new/a.mid"]),
        ("--emotion e1 --count 2", ["happy-5-001.mid", "happy-5-002.mid"]),
        ("--emotion e1 --count 2 --out new/a.mid", ["new/a-001.mid", "new/a-002.mid"]),
        ("--emotion e1 --format 'mid, MID'", ["happy-5.mid"]),
    ],
)
def test_where_files_go(options: str, files: list[str], here: Path, affetti: Affetti) -> None:
    assert affetti(f"compose --system emoreg --seed 5 {options}") == 0
    assert _names(here) == files


def test_json_says_what_was_composed(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("compose --system emoreg --valence 0.8 --arousal -0.4 --count 2 --bars 8 --seed 3 --json") == 0
    document = json.loads(capsys.readouterr().out)
    pieces = document.pop("pieces")
    assert len(document.pop("weights_hash")) == 64
    assert isinstance(document.pop("weights"), str)
    point = {"emotion": None, "valence": 0.8, "arousal": -0.4, "quadrant": "Q4", "path": None}
    assert document == point | {"system": "emoreg", "seed": 3, "bars": 8}
    for described in pieces:
        (path,) = described["paths"]
        piece = read_midi(here / path)
        assert described["notes"] == len(piece.notes)
        assert described["seconds"] == pytest.approx(piece.duration_seconds, abs=0.001)
        assert 8 < described["seconds"] <= 16


def test_many_files_are_told_in_one_line(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("compose --system emoreg --emotion angry --count 25 --seed 1 --out many/x.mid") == 0
    assert len(_names(here)) == 25
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("many/x-001.mid … x-025.mid: 25 melodies, angry (Q2), 4 bars each, ")


def test_melodies_of_one_call_differ(here: Path, affetti: Affetti) -> None:
    assert affetti("compose --system emoreg --emotion happy --count 5 --seed 1") == 0
    assert len({read_midi(here / name).notes for name in _names(here)}) == 5


def test_tempo_is_in_the_file(here: Path, affetti: Affetti) -> None:
    assert affetti("compose --system emoreg --emotion happy --seed 1 --tempo 90 --out a.mid") == 0
    assert read_midi(here / "a.mid").tempos[0].quarters_per_minute == 90


def test_nothing_is_overwritten_without_force(here: Path, affetti: Affetti, capsys: Captured) -> None:
    taken = here / "x-003.mid"
    taken.write_bytes(b"mine")
    command = "compose --system emoreg --emotion happy --seed 1 --count 3 --out x.mid"
    assert affetti(command) == 2
    assert _names(here) == ["x-003.mid"]  # all targets are checked before the first is written
    assert taken.read_bytes() == b"mine"
    assert capsys.readouterr().err == "affetti: x-003.mid exists; use --force to overwrite it\n"
    assert affetti(f"{command} --force") == 0
    assert _names(here) == ["x-001.mid", "x-002.mid", "x-003.mid"]
    assert read_midi(taken).notes


@pytest.fixture
def two_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of two pages, engraved at once."""
    monkeypatch.setattr("affetti.scores.svg_pages", lambda piece: ["<svg>1</svg>", "<svg>2</svg>"])


@pytest.mark.usefixtures("two_pages")
def test_further_pages_are_told(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti("compose --system emoreg --emotion happy --seed 1 --format mid,svg --out a.mid --json") == 0
    (described,) = json.loads(capsys.readouterr().out)["pieces"]
    assert described["paths"] == ["a.mid", "a.svg", "a-page2.svg"]
    assert _names(here) == ["a-page2.svg", "a.mid", "a.svg"]


@pytest.mark.usefixtures("two_pages")
def test_a_page_in_the_way_leaves_nothing_written(here: Path, affetti: Affetti, capsys: Captured) -> None:
    """Only once the last piece is engraved is it known that it has a second page."""
    taken = here / "a-003-page2.svg"
    taken.write_bytes(b"mine")
    command = "compose --system emoreg --emotion happy --seed 1 --count 3 --format mid,svg --out a.mid"
    assert affetti(command) == 2
    assert capsys.readouterr().err == "affetti: a-003-page2.svg exists; use --force to overwrite it\n"
    assert _names(here) == ["a-003-page2.svg"]
    assert taken.read_bytes() == b"mine"
    assert affetti(f"{command} --force") == 0
    assert len(_names(here)) == 9
    assert taken.read_bytes() == b"<svg>2</svg>"


def test_a_long_score_has_pages(here: Path, affetti: Affetti) -> None:
    pytest.importorskip("verovio")
    assert affetti("compose --system emoreg --emotion happy --seed 1 --bars 128 --format svg --out a.svg") == 0
    pages = _names(here)
    assert len(pages) > 1
    assert pages == sorted(["a.svg", *(f"a-page{number}.svg" for number in range(2, len(pages) + 1))])


def test_progress_counts_the_melodies(
    here: Path, affetti: Affetti, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, list[int]] = {}

    @contextmanager
    def progress(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        assert total == 40
        yield shown.setdefault(title, []).append

    for module in ("compose", "piece_files"):
        monkeypatch.setattr(f"affetti.cli.{module}.progress", progress)
    assert affetti("compose --system emoreg --emotion happy --seed 1 --count 40") == 0
    assert {title: sum(steps) for title, steps in shown.items()} == {
        "composing 4 bars each": 40,
        "rendering": 40,
        "writing": 40,
    }
    assert len(shown["composing 4 bars each"]) > 1


def test_more_than_one_call_makes_is_refused_at_once(
    affetti: Affetti, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("affetti.load", None)  # before the weights are loaded
    assert affetti("compose --system emoreg --emotion happy --count 4000 --bars 1000") == 2
    assert affetti("compose --system emoreg --emotion happy --count 20000 --format mid,svg") == 2
    assert capsys.readouterr().err.splitlines() == [
        "affetti: 4,000 × 1,000 bars are 4,000,000; one call makes at most 400,000 as mid",
        "affetti: 20,000 × 4 bars are 80,000; one call makes at most 40,000 as svg",
    ]


def test_how_much_one_call_makes_depends_on_the_weights_system(affetti: Affetti, capsys: Captured) -> None:
    assert affetti("compose --weights emoreg_autoregressive --emotion happy --count 10001 --format svg") == 2
    assert "10,001 × 4 bars" in capsys.readouterr().err


def test_scores_are_written_beside_the_midi(here: Path, affetti: Affetti) -> None:
    pytest.importorskip("verovio")
    assert affetti("compose --system emoreg --emotion happy --seed 1 --format mid,musicxml,svg --out a.mid") == 0
    assert _names(here) == ["a.mid", "a.musicxml", "a.svg"]
    assert "<score-partwise" in (here / "a.musicxml").read_text("utf-8")
    assert "<svg" in (here / "a.svg").read_text("utf-8")


def test_a_score_that_cannot_be_made_leaves_no_midi_either(
    here: Path, affetti: Affetti, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setitem(sys.modules, "music21", None)  # as where the extra is not installed
    assert affetti("compose --system emoreg --emotion happy --seed 1 --format mid,svg --out a.mid") == 2
    assert _names(here) == []
    assert "affetti[scores]" in capsys.readouterr().err


# ---- sound


def test_sound_is_written_beside_the_midi(here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert (
        affetti("compose --system emoreg --emotion happy --seed 1 --format mid,wav --count 2 --out a.wav --json") == 0
    )
    captured = capsys.readouterr()
    assert captured.err.startswith("affetti: played by ")
    assert len(captured.err.splitlines()) == 1
    assert _names(here) == ["a-001.mid", "a-001.wav", "a-002.mid", "a-002.wav"]
    for described in json.loads(captured.out)["pieces"]:
        midi, sound = described["paths"]
        with wave.open(sound) as file:
            seconds = file.getnframes() / 44_100
        assert seconds == pytest.approx(read_midi(here / midi).duration_seconds + 1.5, abs=0.001)


def test_the_same_seed_sounds_the_same(here: Path, affetti: Affetti, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affetti.audio.wav.free_soundfont", lambda: None)
    for name in "ab":
        assert affetti(f"compose --system emoreg --emotion sad --seed 7 --format wav --out {name}.wav") == 0
    assert (here / "a.wav").read_bytes() == (here / "b.wav").read_bytes()


def test_without_fluidsynth_the_piano_plays(
    here: Path, affetti: Affetti, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    assert affetti("compose --system emoreg --emotion happy --seed 1 --format wav --out a.wav") == 0
    assert capsys.readouterr().err == "affetti: played by the built-in piano\n"
    font = here / "font.sf2"
    font.write_bytes(b"RIFF\x28\0\0\0sfbk" + b"".join(b"LIST\x04\0\0\0" + kind for kind in (b"INFO", b"sdta", b"pdta")))
    assert (
        affetti("compose --system emoreg --emotion happy --seed 1 --format wav --out b.wav --soundfont font.sf2") == 2
    )
    (line,) = capsys.readouterr().err.splitlines()
    assert 'pip install "affetti[audio]"' in line
    assert "libfluidsynth" in line


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--format wav --soundfont none.sf2", "none.sf2: no such file"),
        ("--format wav --soundfont .", ".: not an ordinary file"),
        ("--format wav --soundfont /dev/zero", "/dev/zero: not an ordinary file"),
        ("--format wav --soundfont taken.wav", "taken.wav: not a soundfont"),
        ("--soundfont taken.wav", "--soundfont is for --format wav"),
        ("--format wav --out a.mid", "a.mid does not end in .wav"),
        ("--format wav --out taken.wav", "taken.wav exists"),
        ("--format wav --count 2501", "one call makes at most 10,000 as wav"),
        ("--format wav --bars 80 --tempo 20", "at most 900 s are made into sound"),
    ],
)
def test_bad_sound_is_one_line(options: str, says: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    (here / "taken.wav").write_bytes(b"mine")
    assert affetti(f"compose --system emoreg --emotion happy --seed 1 {options}") == 2
    captured = capsys.readouterr()
    line = captured.err.splitlines()[-1]
    assert says in line
    assert captured.out == ""
    assert _names(here) == ["taken.wav"]
    assert (here / "taken.wav").read_bytes() == b"mine"


def test_sound_is_made_as_it_is_written(here: Path, affetti: Affetti, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the sound of many pieces is never in memory together; a piece too long is known before."""
    from affetti.audio.wav import wav_bytes

    there: list[list[str]] = []

    def watched(*arguments: Any) -> bytes:
        there.append(_names(here))
        return wav_bytes(*arguments)

    monkeypatch.setattr("affetti.audio.wav.wav_bytes", watched)
    assert affetti("compose --system emoreg --emotion happy --seed 1 --count 2 --format wav --out a.wav") == 0
    assert there == [[], ["a-001.wav"]]


@pytest.mark.parametrize("weights", ["emoreg", "cvae_emoreg_2023"])
def test_a_melody_along_a_path(weights: str, here: Path, affetti: Affetti, capsys: Captured) -> None:
    assert affetti(f"compose --weights {weights} --path calm:4,0.2/0.9:8,calm:4 --key D --seed 1 --out a.mid") == 0
    assert "a.mid: calm:4,0.2/0.9:8,calm:4, 16 bars, 32.0 s, seed 1" in capsys.readouterr().out
    assert affetti("replay a.mid") == 0
    piece = read_midi(here / "a.mid")
    assert (piece.key_signatures[0].sharps, piece.key_signatures[0].is_minor) == (2, False)
    assert piece.notes[-1].start_ticks < 16 * 4 * piece.ticks_per_quarter
