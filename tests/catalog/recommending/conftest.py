"""The films, made once for each module that only reads them, or for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalog.recommending.films import make
from tv5core.catalog import Catalog


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """The films, not to be changed."""
    with make(tmp_path_factory.mktemp("films") / "c") as opened:
        yield opened


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Catalog]:
    """The films, for a test that changes them."""
    with make(tmp_path / "c") as opened:
        yield opened
