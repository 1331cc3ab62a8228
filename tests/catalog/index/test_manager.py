"""Sealing: by hand, in the background, and beside searches and additions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalog.numbered import films, vectors
from tv5core.catalog import Catalog


def test_sealing_keeps_two_generations(catalog: Catalog) -> None:
    for i in range(4):
        catalog.add(films(i, i + 1), vectors(i, i + 1))
        catalog.seal()
        catalog.seal()  # nothing to do
    names = sorted(p.name for p in catalog._store.folder.glob("*.tv5"))
    parts = ("columns", "graph", "rows", "words")
    assert names == [f"{part}.00000{g}.tv5" for part in parts for g in (3, 4)]


def test_sealing_what_became_empty(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(films(0, 5), vectors(0, 5))
        catalog.seal()
        catalog.delete(catalog.ids())
        catalog.seal()
        assert catalog.info()["generation"] == 0
        assert catalog.search(vectors(0, 1)[0]) == []
    with Catalog.open(tmp_path) as catalog:
        assert catalog.count() == 0
        catalog.add(films(0, 5), vectors(0, 5))
        assert len(catalog.search(vectors(0, 1)[0])) == 5


def test_searches_and_additions_run_while_sealing(catalog: Catalog) -> None:
    catalog.add(films(0, 3000), vectors(0, 3000))
    during: list[str] = []

    def progress(done: int, total: int, stage: str) -> None:
        i = 3000 + len(during)
        if i < 3020:
            catalog.add(films(i, i + 1), vectors(i, i + 1))
            catalog.delete(f"tmdb:movie:{i - 3000}")
            during.append(catalog.search(vectors(i, i + 1)[0], 1)[0].id)

    catalog.seal(progress)
    assert during
    assert during == [f"tmdb:movie:{3000 + i}" for i in range(len(during))]
    assert catalog.count() == 3000
    assert catalog.search(vectors(3000, 3001)[0], 1)[0].id == "tmdb:movie:3000"
    assert catalog.search(vectors(0, 1)[0], 1)[0].id != "tmdb:movie:0"
    assert catalog.verify().ok


def test_sealing_starts_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tv5core.catalog.index.seal_policy.MAX_LIVE_ROWS", 100)
    with Catalog.open(tmp_path / "a") as catalog:
        catalog.add(films(0, 200), vectors(0, 200))
        catalog._manager.wait()
        assert (catalog.info()["sealed"], catalog.info()["live"]) == (200, 0)
    with Catalog.open(tmp_path / "b", auto_seal=False) as catalog:
        catalog.add(films(0, 200), vectors(0, 200))
        catalog._manager.wait()
        assert catalog.info()["sealed"] == 0


def test_closing_calls_off_sealing(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path)
    catalog.add(films(0, 3000), vectors(0, 3000))
    catalog.seal(wait=False)
    catalog.close()
    with Catalog.open(tmp_path) as catalog:
        assert catalog.count() == 3000
        assert catalog.verify().ok
