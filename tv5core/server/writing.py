"""Who stores titles: the catalogue of this process, or another process that writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from tv5core.cached import CachedCatalog
from tv5core.types import Title

__all__ = ["CatalogWriter", "Writer"]


class Writer(Protocol):
    """Stores and deletes titles; on return, every process finds them, or finds them no more."""

    async def add(self, titles: Sequence[Title]) -> None:
        """Store titles."""

    async def delete(self, ids: Iterable[str]) -> int:
        """Delete titles; return how many there were."""


class CatalogWriter:
    """Writes to the catalogue that this process has open for writing.

    Parameters
    ----------
    cached : CachedCatalog
    """

    def __init__(self, cached: CachedCatalog) -> None:
        self._cached = cached

    async def add(self, titles: Sequence[Title]) -> None:
        """Store titles, in a thread."""
        await self._cached.add(titles)

    async def delete(self, ids: Iterable[str]) -> int:
        """Delete titles, in a thread; return how many there were."""
        return await self._cached.delete(ids)
