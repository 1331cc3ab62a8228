"""Sealing a catalogue whose graph grows; documents keep the numbers of its rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.catalog.numbered import films, vectors
from tv5core.catalog import Catalog
from tv5core.vectors import growing
from tv5core.vectors.sealed_segment import SealedSegment


@pytest.fixture(autouse=True)
def _small_ones_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "LEAST_ROWS", 100)


def sealed(catalog: Catalog) -> SealedSegment:
    index = catalog._manager.current().index
    assert index is not None
    segment = index.snapshot.segments[0]
    assert isinstance(segment, SealedSegment)
    return segment


def check(catalog: Catalog, numbers: list[int], changed: int | None) -> None:
    assert catalog.verify().ok
    assert sealed(catalog).graph.changed == changed
    documents = catalog._manager.current().documents.sealed
    assert documents is not None
    keys = np.asarray(sealed(catalog).keys)
    np.testing.assert_array_equal(np.asarray(documents.keys)[: len(keys)], keys)
    assert catalog.count() == len(numbers)
    for number in numbers[:: max(1, len(numbers) // 20)]:
        found = catalog.search(vectors(number, number + 1)[0], 1)
        assert found[0].id == f"tmdb:movie:{number}"


def test_additions_deletions_and_changes_of_titles(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        catalog.add(films(0, 1_000), vectors(0, 1_000))
        catalog.seal()
        check(catalog, list(range(1_000)), 0)
        catalog.add(films(1_000, 1_050), vectors(1_000, 1_050))
        catalog.delete([f"tmdb:movie:{i}" for i in range(20)])
        catalog.seal()
        check(catalog, list(range(20, 1_050)), 70)
        catalog.add(films(1_050, 1_100), vectors(1_050, 1_100))
    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        catalog.seal()
        check(catalog, list(range(20, 1_100)), 120)
        catalog.add(films(1_100, 1_400), vectors(1_100, 1_400))
        catalog.seal()
        check(catalog, list(range(20, 1_400)), 0)  # it has changed too much to grow
    with Catalog.open(tmp_path, read_only=True) as catalog:
        check(catalog, list(range(20, 1_400)), 0)


def test_changes_while_it_grows(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        catalog.add(films(0, 1_000), vectors(0, 1_000))
        catalog.seal()
        catalog.add(films(1_000, 1_100), vectors(1_000, 1_100))
        added: list[int] = []

        def change(_done: int, _total: int, stage: str) -> None:
            if stage in ("linking", "building graph") and len(added) < 3:
                number = 1_100 + len(added)
                added.append(number)
                catalog.add(films(number, number + 1), vectors(number, number + 1))
                catalog.delete(f"tmdb:movie:{number - 1_100}")

        catalog.seal(change)
        assert len(added) == 3
        check(catalog, [*range(3, 1_100), *added], 100)
        catalog.seal()
        check(catalog, [*range(3, 1_100), *added], 106)


def test_a_growth_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, auto_seal=False) as catalog:
        catalog.add(films(0, 1_000), vectors(0, 1_000))
        catalog.seal()
        catalog.add(films(1_000, 1_100), vectors(1_000, 1_100))
        listing = sorted(path.name for path in tmp_path.iterdir())
        for stop_at in ("linking", "writing", "building graph", "merging documents"):

            def stop(_done: int, _total: int, stage: str, at: str = stop_at) -> None:
                if stage == at:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                catalog.seal(stop)
            assert sorted(path.name for path in tmp_path.iterdir()) == listing
        catalog.seal()
        check(catalog, list(range(1_100)), 100)
