"""A small catalogue for every module, and a copy of it for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.command import COUNT
from tv5core import Catalog
from tv5core.data import demo_titles


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "films"
    with Catalog.open(folder) as catalog:
        catalog.add(demo_titles()[:COUNT])
        catalog.seal()
    return folder


@pytest.fixture
def films(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "films")
    return tmp_path / "films"
