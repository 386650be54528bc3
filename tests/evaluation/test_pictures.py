import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pytest

from affetti.errors import InputError
from affetti.evaluation import pictures
from affetti.evaluation.emoreg_measures import MelodySet, profile_of
from affetti.evaluation.novelty import novelty, novelty_among
from affetti.evaluation.report import Picture
from affetti.evaluation.run_results import Snapshot
from affetti.tokens.melody import REST
from tests.tiny import tiny_corpus

CORPUS = tiny_corpus()
MELODIES = MelodySet(CORPUS.tokens, CORPUS.quadrants)


def latents() -> Picture:
    positions = np.random.default_rng(0).normal(size=(len(CORPUS), 3))
    snapshots = [Snapshot(moment, positions, CORPUS.quadrants.astype(int)) for moment in ("the start", "the end")]
    return pictures.latent_map("latents", "a model", snapshots)


def figure_8() -> Picture:
    return pictures.figure_8("figure8", "a model", profile_of(MELODIES), profile_of(MELODIES))


def sheet() -> Picture:
    return pictures.melody_sheet("melodies", "a model", MELODIES)


def histograms() -> Picture:
    sets = {name: novelty(CORPUS.tokens[:5], CORPUS.tokens[5:]) for name in "abcd"}
    return pictures.novelty_histograms("novelty", "Novelty", sets, novelty_among(CORPUS.tokens))


@pytest.mark.parametrize("draw", [latents, figure_8, sheet, histograms])
def test_pictures_are_png_and_svg_and_the_same_every_time(draw: Callable[[], Picture]) -> None:
    picture = draw()
    assert list(picture.files()) == [f"{picture.name}.png", f"{picture.name}.svg"]
    assert picture.png is not None
    assert picture.png.startswith(b"\x89PNG")
    assert ElementTree.fromstring(picture.svg).tag.endswith("svg")
    assert draw() == picture


def test_silent_melodies_and_missing_emotions_can_be_drawn() -> None:
    silent = MelodySet(np.full((2, 64), REST, np.int16), np.asarray([1, 2], np.int8))
    assert pictures.melody_sheet("melodies", "silence", silent).png
    assert pictures.figure_8("figure8", "silence", profile_of(silent), profile_of(MELODIES)).png


def test_no_snapshots_are_a_value_error() -> None:
    with pytest.raises(ValueError, match="no latent positions"):
        pictures.latent_map("latents", "nothing", [])


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"affetti\[train\]"):
        latents()
