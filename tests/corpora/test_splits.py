"""The rule for splits."""

from collections import Counter

from affetti.corpora.splits import SPLITS, split_of


def test_the_rule_is_as_documented() -> None:
    # printf 'emopia:b' | sha256sum, as a number modulo 100: a 65, c 84, o 96
    assert [SPLITS[split_of("emopia", song)] for song in ("a", "c", "o")] == ["train", "validation", "test"]


def test_shares_are_about_80_10_10() -> None:
    counts = Counter(SPLITS[split_of("x", str(song))] for song in range(10_000))
    assert abs(counts["train"] - 8_000) < 150
    assert abs(counts["validation"] - 1_000) < 120


def test_corpora_split_apart_and_odd_names_split_at_all() -> None:
    assert len({split_of(corpus, "song") for corpus in "abcdefghijklmnop"}) > 1
    assert split_of("folder", "caf\udce9") in range(3)
