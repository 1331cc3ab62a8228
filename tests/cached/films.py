"""A small catalogue and what its tests ask of a cache."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tv5core import CachedCatalog
from tv5core.data import demo_titles

__all__ = ["JAWS", "TITLES", "loads", "run"]


JAWS = "tmdb:movie:578"


TITLES = [*demo_titles()[:60], *(title for title in demo_titles()[60:] if title.id == JAWS)]


def loads(films: CachedCatalog, kind: str) -> int:
    """Return how often a kind was loaded."""
    return int(films.stats()["kinds"].get(kind, {}).get("loader", {}).get("load", 0))


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]
