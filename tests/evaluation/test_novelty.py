import time

import numpy as np
import pytest

from affetti.corpora.prepared_melodies import PreparedMelodies
from affetti.evaluation.novelty import longest_common_runs, novelty, novelty_among
from affetti.tokens.melody import REST
from tests.evaluation.melodies import melodies

SCALE = [60, 62, 64, 65, 67, 69, 71, 72]
OTHER = [48, 50, 51, 53, 55, 56, 58, 60]


def test_a_copy_is_identical_at_any_rhythm() -> None:
    found = novelty(melodies(SCALE, length=8), melodies(OTHER, SCALE))
    assert found.nearest.tolist() == [0]
    assert found.nearest_index.tolist() == [1]
    assert found.identical_share == found.near_identical_share == found.copied_run_share == 1
    assert found.longest_run.tolist() == [8]
    assert found.longest_run_shares.tolist() == [1]


def test_distances_and_runs_by_hand() -> None:
    changed = [*SCALE[:6], 50, 51]  # two of eight pitches replaced
    found = novelty(melodies(changed, [*SCALE, 74], [70, 70]), melodies(SCALE))
    assert found.nearest.tolist() == [0.25, pytest.approx(1 / 9), 1.0]
    assert found.near_identical_share == pytest.approx(2 / 3)
    assert found.identical_share == 0
    assert found.runs.tolist() == [1, 2, 0]
    assert found.copied_runs.tolist() == [0, 1, 0]
    assert found.copied_run_share == pytest.approx(1 / 3)
    assert found.longest_run.tolist() == [6, 8, 0]


def test_runs_must_be_in_one_melody_in_a_row() -> None:
    reference = melodies([*SCALE[:4], 90, *SCALE[4:]], SCALE[1:])
    found = novelty(melodies(SCALE), reference)
    assert found.copied_runs.tolist() == [0]
    assert found.longest_run.tolist() == [7]


def test_among_itself_a_melody_is_not_its_own_copy() -> None:
    found = novelty_among(melodies(SCALE, OTHER, SCALE))
    assert found.nearest[[0, 2]].tolist() == [0, 0]
    assert found.nearest_index[[0, 2]].tolist() == [2, 0]
    assert found.nearest[1] > 0.25
    assert found.copied_runs.tolist() == [1, 0, 1]


def test_other_tunes_only() -> None:
    found = novelty_among(melodies(SCALE, OTHER, SCALE), np.asarray([0, 1, 0]))
    assert (found.nearest > 0.25).all()
    assert found.copied_run_share == 0


def test_a_melody_without_notes_is_new() -> None:
    found = novelty(np.full((1, 64), REST), melodies(SCALE))
    assert found.nearest.tolist() == [1]
    assert found.longest_run.tolist() == [0]
    assert found.longest_run_shares.tolist() == [0]
    assert np.isnan(found.copied_run_share)


def test_longest_common_runs_equal_a_plain_search() -> None:
    random = np.random.default_rng(1)
    first = [random.integers(60, 64, random.integers(0, 12)).astype(np.int16) for _ in range(20)]
    second = [random.integers(60, 64, random.integers(0, 12)).astype(np.int16) for _ in range(15)]

    def plain(a: np.ndarray, b: np.ndarray) -> int:
        runs = {tuple(b[i:j]) for i in range(len(b)) for j in range(i + 1, len(b) + 1)}
        return max(
            (j - i for i in range(len(a)) for j in range(i + 1, len(a) + 1) if tuple(a[i:j]) in runs),
            default=0,
        )

    assert longest_common_runs(first, second).tolist() == [[plain(a, b) for b in second] for a in first]


def test_part_of_the_melodies() -> None:
    found = novelty(melodies(SCALE, OTHER), melodies(SCALE))
    assert found.of(np.asarray([True, False])).identical_share == 1
    assert np.isnan(found.of(np.asarray([False, False])).near_identical_share)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: novelty(m[:0], m),
        lambda m: novelty(m, m[:0]),
        lambda m: novelty(m, m, np.zeros((1, 1), bool)),
        lambda m: novelty(m, m, np.zeros((2, 2))),
        lambda m: novelty_among(m[:1]),
        lambda m: novelty_among(m, np.asarray([0])),
        lambda m: novelty_among(m, np.asarray([0, 0])),
        lambda m: novelty(m + 100, m),
    ],
    ids=["no melody", "no reference", "mask shape", "mask kind", "alone", "groups", "one tune", "tokens"],
)
def test_bad_input_is_a_value_error(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"needs|excluded|reference left|groups|0-129"):
        call(melodies(SCALE, OTHER))


def test_two_thousand_beside_344_take_seconds() -> None:
    random = np.random.default_rng(2)
    tokens = np.where(random.random((2344, 64)) < 0.18, random.integers(55, 77, (2344, 64)), 129).astype(np.int16)
    start = time.perf_counter()
    novelty(tokens[:2000], tokens[2000:])
    assert time.perf_counter() - start < 10


@pytest.mark.corpus
def test_the_known_figures_of_real_and_published_melodies(published: dict[str, PreparedMelodies]) -> None:
    real = published["musgenvae"]
    among = novelty_among(real.tokens)
    shares = {"real": (among.identical_share, among.near_identical_share)}
    for name in ("musgenvae_gru", "musgenvae_dense"):
        found = novelty(published[name].tokens, real.tokens)
        shares[name] = (found.identical_share, found.near_identical_share)
    assert shares == {
        "real": (0.25, pytest.approx(0.485, abs=0.0005)),
        "musgenvae_gru": (0.2625, 0.825),
        "musgenvae_dense": (0.025, 0.2375),
    }
    # Tune groups hold all near-identical melodies together.
    assert novelty_among(real.tokens, real.tunes).near_identical_share == 0
