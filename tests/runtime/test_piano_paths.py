"""Piano pieces at points of the plane and along paths, with a tiny model of random numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import affetti
from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.midi import midi_bytes, read_midi
from affetti.runtime.emotion_path import parse_path
from affetti.runtime.emotion_weights import Conditions
from affetti.runtime.guided_prior import GuidedPrior
from affetti.runtime.piano_model import PianoModel
from affetti.runtime.plane_calibration import PlaneCalibration
from affetti.runtime.provenance import PianoProvenance, read_provenance, replay
from affetti.tokens.elements import BAR, BAR_BEAT
from affetti.tokens.grammar import check
from tests.tiny_piano import export_tiny

EVERY_STEP = {"emotion_input": "every_step"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights as the shipped ones are made: a codebook for each element, the decoder sees each word's own latent."""
    folder = tmp_path_factory.mktemp("paths") / "weights"
    decaying = {"attention": "decaying", "heads": 4}
    export_tiny(folder, EVERY_STEP | decaying, codebook="per_element", latent_into_decoder="concatenate", **EVERY_STEP)
    return folder


@pytest.fixture
def model(weights: Path) -> PianoModel:
    return PianoModel.load(weights)


def with_plane(model: PianoModel, *rows: tuple[tuple[float, float], ...]) -> PianoModel:
    plane = PlaneCalibration(heard_by="nobody", pieces=1, conditions=rows)
    config = model.config.model_copy(update={"plane": plane})
    return PianoModel(replace(model.weights, config=config))


@pytest.mark.parametrize("quadrant", Quadrant)
def test_a_corner_of_the_plane_is_its_quadrant(model: PianoModel, quadrant: Quadrant) -> None:
    corner = Emotion(quadrant.valence_sign, quadrant.arousal_sign)
    ours, theirs = model.sample_words([quadrant, corner], bars=3, seed=1)
    (alone,) = model.sample_words([corner], bars=3, seed=1)
    np.testing.assert_array_equal(alone, ours)
    assert not np.array_equal(alone, theirs)  # another piece of the same emotion


def test_a_point_between_is_composed_otherwise_than_its_quadrant(model: PianoModel) -> None:
    pieces = [midi_bytes(model.compose(valence=v, arousal=a, bars=4, seed=1)) for v, a in ((1, 1), (0.3, 0.1), (0, 0))]
    assert len(set(pieces)) == 3


def test_a_calibration_says_what_is_told(model: PianoModel) -> None:
    turned = with_plane(model, ((1, 1), (1, -1)), ((-1, 1), (-1, -1)))  # asked sad, told happy …
    asked = {Emotion(-1, -1): Quadrant.Q1, Emotion(1, 1): Quadrant.Q3, Emotion(-1, 1): Quadrant.Q4}
    for point, told in asked.items():
        (ours,), (theirs,) = turned.sample_words([point], bars=3, seed=2), model.sample_words([told], bars=3, seed=2)
        np.testing.assert_array_equal(ours, theirs)
    beyond = with_plane(model, ((-2, -2), (-2, 2)), ((2, -2), (2, 2)))
    (ours,) = beyond.sample_words([Emotion(1, 1)], bars=3, seed=2)
    twice = model.sampling(strength=2 * model.config.strength)
    np.testing.assert_array_equal(ours, model.sample_words([Quadrant.Q1], bars=3, seed=2, sampling=twice)[0])


def test_a_path_of_one_emotion_is_that_emotion(model: PianoModel) -> None:
    ours, theirs = (
        model.sample_words([parse_path("sad:2,sad:2")], seed=4),
        model.sample_words([Quadrant.Q3], bars=4, seed=4),
    )
    np.testing.assert_array_equal(ours[0], theirs[0])


@pytest.mark.parametrize("path", ["calm:2,tense:2,happy:2", "0.1/0.2:1,sad:5", "-1/-1:6"])
def test_a_path_has_exactly_its_bars(model: PianoModel, path: str) -> None:
    for words in model.sample_words([parse_path(path)] * 5, seed=3):
        assert check(words) == []
        assert (words[:, BAR_BEAT] == BAR).sum() == 6


@pytest.mark.parametrize("drafts", [1, 3])
def test_what_comes_later_changes_nothing_before(model: PianoModel, drafts: int) -> None:
    """With the same seed, and a decoder that sees only each word's own latent; sections are chosen by themselves."""
    paths = [parse_path("calm:2,tense:2"), parse_path("calm:2,0.9/0.8:2")]
    pieces = [model.sample_words([path] * 4, seed=7, drafts=drafts) for path in paths]
    differ = 0
    for first, second in zip(*pieces, strict=True):
        until = min(np.flatnonzero(words[:, BAR_BEAT] == BAR)[2] for words in (first, second))
        np.testing.assert_array_equal(first[:until], second[:until])
        differ += not np.array_equal(first, second)
    assert differ > 0


def test_a_section_of_a_path_is_the_beginning_of_a_piece(model: PianoModel) -> None:
    """The prior forgets the first section: the codes of the second are those of a piece with its emotion."""
    conditions = Conditions.of_wanted([parse_path("calm:2,tense:2")])
    alone = Conditions.of_wanted([Quadrant.Q2])
    prior, other = (GuidedPrior(model.steps, one, 1.25) for one in (conditions, alone))
    random = np.random.default_rng(0)
    codes = random.integers(0, model.config.model.codes, (12, 1, model.config.model.codebooks))
    for step in range(6):
        prior.step(codes[step])
    reborn, logits = prior.reborn(0, 2, codes.shape[2])
    prior.adopt(0, reborn)
    prior.reach(np.array([2]))
    np.testing.assert_array_equal(logits, other.step(codes[0]))
    for step in range(6, 12):
        np.testing.assert_allclose(prior.step(codes[step]), other.step(codes[step]), atol=1e-6)
        for book in range(1, codes.shape[2]):
            np.testing.assert_allclose(prior.book(codes[step, :, :book]), other.book(codes[step, :, :book]), atol=1e-6)


def test_a_piece_on_a_path_does_not_depend_on_what_is_composed_beside_it(model: PianoModel) -> None:
    paths = [parse_path("calm:2,tense:2"), parse_path("happy:1,0.5/0.5:3"), parse_path("sad:4")]
    together = model.sample_words(paths, seed=5)
    for number, path in enumerate(paths):
        (alone,) = model.sample_words([path], seed=5, first_piece=number)
        np.testing.assert_array_equal(alone, together[number])


def test_a_path_is_kept_in_the_piece_and_replayed(model: PianoModel, weights: Path, tmp_path: Path) -> None:
    piece = model.compose(path="calm:2, tense:1,0.25/-0.5:2", seed=1)
    provenance = read_provenance(piece)
    assert isinstance(provenance, PianoProvenance)
    assert provenance.path == "calm:2,angry:1,0.25/-0.5:2"
    assert (provenance.valence, provenance.arousal, provenance.quadrant, provenance.bars) == (None, None, None, None)
    piece.save(tmp_path / "path.mid")
    assert midi_bytes(replay(read_midi(tmp_path / "path.mid"), weights)) == midi_bytes(piece)


def test_a_file_of_provenance_never_has_another_file_read(model: PianoModel, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("bar,valence,arousal\n1,0,0\n")
    piece = model.compose(path="calm:1", seed=1)
    found = read_provenance(piece)
    assert isinstance(found, PianoProvenance)
    hostile = replace(piece, markers=()).with_marker(replace(found, path=str(tmp_path / "secret.csv")).to_json())
    with pytest.raises(InputError, match="part of a path"):
        replay(hostile, weights)


def test_a_longest_path_fits_into_a_piece(model: PianoModel) -> None:
    fine = ",".join(f"{-0.1234 - bar / 10_000:.4f}/{-0.4321 + bar / 10_000:.4f}:1" for bar in range(2000))
    provenance = read_provenance(model.compose(path="calm:1", seed=1))
    piece = model.compose("sad", bars=1, seed=1)
    marked = replace(piece, markers=()).with_marker(replace(provenance, path=fine).to_json())
    assert read_provenance(marked).path == fine


def test_what_a_path_cannot_be_asked_with(model: PianoModel, piano_weights: Path) -> None:
    for options in ({"emotion": "sad"}, {"valence": 0.5, "arousal": 0.5}, {"bars": 5}):
        with pytest.raises(InputError):
            model.compose(path="calm:2,tense:2", **options)
    with pytest.raises(InputError, match="same number of bars"):
        model.sample_words([parse_path("calm:2"), parse_path("calm:3")])
    with pytest.raises(InputError, match="same number of bars"):
        model.sample_words([parse_path("calm:2"), Quadrant.Q1])
    told_once = affetti.load(piano_weights)
    with pytest.raises(InputError, match="told the emotion once"):
        told_once.compose(path="calm:2,tense:2")
    assert told_once.compose(valence=0.2, arousal=0.1, bars=2).notes
    assert model.compose(path="calm:2,tense:2", bars=4, seed=1).notes


def test_torch_follows_a_path_as_the_graphs_do(model: PianoModel, weights: Path) -> None:
    in_torch = affetti.load(weights, backend="torch")
    assert isinstance(in_torch, PianoModel)
    paths = [parse_path("calm:1,0.2/0.7:1,angry:1")] * 6
    ours, theirs = (one.sample_words(paths, seed=1) for one in (model, in_torch))
    same = [np.array_equal(first, second) for first, second in zip(ours, theirs, strict=True)]
    assert sum(same) >= 4  # now and then rounding decides otherwise
