"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # a busy machine is not a failure
settings.load_profile("no deadline")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The corpora beside the checkout: they must be there in CI, elsewhere their tests are skipped."""
    if not SHARED_DATA.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI needs the corpora at {SHARED_DATA}")
        pytest.skip(f"no corpora at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def isolated_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's own data folder."""
    home = tmp_path_factory.mktemp("affetti_home")
    monkeypatch.setenv("AFFETTI_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def piano_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder of a tiny piano model of random numbers; not to be changed."""
    from tests.tiny_piano import export_tiny  # torch takes a while, and most tests do without it

    folder = tmp_path_factory.mktemp("piano") / "weights"
    export_tiny(folder)
    return folder
