"""CachedCatalog: a catalogue behind a cache, for services.

::

    catalog = Catalog.open("films", read_only=True)
    async with CachedCatalog.open(catalog, "cache") as films:
        title = await films.get("tmdb:movie:603")
        hits = await films.search("a shark at the beach")

What it answers is never older than the catalogue at the moment of the call, whichever process
changed it, for it is checked against the catalogue's version:

- answers to searches, recommendations and lists are kept under the version they were found at;
- a title is kept with its row, and the journal tells whether that row has changed since.

``answers="until_expiry"`` trades that for a better hit ratio while titles are added all the
time: searches, recommendations and lists may then be as old as their policies say.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import operator
import os
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.cache.policy import DEFAULT_POLICIES, Policy
from tv5core.cache.tiered import TieredCache
from tv5core.cache.warming.id_sources import Source
from tv5core.cache.warming.warm import CONCURRENCY, Item, WarmReport, plan, warm
from tv5core.catalog import AddResult, Catalog
from tv5core.catalog.versions import RowChanges
from tv5core.data import demo_titles
from tv5core.errors import InvalidInputError
from tv5core.types import Hit, Progress, Title

__all__ = ["CATALOG_POLICIES", "CachedCatalog", "Detail"]

COMMON_QUERIES = (
    "action adventure",
    "romantic comedy",
    "science fiction in space",
    "crime thriller detective",
    "family animation",
    "horror haunted house",
    "war drama",
    "documentary about nature",
    "superhero saves the world",
    "coming of age",
)
"""What the preset ``demo`` searches for."""

_BLOCK = 500
_TRIES = 3

Answers = Literal["current", "until_expiry"]
Pace = Callable[[], Awaitable[None]]
T = TypeVar("T")


class Detail(msgspec.Struct, frozen=True, array_like=True):
    """A title as it is cached.

    Attributes
    ----------
    title : Title
    row : int
        Where the catalogue keeps it.
    seq : int
        The catalogue's version when it was read.
    """

    title: Title
    row: int
    seq: int


def _typed(kind: str, type: Any) -> Policy:
    return msgspec.structs.replace(DEFAULT_POLICIES[kind], type=type)


CATALOG_POLICIES: Mapping[str, Policy] = {
    **DEFAULT_POLICIES,
    "title": _typed("title", Detail),
    "search": _typed("search", tuple[Hit, ...]),
    "recommendations": _typed("recommendations", tuple[Hit, ...]),
    "popular": _typed("popular", tuple[Title, ...]),
}
"""The default policies, for the values a catalogue answers with."""


class CachedCatalog:
    """A catalogue's detail, search and recommendation paths, cached.

    Use it from one event loop. Searches run in threads, so that none holds the loop up; a
    title is read on the loop, which is quicker than a thread is to wake.

    Parameters
    ----------
    catalog : Catalog
        Stays the caller's to close.
    cache : TieredCache
        Opened with :data:`CATALOG_POLICIES`; stays the caller's to close.
    answers : {"current", "until_expiry"}
        How old searches, recommendations and lists may be; titles are always current.
    """

    def __init__(
        self, catalog: Catalog, cache: TieredCache, *, answers: Answers = "current"
    ) -> None:
        for kind in ("title", "search", "recommendations", "popular"):
            want, got = CATALOG_POLICIES[kind].type, cache.policies.get(kind)
            if got is None or got.type != want:
                raise InvalidInputError(
                    f"expected a cache opened with CATALOG_POLICIES, got one whose {kind!r} "
                    f"holds {'nothing' if got is None else got.type}"
                )
        if answers not in ("current", "until_expiry"):
            raise InvalidInputError(f"expected 'current' or 'until_expiry', got {answers!r}")
        self.catalog, self.cache = catalog, cache
        self._answers, self._owns_cache = answers, False
        self._space = _space(catalog)
        self._rows = RowChanges(catalog)

    @classmethod
    def open(
        cls,
        catalog: Catalog,
        path: str | os.PathLike[str] | None,
        *,
        answers: Answers = "current",
        policies: Mapping[str, Policy] = CATALOG_POLICIES,
        **options: Any,
    ) -> Self:
        """Open a cache for a catalogue; :meth:`close` closes it.

        Parameters
        ----------
        catalog : Catalog
        path : path-like or None
            The cache's folder; None keeps everything in memory.
        answers : {"current", "until_expiry"}
        policies : mapping
        **options
            As for ``TieredCache.open``.
        """
        made = cls(catalog, TieredCache.open(path, policies=policies, **options), answers=answers)
        made._owns_cache = True
        return made

    @staticmethod
    def title_key(catalog: Catalog, id: str) -> str:
        """Return the key under which a catalogue's title is cached."""
        return f"{_space(catalog)}:{id}"

    # -- asking ---------------------------------------------------------------------------

    async def get(self, id: str) -> Title:
        """Return a title by its id, or by one elsewhere; as ``Catalog.get``."""
        return (await self._detail(id, None)).title

    async def _detail(self, id: str, pace: Pace | None) -> Detail:
        key = f"{self._space}:{id}"
        for _ in range(_TRIES):
            loader = partial(self._load_title, id, pace)
            detail: Detail = await self.cache.get_or_load("title", key, loader)
            # By an id elsewhere, another title may be found as soon as anything changes.
            if self._rows.current(detail.row, detail.seq, exactly=detail.title.id != id):
                return detail
            await self.cache.invalidate("title", key)
        return await self._load_title(id, None, key)  # written to without pause

    async def _load_title(self, id: str, pace: Pace | None, _: str) -> Detail:
        if pace is not None:
            await pace()
        found = self.catalog.get_versioned(id)
        return Detail(found.title, found.row, found.seq)

    async def search(
        self,
        query: str | npt.ArrayLike,
        k: int = 10,
        *,
        allow: Iterable[str] | None = None,
        exact: bool = False,
    ) -> list[Hit]:
        """Find the titles nearest to a text or a vector; as ``Catalog.search``.

        Texts that differ in nothing but white space and the way accents are encoded are one.
        """
        return await self._search(query, k, allow, exact, None)

    async def _search(
        self,
        query: str | npt.ArrayLike,
        k: int,
        allow: Iterable[str] | None,
        exact: bool,
        pace: Pace | None,
    ) -> list[Hit]:
        wanted = normalised(query)
        ids = None if allow is None else sorted(set(allow))
        of = [_told(wanted), operator.index(k), ids, bool(exact)]
        call = partial(self.catalog.search, wanted, k, allow=ids, exact=exact)
        return list(await self._answer("search", of, call, pace))

    async def similar(self, id: str, k: int = 10) -> list[Hit]:
        """Find the titles most like one of the catalogue; as ``Catalog.similar``."""
        return await self._similar(id, k, None)

    async def _similar(self, id: str, k: int, pace: Pace | None) -> list[Hit]:
        call = partial(self.catalog.similar, id, k)
        return list(
            await self._answer("recommendations", ["similar", id, operator.index(k)], call, pace)
        )

    async def popular(self, count: int = 20, genre: str | None = None) -> list[Title]:
        """Return the most popular titles, of one genre where that is given.

        They are found by looking at every title, in a thread; hence the cache.
        """
        call = partial(most_popular, self.catalog, count, genre)
        of = ["popular", operator.index(count), genre]
        return list(await self._answer("popular", of, call, None))

    async def _answer(
        self, kind: str, of: list[Any], call: Callable[[], Sequence[T]], pace: Pace | None
    ) -> tuple[T, ...]:
        async def load(_: str) -> tuple[T, ...]:
            if pace is not None:
                await pace()
            return tuple(await asyncio.to_thread(call))

        # The version is noted before the search, so an answer is at least as new as its key.
        answer: tuple[T, ...] = await self.cache.get_or_load(kind, self._key(of), load)
        return answer

    def _key(self, of: list[Any]) -> str:
        digest = hashlib.blake2b(msgspec.msgpack.encode(of), digest_size=16).hexdigest()
        if self._answers == "until_expiry":
            return f"{self._space}:{digest}"
        version = self.catalog.version()
        return f"{self._space}:{version.space}.{version.seq}:{digest}"

    # -- changing -------------------------------------------------------------------------

    async def add(self, titles: Iterable[Title], *arguments: Any, **options: Any) -> AddResult:
        """Store titles in a thread, as ``Catalog.add``; what is cached of them is dropped."""
        listed = list(titles)
        try:
            return await asyncio.to_thread(self.catalog.add, listed, *arguments, **options)
        finally:  # a part of them may be stored where it failed
            await self._changed(title.id for title in listed if isinstance(title, Title))

    async def delete(self, ids: str | Iterable[str]) -> int:
        """Remove titles in a thread, as ``Catalog.delete``; what is cached of them is dropped."""
        listed = [ids] if isinstance(ids, str) else list(ids)
        try:
            return await asyncio.to_thread(self.catalog.delete, listed)
        finally:
            await self._changed(name for name in listed if isinstance(name, str))

    async def _changed(self, ids: Iterable[str]) -> None:
        keys = [f"{self._space}:{name}" for name in ids]
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
        """Fill the cache before it is asked.

        Doing it again loads only what is missing; a run that was cut short goes on where it
        was, where the cache has a disk to note that on.

        Parameters
        ----------
        strategy : "popular", optional
            The ``limit`` most popular titles.
        preset : "demo", optional
            The titles that ship with tv5core, as far as the catalogue has them, what is like
            them, and ten common searches.
        source : iterable of str, or path, optional
            Ids, a file of ids (one a line), or a sitemap.
        batch_size : int
            How far a run cut short may have to go back.
        queries : iterable of str
            Common searches.
        profiles : iterable of sequences of str
            Ids of what someone likes: recommendations for each are found.
        concurrency : int
            How many loads may run at once.
        pace : callable, optional
            ``async def pace()``, awaited before each load, such as a limiter's.
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
        liked = (name for profile in profiles for name in profile)
        items = plan(
            strategy=strategy,
            limit=limit,
            preset=preset,
            source=source,
            queries=queries,
            profiles=liked,
            strategies={"popular": self._popular_items},
            presets={"demo": self._demo_items},
            id_of=id_of,
        )
        loads: dict[str, Callable[[str], Awaitable[object]]] = {
            "title": lambda name: self._detail(name, pace),
            "search": lambda query: self._search(query, 10, None, False, pace),
            "recommendations": lambda name: self._similar(name, 10, pace),
        }
        return await warm(
            items,
            lambda item: loads[item.kind](item.key),
            batch_size=batch_size,
            concurrency=concurrency,
            progress=progress,
            checkpoints=self.cache.disk,
            name=f"{self._space}:{strategy}:{limit}:{preset}:{source is not None}",
        )

    def _popular_items(self, limit: int) -> Iterator[Item]:
        return (Item("title", title.id) for title in most_popular(self.catalog, limit, None))

    def _demo_items(self) -> Iterator[Item]:
        known = [title.id for title in demo_titles() if title.id in self.catalog]
        yield from (Item("title", name) for name in known)
        yield from (Item("recommendations", name) for name in known)
        yield from (Item("search", query) for query in COMMON_QUERIES)

    # -- the layer itself -----------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Return what the cache holds and did."""
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


def _space(catalog: Catalog) -> str:
    return hashlib.blake2b(catalog.identity().encode(), digest_size=8).hexdigest()


def normalised(query: str | npt.ArrayLike) -> Any:
    """Return what is searched for: text in one form, or a vector as float32.

    Only white space and the encoding of accents are evened out: a model may tell capitals from
    small letters.
    """
    if isinstance(query, str):
        return " ".join(unicodedata.normalize("NFC", query).split())
    try:
        return np.ascontiguousarray(query, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"expected a text or a vector, got {error}") from error


def _told(wanted: Any) -> Any:
    """Return what stands for a query in a key."""
    return wanted if isinstance(wanted, str) else [list(wanted.shape), wanted.tobytes()]


def most_popular(catalog: Catalog, count: int, genre: str | None) -> list[Title]:
    """Return the most popular titles, best first; equals in the order of their ids."""
    if count < 1:
        raise InvalidInputError(f"expected a count of at least 1, got {count}")
    return heapq.nsmallest(count, _of_genre(catalog, genre), key=lambda t: (-t.popularity, t.id))


def _of_genre(catalog: Catalog, genre: str | None) -> Iterator[Title]:
    block: list[str] = []
    for one in catalog.ids():
        block.append(one)
        if len(block) == _BLOCK:
            yield from _titles(catalog, block, genre)
            block = []
    yield from _titles(catalog, block, genre)


def _titles(catalog: Catalog, ids: Sequence[str], genre: str | None) -> Iterator[Title]:
    for title in catalog.get_many(ids):
        if title is not None and (genre is None or genre in title.genres):
            yield title
