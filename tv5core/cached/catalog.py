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
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial, update_wrapper
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import numpy.typing as npt

from tv5core.arguments import as_list, as_texts, check_type, shown
from tv5core.cache.answer import Answer
from tv5core.cache.loading.fallback import Fallbacks
from tv5core.cache.policy import Policy
from tv5core.cache.tiered import TieredCache
from tv5core.cache.validation import check_keys, check_name, is_name
from tv5core.cache.warming.id_sources import Source
from tv5core.cache.warming.warm import CONCURRENCY, WarmReport, warm
from tv5core.cached.answers import CachedAnswers, Freshness, Pace
from tv5core.cached.keys import namespace
from tv5core.cached.last_answers import LastAnswers
from tv5core.cached.policies import CATALOG_POLICIES, validate_policies
from tv5core.cached.recommendations import PROFILE_K
from tv5core.cached.warming import plan_catalog
from tv5core.catalog import AddResult, Catalog
from tv5core.errors import InvalidInputError
from tv5core.observing import SILENT, Observer
from tv5core.types import Progress, Title

__all__ = ["CachedCatalog"]

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def _value(
    method: Callable[Concatenate[CachedAnswers, P], Coroutine[Any, Any, Answer[T]]],
) -> Callable[Concatenate[CachedCatalog, P], Coroutine[Any, Any, T]]:
    """Make a method that returns an answer's value alone."""

    async def call(self: CachedCatalog, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return (await method(self.answers, *args, **kwargs)).value

    return _as_method(call, method)


def _listed(
    method: Callable[Concatenate[CachedAnswers, P], Coroutine[Any, Any, Answer[tuple[T, ...]]]],
) -> Callable[Concatenate[CachedCatalog, P], Coroutine[Any, Any, list[T]]]:
    """Make a method that returns an answer's values alone, in a list of the caller's own."""

    async def call(self: CachedCatalog, /, *args: P.args, **kwargs: P.kwargs) -> list[T]:
        return list((await method(self.answers, *args, **kwargs)).value)

    return _as_method(call, method)


def _as_method(call: F, method: Callable[..., Any]) -> F:
    update_wrapper(call, method)
    return call


class CachedCatalog:
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
    last : LastAnswers, optional
        What the cache was given as its fallbacks.

    Attributes
    ----------
    answers : CachedAnswers
        The same questions, answered with how current each answer is.

    Raises
    ------
    InvalidInputError
    """

    def __init__(
        self,
        catalog: Catalog,
        cache: TieredCache,
        *,
        freshness: Freshness = "current",
        last: LastAnswers | None = None,
    ) -> None:
        check_type("cache", cache, TieredCache)
        validate_policies(cache.policies)
        if not isinstance(freshness, str) or freshness not in ("current", "until_expiry"):
            raise InvalidInputError(f"expected 'current' or 'until_expiry', got {shown(freshness)}")
        self.catalog, self.cache = catalog, cache
        self._owns_cache = False
        last = LastAnswers(cache.policies) if last is None else last
        self.answers = CachedAnswers(catalog, cache, freshness, last)
        self._namespace = self.answers.namespace

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
        check_type("fallbacks", fallbacks, (Mapping, type(None)))
        check_type("policies", policies, Mapping)
        last = LastAnswers(policies)
        cache = TieredCache.open(
            path,
            l1_bytes=l1_bytes,
            l2_bytes=l2_bytes,
            redis_url=redis_url,
            policies=policies,
            fallbacks={**last.fallbacks(), **(fallbacks or {})},
            observer=observer,
        )
        opened = cls(catalog, cache, freshness=freshness, last=last)
        opened._owns_cache = True
        return opened

    @staticmethod
    def title_key(catalog: Catalog, id: str) -> str:
        """Return the key under which a catalogue's title is cached."""
        check_name("id", id)
        return f"{namespace(catalog)}:{id}"

    # -- reading --------------------------------------------------------------------------

    async def get(self, id: str) -> Title:
        """Return a title by its id or an external one; as ``Catalog.get``."""
        return await self.answers.get(id)

    search = _value(CachedAnswers.search)
    facets = _value(CachedAnswers.facets)
    suggest = _listed(CachedAnswers.suggest)
    similar = _value(CachedAnswers.similar)
    popular = _listed(CachedAnswers.popular)
    recommend = _listed(CachedAnswers.recommend)
    browse = _value(CachedAnswers.browse)
    trending = _listed(CachedAnswers.trending)

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
        answers = self.answers.paced(pace)
        loads: dict[str, Callable[[str], Awaitable[object]]] = {
            "title": answers.title,
            "search": answers.search,
            "recommendations": answers.similar,
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

    async def warm_profiles(self, names: Iterable[str] | None = None, *, k: int = PROFILE_K) -> int:
        """Compute the recommendations of profiles before they are asked for.

        Parameters
        ----------
        names : iterable of str, optional
            By default all that ship and that are stored.
        k : int
            As they will be asked for.

        Returns
        -------
        int
            How many profiles there are.

        Raises
        ------
        InvalidInputError
            An unknown profile.
        """
        known = list(self.catalog.profiles()) if names is None else as_texts("names", names)
        for name in known:
            await self.recommend(profile=name, k=k)
        return len(known)

    # -- life cycle -----------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Return the cache's statistics; as ``TieredCache.stats``."""
        return self.cache.stats()

    async def close(self) -> None:
        """Close the cache, where :meth:`open` opened it."""
        if self._owns_cache:
            await self.cache.close()

    async def __aenter__(self) -> Self:
        if self._owns_cache:
            await self.cache.check()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
