import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import affetti
from affetti.emoreg.train import train
from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.midi import midi_bytes, read_midi
from affetti.piece import KeySignature, Note, Piece, Track
from affetti.runtime.emotion_path import parse_path
from affetti.runtime.melody_model import RETURNING_STEPS, MelodyModel
from affetti.runtime.plane_calibration import PlaneCalibration
from affetti.runtime.provenance import read_provenance, replay
from affetti.runtime.weights import find_weights
from affetti.tokens.melody import HOLD, REST, decode, encode
from affetti.training.run_folder import RunFolder
from tests.tiny import prepare_tiny_corpus, silent, tiny_corpus, tiny_recipe


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that was trained for long enough to know the tiny corpus's quadrants."""
    home = tmp_path_factory.mktemp("home")
    before = os.environ.get("AFFETTI_HOME")
    os.environ["AFFETTI_HOME"] = str(home)
    try:
        prepare_tiny_corpus()
        training = {"epochs": 150, "batch_size": 8, "learning_rate": 0.005, "token_dropout": 0.0}
        recipe = tiny_recipe(folds=2, model={"hidden_size": 32}, training=training)
        run = RunFolder(home / "run")
        train(recipe, run, resume=False, progress=silent)
    finally:
        if before is None:
            del os.environ["AFFETTI_HOME"]
        else:
            os.environ["AFFETTI_HOME"] = before
    return run.weights


@pytest.fixture
def model(weights: Path) -> MelodyModel:
    return affetti.load(weights)


def test_same_seed_same_bytes_and_other_seed_other_music(model: MelodyModel) -> None:
    first = midi_bytes(model.compose("happy", seed=1))
    assert midi_bytes(model.compose("happy", seed=1)) == first
    assert midi_bytes(model.compose("happy", seed=2)) != first


def test_a_piece_does_not_depend_on_what_is_composed_beside_it(model: MelodyModel) -> None:
    many = model.compose_many(37, "sad", seed=5, bars=8)
    few = model.compose_many(3, "sad", seed=5, bars=8)
    assert [midi_bytes(piece) for piece in many[:3]] == [midi_bytes(piece) for piece in few]
    assert len({midi_bytes(piece) for piece in many}) > 30


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core: nothing to compare")
def test_bytes_do_not_depend_on_cores(weights: Path) -> None:
    program = (
        "import sys, os, hashlib, affetti\nfrom affetti.midi import midi_bytes\n"
        "cores = sorted(os.sched_getaffinity(0))[: int(sys.argv[2])]\nos.sched_setaffinity(0, cores)\n"
        "pieces = affetti.load(sys.argv[1]).compose_many(20, 'calm', seed=3, bars=16)\n"
        "print(hashlib.sha256(b''.join(map(midi_bytes, pieces))).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, str(weights), cores], capture_output=True, text=True, check=True
        ).stdout
        for cores in ("1", "2")
    }
    assert len(digests) == 1


def test_bytes_do_not_depend_on_where_the_weights_lie(weights: Path, model: MelodyModel, tmp_path: Path) -> None:
    folder = tmp_path / model.config.name  # named like the weights themselves, as shipped ones are
    shutil.copytree(weights, folder)
    assert midi_bytes(affetti.load(folder).compose("sad", seed=8)) == midi_bytes(model.compose("sad", seed=8))


def test_the_weights_hash_covers_all_that_decides_the_music(weights: Path, model: MelodyModel, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "encoder.onnx", "decoder_step.onnx"):
        folder = tmp_path / name
        shutil.copytree(weights, folder)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data + b" " if name == "config.json" else data[:-1] + bytes([data[-1] ^ 1]))
        assert find_weights(folder).sha256 != model.weights_hash


@pytest.mark.parametrize(
    "options",
    [
        {"emotion": "angry"},
        {"emotion": "Q1", "key": "E♭", "tempo": 93.5, "bars": 16},
        {"valence": -0.3, "arousal": 0.9, "temperature": 0.7, "nucleus": 0.8},
        {"valence": 0.0, "arousal": 0.0, "greedy": True},
    ],
)
def test_replay_makes_every_piece_again_byte_for_byte(model: MelodyModel, weights: Path, options: dict) -> None:
    for number, piece in enumerate(model.compose_many(19, seed=11, **options)):
        data = midi_bytes(piece)
        assert read_provenance(read_midi(data)).piece == number
        if number in (0, 1, 15, 16, 18):
            assert midi_bytes(replay(read_midi(data), weights)) == data


def test_replay_refuses_other_weights_and_damaged_provenance(
    model: MelodyModel, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piece = model.compose("sad", seed=1)
    stored = json.loads(piece.markers[0].text)

    def forged(**changes: object) -> Piece:
        return decode([60, *[HOLD] * 63]).with_marker(json.dumps(stored | changes))

    with pytest.raises(InputError, match="other weights"):
        replay(forged(weights_sha256="0" * 64), weights)
    for bad in (
        {"bars": 7},
        {"bars": 4000},
        {"piece": -1},
        {"seed": 2**70},
        {"temperature": 0},
        {"quarters_per_minute": 0.0},
        {"quarters_per_minute": float("nan")},
        {"bars": "x"},
        {"more": 1},
        {"quadrant": None},
        {"key": "H"},
    ):
        with pytest.raises(InputError):
            replay(forged(**bad), weights)
    with pytest.raises(InputError, match="no provenance"):
        replay(decode([60]).with_marker("{not json").with_marker("hello"))
    monkeypatch.chdir(weights.parent)
    for name in ("weights", str(weights), "x" * 5000, "/dev/zero"):  # a file does not say which folders are opened
        with pytest.raises(InputError, match="does not come with affetti"):
            replay(forged(weights=name))


def test_what_a_file_claims_of_the_weights_is_not_repeated(model: MelodyModel, weights: Path) -> None:
    stored = json.loads(model.compose("sad", seed=1).markers[0].text)
    claims = decode([60]).with_marker(json.dumps(stored | {"licence": "public domain", "system": "other"}))
    again = read_provenance(replay(claims, weights))
    assert (again.licence, again.system) == (model.config.licence, "emoreg")


def test_a_composed_quadrant_has_its_scale_and_density(model: MelodyModel) -> None:
    """The tiny corpus's happy melodies have 16 notes and E natural, its sad ones 8 notes and E flat."""
    notes = {quadrant: [] for quadrant in Quadrant}
    for quadrant in Quadrant:
        for piece in model.compose_many(40, quadrant, seed=2):
            notes[quadrant].append([note.pitch for note in piece.notes])
    counts = {quadrant: np.mean([len(one) for one in notes[quadrant]]) for quadrant in Quadrant}
    assert min(counts[Quadrant.Q1], counts[Quadrant.Q2]) > 1.4 * max(counts[Quadrant.Q3], counts[Quadrant.Q4])
    for quadrant in Quadrant:
        pitches = [pitch for one in notes[quadrant] for pitch in one]
        majors, minors = pitches.count(64), pitches.count(63)
        assert (majors > 3 * minors) if quadrant.valence_sign > 0 else (minors > 3 * majors)


def test_points_of_the_plane_move_the_music_in_between(model: MelodyModel) -> None:
    def mean_notes(arousal: float) -> float:
        pieces = model.compose_many(40, valence=0.5, arousal=arousal, seed=4)
        return float(np.mean([len(piece.notes) for piece in pieces]))

    assert mean_notes(-0.9) < mean_notes(0.9)


def test_points_between_the_quadrants_vary_as_much_as_the_quadrants(model: MelodyModel) -> None:
    def spread(**point: object) -> float:
        pieces = model.compose_many(96, seed=6, **point)
        return float(np.std([len(piece.notes) for piece in pieces]))

    assert spread(valence=0.0, arousal=0.0) > 0.5 * max(spread(emotion="happy"), spread(emotion="sad"))


def test_form_tempo_key_and_length(model: MelodyModel) -> None:
    piece = model.compose("happy", bars=16, seed=9, tempo=90, key="D")
    assert piece.duration_seconds <= 16 * 4 * 60 / 90 + 1e-6
    assert piece.tempos[0].quarters_per_minute == 90
    assert (piece.key_signatures[0].sharps, piece.key_signatures[0].is_minor) == (2, False)
    in_c = model.compose("happy", bars=16, seed=9)
    assert [note.pitch + 2 for note in in_c.notes] == [note.pitch for note in piece.notes]
    tokens = encode(in_c, 256).reshape(4, 64)
    for phrase in (1, 3):  # A A' B A''
        np.testing.assert_array_equal(tokens[phrase, :RETURNING_STEPS], tokens[0, :RETURNING_STEPS])
    assert not np.array_equal(tokens[2, :RETURNING_STEPS], tokens[0, :RETURNING_STEPS])


def test_a_path_is_followed_kept_and_replayed(model: MelodyModel, weights: Path, tmp_path: Path) -> None:
    """The tiny corpus's happy melodies have 16 notes to a phrase, its sad ones 8."""
    pieces = model.compose_many(20, path="happy:4,sad:8,happy:4", seed=2)
    tokens = np.stack([encode(piece, 256) for piece in pieces]).reshape(20, 4, 64)
    busy = (tokens < HOLD - 1).sum(axis=2).mean(axis=0)
    assert min(busy[0], busy[3]) > 1.3 * max(busy[1], busy[2])
    np.testing.assert_array_equal(tokens[:, 3, :RETURNING_STEPS], tokens[:, 0, :RETURNING_STEPS])  # its theme returns
    np.testing.assert_array_equal(tokens[:, 2, :RETURNING_STEPS], tokens[:, 1, :RETURNING_STEPS])
    provenance = read_provenance(pieces[3])
    assert (provenance.path, provenance.bars, provenance.quadrant) == ("happy:4,sad:8,happy:4", 16, None)
    assert (pieces[3].key_signatures[0].sharps, pieces[3].key_signatures[0].is_minor) == (0, False)
    pieces[3].save(tmp_path / "path.mid")
    assert midi_bytes(replay(read_midi(tmp_path / "path.mid"), weights)) == midi_bytes(pieces[3])
    few = model.compose_many(4, path="happy:4,sad:8,happy:4", seed=2)
    assert [midi_bytes(piece) for piece in few] == [midi_bytes(piece) for piece in pieces[:4]]


def test_what_comes_later_changes_nothing_before(model: MelodyModel) -> None:
    first, second = (model.sample_tokens([parse_path(path)], seed=3) for path in ("sad:4,happy:4", "sad:4,0.1/-0.9:4"))
    np.testing.assert_array_equal(first[:, :64], second[:, :64])
    assert not np.array_equal(first[:, 64:], second[:, 64:])


def test_a_path_of_one_emotion_is_that_emotion(model: MelodyModel) -> None:
    ours, theirs = (model.sample_tokens([wanted], bars=8, seed=3) for wanted in (parse_path("sad:8"), Quadrant.Q3))
    np.testing.assert_array_equal(ours, theirs)


def test_what_a_path_cannot_be_asked_with(model: MelodyModel) -> None:
    for options in ({"emotion": "sad"}, {"valence": 0.5, "arousal": 0.5}, {"bars": 12}):
        with pytest.raises(InputError):
            model.compose(path="sad:4,happy:4", **options)
    with pytest.raises(InputError, match="multiples of 4"):
        model.compose(path="sad:4,happy:3")
    assert model.compose(path="sad:4,happy:4", bars=8).notes


def test_a_calibration_says_what_is_told(model: MelodyModel) -> None:
    """Of the tiny corpus's melodies the aroused are busy; asked the other way round they are not."""
    plane = PlaneCalibration.model_validate(
        {"heard_by": "nobody", "pieces": 1, "conditions": [[(-1, 1), (-1, -1)], [(1, 1), (1, -1)]]}
    )
    turned = MelodyModel(replace(model.weights, config=model.config.model_copy(update={"plane": plane})))
    notes = [
        np.mean([len(piece.notes) for piece in one.compose_many(30, valence=0.5, arousal=0.9, seed=4)])
        for one in (model, turned)
    ]
    assert notes[0] > 1.3 * notes[1]


def test_a_listener_chooses_what_is_heard_nearest_to_the_point(
    model: MelodyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listener hears how high the first note is."""

    class Ear(SimpleNamespace):
        vocabulary = SimpleNamespace(nearest=lambda tokens: tokens)
        weights = None

        def positions(self, tokens: np.ndarray) -> np.ndarray:
            first = tokens[np.arange(len(tokens)), (tokens < REST).argmax(axis=1)]
            return np.stack([(first - 64) / 3, np.zeros(len(tokens))], axis=1)

    listener = {"weights": "ear", "numbers_sha256": "0" * 64, "slopes": (1.0, 1.0)}
    table = {
        "heard_by": "ear",
        "pieces": 1,
        "listener": listener,
        "conditions": [[(-1, -1), (-1, 1)], [(1, -1), (1, 1)]],
    }
    config = model.config.model_copy(update={"plane": PlaneCalibration.model_validate(table)})
    hearing = MelodyModel(replace(model.weights, config=config))
    monkeypatch.setattr(MelodyModel, "load", lambda name: Ear())
    monkeypatch.setattr("affetti.runtime.melody_model.numbers_sha256", lambda weights: "0" * 64)
    heights = []
    for valence in (-0.5, 0.5):
        tokens = hearing.sample_tokens([Emotion(valence, 0.0)] * 10, seed=1)
        heights.append(tokens[np.arange(10), (tokens < REST).argmax(axis=1)].mean())
    assert heights[0] < heights[1] - 1
    named, alone = (one.sample_tokens([Quadrant.Q1], seed=1) for one in (hearing, model))
    np.testing.assert_array_equal(named, alone)  # emotions by name are composed as before
    mixed = hearing.sample_tokens([Quadrant.Q1, Emotion(0.5, 0.0), Quadrant.Q3], seed=1)
    np.testing.assert_array_equal(mixed[:1], named)
    np.testing.assert_array_equal(mixed[1:2], hearing.sample_tokens([Emotion(0.5, 0.0)], seed=1, first_piece=1))
    monkeypatch.setattr("affetti.runtime.melody_model.numbers_sha256", lambda weights: "1" * 64)
    with pytest.raises(InputError, match="other weights ear"):
        MelodyModel(replace(model.weights, config=config)).compose(valence=0.5, arousal=0.5)


def test_sampled_tokens_are_canonical(model: MelodyModel) -> None:
    """No hold without a note: each melody is written in exactly one way."""
    tokens = model.sample_tokens([Quadrant.Q1, Quadrant.Q3] * 30, bars=8, seed=1)
    assert tokens.shape == (60, 128)
    before = np.concatenate([np.full((60, 1), REST), tokens[:, :-1]], axis=1)
    assert not ((tokens == HOLD) & (before == REST)).any()
    np.testing.assert_array_equal(np.stack([encode(decode(row), 128) for row in tokens]), tokens)


def test_the_reader_hears_the_tiny_corpus_and_is_sure_when_it_should_be(model: MelodyModel) -> None:
    corpus = tiny_corpus()
    heard = [model.read(decode(row)).quadrant for row in corpus.tokens]
    assert np.mean([one == quadrant for one, quadrant in zip(heard, corpus.quadrants, strict=True)]) > 0.5
    reading = model.read(decode(corpus.tokens[0]))
    assert 0.25 <= reading.confidence <= 1
    assert len(reading.phrases) == 1
    assert isinstance(reading.emotion, Emotion)


def test_reading_starts_at_the_first_bar_with_notes_and_ignores_silence(model: MelodyModel) -> None:
    row = tiny_corpus().tokens[0]
    plain = model.read(decode(row))
    assert model.read(decode([*[REST] * 32, *row])) == plain
    assert len(model.read(decode([*row, *[REST] * 128, *row])).phrases) == 2


def test_what_cannot_be_read(model: MelodyModel, tmp_path: Path) -> None:
    drums = Piece(480, (Track((Note(0, 36, 480),), is_drum=True),), key_signatures=(KeySignature(0, 0, False),))
    for piece in (drums, Piece(480, ())):
        with pytest.raises(InputError, match="no pitched notes"):
            model.read(piece, key="C")
    with pytest.raises(InputError, match="unknown key"):
        model.read(decode([60]), key="H")


def test_reading_a_note_at_the_end_of_time_costs_nothing(model: MelodyModel) -> None:
    late = Piece(1, (Track((Note(2**28 - 8, 60, 4),)),))
    assert len(model.read(late, key="C").phrases) == 1
    both = Piece(1, (Track((Note(0, 60, 4), Note(2**28 - 8, 60, 4))),))
    assert len(model.read(both, key="C").phrases) == 1


def test_reading_says_where_its_key_is_from(model: MelodyModel) -> None:
    piece = model.compose("sad", seed=3, key="E")
    reading = model.read(piece)
    assert (reading.key.name, reading.key_source) == ("E minor", "notated")
    assert model.read(piece, key="E").phrases == reading.phrases
    assert model.read(piece, key="E").key_source == "given"
    assert model.read(decode(tiny_corpus().tokens[0])).key_source == "estimated"


def test_numbers_of_other_kinds_are_numbers(model: MelodyModel) -> None:
    plain = model.compose(valence=0.25, arousal=-0.5, seed=3, bars=8)
    emotion = Emotion(0.25, -0.5)
    for other in (
        model.compose(emotion, seed=np.int64(3), bars=np.int64(8)),
        model.compose(valence=np.float32(0.25), arousal=np.float32(-0.5), seed=3, bars=8),
    ):
        assert midi_bytes(other) == midi_bytes(plain)


def test_progress_counts_every_melody(model: MelodyModel) -> None:
    done: list[int] = []
    model.compose_many(37, "sad", progress=done.append)
    assert sum(done) == 37
    assert len(done) == 3


def test_bad_options(model: MelodyModel) -> None:
    bad = [
        {},
        {"emotion": "furious"},
        {"emotion": "sad", "valence": 0.1},
        {"valence": 0.1},
        {"valence": 2.0, "arousal": 0.0},
        {"valence": float("nan"), "arousal": 0.0},
        {"emotion": "sad", "bars": 5},
        {"emotion": "sad", "tempo": 1},
        {"emotion": "sad", "tempo": float("nan")},
        {"emotion": "sad", "seed": -1},
        {"emotion": "sad", "key": "H"},
        {"emotion": "sad", "key": "C major"},
        {"emotion": "sad", "temperature": 0},
        {"emotion": "sad", "temperature": 1.0, "greedy": True},
    ]
    for options in bad:
        with pytest.raises(InputError) as caught:
            model.compose(**options)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="count"):
        model.compose_many(0, "sad")


def test_hostile_weights_folders(weights: Path, tmp_path: Path) -> None:
    def damaged(name: str, data: bytes) -> Path:
        folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(weights, folder)
        (folder / name).write_bytes(data)
        return folder

    config = json.loads((weights / "config.json").read_text())
    fitted = config["quadrant_positions"]
    for change in (
        {"latent_size": 0},
        {"latent_size": 7},
        {"vocabulary": [1]},
        {"vocabulary": [128, 129]},
        {"vocabulary": [-1, 128, 129]},
        {"quadrant_positions": [fitted[0] | {"mean": []}, *fitted[1:]]},
        {"quadrant_positions": [fitted[0] | {"mean": [0.0]}, *fitted[1:]]},
        {"quadrant_positions": [fitted[0] | {"cholesky": [[1.0], [0.0, 1.0]]}, *fitted[1:]]},
        {"axis_reach": [float("nan"), 1.0]},
        {"reading_slope": [float("inf"), 1.0]},
        {"profiles": config["profiles"] | {"scale": [0, 1, 1, 1, 1]}},
        {"licence": "x" * 100_000},
        {"system": "x"},
        {"new": 1},
    ):
        with pytest.raises(InputError):
            affetti.load(damaged("config.json", json.dumps(config | change).encode()))
    for change in (
        {"hidden_size": 33},
        {"label_in_decoder": True},
        {"autoregressive": False},
        {"vocabulary": config["vocabulary"][1:]},
        {"vocabulary": [40, *config["vocabulary"]]},
    ):
        with pytest.raises(InputError, match="not the graph that"):
            affetti.load(damaged("config.json", json.dumps(config | change).encode())).compose("sad")
    swapped = damaged("encoder.onnx", (weights / "decoder_step.onnx").read_bytes())
    with pytest.raises(InputError, match="not the graph that"):
        affetti.load(swapped).read(decode([60]))
    for data in (b"", b"{", b"[]", b"\xff" * 10, b"[" * 100_000):
        with pytest.raises(InputError):
            affetti.load(damaged("config.json", data))
    with pytest.raises(InputError, match="not a usable ONNX graph"):
        affetti.load(damaged("decoder_step.onnx", b"garbage")).compose("sad")
    with pytest.raises(InputError, match="not a usable ONNX graph"):
        affetti.load(damaged("model.safetensors", b"12345678")).compose("sad")
    with pytest.raises(InputError, match="no weights"):
        affetti.load("../../etc")
    with pytest.raises(InputError, match="no weights"):
        affetti.load("x" * 5000)
    with pytest.raises(InputError, match="no weights"):
        affetti.load(tmp_path / "nothing")
