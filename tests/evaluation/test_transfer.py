"""The whole evaluation of element transfer, on few pieces."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from affetti.cli import run
from affetti.corpora.corpus import prepared_path
from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.evaluation.transfer import DIRECTIONS, MODES, Moved, Pair, decoded_alike, drawn_pairs
from affetti.tokens.elements import NOTE, TYPE, VELOCITY
from tests.evaluation.reciters import Reciter
from tests.evaluation.tiny_pieces import tiny_pieces


@pytest.fixture
def pieces() -> PreparedPieces:
    """Four held-out pieces of each quadrant, of two songs, and one to be trained on."""
    found = tiny_pieces((1, 1, 2, 2, 3, 3, 4, 4) * 2 + (1,))
    return dataclasses.replace(found, splits=np.asarray([1, 2] * 8 + [0], np.int8))


def test_pairs_are_of_different_songs_and_no_pair_comes_twice(pieces: PreparedPieces) -> None:
    held_out = pieces.splits > 0
    pairs = drawn_pairs(pieces, held_out, Quadrant.Q1, Quadrant.Q1, 7, np.random.default_rng(0))
    assert len({(pair.source, pair.reference) for pair in pairs}) == 7
    for pair in pairs:
        assert pieces.quadrants[pair.source] == pieces.quadrants[pair.reference] == 1
        assert pieces.songs[pair.source] != pieces.songs[pair.reference]
        assert held_out[pair.source]
        assert held_out[pair.reference]
    sources = [pair.source for pair in pairs]
    assert max(map(sources.count, sources)) - min(map(sources.count, sources)) <= 1
    with pytest.raises(InputError, match="too few held-out pieces of Q1 and Q4 for 17 transfers"):
        drawn_pairs(pieces, held_out, Quadrant.Q1, Quadrant.Q4, 17, np.random.default_rng(0))


def test_what_moved_is_counted() -> None:
    before, after = np.eye(4)[[0, 0, 0, 3]], np.eye(4)[[3, 3, 0, 3]]
    kept = np.asarray([[1.0, 0.5, 0.0]] * 4)
    songs, unknown = np.asarray([0, 0, 1, 2]), np.asarray([False, False, True, True])
    moved = Moved(
        *(Quadrant.Q1, Quadrant.Q4, "auto", ("tempo",), songs, np.arange(4), unknown),
        *(before, after, kept, np.ones(4, np.bool_), 1.0, 0),
    )
    assert moved.share_before == 0.25
    assert moved.share_after.value == 0.75
    assert moved.share_after.low < 0.75 <= moved.share_after.high
    assert moved.shift("arousal").value == -1  # from +1 to -1 in two of four
    assert moved.shift("valence").value == 0
    assert [moved.kept_mean(measure).value for measure in range(3)] == [1, 0.5, 0]
    one_song = moved.where(songs == 0).share_after
    assert one_song.value == 1
    assert np.isnan([one_song.low, one_song.high]).all()  # of one song there is no interval
    some = moved.where(unknown)
    assert (some.share_before, some.share_after.value, some.shift("arousal").value) == (0.5, 0.5, 0)


def test_a_decoder_that_says_its_latents_says_what_was_exchanged(pieces: PreparedPieces) -> None:
    """A model whose latents are the words themselves, a number for each element: a block is a value."""
    pairs = [Pair(0, 2), Pair(0, 4)]
    notes = 2 * int((pieces.piece(0).words[:, TYPE] == NOTE).sum())
    model = Reciter(pieces)
    model.config.model.latent_block = 1
    found = decoded_alike(model, pieces, pairs)
    assert found == {"tempo": (1.0, 8), "duration": (1.0, notes), "velocity": (1.0, notes)}
    deaf = Reciter(pieces, misheard=VELOCITY)
    deaf.config.model.latent_block = 1
    assert decoded_alike(deaf, pieces, pairs) == found | {"velocity": (0.0, notes)}


def test_the_report(
    pieces: PreparedPieces, piano_weights: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pieces.save(prepared_path("tiny"))
    line = ["evaluate", str(piano_weights), "--transfer", "--corpus", "tiny", "--pieces", "2", "--seed", "1"]
    assert run([*line, "--out", str(tmp_path / "report"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures == json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert [(one["of"], one["to"]) for one in figures["directions"][:: len(MODES)]] == [
        (of.name, to.name) for of, to in DIRECTIONS
    ]
    for one in figures["directions"]:
        assert (one["transfers"], one["promised_unchanged"]) == (2, 1.0)
        assert 0 <= one["share_after"]["value"] <= 1
        if one["mode"] == "tempo, velocity":
            assert {name: found["value"] for name, found in one["kept"].items()} == pytest.approx(
                {"pitch classes": 1, "onsets": 1, "contour": 1}
            )
    assert list(figures["decoded"]) == ["tempo", "duration", "velocity"]
    assert all(one["words"] > 0 for one in figures["decoded"].values())
    page = (tmp_path / "report" / "evaluation.md").read_text()
    for part in ("## Emotion reached", "## Content kept", "## Blocks exchanged and decoded", "transfer-q1-q4.png"):
        assert part in page


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--split", "test"], "--split is for what is measured without --transfer"),
        (["--pieces", "0"], "at least one piece"),
        (["--pieces", "50"], "too few held-out pieces"),
    ],
)
def test_what_cannot_be(
    options: list[str],
    says: str,
    pieces: PreparedPieces,
    piano_weights: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    pieces.save(prepared_path("tiny"))
    line = ["evaluate", str(piano_weights), "--transfer", "--corpus", "tiny", "--out", str(tmp_path / "out")]
    assert run([*line, *options]) == 2
    assert says in capsys.readouterr().err
    assert run(["evaluate", "piano_recogniser", "--transfer", "--out", str(tmp_path / "out")]) == 2
    assert "--transfer is for piano models" in capsys.readouterr().err
