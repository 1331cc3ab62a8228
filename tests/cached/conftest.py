"""A small catalogue, copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cached.films import TITLES
from tv5core import Catalog


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "films"
    with Catalog.open(folder) as catalog:
        catalog.add(TITLES)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "films"))
