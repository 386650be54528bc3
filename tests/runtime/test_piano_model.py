import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import affetti
from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.midi import midi_bytes, read_midi
from affetti.piece import Piece
from affetti.runtime import piano_drafts
from affetti.runtime.melody_model import MelodyModel
from affetti.runtime.piano_model import BATCH, ComposingCancelledError, PianoModel
from affetti.runtime.provenance import PianoProvenance, read_provenance, replay
from affetti.runtime.sampling import Sampling
from affetti.tokens.compound_word import GridMusic, encode
from affetti.tokens.elements import ELEMENTS, TYPE, VELOCITY
from affetti.tokens.grammar import check
from tests.tiny_piano import export_tiny


@pytest.fixture
def model(piano_weights: Path) -> PianoModel:
    found = affetti.load(piano_weights)
    assert isinstance(found, PianoModel)
    return found


def test_same_seed_same_bytes_and_other_seed_other_music(model: PianoModel) -> None:
    first = midi_bytes(model.compose("happy", seed=1))
    assert midi_bytes(model.compose("happy", seed=1)) == first
    assert midi_bytes(model.compose("happy", seed=2)) != first
    assert midi_bytes(model.compose("sad", seed=1)) != first


@pytest.mark.parametrize("bars", [None, 4])
def test_a_piece_does_not_depend_on_what_is_composed_beside_it(model: PianoModel, bars: int | None) -> None:
    many = model.compose_many(BATCH + 6, "sad", seed=5, bars=bars)
    few = model.compose_many(3, "sad", seed=5, bars=bars)
    assert [midi_bytes(piece) for piece in many[:3]] == [midi_bytes(piece) for piece in few]
    assert len({midi_bytes(piece) for piece in many}) > BATCH
    mixed = model.sample_words([Quadrant.Q1, Quadrant.Q3, Quadrant.Q4], bars=bars, seed=5)
    np.testing.assert_array_equal(mixed[1], model.sample_words([Quadrant.Q3], bars=bars, seed=5, first_piece=1)[0])


def loudest(drafts: Sequence[GridMusic], wanted: Quadrant, **options: object) -> int:
    """A choice that depends on the drafts alone: tiny models compose nothing in which a recogniser hears anything."""
    return int(np.argmax([draft.velocities.mean() for draft in drafts]))


def test_drafts_of_a_piece_do_not_depend_on_what_is_composed_beside_it(
    model: PianoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piano_drafts, "choose", loudest)
    quadrants = [Quadrant.Q3, Quadrant.Q1] * (BATCH // 6 + 2)  # more than are composed at once
    many = model.sample_words(quadrants, bars=2, seed=5, drafts=3)
    for number in (0, 1, 2, len(quadrants) - 1):
        (alone,) = model.sample_words([quadrants[number]], bars=2, seed=5, drafts=3, first_piece=number)
        np.testing.assert_array_equal(many[number], alone)
    first = model.sample_words(quadrants, bars=2, seed=5)
    kept_first = [np.array_equal(one, other) for one, other in zip(many, first, strict=True)]
    assert 0 < sum(kept_first) < len(quadrants) / 2  # the first draft is the piece without drafts; others are others


def test_a_piece_that_was_chosen_among_drafts_is_replayed(
    model: PianoModel, piano_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piano_drafts, "choose", loudest)
    pieces = model.compose_many(4, "sad", seed=11, bars=2, drafts=4)
    for piece in pieces:
        provenance = read_provenance(piece)
        assert isinstance(provenance, PianoProvenance)
        assert provenance.drafts == 4
        assert midi_bytes(replay(read_midi(midi_bytes(piece)), piano_weights)) == midi_bytes(piece)
    assert midi_bytes(model.compose("sad", seed=11, bars=2)) != midi_bytes(pieces[0])


def test_drafts_and_strength_are_those_of_the_weights_unless_one_says_otherwise(
    piano_weights: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(piano_weights, tmp_path / "weights")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"drafts": 3, "strength": 2.0}))
    model = PianoModel.load(folder)

    def used(**options: object) -> tuple[int, float]:
        provenance = read_provenance(model.compose("calm", seed=1, bars=1, **options))  # type: ignore[arg-type]
        assert isinstance(provenance, PianoProvenance)
        return provenance.drafts, provenance.strength

    assert used() == (3, 2.0)
    assert used(drafts=1, strength=1.0) == (1, 1.0)
    assert used(greedy=True) == (1, 2.0)  # every draft would be the same


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core: nothing to compare")
def test_bytes_do_not_depend_on_cores(piano_weights: Path) -> None:
    program = (
        "import sys, os, hashlib, affetti\nfrom affetti.midi import midi_bytes\n"
        "cores = sorted(os.sched_getaffinity(0))[: int(sys.argv[2])]\nos.sched_setaffinity(0, cores)\n"
        "pieces = affetti.load(sys.argv[1]).compose_many(5, 'calm', seed=3, bars=4)\n"
        "print(hashlib.sha256(b''.join(map(midi_bytes, pieces))).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, str(piano_weights), cores], capture_output=True, text=True, check=True
        ).stdout
        for cores in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("bars", [1, 2, 7, 33])
def test_bars_are_exact(model: PianoModel, bars: int) -> None:
    for piece in model.compose_many(4, "angry", bars=bars, seed=bars):
        bar = 4 * piece.ticks_per_quarter
        assert piece.notes[-1].start_ticks // bar == bars - 1
        assert max(note.end_ticks for note in piece.notes if note.start_ticks >= (bars - 1) * bar) <= bars * bar


def test_without_a_number_of_bars_pieces_are_as_long_as_they_come(model: PianoModel) -> None:
    words = model.sample_words([Quadrant.Q1] * 12, seed=3)
    assert len({len(one) for one in words}) > 3
    for one in words:
        assert check(one) == []


def test_what_is_composed_is_written_in_words_again(model: PianoModel) -> None:
    """A piece is on the grid: its words say all of it."""
    (words,) = model.sample_words([Quadrant.Q2], bars=6, seed=9)
    piece = model.compose("angry", bars=6, seed=9, form="free")
    again = encode(piece).words
    kept = [column for column in range(len(ELEMENTS)) if ELEMENTS[column].name != "duration"]  # cut at restrikes
    np.testing.assert_array_equal(again[:, kept], words[:, kept])


def test_tempo_and_key(model: PianoModel) -> None:
    piece = model.compose("happy", bars=4, seed=9, tempo=93.5, key="E")
    assert [(tempo.start_ticks, tempo.quarters_per_minute) for tempo in piece.tempos] == [(0, 93.5)]
    assert piece.key_signatures[0].sharps in (4, 1)  # E major or E minor
    assert piece.chords


def test_elements_are_drawn_as_one_says(model: PianoModel) -> None:
    """With a nucleus that holds one value alone, nothing is left to chance; the other elements go on as before."""
    narrow = {"velocity": Sampling(nucleus=0.01)}
    (words,) = model.sample_words([Quadrant.Q1], bars=8, seed=1, sampling=model.sampling(elements=narrow))
    (free,) = model.sample_words([Quadrant.Q1], bars=8, seed=1)
    is_note = words[:, TYPE] == 3
    assert len(set(words[is_note, VELOCITY])) < len(set(free[free[:, TYPE] == 3, VELOCITY]))


@pytest.mark.parametrize(
    "options",
    [
        {"emotion": "angry"},
        {"emotion": "Q1", "key": "E♭ minor", "tempo": 93.5, "bars": 8},
        {"valence": -0.3, "arousal": 0.9, "temperature": 0.7, "nucleus": 0.8, "bars": 2},
        {"emotion": "sad", "greedy": True, "bars": 2},
        {"emotion": "happy", "drafts": 2, "bars": 12},
        {"emotion": "calm", "strength": 2.0, "elements": {"pitch": Sampling(0.5, 0.5)}, "bars": 2},
    ],
)
def test_replay_makes_every_piece_again_byte_for_byte(model: PianoModel, piano_weights: Path, options: dict) -> None:
    for number, piece in enumerate(model.compose_many(5, seed=11, **options)):
        data = midi_bytes(piece)
        provenance = read_provenance(read_midi(data))
        assert isinstance(provenance, PianoProvenance)
        assert provenance.piece == number
        if number in (0, 1, 4):
            assert midi_bytes(replay(read_midi(data), piano_weights)) == data


def test_replay_refuses_damaged_provenance(model: PianoModel, piano_weights: Path) -> None:
    piece = model.compose("sad", seed=1, bars=1)
    stored = json.loads(piece.markers[0].text)

    def forged(**changes: object) -> Piece:
        return Piece(480, piece.tracks).with_marker(json.dumps(stored | changes))

    for bad in (
        {"weights_sha256": "0" * 64},
        {"bars": 0},
        {"bars": 2001},
        {"piece": -1},
        {"seed": 2**70},
        {"temperatures": [1.0]},
        {"temperatures": [0.0] * 8},
        {"nuclei": [2.0] * 8},
        {"quarters_per_minute": 0.0},
        {"quarters_per_minute": float("nan")},
        {"strength": 100.0},
        {"drafts": 0},
        {"drafts": 17},
        {"backend": "abacus"},
        {"more": 1},
        {"quadrant": None},
        {"key": "H"},
        {"system": "emoreg"},
    ):
        with pytest.raises(InputError):
            replay(forged(**bad), piano_weights)
    with pytest.raises(InputError, match="does not come with affetti"):
        replay(forged())


def test_a_piece_of_one_system_is_not_replayed_by_the_other(piano_weights: Path) -> None:
    melody = affetti.load("emoreg").compose("sad", seed=1)
    stored = json.loads(melody.markers[0].text)
    claims = melody.with_marker(json.dumps(stored | {"weights_sha256": PianoModel.load(piano_weights).weights_hash}))
    with pytest.raises(InputError, match="not of muser"):
        replay(claims, piano_weights)


def test_progress_tells_how_much_is_done(model: PianoModel) -> None:
    told: list[float] = []
    model.compose_many(3, "sad", bars=3, seed=1, progress=told.append)
    assert min(told) > 0
    assert len(told) > 20
    assert sum(told) == pytest.approx(3)


@pytest.mark.parametrize("after", [0, 5, 40])
def test_composing_can_be_cancelled(model: PianoModel, after: int) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > after

    with pytest.raises(ComposingCancelledError):
        model.compose("sad", bars=8, seed=1, cancelled=cancelled)
    assert len(asked) == after + 1


@pytest.mark.parametrize(
    "bad",
    [
        {"emotion": "hapy"},
        {"emotion": None},
        {"bars": 0},
        {"bars": 2001},
        {"seed": -1},
        {"seed": 2**32},
        {"tempo": 19.0},
        {"key": "H"},
        {"temperature": 0.0},
        {"nucleus": 1.1},
        {"strength": -1.0},
        {"drafts": 0},
        {"drafts": 17},
        {"greedy": True, "drafts": 2},
        {"greedy": True, "temperature": 1.0},
        {"greedy": True, "elements": {"pitch": Sampling()}},
        {"elements": {"pitches": Sampling()}},
        {"elements": {"pitch": Sampling(greedy=True)}},
        {"count": 0},
    ],
)
def test_out_of_range(model: PianoModel, bad: dict) -> None:
    options = {"count": 1, "emotion": "sad", "bars": 1} | bad
    with pytest.raises(InputError):
        model.compose_many(options.pop("count"), **options)


def test_codes_of_a_piece_and_back(model: PianoModel) -> None:
    words = model.sample_words([Quadrant.Q1] * 2, bars=4, seed=2)
    codes = [model.codes(one) for one in words]
    assert [one.shape for one in codes] == [(len(one), 1) for one in words]
    written = model.write(codes, [Quadrant.Q1, None], seed=3)
    for one in written:
        assert check(one) == []
    np.testing.assert_array_equal(written[0], model.write(codes[:1], [Quadrant.Q1], seed=3)[0])


@pytest.mark.parametrize("ablation", [{"codebook": "per_element"}, {"decoding": "element"}, {"decoding": "global"}])
def test_every_kind_of_network_composes(ablation: dict, tmp_path: Path) -> None:
    export_tiny(tmp_path, **ablation)
    for words in PianoModel.load(tmp_path).sample_words(list(Quadrant), bars=3, seed=1):
        assert check(words) == []


def test_torch_composes_the_same(model: PianoModel, piano_weights: Path) -> None:
    in_torch = affetti.load(piano_weights, backend="torch")
    assert isinstance(in_torch, PianoModel)
    ours, theirs = (one.sample_words(list(Quadrant) * 3, bars=3, seed=1) for one in (model, in_torch))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
    piece = in_torch.compose("sad", bars=1, seed=1)
    provenance = read_provenance(piece)
    assert isinstance(provenance, PianoProvenance)
    assert provenance.backend == "torch"
    assert midi_bytes(replay(piece, piano_weights)) == midi_bytes(piece)


def test_melodies_have_one_backend() -> None:
    with pytest.raises(InputError, match="onnx"):
        affetti.load("emoreg", backend="torch")  # type: ignore[call-overload]


def test_melody_weights_compose_no_piano_pieces() -> None:
    with pytest.raises(InputError, match="composes no piano pieces"):
        PianoModel.load("emoreg")


def test_a_run_is_told_where_its_weights_are(piano_weights: Path, tmp_path: Path) -> None:
    shutil.copytree(piano_weights, tmp_path / "run" / "weights")
    with pytest.raises(InputError, match="it is a run, whose weights are in"):
        affetti.load(tmp_path / "run")


def test_a_model_of_one_system_is_not_the_other(piano_weights: Path) -> None:
    with pytest.raises(InputError, match="composes no melodies"):
        MelodyModel.load(piano_weights)


Damaged = Callable[[str, bytes | None], Path]


@pytest.fixture
def damaged(piano_weights: Path, tmp_path: Path) -> Damaged:
    """A copy of the weights with one file changed, or taken away."""

    def copy(name: str, data: bytes | None) -> Path:
        folder = tmp_path / f"weights{len(list(tmp_path.iterdir()))}"
        shutil.copytree(piano_weights, folder)
        (folder / name).unlink()
        if data is not None:
            (folder / name).write_bytes(data)
        return folder

    return copy


def test_the_weights_hash_covers_all_that_decides_the_music(
    model: PianoModel, piano_weights: Path, damaged: Damaged
) -> None:
    for name in ("config.json", "model.safetensors", *(f"{graph}.onnx" for graph in model.config.graphs)):
        data = (piano_weights / name).read_bytes()
        changed = data + b" " if name == "config.json" else data[:-1] + bytes([data[-1] ^ 1])
        assert PianoModel.load(damaged(name, changed)).weights_hash != model.weights_hash


def test_damaged_folders_are_refused_in_one_line(model: PianoModel, piano_weights: Path, damaged: Damaged) -> None:
    config = json.loads((piano_weights / "config.json").read_text())

    def changed(part: str | None, **changes: object) -> bytes:
        return json.dumps(config | (changes if part is None else {part: config[part] | changes})).encode()

    folders = [
        damaged("config.json", b"{"),
        damaged("config.json", changed(None, system="other")),
        damaged("config.json", changed(None, bar_shares=[0.5])),
        damaged("config.json", changed(None, bar_shares=[2.0] * 16)),
        damaged("config.json", changed(None, elements=config["elements"][:6])),
        damaged("config.json", changed(None, more=1)),
        damaged("config.json", changed("model", codes=8)),
        damaged("config.json", changed("model", attention="softmax")),
        damaged("config.json", changed("model", decoder_layers=10**6)),
        damaged("config.json", changed("model", heads=3)),
        damaged("config.json", changed("model", decoder_width=16)),
        damaged("config.json", changed("model", codebook="per_element")),
        damaged("config.json", changed("prior", layers=3)),
        damaged("model.safetensors", b"12345678"),
        damaged("model.safetensors", (piano_weights / "model.safetensors").read_bytes()[:-100]),
        damaged("prior_step.onnx", b"garbage"),
        damaged("prior_step.onnx", (piano_weights / "decoder_type_step.onnx").read_bytes()),
        *(damaged(name.name, None) for name in piano_weights.iterdir()),
    ]
    for folder in folders:
        with pytest.raises(InputError) as refused:
            affetti.load(folder).compose("sad", seed=1, bars=1)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 600


def test_a_codebook_of_other_sizes_is_refused(piano_weights: Path, damaged: Damaged, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = damaged("model.safetensors", (piano_weights / "model.safetensors").read_bytes())
    tensors = load_file(folder / "model.safetensors")
    tensors["vqvae.quantizer.codebook"] = tensors["vqvae.quantizer.codebook"][:, :4]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(InputError, match="codebook"):
        affetti.load(folder).compose("sad", seed=1, bars=1)


def test_drafts_chosen_by_another_recogniser_are_not_replayed(model: PianoModel, piano_weights: Path) -> None:
    piece = model.compose("calm", bars=2, seed=3, drafts=2)
    provenance = read_provenance(piece)
    assert isinstance(provenance, PianoProvenance)
    assert provenance.chooser_sha256
    assert midi_bytes(replay(piece, piano_weights)) == midi_bytes(piece)
    other = dataclasses.replace(provenance, chooser_sha256="0" * 64)
    markers = tuple(one for one in piece.markers if not one.text.startswith("{"))
    with pytest.raises(InputError, match="another recogniser"):
        replay(dataclasses.replace(piece, markers=markers).with_marker(other.to_json()), piano_weights)
    alone = read_provenance(model.compose("calm", bars=2, seed=3, drafts=1))
    assert isinstance(alone, PianoProvenance)
    assert alone.chooser_sha256 is None
