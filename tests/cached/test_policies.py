"""Caches opened with other policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cached.films import JAWS, run
from tv5core import CATALOG_POLICIES, CachedCatalog, Catalog, InvalidInputError
from tv5core.cache.policy import DEFAULT_POLICIES
from tv5core.cache.tiered import TieredCache


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
