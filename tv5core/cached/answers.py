"""CachedAnswers: what a cached catalogue answers, with how current each answer is.

Where a search, a recommendation or a list can be loaded neither in time nor at all, the last answer
to the same question is given as stale, of whichever version of the catalogue it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal, Self, TypeVar

import numpy.typing as npt

from tv5core.arguments import as_list, check_int, check_text, check_type
from tv5core.cache.answer import Answer
from tv5core.cache.tiered import TieredCache
from tv5core.cache.validation import check_keys, check_name
from tv5core.cached.keys import digest, namespace, normalized, query_key
from tv5core.cached.last_answers import LastAnswers
from tv5core.cached.policies import CachedTitle
from tv5core.cached.recommendations import RecommendingAnswers
from tv5core.catalog import Catalog
from tv5core.catalog.search_reader import Expression, Facets, Mode, SearchRequest
from tv5core.catalog.versions import RowChanges
from tv5core.results import FacetValue, SearchResult, Suggestion
from tv5core.types import Title

__all__ = ["CachedAnswers", "Freshness", "Pace"]

_MAX_ATTEMPTS = 3

Freshness = Literal["current", "until_expiry"]
Pace = Callable[[], Awaitable[None]]
T = TypeVar("T")


class CachedAnswers(RecommendingAnswers):
    """The questions of :class:`CachedCatalog`, answered with age, state and tier.

    Attributes
    ----------
    catalog : Catalog
    cache : TieredCache
    last : LastAnswers
        What was answered last; the cache's fallback.
    pace : callable or None
        Awaited before each load.
    """

    def __init__(
        self, catalog: Catalog, cache: TieredCache, freshness: Freshness, last: LastAnswers
    ) -> None:
        self.catalog, self.cache, self.last = catalog, cache, last
        self.pace: Pace | None = None
        self._freshness = freshness
        self.namespace = namespace(catalog)
        self._rows = RowChanges(catalog)

    def paced(self, pace: Pace | None) -> Self:
        """Return the same, awaiting ``pace()`` before each load."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.pace = pace
        return view

    # -- titles ---------------------------------------------------------------------------

    async def get(self, id: str) -> Title:
        """Return a title by its id or an external one; as ``Catalog.get``."""
        if type(id) is not str:
            check_name("id", id)
        key = f"{self.namespace}:{id}"
        cached = await self.cache.get_or_load("title", key, partial(self._load_title, id))
        if self._is_current(cached, id):
            title: Title = cached.title
            return title
        return (await self.title(id)).value.title

    def _is_current(self, cached: CachedTitle, id: str) -> bool:
        # An external id may lead to another title as soon as anything changes.
        return self._rows.current(cached.row, cached.seq, exactly=cached.title.id != id)

    async def title(self, id: str) -> Answer[CachedTitle]:
        """Return a title by its id or an external one, with its row; as ``Catalog.get``."""
        if type(id) is not str:
            check_name("id", id)
        key = f"{self.namespace}:{id}"
        for _ in range(_MAX_ATTEMPTS):
            answer: Answer[CachedTitle] = await self.cache.answer(
                "title", key, partial(self._load_title, id)
            )
            if self._is_current(answer.value, id):
                return answer
            await self.cache.invalidate("title", key)
        # It changes faster than it can be cached.
        return Answer(await self._load_title(id, key), "fresh", 0.0, "loader")

    async def _load_title(self, id: str, _: str) -> CachedTitle:
        if self.pace is not None:
            await self.pace()
        found = self.catalog.get_versioned(id)
        return CachedTitle(found.title, found.row, found.seq)

    # -- searches and lists ---------------------------------------------------------------

    async def search(
        self,
        query: str | npt.ArrayLike = "",
        k: int = 10,
        *,
        mode: Mode = "hybrid",
        where: Expression | str | None = None,
        sort: str = "relevance",
        facets: Facets = (),
        group: Literal["collection", "title"] | None = None,
        cursor: str | None = None,
        understand: bool = True,
        explain: bool = False,
        highlight: bool = False,
        allow: Iterable[str] | None = None,
        exact: bool = False,
    ) -> Answer[SearchResult]:
        """Find titles by a text or a vector; as ``Catalog.search``.

        Texts that differ only in white space or in how accents are encoded share one answer, and
        so do filters that mean the same. ``took_ms`` is what the search took when it was made.
        """
        options: dict[str, Any] = {
            "mode": mode,
            "where": where,
            "sort": sort,
            "facets": facets,
            "group": group,
            "cursor": cursor,
            "understand": understand,
            "explain": explain,
            "highlight": highlight,
            "allow": None if allow is None else sorted(set(check_keys(as_list("allow", allow)))),
            "exact": exact,
        }
        canonical = normalized(query)
        request = SearchRequest.of(canonical, k, **options)
        where = self.catalog.filter_text(request.where)
        parts = [query_key(canonical), *request.key(where)]
        call = partial(self.catalog.search, canonical, k, **options)
        found = await self._loaded("search", parts, call)
        if found.value.degraded:  # the next call may find more
            await self.cache.invalidate("search", [self._key(parts)])
        return found

    async def facets(
        self,
        fields: Facets,
        *,
        query: str = "",
        where: Expression | str | None = None,
        mode: Mode = "hybrid",
        understand: bool = True,
    ) -> Answer[dict[str, tuple[FacetValue, ...]]]:
        """Count the values of fields; as ``Catalog.facets``."""
        found = await self.search(
            query, 1, mode=mode, where=where, facets=fields, understand=understand
        )
        return Answer(found.value.facets, found.state, found.age_s, found.tier)

    async def suggest(self, prefix: str, k: int = 10) -> Answer[tuple[Suggestion, ...]]:
        """Complete what is being typed; as ``Catalog.suggest``."""
        parts = ["suggest", check_text("prefix", prefix), check_int("k", k, 1)]
        return await self._several("suggestions", parts, partial(self.catalog.suggest, prefix, k))

    async def similar(
        self, id: str, k: int = 10, *, cursor: str | None = None
    ) -> Answer[SearchResult]:
        """Find the titles most similar to one of the catalogue; as ``Catalog.similar``."""
        check_name("id", id)
        check_type("cursor", cursor, (str, type(None)))
        parts = ["similar", id, check_int("k", k, 1), cursor]
        call = partial(self.catalog.similar, id, k, cursor=cursor)
        return await self._loaded("recommendations", parts, call)

    async def popular(self, k: int = 20, *, genre: str | None = None) -> Answer[tuple[Title, ...]]:
        """Return the most popular titles; as ``Catalog.popular``, which scans in a thread."""
        check_type("genre", genre, (str, type(None)))
        parts = ["popular", check_int("k", k, 1), genre]
        return await self._several("popular", parts, partial(self.catalog.popular, k, genre=genre))

    async def _several(
        self, kind: str, parts: list[Any], call: Callable[[], Sequence[T]]
    ) -> Answer[tuple[T, ...]]:
        return await self._loaded(kind, parts, lambda: tuple(call()))

    async def _loaded(self, kind: str, parts: list[Any], call: Callable[[], T]) -> Answer[T]:
        async def load(_: str) -> T:
            if self.pace is not None:
                await self.pace()
            return await asyncio.to_thread(call)

        # The key's version is read before the search, so an answer is at least as new as its key.
        key = self._key(parts)
        answer: Answer[T] = await self.cache.answer(kind, key, load)
        return answer if answer.tier == "memory" else self.last.noted(kind, key, answer)

    def _key(self, parts: list[Any]) -> str:
        if self._freshness == "until_expiry":
            return f"{self.namespace}:{digest(parts)}"
        version = self.catalog.version()
        return f"{self.namespace}:{version.space}.{version.seq}:{digest(parts)}"
