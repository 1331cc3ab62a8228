"""Warming a cache: bounded concurrency, resumable, and harmless to repeat.

:func:`plan` turns a selection (a strategy, a preset, ids, queries, profiles) into items, and
:func:`warm` loads them through a cache, so an item that is cached costs one look-up. After each
batch it stores a checkpoint; a run that was interrupted resumes there, provided that the items
up to there are the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, TypeVar

import msgspec

from tv5core.arguments import as_texts, check_callable, check_int, shown
from tv5core.cache.entry import Checkpoints
from tv5core.cache.warming.id_sources import Source, ids_from
from tv5core.errors import InvalidInputError
from tv5core.types import Progress

__all__ = ["Item", "WarmReport", "plan", "warm"]

CONCURRENCY = 8
"""How many loads run at once by default."""

_MAX_ERRORS = 10

Function = TypeVar("Function", bound=Callable[..., Any])


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One value to load.

    Attributes
    ----------
    kind : str
        A kind of the cache's policies: ``title``, ``search``, ``recommendations``.
    key : str
        An id, or a query.
    """

    kind: str
    key: str


@dataclass
class WarmReport:
    """The result of warming.

    Attributes
    ----------
    done : int
        Items that are cached now.
    skipped : int
        Items that an earlier run had loaded.
    failed : int
        Items whose load failed.
    errors : list of str
        The first ten of those failures.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)


class _Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """How far a run got: how many items, and a digest of them."""

    count: int
    digest: bytes


def plan(
    *,
    strategy: str | None = None,
    limit: int = 1_000,
    preset: str | None = None,
    source: Source | None = None,
    queries: Iterable[str] = (),
    profiles: Iterable[str] = (),
    strategies: Mapping[str, Callable[[int], Iterable[Item]]] | None = None,
    presets: Mapping[str, Callable[[], Iterable[Item]]] | None = None,
    id_of: Callable[[str], str | None] | None = None,
) -> Iterator[Item]:
    """Iterate over the items to load, each once.

    Parameters
    ----------
    strategy, limit : str and int
        One of ``strategies``, and how many items at most.
    preset : str
        One of ``presets``.
    source : iterable of str, or path
        Ids of titles, a file of them, or a sitemap; see ``tv5core.cache.warming.id_sources``.
    queries, profiles : iterable of str
        Common searches, and ids to load recommendations for.
    id_of : callable, optional
        Turns a sitemap's URLs into ids.

    Raises
    ------
    InvalidInputError
        An unknown name, a limit below 1, nothing selected, or a file that cannot be read.
    """
    parts: list[Iterable[Item]] = []
    if strategy is not None:
        limit = check_int("limit", limit, 1, sys.maxsize)
        parts.append(islice(_lookup("strategy", strategy, strategies)(limit), limit))
    if preset is not None:
        parts.append(_lookup("preset", preset, presets)())
    if source is not None:
        parts.append(Item("title", name) for name in ids_from(source, id_of))
    for kind, keys in (("search", queries), ("recommendations", profiles)):
        if texts := as_texts("queries and profiles", keys):
            parts.append([Item(kind, text) for text in texts])
    if not parts:
        raise InvalidInputError(
            "expected a strategy, a preset, a source, queries or profiles, got none"
        )
    return _unique(chain.from_iterable(parts))


def _lookup(what: str, name: str, known: Mapping[str, Function] | None) -> Function:
    found = (known or {}).get(name) if isinstance(name, str) else None
    if found is None:
        names = ", ".join(sorted(known or {})) or "none here"
        raise InvalidInputError(f"expected a {what} ({names}), got {shown(name)}")
    return found


def _unique(items: Iterable[Item]) -> Iterator[Item]:
    seen: set[Item] = set()
    for item in items:
        if item not in seen:
            seen.add(item)
            yield item


async def warm(
    items: Iterable[Item],
    load: Callable[[Item], Awaitable[object]],
    *,
    batch_size: int = 100,
    concurrency: int = CONCURRENCY,
    total: int = 0,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    name: str = "",
) -> WarmReport:
    """Load items through a cache.

    Parameters
    ----------
    items : iterable of Item
        Iterated in threads, a batch at a time: what is asked of a catalogue for them takes longer
        than an event loop may stand still.
    load : callable
        Loads one item through the cache; its failures are counted, not raised.
    batch_size : int
        Items between two checkpoints.
    concurrency : int
        How many loads may run at once.
    total : int
        Number of items, for the progress; 0 where that is unknown.
    progress : callable, optional
        Called with (done, total, stage).
    checkpoints : Checkpoints, optional
    name : str
        The checkpoint's name.

    Returns
    -------
    WarmReport
    """
    batch_size = check_int("batch_size", batch_size, 1, sys.maxsize)
    concurrency = check_int("concurrency", concurrency, 1)
    check_callable("progress", progress)
    run = _Run(load, concurrency, progress, total)
    stream = iter(items)
    if checkpoints is not None:
        stream = await asyncio.to_thread(run.skip, stream, checkpoints.checkpoint(name))
    while batch := await asyncio.to_thread(_taken, stream, batch_size):
        await run.load(batch)
        if checkpoints is not None:
            await checkpoints.set_checkpoint(name, run.checkpoint())
    if checkpoints is not None:
        await checkpoints.set_checkpoint(name, None)
    return run.report


def _taken(stream: Iterator[Item], count: int) -> list[Item]:
    return list(islice(stream, count))


class _Run:
    def __init__(
        self,
        load: Callable[[Item], Awaitable[object]],
        concurrency: int,
        progress: Progress | None,
        total: int,
    ) -> None:
        self.report = WarmReport()
        self._load, self._progress, self._total = load, progress, total
        self._slots = asyncio.Semaphore(concurrency)
        self._digest, self._count = hashlib.blake2b(digest_size=16), 0

    def checkpoint(self) -> bytes:
        return msgspec.msgpack.encode(_Checkpoint(self._count, self._digest.digest()))

    def skip(self, stream: Iterator[Item], stored: bytes | None) -> Iterator[Item]:
        """Skip what an earlier run has loaded; nothing where its items differ."""
        earlier = _decode(stored)
        if not earlier.count:
            return stream
        skipped = list(islice(stream, earlier.count))
        for item in skipped:
            self._add(item)
        if self._digest.digest() == earlier.digest and len(skipped) == earlier.count:
            self.report.skipped = earlier.count
            return stream
        self._digest, self._count = hashlib.blake2b(digest_size=16), 0
        return chain(skipped, stream)

    def _add(self, item: Item) -> None:
        self._digest.update(msgspec.msgpack.encode(item))
        self._count += 1

    async def load(self, batch: list[Item]) -> None:
        for item in batch:
            self._add(item)
        async with asyncio.TaskGroup() as group:
            for item in batch:
                await self._slots.acquire()
                group.create_task(self._load_one(item))
        if self._progress is not None:
            self._progress(self._count, max(self._total, self._count), "warming")

    async def _load_one(self, item: Item) -> None:
        try:
            await self._load(item)
            self.report.done += 1
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                raise
            self.report.failed += 1
            if len(self.report.errors) < _MAX_ERRORS:
                self.report.errors.append(f"{item.kind} {item.key}: {error}")
        finally:
            self._slots.release()


def _decode(stored: bytes | None) -> _Checkpoint:
    try:
        return msgspec.msgpack.decode(stored or b"", type=_Checkpoint)
    except msgspec.MsgspecError:
        return _Checkpoint(0, b"")
