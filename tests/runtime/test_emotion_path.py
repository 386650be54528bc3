"""Paths through the plane of emotion: their text, their files, and what is no path."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affetti.emotion import Emotion, Quadrant
from affetti.errors import InputError
from affetti.runtime.emotion_path import EmotionPath, Segment, find_path, parse_path, point_of, read_path, wanted_of

coordinates = st.floats(-1, 1).map(lambda value: round(value, 4) + 0.0)
emotions = st.one_of(st.sampled_from(Quadrant), st.builds(Emotion, coordinates, coordinates))
segments = st.builds(Segment, emotions, st.integers(1, 60))
paths = st.lists(segments, min_size=1, max_size=20).map(lambda some: EmotionPath(tuple(some)))


@given(paths)
def test_a_path_is_what_its_text_says(path: EmotionPath) -> None:
    assert parse_path(str(path)) == path
    assert len(path.of_bars) == path.bars == sum(segment.bars for segment in path.segments)


@given(paths)
def test_sections_cover_the_path_and_keep_its_mean(path: EmotionPath) -> None:
    assert sum(section.bars for section in path.sections) == path.bars
    for axis in ("valence", "arousal"):
        asked, joined = (
            sum(one.bars * getattr(point_of(one.emotion), axis) for one in some)
            for some in (path.segments, path.sections)
        )
        assert joined == pytest.approx(asked, abs=1e-6)


@given(st.text(max_size=40))
def test_any_text_is_a_path_or_one_clear_line(text: str) -> None:
    said = []
    try:
        said.append(str(parse_path(text)))
    except InputError as error:
        said.append(str(error).replace("\\n", ""))
    else:
        assert str(parse_path(said[0])) == said[0]
    assert len(said[0].splitlines()) == 1


def test_names_points_and_spaces() -> None:
    path = parse_path(" calm:8, TENSE : 8 ,0.5/-0.25:4,-0/1:1")
    assert path.segments == (
        Segment(Quadrant.Q4, 8),
        Segment(Quadrant.Q2, 8),
        Segment(Emotion(0.5, -0.25), 4),
        Segment(Emotion(0.0, 1.0), 1),
    )
    assert str(path) == "calm:8,angry:8,0.5/-0.25:4,0/1:1"
    assert (path.bars, path.of_bars[15], path.of_bars[16]) == (21, Quadrant.Q2, Emotion(0.5, -0.25))


def test_a_section_lasts_until_the_emotion_is_far_from_its_beginning() -> None:
    path = parse_path("happy:8,1/0.5:4,1/0.4:4,0.9/0.1:4,sad:1,-1/-1:3")
    assert [section.bars for section in path.sections] == [12, 8, 4]
    assert path.sections[1] == Segment(Emotion(0.95, 0.25), 8)
    assert path.sections[2] == Segment(Emotion(-1, -1), 4)
    slowly = parse_path(",".join(f"0/{-1 + bar / 10}:1" for bar in range(21)))
    assert [section.bars for section in slowly.sections] == [6, 6, 6, 3]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "part of a path"),
        ("calm", "part of a path"),
        (":8", "part of a path"),
        ("calm:8,,tense:8", "part of a path"),
        ("calm:8.5", "whole number"),
        ("calm:-8", "whole number"),
        ("calm:٣", "whole number"),
        ("calm:", "whole number"),
        ("calm:0", "1 to 2,000"),
        ("calm:2001", "1 to 2,000"),
        ("calm:1500,sad:501", "2,001 bars"),
        ("calmer:8", "unknown emotion"),
        ("0.5/2:8", "arousal is 2"),
        ("0.5/nan:8", "arousal is nan"),
        ("0.5/:8", "no number"),
        ("x/0.5:8", "no number"),
        (",".join(["calm:1"] * 2001), "2,001 parts"),
    ],
)
def test_what_is_no_path(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_path(text)


def test_a_file_says_bars_and_what_lies_between(tmp_path: Path) -> None:
    file = tmp_path / "path.CSV"
    file.write_text("\ufeffBar, valence ,arousal\n1,0,-1\n\n5,1,-1\n6,-1,0.5\n7,-1,0.5\n", encoding="utf-8")
    path = find_path(str(file))
    assert [(one.valence, one.arousal) for one in path.of_bars if isinstance(one, Emotion)] == [
        (0, -1),
        (0.25, -1),
        (0.5, -1),
        (0.75, -1),
        (1, -1),
        (-1, 0.5),
        (-1, 0.5),
    ]
    assert path.segments[-1].bars == 2
    assert parse_path(str(path)) == path


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "first line"),
        ("1,0,0\n", "first line"),
        ("bar,valence\n1,0\n", "first line"),
        ("bar,valence,arousal\n", "says nothing"),
        ("bar,valence,arousal\n2,0,0\n", "line 2: the first bar must be 1"),
        ("bar,valence,arousal\n1,0,0\n1,1,1\n", "line 3: bar 1 comes after bar 1"),
        ("bar,valence,arousal\n1,0\n", "line 2: 2 values"),
        ("bar,valence,arousal\n1,0,loud\n", "line 2: 'loud' is no number"),
        ("bar,valence,arousal\n1,0,1.5\n", "line 2: arousal is 1.5"),
        ("bar,valence,arousal\n1,0,0\n2001,0,0\n", "line 3: bar 2,001"),
        ("bar,valence,arousal\none,0,0\n", "whole number"),
        ("\x00\x01" * 40, "first line"),
    ],
)
def test_what_is_no_file_of_a_path(content: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "path.csv"
    file.write_text(content)
    with pytest.raises(InputError, match=says) as raised:
        read_path(file)
    assert len(str(raised.value).splitlines()) == 1


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_path(str(tmp_path / "none.csv"))
    large = tmp_path / "large.csv"
    large.write_bytes(b"bar,valence,arousal\n" + b" " * 2**20)
    with pytest.raises(InputError, match="limit"):
        find_path(str(large))


def test_a_path_is_asked_for_alone_and_as_it_is_kept() -> None:
    fine = EmotionPath((Segment(Emotion(1 / 3, -2 / 3), 4),))
    assert wanted_of(None, None, None, fine) == parse_path("0.3333/-0.6667:4")
    assert wanted_of("sad", None, None, None) is Quadrant.Q3
    for others in (("sad", None, None), (None, 0.5, None), (None, None, 0.5)):
        with pytest.raises(InputError, match="use either --path"):
            wanted_of(*others, "calm:4")
    with pytest.raises(InputError, match="at least one emotion"):
        EmotionPath(())
