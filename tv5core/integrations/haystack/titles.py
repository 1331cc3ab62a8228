"""CatalogRetriever: a film catalogue as a retriever of Haystack."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from haystack import Document as HaystackDocument
from haystack import component, default_from_dict, default_to_dict

from tv5core.arguments import check_int
from tv5core.catalog import Catalog
from tv5core.integrations.titles import hit_metadata, title_text

__all__ = ["CatalogRetriever"]


@component
class CatalogRetriever:
    """Titles of a catalogue, found as ``Catalog.search`` finds them, as documents.

    A document's content has the title's name, facts and overview; its metadata the facts; its
    score is the hit's relevance, 0 to 1.

    Parameters
    ----------
    path : path-like
        The catalogue's folder; opened for reading when it is first needed.
    top_k : int
        How many titles.
    where : str, optional
        Filters, as of ``Catalog.search``.
    options : dict, optional
        Other options of ``Catalog.search``, such as ``{"mode": "keyword"}``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        top_k: int = 10,
        where: str | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.path, self.top_k = os.fspath(path), check_int("top_k", top_k, 1)
        self.where, self.options = where, dict(options or {})
        self._opening = threading.Lock()
        self._catalog: Catalog | None = None

    def warm_up(self) -> None:
        """Open the catalogue."""
        with self._opening:
            if self._catalog is None:
                self._catalog = Catalog.open(self.path, read_only=True)

    def close(self) -> None:
        """Close the catalogue; the next run opens it again."""
        with self._opening:
            if self._catalog is not None:
                self._catalog.close()
            self._catalog = None

    def to_dict(self) -> dict[str, Any]:
        """Return the settings."""
        settings = {"path": self.path, "top_k": self.top_k, "where": self.where}
        return default_to_dict(self, **settings, options=self.options)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CatalogRetriever:
        """Make a retriever with the settings of another."""
        made: CatalogRetriever = default_from_dict(cls, data)
        return made

    @component.output_types(documents=list[HaystackDocument])
    def run(
        self, query: str, top_k: int | None = None, where: str | None = None
    ) -> dict[str, list[HaystackDocument]]:
        """Find titles."""
        self.warm_up()
        k = check_int("top_k", self.top_k if top_k is None else top_k, 0)
        if not k or self._catalog is None:
            return {"documents": []}
        found = self._catalog.search(query, k, where=where or self.where, **self.options)
        return {
            "documents": [
                HaystackDocument(
                    id=hit.id,
                    content=title_text(hit.title),
                    meta=hit_metadata(hit),
                    score=float(hit.relevance),
                )
                for hit in found
            ]
        }

    @component.output_types(documents=list[HaystackDocument])
    async def run_async(
        self, query: str, top_k: int | None = None, where: str | None = None
    ) -> dict[str, list[HaystackDocument]]:
        """Find titles, in a thread."""
        return await asyncio.to_thread(self.run, query, top_k, where)
