"""Which queries share an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cached.films import JAWS, loads, run
from tv5core import CachedCatalog, Catalog
from tv5core.cached.keys import normalized
from tv5core.errors import InvalidInputError


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


@pytest.mark.parametrize(
    "query",
    [
        ["1", "2"],
        [[1.0], [1.0, 2.0]],
        np.ones(3, complex),
        np.ma.masked_array(np.ones(3), mask=[0, 1, 0]),
        [{}, 1],
        object(),
    ],
    ids=["text", "ragged", "complex", "masked", "dict", "object"],
)
def test_what_is_no_vector_has_no_key(query: Any) -> None:
    with pytest.raises(InvalidInputError, match="expected a text or a vector"):
        normalized(query)
