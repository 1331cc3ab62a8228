"""Caches opened with other policies."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from tests.cached.films import JAWS, run
from tv5core import CATALOG_POLICIES, CachedCatalog, Catalog, InvalidInputError
from tv5core.cache.policy import DEFAULT_POLICIES
from tv5core.cache.tiered import TieredCache
from tv5core.cached.policies import CachedTitle
from tv5core.data import demo_titles


def test_a_cache_of_other_values_is_refused(folder: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder) as catalog:
            async with TieredCache.open(None, policies=DEFAULT_POLICIES) as cache:
                with pytest.raises(InvalidInputError, match="CATALOG_POLICIES"):
                    CachedCatalog(catalog, cache)
            async with TieredCache.open(None, policies=CATALOG_POLICIES) as cache:
                films = CachedCatalog(catalog, cache)
                await films.close()
                assert await films.get(JAWS)  # the cache is its owner's to close
                with pytest.raises(InvalidInputError, match="until_expiry"):
                    CachedCatalog(catalog, cache, freshness="never")  # type: ignore[arg-type]

    run(work)


def test_what_is_cached_of_titles_is_nothing_to_collect_garbage_of() -> None:
    """A full collection looks at every object that is tracked, while all threads wait."""
    (title,) = demo_titles()[:1]
    assert not gc.is_tracked(title)
    assert not gc.is_tracked(CachedTitle(title, 1, 1))
