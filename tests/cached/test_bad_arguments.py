from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tv5core import errors
from tv5core.cached import CachedCatalog
from tv5core.catalog import Catalog

BAD: dict[str, Callable[[CachedCatalog], Awaitable[Any]]] = {
    "a number": lambda c: c.search(5),
    "no answers": lambda c: c.search("ship", 0),
    "k as text": lambda c: c.search("ship", "3"),  # type: ignore[arg-type]
    "NaN": lambda c: c.search([float("nan")] * 8),
    "ids as a number": lambda c: c.search("ship", allow=5),  # type: ignore[arg-type]
    "ids as one text": lambda c: c.search("ship", allow="t:1"),
    "like it, no answers": lambda c: c.similar("t:1", 0),
    "popular, none": lambda c: c.popular(0),
}


@pytest.mark.parametrize("name", BAD)
async def test_an_empty_catalogue_refuses_them_too(name: str, tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "films") as catalog:
        async with CachedCatalog.open(catalog, None) as cached:
            with pytest.raises(errors.InvalidInputError):
                await BAD[name](cached)
