"""Fixtures of the evaluation's tests."""

from pathlib import Path

import pytest

from affetti.corpora.musgenvae import prepare
from affetti.corpora.prepared_melodies import PreparedMelodies


@pytest.fixture(scope="session")
def published(shared_data: Path) -> dict[str, PreparedMelodies]:
    """The real melodies ("musgenvae") and the authors' examples ("musgenvae_gru", "musgenvae_dense")."""
    return prepare(shared_data / "musgenvae").corpora
