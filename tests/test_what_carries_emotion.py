"""docs/what-carries-emotion.md says what was measured; so does what `affetti transfer --elements auto` exchanges."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from affetti.runtime.emotion_elements import AUTO_ELEMENTS, AXES

DOCS = Path(__file__).resolve().parents[1] / "docs"
FIGURES = json.loads((DOCS / "muser" / "disentanglement" / "evaluation.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("script", DOCS / "make_what_carries_emotion.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_tables_of_the_report(script: ModuleType) -> None:
    text, report = script.PAGE.read_text("utf-8"), script.REPORT.read_text("utf-8")
    assert text.count("<!-- table: ") == 7
    assert script.page(text, report) == text, "python docs/make_what_carries_emotion.py"


def test_tables_are_put_under_their_titles(script: ModuleType) -> None:
    report = "# Report\n\n## One\n\n| a |\n| --- |\n| 1 |\n\nA note.\n\n## Two\n\n| b |\n\n"
    old = "Before.\n\n<!-- table: Two -->\n\n| old |\n| older |\n\nAfter. <!-- table: One -->\n\n"
    new = "Before.\n\n<!-- table: Two -->\n\n| b |\n\nAfter. <!-- table: One -->\n\n| a |\n| --- |\n| 1 |\n"
    assert script.page(old, report) == new
    with pytest.raises(KeyError):
        script.page("<!-- table: Three -->\n\n", report)


def test_elements_that_are_chosen_are_those_that_were_heard_to_carry() -> None:
    heard = FIGURES["emotion_elements"]["exchanged"]["piano_recogniser_selection"]["carriers"]
    assert {axis: set(heard[axis]) for axis in AXES} == {axis: set(AUTO_ELEMENTS[axis]) for axis in AXES}
