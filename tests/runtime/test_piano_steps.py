"""Rows do not touch each other: what makes a piece the same whatever is composed beside it."""

import os
from pathlib import Path

import numpy as np
import pytest

from affetti.runtime.emotion_weights import EMOTIONS
from affetti.runtime.piano_model import PianoModel
from affetti.runtime.piano_steps import DecoderSteps, PianoSteps, Sessions
from affetti.tokens.elements import SIZES

ROWS, WORDS = 65, 6


def inputs(model: PianoModel, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of emotions [B, 5], codes [T, B, G] and words [T, B, 7]."""
    random = np.random.default_rng(0)
    config = model.config.model
    codes = random.integers(0, config.codes, (WORDS, rows, config.codebooks))
    words = np.stack([random.integers(0, size, (WORDS, rows)) for size in SIZES], axis=-1)
    return random.dirichlet(np.ones(EMOTIONS), rows).astype(np.float32), codes, words


def logits_of(model: PianoModel, steps: PianoSteps, rows: slice) -> list[np.ndarray]:
    """Everything that both networks say of some of the rows, when only those are computed."""
    emotions, codes, words = inputs(model)
    emotions, codes, words = emotions[rows], codes[:, rows], words[:, rows]
    prior, decoder = steps.prior(emotions), steps.decoder(emotions)
    latents = model.codebook.look_up(codes)
    for row in range(len(emotions)):
        decoder.remember(row, latents[:, row])
    said = []
    for step in range(WORDS):
        said.append(prior.step(codes[step]).copy())
        said += word_logits(decoder, words[step], latents[step])
    return said


def word_logits(decoder: DecoderSteps, words: np.ndarray, latents: np.ndarray) -> list[np.ndarray]:
    types = decoder.types(words, latents).copy()
    return [types, *(one.copy() for one in decoder.elements(words[:, 3]))]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_has_the_same_bits_alone_and_among_others(piano_weights: Path, threads: int) -> None:
    if threads > len(os.sched_getaffinity(0)):
        pytest.skip("one core: nothing to compare")
    model = PianoModel.load(piano_weights)
    steps = Sessions(model.weights, threads=threads)
    together = logits_of(model, model.steps, slice(0, ROWS))
    for rows in (slice(0, 1), slice(7, 8), slice(3, 5), slice(10, 27), slice(33, 65)):
        for apart, among in zip(logits_of(model, steps, rows), together, strict=True):
            np.testing.assert_array_equal(apart, among[rows])


def test_rows_that_are_kept_go_on_as_before(piano_weights: Path) -> None:
    model = PianoModel.load(piano_weights)
    emotions, codes, words = inputs(model, 5)
    latents = model.codebook.look_up(codes)
    decoders = [model.steps.decoder(emotions) for _ in range(2)]
    for decoder in decoders:
        for row in range(5):
            decoder.remember(row, latents[:, row])
    for step in range(WORDS):
        rows = np.arange(5) if step < 3 else np.array([1, 4])
        if step == 3:
            decoders[1].keep(rows)
        all_rows = word_logits(decoders[0], words[step], latents[step])
        some_rows = word_logits(decoders[1], words[step, rows], latents[step, rows])
        for one, other in zip(some_rows, all_rows, strict=True):
            np.testing.assert_array_equal(one, other[rows])


def test_two_pieces_of_work_do_not_share_a_state(piano_weights: Path) -> None:
    model = PianoModel.load(piano_weights)
    emotions, codes, _ = inputs(model, 2)
    first, second = model.steps.prior(emotions), model.steps.prior(emotions)
    begun = first.step(codes[0]).copy()
    first.step(codes[1])
    np.testing.assert_array_equal(second.step(codes[0]), begun)
