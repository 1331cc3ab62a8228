"""Frameworks stay quiet: no telemetry, no tracing, nothing of the developer's own settings."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from tv5core import Catalog
from tv5core.data import demo_titles

# Before any framework is imported: haystack reads its variable then.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["LANGCHAIN_TRACING_V2"] = "false"
os.environ["ANONYMIZED_TELEMETRY"] = "false"


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """Return a catalogue of the shipped titles, opened for reading."""
    folder = tmp_path_factory.mktemp("catalogue") / "films"
    with Catalog.open(folder) as catalog:
        catalog.add(demo_titles())
    with Catalog.open(folder, read_only=True) as catalog:
        yield catalog


@pytest.fixture
def vectors() -> np.ndarray:
    """Return 40 random vectors of 12 dimensions."""
    return np.random.default_rng(0).standard_normal((40, 12)).astype(np.float32)
