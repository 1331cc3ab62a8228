"""``Catalog.upgrade`` of catalogues that earlier versions wrote."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.test_golden import GOLDEN, NAMES
from tv5core import Catalog, errors
from tv5core.files import SectionFile, failpoints
from tv5core.store import upgrading
from tv5core.store.meta import FORMAT
from tv5core.vectors.graph import GRAPH_KIND, GRAPH_VERSION


def unpacked(name: str, folder: Path) -> Path:
    with zipfile.ZipFile(GOLDEN / f"{name}.zip") as archive:
        archive.extractall(folder)
    return folder


def everything(catalog: Catalog) -> Any:
    ids = list(catalog.ids())
    facts = catalog.info()
    counts = {name: facts[name] for name in ("titles", "vectors", "pending", "embedder", "dim")}
    return ids, catalog.get_many(ids), catalog.checkpoint("golden"), counts


@pytest.mark.parametrize("name", NAMES)
def test_every_earlier_format_is_upgraded(name: str, tmp_path: Path) -> None:
    folder = unpacked(name, tmp_path / "c")
    with Catalog.open(folder, read_only=True) as catalog:
        before = everything(catalog)
        with pytest.raises(errors.ReadOnlyError):
            catalog.upgrade()
    with Catalog.open(folder) as catalog:
        report = catalog.upgrade()
        assert (report.format, report.damaged, report.rebuilt) == (FORMAT, 0, True)
        assert report.checksums > 0
        assert everything(catalog) == before
        assert catalog.verify().ok
        generation = catalog._store.meta.generations[0]
        again = catalog.upgrade()
        assert (again.checksums, again.rebuilt) == (0, False)
    file = SectionFile.open(folder / generation.graph.name, GRAPH_KIND, GRAPH_VERSION)
    assert file.version == GRAPH_VERSION
    assert file.has_checksums
    file.close()
    with Catalog.open(folder, read_only=True) as catalog:
        assert everything(catalog) == before


class StopError(Exception):
    """What an interruption raises here."""


@pytest.mark.parametrize("name", ["format-1-given", "format-4-own"])
def test_interrupted_at_any_step_it_is_readable_and_resumes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrading, "_BLOCK", 30)
    folder = unpacked(name, tmp_path / "c")
    with Catalog.open(folder, read_only=True) as catalog:
        before = everything(catalog)
    stops = 0
    while _stopped_at(folder, stops + 1, monkeypatch):
        stops += 1
        with Catalog.open(folder, read_only=True) as catalog:
            assert everything(catalog) == before
            assert catalog.verify().ok
        unpacked(name, folder)  # each step from the beginning
    assert stops > 8
    with Catalog.open(folder, read_only=True) as catalog:
        assert catalog._store.meta.checked


def _stopped_at(folder: Path, nth: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    seen = 0

    def hook(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == nth:
            raise StopError

    with Catalog.open(folder) as catalog:
        monkeypatch.setattr(failpoints, "hook", hook)
        try:
            catalog.upgrade()
        except StopError:
            return True
        finally:
            monkeypatch.setattr(failpoints, "hook", None)
    return False
