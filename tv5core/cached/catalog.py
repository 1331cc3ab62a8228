"""CachedCatalog: a catalogue's look-ups, searches and recommendations through a cache.

An answer is never older than the catalogue at the moment of the call, whichever process changed
it, because it is validated against the catalogue's version:

- searches, recommendations and lists are cached under the version they were computed at;
- a title is cached with its row, and the journal tells whether that row has changed since.

``freshness="until_expiry"`` gives that up for a better hit ratio while titles are added all the
time: searches, recommendations and lists may then be as old as their policies allow.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import numpy.typing as npt

from tv5core.arguments import as_list, check_int, check_type, shown
from tv5core.cache.loading.fallback import Fallbacks
from tv5core.cache.policy import Policy
from tv5core.cache.tiered import TieredCache
from tv5core.cache.validation import check_keys, check_name, is_name
from tv5core.cache.warming.id_sources import Source
from tv5core.cache.warming.warm import CONCURRENCY, WarmReport, warm
from tv5core.cached.keys import digest, namespace, normalized, query_key
from tv5core.cached.policies import CATALOG_POLICIES, CachedTitle, validate_policies
from tv5core.cached.recommendations import CachedRecommendations
from tv5core.cached.warming import plan_catalog
from tv5core.catalog import AddResult, Catalog
from tv5core.catalog.search_reader import Expression, Facets, Mode, SearchRequest
from tv5core.catalog.versions import RowChanges
from tv5core.errors import InvalidInputError
from tv5core.observing import SILENT, Observer
from tv5core.results import SearchResult
from tv5core.types import Hit, Progress, Title

__all__ = ["CachedCatalog"]

_MAX_ATTEMPTS = 3

Freshness = Literal["current", "until_expiry"]
Pace = Callable[[], Awaitable[None]]
T = TypeVar("T")


class CachedCatalog(CachedRecommendations):
    """A catalogue whose titles, searches, recommendations and lists are cached.

    Use it from one event loop. Searches run in threads, so that none blocks the loop; a title is
    read on the loop, which takes less time than waking a thread.

    Parameters
    ----------
    catalog : Catalog
        Remains the caller's to close.
    cache : TieredCache
        Opened with :data:`CATALOG_POLICIES`; remains the caller's to close.
    freshness : {"current", "until_expiry"}
        How old searches, recommendations and lists may be; titles are always current.

    Raises
    ------
    InvalidInputError
    """

    def __init__(
        self, catalog: Catalog, cache: TieredCache, *, freshness: Freshness = "current"
    ) -> None:
        check_type("cache", cache, TieredCache)
        validate_policies(cache.policies)
        if not isinstance(freshness, str) or freshness not in ("current", "until_expiry"):
            raise InvalidInputError(f"expected 'current' or 'until_expiry', got {shown(freshness)}")
        self.catalog, self.cache = catalog, cache
        self._freshness, self._owns_cache = freshness, False
        self._namespace = namespace(catalog)
        self._rows = RowChanges(catalog)

    @classmethod
    def open(
        cls,
        catalog: Catalog,
        path: str | os.PathLike[str] | None,
        *,
        freshness: Freshness = "current",
        l1_bytes: int = 256 << 20,
        l2_bytes: int = 2 << 30,
        redis_url: str | None = None,
        policies: Mapping[str, Policy] = CATALOG_POLICIES,
        fallbacks: Fallbacks | None = None,
        observer: Observer = SILENT,
    ) -> Self:
        """Open a cache for a catalogue; :meth:`close` closes it.

        Parameters
        ----------
        catalog : Catalog
            Remains the caller's to close.
        path : path-like or None
            Folder of the cache; None keeps everything in memory.
        freshness : {"current", "until_expiry"}
            As for the class.
        l1_bytes, l2_bytes, redis_url, policies, fallbacks, observer
            As for :meth:`tv5core.cache.TieredCache.open`.

        Raises
        ------
        InvalidInputError
        """
        cache = TieredCache.open(
            path,
            l1_bytes=l1_bytes,
            l2_bytes=l2_bytes,
            redis_url=redis_url,
            policies=policies,
            fallbacks=fallbacks,
            observer=observer,
        )
        opened = cls(catalog, cache, freshness=freshness)
        opened._owns_cache = True
        return opened

    @staticmethod
    def title_key(catalog: Catalog, id: str) -> str:
        """Return the key under which a catalogue's title is cached."""
        check_name("id", id)
        return f"{namespace(catalog)}:{id}"

    # -- titles ---------------------------------------------------------------------------

    async def get(self, id: str) -> Title:
        """Return a title by its id or an external one; as ``Catalog.get``."""
        return (await self._title(id, None)).title

    async def _title(self, id: str, pace: Pace | None) -> CachedTitle:
        if type(id) is not str:
            check_name("id", id)
        key = f"{self._namespace}:{id}"
        for _ in range(_MAX_ATTEMPTS):
            loader = partial(self._load_title, id, pace)
            cached: CachedTitle = await self.cache.get_or_load("title", key, loader)
            # An external id may lead to another title as soon as anything changes.
            if self._rows.current(cached.row, cached.seq, exactly=cached.title.id != id):
                return cached
            await self.cache.invalidate("title", key)
        return await self._load_title(id, None, key)  # it changes faster than it can be cached

    async def _load_title(self, id: str, pace: Pace | None, _: str) -> CachedTitle:
        if pace is not None:
            await pace()
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
    ) -> SearchResult:
        """Find titles by a text or a vector; as ``Catalog.search``.

        Texts that differ only in white space or in how accents are encoded share one answer, and
        so do filters that mean the same. ``took_ms`` is what the search took when it was made.
        """
        options = {
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
        return await self._search(query, k, options, None)

    async def _search(
        self, query: str | npt.ArrayLike, k: int, options: dict[str, Any], pace: Pace | None
    ) -> SearchResult:
        canonical = normalized(query)
        request = SearchRequest.of(canonical, k, **options)
        where = self.catalog.filter_text(request.where)
        parts = [query_key(canonical), *request.key(where)]
        call = partial(self.catalog.search, canonical, k, **options)
        answer: SearchResult = await self._loaded("search", parts, call, pace)
        return answer

    async def similar(self, id: str, k: int = 10) -> list[Hit]:
        """Find the titles most similar to one of the catalogue; as ``Catalog.similar``."""
        return await self._similar(id, k, None)

    async def _similar(self, id: str, k: int, pace: Pace | None) -> list[Hit]:
        check_name("id", id)
        parts = ["similar", id, check_int("k", k, 1)]
        call = partial(self.catalog.similar, id, k)
        return list(await self._cached("recommendations", parts, call, pace))

    async def popular(self, k: int = 20, *, genre: str | None = None) -> list[Title]:
        """Return the most popular titles; as ``Catalog.popular``, which scans in a thread."""
        check_type("genre", genre, (str, type(None)))
        parts = ["popular", check_int("k", k, 1), genre]
        call = partial(self.catalog.popular, k, genre=genre)
        return list(await self._cached("popular", parts, call, None))

    async def _cached(
        self, kind: str, parts: list[Any], call: Callable[[], Sequence[T]], pace: Pace | None
    ) -> tuple[T, ...]:
        answer: tuple[T, ...] = await self._loaded(kind, parts, lambda: tuple(call()), pace)
        return answer

    async def _loaded(
        self, kind: str, parts: list[Any], call: Callable[[], Any], pace: Pace | None
    ) -> Any:
        async def load(_: str) -> Any:
            if pace is not None:
                await pace()
            return await asyncio.to_thread(call)

        # The key's version is read before the search, so an answer is at least as new as its key.
        return await self.cache.get_or_load(kind, self._key(parts), load)

    def _key(self, parts: list[Any]) -> str:
        if self._freshness == "until_expiry":
            return f"{self._namespace}:{digest(parts)}"
        version = self.catalog.version()
        return f"{self._namespace}:{version.space}.{version.seq}:{digest(parts)}"

    # -- writes ---------------------------------------------------------------------------

    async def add(
        self,
        titles: Iterable[Title],
        vectors: npt.ArrayLike | None = None,
        *,
        embed: bool = True,
        checkpoint: tuple[str, bytes] | None = None,
        progress: Progress | None = None,
    ) -> AddResult:
        """Store titles in a thread, as ``Catalog.add``, and invalidate what is cached of them."""
        listed = as_list("titles", titles)
        add = partial(self.catalog.add, listed, vectors, embed=embed, checkpoint=checkpoint)
        try:
            return await asyncio.to_thread(add, progress=progress)
        finally:  # some of them may be stored where it failed
            await self._invalidate(title.id for title in listed if isinstance(title, Title))

    async def delete(self, ids: str | Iterable[str]) -> int:
        """Delete titles in a thread, as ``Catalog.delete``, and invalidate what is cached."""
        listed = check_keys(ids)
        try:
            return await asyncio.to_thread(self.catalog.delete, listed)
        finally:
            await self._invalidate(listed)

    async def _invalidate(self, ids: Iterable[str]) -> None:
        keys = [f"{self._namespace}:{name}" for name in ids if is_name(name)]
        if keys:
            await self.cache.invalidate_event("title.changed", keys)

    # -- warming --------------------------------------------------------------------------

    async def warm(
        self,
        *,
        strategy: str | None = None,
        limit: int = 1_000,
        preset: str | None = None,
        source: Source | None = None,
        batch_size: int = 100,
        queries: Iterable[str] = (),
        profiles: Iterable[Sequence[str]] = (),
        concurrency: int = CONCURRENCY,
        pace: Pace | None = None,
        progress: Progress | None = None,
        id_of: Callable[[str], str | None] | None = None,
    ) -> WarmReport:
        """Fill the cache before it is used.

        A second run loads only what is missing. A run that was interrupted resumes, where the
        cache has a tier on disk to keep its checkpoint.

        Parameters
        ----------
        strategy : "popular", optional
            The ``limit`` most popular titles.
        preset : "demo", optional
            The titles that ship with tv5core, as far as the catalogue has them, their
            recommendations, and ten common searches.
        source : iterable of str, or path, optional
            Ids, a file of ids (one a line), or a sitemap.
        batch_size : int
            Items between two checkpoints.
        queries : iterable of str
            Common searches.
        profiles : iterable of sequences of str
            Ids of titles people like; the recommendations for each title are loaded.
        concurrency : int
            How many loads may run at once.
        pace : callable, optional
            ``async def pace()``, awaited before each load, such as a rate limiter's.
        progress : callable, optional
            Called with (done, total, stage).
        id_of : callable, optional
            Turns a sitemap's URL into an id; by default the last part of its path.

        Returns
        -------
        WarmReport
            Ids that the catalogue does not have count as failed.

        Raises
        ------
        InvalidInputError
        """
        items = plan_catalog(
            self.catalog,
            strategy=strategy,
            limit=limit,
            preset=preset,
            source=source,
            queries=queries,
            profiles=profiles,
            id_of=id_of,
        )
        loads: dict[str, Callable[[str], Awaitable[object]]] = {
            "title": lambda name: self._title(name, pace),
            "search": lambda query: self._search(query, 10, {}, pace),
            "recommendations": lambda name: self._similar(name, 10, pace),
        }
        return await warm(
            items,
            lambda item: loads[item.kind](item.key),
            batch_size=batch_size,
            concurrency=concurrency,
            progress=progress,
            checkpoints=self.cache.disk,
            name=f"{self._namespace}:{strategy}:{limit}:{preset}:{source is not None}",
        )

    # -- life cycle -----------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Return the cache's statistics; as ``TieredCache.stats``."""
        return self.cache.stats()

    async def close(self) -> None:
        """Close the cache, where :meth:`open` opened it."""
        if self._owns_cache:
            await self.cache.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
