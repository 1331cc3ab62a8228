"""An empty catalogue, and one of two generations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalog.generations import fill
from tv5core.catalog import Catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(tmp_path / "c") as opened:
        yield opened


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """Two generations, and changes after the newer one."""
    with Catalog.open(tmp_path) as catalog:
        fill(catalog, 0, 60)
        catalog.seal()
        fill(catalog, 60, 80)
        catalog.delete("id5")
        catalog.seal()
        fill(catalog, 80, 90)
        catalog.delete("id6")
    return tmp_path
