"""A few hundred damaged MIDI files become pieces or rejects, nothing else. `fuzz_folder.py` does it to thousands."""

from pathlib import Path

import pytest

from affetti.corpora import folder
from tests.corpora.fuzz_folder import UNWANTED, damaged_files, mutated
from tests.corpora.standins import waltz, write_tree


@pytest.mark.usefixtures("in_process")
def test_damaged_files_are_pieces_or_rejects(tmp_path: Path) -> None:
    files = {f"{number:03}.mid": data for number, data in enumerate(damaged_files(200, seed=7))}
    preparation = folder.prepare(write_tree(tmp_path, files), name="fuzz")
    pieces = preparation.corpora["fuzz"]
    assert len(pieces.names) + len(preparation.rejects) == 200
    assert len(pieces.names) > 30
    assert [reject for reject in preparation.rejects if UNWANTED.search(reject.reason)] == []


def test_the_same_seed_damages_alike() -> None:
    assert list(damaged_files(5, seed=1)) == list(damaged_files(5, seed=1))
    assert list(damaged_files(5, seed=1)) != list(damaged_files(5, seed=2))
    import random

    assert mutated(b"", [waltz()], random.Random(0)) is not None
