import pytest

from affetti.emotion import Quadrant
from affetti.errors import InputError
from affetti.runtime.emotion_path import parse_path
from affetti.runtime.form import phrase_form, phrases_of


def test_forms() -> None:
    assert phrase_form(4) == (0,)
    assert phrase_form(8) == (0, 0)
    assert phrase_form(12) == (0, 1, 0)
    assert phrase_form(16) == (0, 0, 1, 0)
    assert phrase_form(20) == (0, 0, 1, 0, 0)
    assert phrase_form(32) == (0, 0, 1, 0, 0, 0, 2, 0)


def test_every_form_opens_and_closes_with_the_first_section() -> None:
    for bars in range(4, 129, 4):
        form = phrase_form(bars)
        assert len(form) == bars // 4
        assert form[0] == form[-1] == 0


@pytest.mark.parametrize("bars", [0, -4, 3, 6, 1028])
def test_lengths_that_are_no_phrases(bars: int) -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        phrase_form(bars)


def test_each_segment_of_a_path_has_its_form_and_an_emotion_that_returns_its_theme() -> None:
    phrases = phrases_of(parse_path("calm:8,tense:12,calm:4"), 24)
    assert [phrase.section for phrase in phrases] == [0, 0, 1, 2, 1, 0]
    assert [phrase.emotion for phrase in phrases] == [Quadrant.Q4] * 2 + [Quadrant.Q2] * 3 + [Quadrant.Q4]
    assert [phrase.section for phrase in phrases_of(Quadrant.Q1, 16)] == [0, 0, 1, 0]
    # a longer segment of an emotion that was there has new sections of its own
    sections = [phrase.section for phrase in phrases_of(parse_path("calm:4,tense:4,calm:12"), 20)]
    assert sections[0] == sections[2] == sections[4]
    assert sections[1] not in (sections[0], sections[3])


@pytest.mark.parametrize("path", ["calm:6,tense:2", "calm:4,tense:5", "calm:1000,tense:28"])
def test_segments_of_melodies_are_of_whole_phrases(path: str) -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        phrases_of(parse_path(path), 8)
