"""Every piece once an epoch, little padding, excerpts that are pieces, and the same batches for the same seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.analysis.key import estimate_key
from affetti.corpora.preparing import Task, prepare_file
from affetti.errors import InputError
from affetti.muser.augmentation import Transposition
from affetti.muser.batches import (
    Batch,
    Batching,
    TrainingPieces,
    bars_of,
    measuring_batches,
    tensors,
    training_batches,
    training_pieces,
)
from affetti.tokens.compound_word import decode
from affetti.tokens.elements import BAR, BAR_BEAT, END, TYPE
from affetti.tokens.grammar import check
from tests.muser.practice import practice_pieces
from tests.tokens.samples import sampled_words

PLAIN = Batching(max_words=64, batch_pieces=4, batch_words=200)


def _pieces(bars: list[int]) -> TrainingPieces:
    return training_pieces([practice_pieces(bars)], "train")


def _sampled(seed: int, count: int) -> TrainingPieces:
    """Pieces of random words, some with empty bars."""
    words = tuple(one.words for one in sampled_words(np.random.default_rng(seed), count, min_bars=12, max_bars=12))
    return TrainingPieces(words, tuple(map(bars_of, words)), np.zeros(count, np.int64))


def _check_limits(batches: list[Batch], batching: Batching, count: int) -> None:
    assert sorted(np.concatenate([batch.pieces for batch in batches])) == list(range(count))
    for batch in batches:
        assert batching.fewest_pieces(count) <= len(batch.lengths) <= batching.batch_pieces
        assert batch.words.shape[0] * batch.words.shape[1] <= batching.batch_words
        assert batch.words.shape[1] == batch.lengths.max() <= batching.max_words
        for words, length in zip(batch.words, batch.lengths, strict=True):
            assert not words[length:].any()
            assert words[length - 1].tolist() == [0, 0, 0, END, 0, 0, 0]


@given(st.lists(st.integers(1, 5), min_size=2, max_size=20), st.integers(2, 6), st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_every_piece_is_there_once_within_the_limits(bars: list[int], batch_pieces: int, epoch: int) -> None:
    pieces = _pieces(bars)
    batching = Batching(max_words=64, batch_pieces=batch_pieces, batch_words=200)
    batches = training_batches(pieces, batching, seed=1, epoch=epoch)
    made = list(batches)
    assert len(made) == len(batches)
    _check_limits(made, batching, len(pieces))
    _check_limits(list(measuring_batches(pieces, batching)), batching, len(pieces))


def test_batches_follow_from_seed_and_epoch() -> None:
    pieces = _pieces([1, 2, 3, 4, 5, 3, 2, 4, 1, 5])
    batching = Batching(48, 4, 200, transposition="random", tempo_shift=1, label_dropout=0.5)

    def epoch(seed: int, number: int) -> list[bytes]:
        made = training_batches(pieces, batching, seed=seed, epoch=number)
        return [b"".join(np.ascontiguousarray(array).tobytes() for array in batch) for batch in made]

    assert epoch(1, 1) == epoch(1, 1)
    assert epoch(1, 1) != epoch(1, 2)
    assert epoch(1, 1) != epoch(2, 1)


def test_pieces_of_like_length_share_a_batch() -> None:
    lengths = np.random.default_rng(0).integers(1, 9, 200).tolist()
    batches = list(training_batches(_pieces(lengths), Batching(256, 8, 2048), seed=0, epoch=1))
    real = sum(int(batch.lengths.sum()) for batch in batches)
    assert real > 0.9 * sum(batch.words.shape[0] * batch.words.shape[1] for batch in batches)
    longest = [batch.words.shape[1] for batch in batches]
    assert longest != sorted(longest)  # the batches themselves are in any order
    assert longest != sorted(longest, reverse=True)


@given(st.integers(0, 2**32), st.integers(100, 400))
@settings(max_examples=8, deadline=None)
def test_excerpts_are_pieces_in_the_sense_of_the_grammar(seed: int, max_words: int) -> None:
    pieces = _sampled(seed, 3)
    batching = Batching(max_words, 3, 3 * max_words)
    try:
        batches = list(training_batches(pieces, batching, seed=seed, epoch=1))
    except InputError:  # a bar longer than all that is allowed
        return
    for batch in batches:
        for words, length, index, ends in zip(batch.words, batch.lengths, batch.pieces, batch.ends, strict=True):
            assert not check(words[:length])
            whole = pieces.words[index]
            found = [
                start
                for start in np.flatnonzero(whole[:, BAR_BEAT] == BAR)
                if np.array_equal(whole[start : start + length - 1], words[: length - 1])
            ]
            assert found  # words of the piece, from a bar line
            after = whole[found[-1] + length - 1]
            assert after[BAR_BEAT] == BAR or after[TYPE] == END
            assert ends == (found[-1] + length == len(whole))


def test_excerpts_begin_at_all_bars_that_leave_enough_after_them() -> None:
    pieces = _pieces([40])  # every bar alike but in pitch, of so many words:
    bar = int(pieces.bars[0].starts[1])
    random = np.random.default_rng(0)
    found = {pieces.excerpt(0, 10 * bar + 1, random) for _ in range(1000)}
    assert {excerpt.start // bar for excerpt in found} == set(range(31))
    assert {excerpt.end - excerpt.start for excerpt in found} == {10 * bar}
    assert pieces.excerpt(0, 10 * bar + 1, None) == (0, 10 * bar)
    assert pieces.excerpt(0, 40 * bar + 1, random) == (0, 40 * bar)  # it fits as it is


def test_a_bar_that_is_too_long_is_one_clear_line() -> None:
    with pytest.raises(InputError, match="raise max_words"):
        _pieces([8]).excerpt(0, 5, np.random.default_rng(0))


def test_only_the_wanted_split_in_four_four() -> None:
    corpus = practice_pieces([2, 2, 2, 3], [0, 1, 0, 2])
    assert len(training_pieces([corpus, corpus], "train")) == 4
    assert training_pieces([corpus], "validation").emotions.tolist() == [2]
    steps = corpus.bar_steps.copy()
    steps[0] = 12  # one bar of two: still half in 4/4
    steps[4:6] = 12
    assert training_pieces([replace(corpus, bar_steps=steps)], "train").emotions.tolist() == [1]


def test_unlabelled_pieces_and_dropped_labels_have_no_emotion() -> None:
    pieces = _pieces([1] * 40)
    assert pieces.emotions.tolist() == [1, 2, 3, 4, 0] * 8
    told = Batching(64, 40, 4000)
    (batch,) = training_batches(pieces, told, seed=0, epoch=1)
    assert batch.emotions.tolist() == pieces.emotions[batch.pieces].tolist()
    (batch,) = training_batches(pieces, Batching(64, 40, 4000, label_dropout=0.5), seed=0, epoch=1)
    kept = batch.emotions == pieces.emotions[batch.pieces]
    assert (batch.emotions[~kept] == 0).all()
    assert 0.3 < (batch.emotions > 0).mean() / 0.8 < 0.7


def test_parts_are_as_wide_as_their_own_pieces() -> None:
    (batch,) = training_batches(_pieces([1, 5, 2, 3]), Batching(128, 4, 512), seed=0, epoch=1)
    parts = batch.parts(3)
    assert [len(part.lengths) for part in parts] == [1, 2, 1]
    assert np.concatenate([part.pieces for part in parts]).tolist() == batch.pieces.tolist()
    assert all(part.words.shape[1] == part.lengths.max() for part in parts)
    assert len(batch.parts(9)) == 4
    given = tensors(batch, torch.device("cpu"))
    assert given.words.dtype == torch.int64
    assert given.mask.sum(1).tolist() == batch.lengths.tolist()
    assert given.words.numpy().tolist() == batch.words.tolist()


@pytest.mark.corpus
@pytest.mark.parametrize("transposition", ["random", "to_c"])
def test_real_pieces_varied_are_pieces(transposition: Transposition, shared_data: Path) -> None:
    """A pop song and two clips, in excerpts, other keys and tempos."""
    clips = sorted((shared_data / "emopia").rglob("*.mid"))[:2]
    files = [*clips, shared_data / "pop909/POP909/472/472.mid"]
    words = tuple(prepare_file(Task(file))["words"] for file in files)
    assert len(words[2]) > 1024
    pieces = TrainingPieces(words, tuple(map(bars_of, words)), np.asarray([1, 1, 0]))
    for epoch in range(10):
        batching = Batching(512, 3, 2048, transposition=transposition, tempo_shift=2)
        drawn, same = training_batches(pieces, batching, seed=0, epoch=epoch), measuring_batches(pieces, batching)
        keys: set[str] = set()
        for batch in (*drawn, *same):
            for one, length in zip(batch.words, batch.lengths, strict=True):
                assert not check(one[:length])
                keys.add(estimate_key(decode(one[:length])).name)
        assert transposition != "to_c" or keys <= {"C major", "A minor"}
