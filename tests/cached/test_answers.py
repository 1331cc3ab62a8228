"""How current answers are, and what is answered where nothing can be loaded."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.cached.films import JAWS, TITLES
from tv5core import CATALOG_POLICIES, CachedCatalog, Catalog
from tv5core.errors import DiskFailureError, UnavailableError


async def test_an_answer_says_where_it_comes_from(folder: Path) -> None:
    with Catalog.open(folder) as catalog:
        async with CachedCatalog.open(catalog, None) as films:
            first = await films.answers.search("shark beach", 3)
            again = await films.answers.search("shark  beach", 3)
            assert (first.state, first.tier) == ("fresh", "loader")
            assert (again.state, again.tier) == ("fresh", "memory")
            assert again.value is first.value
            assert (await films.answers.title(JAWS)).value.title.title == "Jaws"


async def test_suggestions_and_facets_are_those_of_the_catalogue(folder: Path) -> None:
    with Catalog.open(folder) as catalog:
        async with CachedCatalog.open(catalog, None) as films:
            assert await films.suggest("jaw", 3) == catalog.suggest("jaw", 3)
            fields = {"genre": 5}
            assert await films.facets(fields, query="war") == catalog.facets(fields, query="war")


async def test_the_last_answer_is_given_where_a_search_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DiskFailureError("expected bytes, got none")

    with Catalog.open(folder) as catalog:
        async with CachedCatalog.open(catalog, None) as films:
            known = await films.answers.search("shark beach", 3)
            await films.add([msgspec.structs.replace(TITLES[0], overview="Another text.")])
            monkeypatch.setattr(catalog, "search", fails)
            stale = await films.answers.search("shark beach", 3)
            assert stale.state == "stale"
            assert stale.value == known.value
            assert stale.age_s is not None
            assert stale.age_s >= 0
            with pytest.raises(UnavailableError):
                await films.answers.search("never asked before", 3)


async def test_a_fallback_of_the_caller_stays_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DiskFailureError("expected bytes, got none")

    with Catalog.open(folder) as catalog:
        static = {"suggestions": lambda _: ()}
        async with CachedCatalog.open(
            catalog, None, policies=CATALOG_POLICIES, fallbacks=static
        ) as films:
            monkeypatch.setattr(catalog, "suggest", fails)
            answer = await films.answers.suggest("ja")
            assert (answer.state, answer.tier, answer.value) == ("fallback", "static", ())
