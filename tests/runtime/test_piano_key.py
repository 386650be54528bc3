"""What a model composes in C is moved to a key that the seed decides."""

import json
from pathlib import Path

import numpy as np
import pytest

from affetti.emotion import Quadrant
from affetti.runtime.piano_model import PianoModel
from affetti.tokens.elements import CHORD, PITCH
from affetti.tokens.transposition import transposed
from tests.tiny_piano import export_tiny


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[PianoModel, PianoModel]:
    """The same networks, said to have learned any key and C alone."""
    folders = [tmp_path_factory.mktemp(name) for name in ("any", "in_c")]
    for folder in folders:
        export_tiny(folder)
    path = folders[1] / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"composes_in_c": True}))
    return PianoModel.load(folders[0]), PianoModel.load(folders[1])


def test_pieces_are_moved_as_a_whole_and_to_many_keys(models: tuple[PianoModel, PianoModel]) -> None:
    as_drawn, moved = (model.sample_words([Quadrant.Q1] * 24, bars=1, seed=3) for model in models)
    distances = []
    for before, after in zip(as_drawn, moved, strict=True):
        (by,) = set((after[:, PITCH].astype(int) - before[:, PITCH])[before[:, PITCH] > 0].tolist())
        np.testing.assert_array_equal(transposed(before[None], np.asarray([by]))[0], after)
        distances.append(by)
    assert len(set(distances)) > 5
    assert any((a[:, CHORD] != b[:, CHORD]).any() for a, b in zip(as_drawn, moved, strict=True))


def test_the_key_is_the_pieces_own(models: tuple[PianoModel, PianoModel], tmp_path: Path) -> None:
    """Neither the pieces composed beside it nor its drafts change it."""
    model = models[1]
    together = model.sample_words([Quadrant.Q1, Quadrant.Q4], bars=1, seed=5)
    (alone,) = model.sample_words([Quadrant.Q4], bars=1, seed=5, first_piece=1)
    np.testing.assert_array_equal(together[1], alone)
    piece = model.compose("calm", bars=1, seed=5, drafts=3)
    again = model.compose("calm", bars=1, seed=5, drafts=3)
    assert piece == again
