"""Tune groups: what is linked and what is not; folds: no tune split, quadrants balanced."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.analysis.edit_distance import normalized_pitch_distances, pitch_sequences
from affetti.corpora import musgenvae
from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.corpora.tunes import tune_folds, tune_groups
from affetti.tokens.melody import HOLD, PHRASE_STEPS, REST, Tokens

TUNE = [60, 62, 64, 65, 67, 69, 67, 65, 64, 62, 60, 62, 64, 62, 60, 59]
OTHER = [72, 67, 64, 67, 72, 71, 67, 62, 67, 71, 72, 64, 72, 67, 60, 60]


def melody(pitches: list[int], steps: int = 4) -> Tokens:
    """A melody of notes that each last `steps` sixteenths, cut or rest-filled to four bars."""
    tokens = [token for pitch in pitches for token in (pitch, *[HOLD] * (steps - 1))]
    return np.asarray((tokens + [REST] * PHRASE_STEPS)[:PHRASE_STEPS], np.int16)


@pytest.mark.parametrize(
    "variant",
    [
        melody(TUNE, steps=2),
        melody([pitch - 5 for pitch in TUNE]),
        melody(TUNE[:8], steps=8),
        melody([pitch + 3 for pitch in TUNE[:8]], steps=8),
        melody([*TUNE[:4], 68, *TUNE[5:]]),
    ],
    ids=["rhythm", "key", "half speed", "half speed in another key", "one note"],
)
def test_a_variant_is_the_same_tune(variant: Tokens) -> None:
    assert tune_groups(np.stack([melody(TUNE), melody(OTHER), variant])).tolist() == [0, 1, 0]


def test_links_chain() -> None:
    first, second, third = TUNE, [*TUNE[:12], 72, 72, 72, 72], [74, 74, 74, 74, *TUNE[4:12], 72, 72, 72, 72]
    stacked = np.stack([melody(first), melody(third), melody(second)])
    assert tune_groups(stacked).tolist() == [0, 0, 0]
    assert tune_groups(stacked[:2]).tolist() == [0, 1]


def test_a_few_notes_are_no_opening() -> None:
    assert tune_groups(np.stack([melody([60]), melody(TUNE), melody(TUNE[:3])])).tolist() == [0, 1, 2]


@given(st.data())
def test_folds_keep_tunes_whole_and_depend_on_the_seed_alone(data: st.DataObject) -> None:
    size = data.draw(st.integers(5, 60))
    tunes = np.asarray(data.draw(st.lists(st.integers(0, 30), min_size=size, max_size=size)), np.int32)
    quadrants = np.asarray(data.draw(st.lists(st.integers(1, 4), min_size=size, max_size=size)), np.int8)
    folds = data.draw(st.integers(2, 5))
    if len(set(tunes.tolist())) < folds:
        with pytest.raises(ValueError, match="do not fill"):
            tune_folds(tunes, quadrants, folds)
        return
    placed = tune_folds(tunes, quadrants, folds, seed=3)
    assert len(set(zip(tunes.tolist(), placed.tolist(), strict=True))) == len(set(tunes.tolist()))
    assert set(placed.tolist()) <= set(range(folds))
    assert (placed == tune_folds(tunes, quadrants, folds, seed=3)).all()


@pytest.fixture(scope="module")
def published(shared_data: Path) -> PreparedMelodies:
    return musgenvae.prepare(shared_data / "musgenvae").corpora["musgenvae"]


@pytest.mark.corpus
def test_tunes_of_musgenvae(published: PreparedMelodies) -> None:
    sizes = Counter(published.tunes.tolist())
    assert len(sizes) == 141
    assert sum(size == 1 for size in sizes.values()) == 95
    assert max(sizes.values()) == 24  # 7 % of the corpus: no group swallows it
    numbers: dict[str, set[int]] = {}
    for name, tune in zip(published.names, published.tunes.tolist(), strict=True):
        number = re.sub(r"(-[a-z\d]*|c)?\.mxl\.mid$", "", name.split("/")[1])
        numbers.setdefault(number, set()).add(tune)
    assert len(numbers) == 341  # bwv112.5 and -sc, 18.5-lz and -w, 248.35-3 and -3c: each one tune
    assert all(len(tunes) == 1 for tunes in numbers.values())


@pytest.mark.corpus
@pytest.mark.parametrize("seed", [0, 1])
def test_folds_of_musgenvae(published: PreparedMelodies, seed: int) -> None:
    folds = tune_folds(published.tunes, published.quadrants, 5, seed)
    counts = [[np.sum((folds == fold) & (published.quadrants == q)) for q in range(1, 5)] for fold in range(5)]
    assert np.ptp(counts, axis=0).max() <= 2
    distances = normalized_pitch_distances(pitch_sequences(published.tokens))
    assert distances[folds[:, None] != folds[None, :]].min() > 0.25
