import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affetti.corpora.prepared_pieces import PreparedPieces
from affetti.errors import InputError
from affetti.evaluation import reconstruction
from affetti.evaluation.likeness import Content, content, likeness, shared
from affetti.evaluation.reconstruction import (
    CodeUsage,
    code_usage,
    coded,
    free_running,
    measure,
    split_pieces,
    teacher_forced,
    words_to_work_through,
)
from affetti.muser.config import MuserConfig
from affetti.muser.export import export_weights
from affetti.muser.losses import mean_cross_entropy
from affetti.muser.prior import build_prior
from affetti.runtime.piano_model import PianoModel
from affetti.tokens.elements import DURATION, ELEMENTS, NOTE, PITCH, SIZES, TYPE, VELOCITY
from tests.evaluation.reciters import Reciter
from tests.evaluation.tiny_pieces import tiny_pieces
from tests.muser.networks import network, tiny_prior


def silent(words: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def pieces() -> PreparedPieces:
    """Eight pieces of 4 bars, two for validation and two for the test."""
    made = tiny_pieces()
    return dataclasses.replace(made, splits=np.asarray([0, 0, 0, 0, 1, 1, 2, 2], np.int8))


def everything(model: Any, corpus: PreparedPieces) -> Any:
    return coded(model, corpus, range(len(corpus)), silent)


# ---- models whose figures can be said in advance


def test_who_knows_all_by_heart_has_all_right(pieces: PreparedPieces) -> None:
    model = Reciter(pieces)
    measured = measure(model, pieces, "test", silent)
    forced, free = measured.teacher_forced, measured.free_running
    assert forced.words == sum(len(pieces.piece(index)) for index in (6, 7))
    assert (forced.accuracy == 1).all()
    assert (forced.accuracy_where_said == 1).all()
    assert (forced.nats < 1e-4).all()
    assert (free.aligned == 1).all()
    assert [one.f1 for one in (free.likeness.notes, free.likeness.onsets, free.likeness.pitches)] == [1, 1, 1]
    assert dataclasses.astuple(free.likeness)[3:7] == (1, 1, 1, 1)
    assert free.likeness.bars == (8, 8)
    assert free.words[0] == free.words[1]
    assert free.chance.notes.f1 < 1
    assert measured.usage["train"].unused > measured.usage["test"].counts.shape[0] * 2  # the other quadrants' words


@pytest.mark.parametrize(
    ("misheard", "notes", "durations", "velocities"),
    [(PITCH, 0.0, None, None), (DURATION, 1.0, 0.0, 1.0), (VELOCITY, 1.0, 1.0, 0.0)],
)
def test_one_element_misheard(
    pieces: PreparedPieces, misheard: int, notes: float, durations: float | None, velocities: float | None
) -> None:
    model = Reciter(pieces, misheard=misheard)
    forced = teacher_forced(model, everything(model, pieces), silent)
    others = np.arange(len(ELEMENTS)) != misheard
    assert forced.accuracy_where_said[misheard] == 0
    assert 0 < forced.accuracy[misheard] < 1
    assert (forced.accuracy[others] == 1).all()
    assert forced.nats[misheard] > 1
    free = free_running(model, everything(model, pieces), silent)
    assert free.likeness.onsets.f1 == 1
    if misheard == PITCH:
        assert free.likeness.notes.f1 < 0.2
        assert free.likeness.pitches.f1 < 1
    else:
        assert free.likeness.notes.f1 == notes
        assert (free.likeness.durations, free.likeness.velocities) == (durations, velocities)


def test_a_note_left_out_shifts_words_but_not_the_music(pieces: PreparedPieces) -> None:
    model = Reciter(pieces, skips=2)  # the first note
    free = free_running(model, everything(model, pieces), silent)
    assert (free.aligned < 0.5).any()
    assert free.likeness.notes.written == free.likeness.notes.real - len(pieces)
    assert free.likeness.notes.precision == 1
    assert free.likeness.notes.recall > 0.95
    assert free.words[0] == free.words[1] - len(pieces)


def test_shares_are_of_the_words_that_use_an_element(pieces: PreparedPieces) -> None:
    forced = teacher_forced(Reciter(pieces), everything(Reciter(pieces), pieces), silent)
    words = np.concatenate([pieces.piece(index).words for index in range(len(pieces))])
    assert forced.said.tolist() == [int((words[:, column] > 0).sum()) for column in range(len(ELEMENTS))]
    assert forced.said[TYPE] == forced.words == len(words)
    assert forced.commonest[TYPE] == pytest.approx((words[:, TYPE] == NOTE).mean())


# ---- an exported network


@pytest.fixture(scope="module", params=["shared", "per_element"])
def untrained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, PianoModel]:
    """A network in torch and the same as weights."""
    vqvae = network(codebook=request.param, block_reduction="mean")
    config = MuserConfig(model=vqvae.config, prior=tiny_prior())
    folder: Path = tmp_path_factory.mktemp("weights")
    export_weights(
        vqvae,
        build_prior(vqvae.config, config.prior),
        folder,
        config=config,
        name="tiny",
        preset="muser_small",
        licence="none",
        corpora=("tiny",),
        is_test_model=True,
    )
    return vqvae, PianoModel.load(folder)


def test_teacher_forced_is_what_training_measures(untrained: tuple[Any, PianoModel], pieces: PreparedPieces) -> None:
    vqvae, model = untrained
    found = teacher_forced(model, everything(model, pieces), silent)
    right, nats, total = np.zeros(len(ELEMENTS)), np.zeros(len(ELEMENTS)), 0
    for index in range(len(pieces)):
        words = torch.from_numpy(np.asarray(pieces.piece(index).words, np.int64))[None]
        mask = torch.ones(words.shape[:2], dtype=torch.bool)
        with torch.no_grad():
            logits = vqvae(words, mask, torch.from_numpy(pieces.quadrants[[index]].astype(np.int64))).logits
        for column, own in enumerate(logits):
            right[column] += (own.argmax(-1) == words[..., column]).sum()
            nats[column] += mean_cross_entropy(own, words[..., column], mask) * words.shape[1]
        total += words.shape[1]
    np.testing.assert_allclose(found.nats, nats / total, rtol=1e-3)
    np.testing.assert_allclose(found.right, right, atol=0.01 * total)  # near ties may fall otherwise


def test_who_is_read_beside_does_not_matter(
    untrained: tuple[Any, PianoModel], pieces: PreparedPieces, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, model = untrained
    together = free_running(model, everything(model, pieces), silent)
    monkeypatch.setattr(reconstruction, "BATCH", 3)
    apart = free_running(model, everything(model, pieces), silent)
    np.testing.assert_array_equal(together.aligned, apart.aligned)
    assert together.likeness.notes == apart.likeness.notes


def test_progress_tells_of_all_words(untrained: tuple[Any, PianoModel], pieces: PreparedPieces) -> None:
    _, model = untrained
    told: list[int] = []
    for split in ("train", "validation"):
        told.clear()
        measured = measure(model, pieces, split, told.append)
        assert sum(told) == words_to_work_through(pieces, split)
        assert list(measured.usage) == list(dict.fromkeys([split, "train"]))


# ---- parts


def test_code_usage() -> None:
    even = CodeUsage(np.asarray([[5, 5, 5, 5, 0]]))
    assert even.perplexity == pytest.approx(4)
    assert even.unused == 1
    books = CodeUsage(np.asarray([[4, 4], [8, 0]]))
    assert books.perplexity == pytest.approx(1.5)
    assert books.unused == 0.5


def test_codes_are_counted(pieces: PreparedPieces) -> None:
    model = Reciter(pieces)
    usage = code_usage(model, everything(model, pieces))
    assert usage.counts.shape == (1, len(model.vocabulary) + 3)
    assert usage.counts.sum() == len(pieces.words)
    assert usage.unused == 3


def test_pieces_that_are_not_in_4_4_are_left_out(pieces: PreparedPieces) -> None:
    steps = pieces.bar_steps.copy()
    steps[pieces.bar_offsets[6] : pieces.bar_offsets[7]] = [12, 12, 12, 16]
    steps[pieces.bar_offsets[7] : pieces.bar_offsets[8]] = [12, 12, 16, 16]
    waltz = dataclasses.replace(pieces, bar_steps=steps)
    assert split_pieces(waltz, "test") == ([7], 1)
    none = dataclasses.replace(pieces, splits=np.zeros(len(pieces), np.int8))
    with pytest.raises(InputError, match="tiny has no pieces in 4/4 in its test split"):
        measure(Reciter(pieces), none, "test", silent)


def music(*notes: tuple[int, int, int], bars: int = 2) -> Content:
    """Notes of bar, position and pitch."""
    columns = np.asarray(notes, np.int64).reshape(-1, 3).T
    ones = np.ones(columns.shape[1], np.int64)
    return Content(*columns, ones, ones, np.arange(bars), np.arange(bars))


def test_likeness_of_music_by_hand() -> None:
    real = music((0, 0, 40), (0, 0, 44), (0, 8, 47), (1, 0, 40))
    other = music((0, 0, 40), (0, 2, 44), (0, 8, 48), bars=3)
    found = likeness([other], [real])
    assert (found.notes.shared, found.notes.written, found.notes.real) == (1, 3, 4)
    assert found.onsets.shared == 2  # of two notes at the first place one has a partner
    assert found.pitches.shared == 2
    assert found.notes.f1 == pytest.approx(2 / 7)
    assert (found.durations, found.tempos, found.bars) == (1, 1, (3, 2))
    silence = likeness([music(bars=0)], [real])
    assert silence.notes.f1 == 0
    assert np.isnan(silence.durations)
    assert silence.tempos == 0


def test_content_says_where_notes_are(pieces: PreparedPieces) -> None:
    words = pieces.piece(0).words
    found = content(words)
    notes = words[words[:, TYPE] == NOTE]
    np.testing.assert_array_equal(found.pitches, notes[:, PITCH])
    assert len(found.tempos) == found.bars.max() + 1 == 4
    melody = found.positions[(found.bars == 0) & (found.pitches > SIZES[PITCH] // 2)]
    assert melody.tolist() == list(range(0, 16, 2))
    assert len(content(words[:1]).bars) == 0


def test_shared_counts_pairs() -> None:
    assert shared(np.asarray([1, 1, 2, 5]), np.asarray([1, 2, 2, 3])) == 2
    assert shared(np.asarray([], int), np.asarray([], int)) == 0
