"""Titles out of LMDB and into it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tv5core import Catalog, Person, Title

TITLES, FULL_TITLES, DIM = 1_000, 20_000, 64


def made(n: int) -> Title:
    """Make a title of about 5 KB."""
    return Title(
        id=f"tmdb:movie:{n}",
        kind="movie",
        title=f"The title of {n}",
        year=1950 + n % 75,
        overview=f"What happens in {n}. " * 60,
        genres=("Drama", f"Genre {n % 20}"),
        keywords=tuple(f"keyword {n} {i}" for i in range(20)),
        cast=tuple(Person(f"Person {n} {i}", f"Part {i}") for i in range(60)),
        external_ids={"imdb": f"tt{n:07}", "tmdb": str(n)},
    )


@pytest.fixture(scope="module")
def titles(full: bool) -> list[Title]:
    """Make titles."""
    return [made(n) for n in range(FULL_TITLES if full else TITLES)]


@pytest.fixture(scope="module")
def catalog(titles: list[Title], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """Store titles with vectors, unsealed."""
    vectors = np.random.default_rng(0).standard_normal((len(titles), DIM))
    folder = tmp_path_factory.mktemp("store") / "catalog"
    with Catalog.open(folder, embedder=None, auto_seal=False) as opened:
        opened.add(titles, vectors)
        yield opened


@pytest.fixture(scope="module")
def chosen(titles: list[Title]) -> list[Title]:
    """Choose titles in no order."""
    some = np.random.default_rng(1).permutation(len(titles))[:200]
    return [titles[i] for i in some]


def test_get(benchmark: Any, catalog: Catalog, chosen: list[Title]) -> None:
    """Read 200 titles, each by a call of its own."""
    ids = [title.id for title in chosen]
    benchmark.group = "store: read 200 titles"
    assert benchmark(lambda: [catalog.get(name) for name in ids]) == chosen


def test_get_many(benchmark: Any, catalog: Catalog, chosen: list[Title]) -> None:
    """Read 200 titles by one call."""
    ids = [title.id for title in chosen]
    benchmark.group = "store: read 200 titles"
    assert benchmark(catalog.get_many, ids) == chosen


def test_missing(benchmark: Any, catalog: Catalog) -> None:
    """Ask for what is not there."""
    benchmark.group = "store: 200 ids that are not there"
    ids = [f"tmdb:show:{n}" for n in range(200)]
    assert benchmark(catalog.get_many, ids) == [None] * 200


def test_find(benchmark: Any, catalog: Catalog, chosen: list[Title]) -> None:
    """Find titles by an id of another service."""
    aliases = [f"imdb:{title.external_ids['imdb']}" for title in chosen]
    benchmark.group = "store: find 200 aliases"
    found = benchmark(lambda: [catalog.find(alias) for alias in aliases])
    assert found == [(title.id,) for title in chosen]


def test_add(benchmark: Any, tmp_path: Any, titles: list[Title]) -> None:
    """Store 100 titles durably: it waits for the disk."""
    vectors = np.random.default_rng(0).standard_normal((100, DIM))
    batches = itertools.cycle(titles[at : at + 100] for at in range(0, 1_000, 100))
    benchmark.group = "store: add 100 titles"
    with Catalog.open(tmp_path / "catalog", embedder=None, auto_seal=False) as catalog:
        benchmark.pedantic(lambda: catalog.add(next(batches), vectors), rounds=10)
        assert len(catalog) == 1_000
        assert catalog.get(titles[999].id) == titles[999]
