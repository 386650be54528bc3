"""Pitch distances against the textbook algorithm, and the figures of the published corpus."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affetti.analysis.edit_distance import normalized_pitch_distances, opening_distances, pitch_sequences
from affetti.corpora import musgenvae
from affetti.tokens.melody import HOLD, REST

sequences = st.lists(st.integers(60, 64), max_size=9)
corpora = st.lists(sequences, max_size=5)


def levenshtein(first: Sequence[int], second: Sequence[int]) -> int:
    """The textbook recursion, cell by cell."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        above, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b)))
    return row[-1]


@given(corpora, corpora)
def test_distances_are_levenshtein_over_the_longer_length(first: list[list[int]], second: list[list[int]]) -> None:
    expected = [[levenshtein(a, b) / max(len(a), len(b), 1) for b in second] for a in first]
    distances = normalized_pitch_distances(first, second)
    assert distances.shape == (len(first), len(second))
    assert distances.tolist() == expected


@given(corpora)
def test_a_corpus_against_itself_is_symmetric_with_zeros_on_the_diagonal(corpus: list[list[int]]) -> None:
    distances = normalized_pitch_distances(corpus)
    assert (distances == distances.T).all()
    assert (np.diag(distances) == 0).all()


@settings(max_examples=60)
@given(st.lists(st.integers(60, 64), min_size=1, max_size=7), st.lists(st.integers(60, 64), max_size=9))
def test_opening_distance_is_found_in_every_key_where_at_most_one_note_differs(
    short: list[int], rest: list[int]
) -> None:
    longer = [*(rest or short), *short]
    expected = min(
        levenshtein([pitch + shift for pitch in short], longer[:length])
        for shift in range(-5, 6)
        for length in range(len(longer) + 1)
    )
    distance = opening_distances([short, longer])[0, 1] * len(short)
    assert distance >= expected - 1e-9  # it tries fewer keys
    if expected <= 1:
        assert distance == pytest.approx(expected)


def test_a_transposed_opening_at_another_speed_is_at_distance_zero() -> None:
    tune = [60, 62, 64, 65, 67, 65, 64, 62, 60, 59, 60]
    opening = [pitch + 7 for pitch in tune[:6]]
    assert opening_distances([tune, opening]).tolist() == [[0, 0], [0, 0]]


def test_opening_distance_of_an_empty_sequence_is_one() -> None:
    assert opening_distances([[], [60]])[0, 1] == 1


def test_pitch_sequences_leave_out_rests_and_holds() -> None:
    tokens = np.asarray([[60, HOLD, REST, 62], [REST, REST, HOLD, HOLD]], np.int16)
    assert [one.tolist() for one in pitch_sequences(tokens)] == [[60, 62], []]


@pytest.mark.corpus
def test_the_novelty_figures_of_the_published_files(shared_data: Path) -> None:
    corpora = musgenvae.prepare(shared_data / "musgenvae").corpora
    pitches = {name: pitch_sequences(melodies.tokens) for name, melodies in corpora.items()}
    real = normalized_pitch_distances(pitches["musgenvae"])
    np.fill_diagonal(real, 1)
    nearest = {
        "real": real.min(axis=1),
        "gru": normalized_pitch_distances(pitches["musgenvae_gru"], pitches["musgenvae"]).min(axis=1),
        "dense": normalized_pitch_distances(pitches["musgenvae_dense"], pitches["musgenvae"]).min(axis=1),
    }
    shares = {name: ((least == 0).mean(), (least <= 0.25).mean()) for name, least in nearest.items()}
    assert shares["real"] == pytest.approx((0.25, 0.4855), abs=5e-5)
    assert shares["gru"] == (0.2625, 0.825)
    assert shares["dense"] == (0.025, 0.2375)
