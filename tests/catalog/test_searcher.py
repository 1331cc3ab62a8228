"""What is refused is refused whatever the catalogue holds, also where it holds nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tv5core import errors
from tv5core.catalog import Catalog
from tv5core.types import Title
from tv5core.vectors import VectorIndex

GIVEN = np.eye(9, dtype=np.float32)


@pytest.fixture(params=["empty", "texts only", "vectors"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    some = [Title(f"t:{n}", "movie", f"Film {n}") for n in range(9)]
    with Catalog.open(tmp_path / "films") as opened:
        if request.param == "texts only":
            opened.add(some, embed=False)
        elif request.param == "vectors":
            opened.add(some, GIVEN)
        yield opened


BAD: dict[str, Callable[[Catalog], Any]] = {
    "a number": lambda c: c.search(5),
    "nothing": lambda c: c.search(None),  # type: ignore[arg-type]
    "bytes": lambda c: c.search(b"ship"),
    "an object": lambda c: c.search(object()),  # type: ignore[arg-type]
    "texts in a list": lambda c: c.search(["ship"]),
    "ragged": lambda c: c.search([[1.0], [2.0, 3.0]]),  # type: ignore[arg-type, list-item]
    "a matrix": lambda c: c.search(GIVEN),
    "no answers": lambda c: c.search(GIVEN[0], 0),
    "fewer": lambda c: c.search(GIVEN[0], -1),
    "no answers to a text": lambda c: c.search("ship", 0),
    "k as text": lambda c: c.search("ship", "3"),  # type: ignore[arg-type]
    "half a k": lambda c: c.search("ship", 1.5),  # type: ignore[arg-type]
    "NaN": lambda c: c.search(GIVEN[0] * np.nan),
    "zeros": lambda c: c.search(GIVEN[0] * 0),
    "too narrow": lambda c: c.search([1.0, 2.0]),
    "ids as a text": lambda c: c.search(GIVEN[0], allow="t:1"),
    "ids as a number": lambda c: c.search(GIVEN[0], allow=5),  # type: ignore[arg-type]
    "many, a number": lambda c: c.search_many(5),
    "many, a vector": lambda c: c.search_many(GIVEN[0]),
    "many, no answers": lambda c: c.search_many(GIVEN, 0),
    "many texts, no answers": lambda c: c.search_many(["ship"], 0),
    "many, NaN": lambda c: c.search_many(GIVEN * np.nan),
    "many, ids as a text": lambda c: c.search_many(GIVEN, allow="t:1"),
    "like it, no answers": lambda c: c.similar("t:1", 0),
    "popular, none": lambda c: c.popular(0),
    "popular, by text": lambda c: c.popular("5"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused(catalog: Catalog, name: str) -> None:
    if name == "no answers to a text" and catalog.info()["embedder"] == "external":
        pytest.skip("this catalogue embeds no text")
    with pytest.raises(errors.InvalidInputError):
        BAD[name](catalog)


def test_an_empty_index_refuses_them_too() -> None:
    index = VectorIndex.empty(8)
    for query, k in [(5, 10), (np.ones(8), 0), (np.zeros(8), 1), (np.ones(7), 1), (None, 1)]:
        with pytest.raises(errors.InvalidInputError):
            index.search(query, k)  # type: ignore[arg-type]
