"""Documents that are not those of the titles are found, and made again by a repair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.catalog.documents import problems
from tests.catalog.numbered import films, vectors
from tv5core.catalog import Catalog
from tv5core.store import titles
from tv5core.types import Title

Loaded = tuple[Any, list[Title]]


def another_title(rows: Any, some: list[Title]) -> Loaded:
    return rows, [
        msgspec.structs.replace(t, title="Other") if t.id[-2:] == ":5" else t for t in some
    ]


def without_one(rows: Any, some: list[Title]) -> Loaded:
    kept = [place for place, title in enumerate(some) if title.id[-2:] != ":5"]
    return rows[kept], [some[place] for place in kept]


def sealed_wrongly(folder: Path, wrong: Callable[[Any, list[Title]], Loaded]) -> None:
    """Seal documents that are made by a mistaken analysis, with sound checksums."""
    with Catalog.open(folder) as catalog:
        catalog.add(films(0, 30), vectors(0, 30))
        right = catalog._manager.titles.source
        source = replace(right, load=lambda rows: wrong(*right.load(rows)))
        catalog._manager.titles.source = source
        catalog._manager.served.documents._source = source
        catalog.seal()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (another_title, "row 5: expected the document of its title, got another"),
        (without_one, "row 5: expected one document of its title"),
    ],
)
def test_a_wrong_document_is_found_and_made_again(
    tmp_path: Path, wrong: Callable[[Any, list[Title]], Loaded], says: str
) -> None:
    sealed_wrongly(tmp_path, wrong)
    with Catalog.open(tmp_path) as catalog:
        report = catalog.verify()
        assert [problem.split(";")[0] for problem in report.problems] == [says]
        assert catalog.verify(repair=True).ok
        assert problems(catalog) == []
    with Catalog.open(tmp_path) as catalog:
        assert problems(catalog) == []


def test_a_document_without_a_title_is_found(tmp_path: Path) -> None:
    with Catalog.open(tmp_path, embedder=None) as catalog:
        catalog.add(films(0, 30), embed=False)
        catalog._manager.seal()
        catalog._current().view()
        with_title = catalog._store

        def lose(txn: Any) -> None:
            txn.raw.delete(titles.row_key(4), db=txn.dbs.titles)

        with_title.environment.write(lose)
        found = [one for one in catalog.verify().problems if "document" in one]
        assert found
        assert "row 4: expected no document without a title" in found[0]


def test_checking_goes_on_while_titles_change(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(films(0, 2_000), vectors(0, 2_000))
        catalog.seal()
        count = 0

        def progress(done: int, total: int, stage: str) -> None:
            nonlocal count
            count += 1
            some = [msgspec.structs.replace(f, votes=count) for f in films(count, count + 40)]
            catalog.add(some, embed=False)
            catalog.delete(f"tmdb:movie:{1_990 - count}")

        report = catalog.verify(progress)
        assert report.ok, report.problems
        assert report.checked["documents"] > 1_900


def test_damaged_titles_are_not_said_to_lack_documents(sealed: Path) -> None:
    with Catalog.open(sealed) as catalog:
        key = titles.row_key(3)

        def hurt(txn: Any) -> None:
            txn.raw.put(key, b"\2nothing", db=txn.dbs.titles)

        catalog._store.environment.write(hurt)
        parts = catalog.verify().problems
        assert not [one for one in parts if "expected one document" in one]


def test_documents_are_counted_once_they_are_sealed(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.add(films(0, 30), vectors(0, 30))
        report = catalog.verify()
        assert report.ok
        assert "documents" not in report.checked
        catalog.seal()
        report = catalog.verify()
        assert report.checked["documents"] == 30
        assert catalog.info()["documents"] == {"sealed": 30, "live": 0, "removed": 0}
        assert np.isclose(catalog.search(vectors(1, 2)[0], 1)[0].score, 1, atol=0.01)
