"""Which queries share an answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.cached.films import JAWS, loads, run
from tv5core import CachedCatalog, Catalog


def test_queries_that_mean_the_same_are_one_and_others_are_not(folder: Path) -> None:
    async def work() -> None:
        with Catalog.open(folder) as catalog:
            vector = catalog.embed_queries(["a shark"])[0]
            async with CachedCatalog.open(catalog, None) as films:
                for query in ("café  shark", " caf\u0065\u0301 shark\n", "café shark"):
                    await films.search(query)
                assert loads(films, "search") == 1
                await films.search("Café shark")
                await films.search("café shark", 9)
                await films.search("café shark", exact=True)
                await films.search("café shark", allow=[JAWS])
                await films.search("café shark", allow=[])
                assert loads(films, "search") == 6
                await films.search(vector)
                await films.search(vector.tolist())
                await films.search(np.repeat(vector, 2)[::2])
                assert loads(films, "search") == 7
                await films.search(-vector)
                await films.search(str(vector))
                assert loads(films, "search") == 9

    run(work)
