"""Filling a cache before it is asked: bounded, paced, resumable, and harmless to repeat.

:func:`plan` turns what is wished (a strategy, a preset, ids, queries, profiles) into items, and
:func:`warm` loads them through a cache, so what is there already costs a look. After each batch
it notes how far it came; a run that was cut short goes on behind that, provided it is given the
same items up to there.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, TypeVar

import msgspec

from tv5core.cache.entry import Checkpoints
from tv5core.cache.warming.id_sources import Source, ids_from
from tv5core.errors import InvalidInputError
from tv5core.types import Progress

__all__ = ["Item", "WarmReport", "plan", "warm"]

CONCURRENCY = 8
_ERRORS_TOLD = 10

Named = TypeVar("Named", bound=Callable[..., Any])


class Item(msgspec.Struct, frozen=True, array_like=True):
    """Something to load.

    Attributes
    ----------
    kind : str
        As in the cache's policies: ``title``, ``search``, ``recommendations``.
    key : str
        An id, or a query.
    """

    kind: str
    key: str


@dataclass
class WarmReport:
    """What warming did.

    Attributes
    ----------
    done : int
        Items that are in the cache now.
    skipped : int
        Items a run before this one had done.
    failed : int
        Items whose load failed.
    errors : list of str
        The first of those failures.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """How far a run came: how many items, and a digest of them."""

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
    """Iterate over what is wished, each item once.

    Parameters
    ----------
    strategy, limit : str and int
        One of ``strategies``, and how many items at most.
    preset : str
        One of ``presets``.
    source : iterable of str, or path
        Ids of titles, a file of them, or a sitemap; see ``tv5core.cache.warming.id_sources``.
    queries, profiles : iterable of str
        Common searches, and what recommendations are asked for.
    id_of : callable, optional
        Turns a sitemap's URLs into ids.

    Raises
    ------
    InvalidInputError
        An unknown name, a limit below 1, nothing wished at all, or a file that is unusable.
    """
    parts: list[Iterable[Item]] = []
    if strategy is not None:
        if limit < 1:
            raise InvalidInputError(f"expected a limit of at least 1, got {limit}")
        parts.append(islice(_named("strategy", strategy, strategies)(limit), limit))
    if preset is not None:
        parts.append(_named("preset", preset, presets)())
    if source is not None:
        parts.append(Item("title", name) for name in ids_from(source, id_of))
    for kind, keys in (("search", queries), ("recommendations", profiles)):
        if isinstance(keys, str):
            raise InvalidInputError(f"expected several texts, got one: {keys!r}")
        if keys := list(keys):
            parts.append([Item(kind, key) for key in keys])
    if not parts:
        raise InvalidInputError(
            "expected a strategy, a preset, a source, queries or profiles, got none"
        )
    return _once(chain.from_iterable(parts))


def _named(what: str, name: str, known: Mapping[str, Named] | None) -> Named:
    found = (known or {}).get(name)
    if found is None:
        names = ", ".join(sorted(known or {})) or "none here"
        raise InvalidInputError(f"expected a {what} ({names}), got {name!r}")
    return found


def _once(items: Iterable[Item]) -> Iterator[Item]:
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
    load : callable
        Brings one item into the cache; its failures are counted, not raised.
    batch_size : int
        How far a run cut short may have to go back.
    concurrency : int
        How many loads may run at once.
    total : int
        How many items there are, for the progress; 0 where that is unknown.
    progress : callable, optional
        Called with (done, total, stage).
    checkpoints : Checkpoints, optional
    name : str
        Tells this run from other ones in there.

    Returns
    -------
    WarmReport
    """
    if batch_size < 1 or concurrency < 1:
        raise InvalidInputError(
            "expected a batch size and a concurrency of at least 1, "
            f"got {batch_size} and {concurrency}"
        )
    run = _Run(load, concurrency, progress, total)
    stream = iter(items)
    if checkpoints is not None:
        stream = run.skip(stream, checkpoints.checkpoint(name))
    while batch := list(islice(stream, batch_size)):
        await run.load(batch)
        if checkpoints is not None:
            await checkpoints.set_checkpoint(name, run.place())
    if checkpoints is not None:
        await checkpoints.set_checkpoint(name, None)
    return run.report


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

    def place(self) -> bytes:
        return msgspec.msgpack.encode(_Place(self._count, self._digest.digest()))

    def skip(self, stream: Iterator[Item], noted: bytes | None) -> Iterator[Item]:
        """Pass over what a run before did; all of it comes again where the items differ."""
        place = _place(noted)
        if not place.count:
            return stream
        passed = list(islice(stream, place.count))
        for item in passed:
            self._note(item)
        if self._digest.digest() == place.digest and len(passed) == place.count:
            self.report.skipped = place.count
            return stream
        self._digest, self._count = hashlib.blake2b(digest_size=16), 0
        return chain(passed, stream)

    def _note(self, item: Item) -> None:
        self._digest.update(msgspec.msgpack.encode(item))
        self._count += 1

    async def load(self, batch: list[Item]) -> None:
        for item in batch:
            self._note(item)
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
        except Exception as error:  # noqa: BLE001 - one bad item must not end the run
            self.report.failed += 1
            if len(self.report.errors) < _ERRORS_TOLD:
                self.report.errors.append(f"{item.kind} {item.key}: {error}")
        finally:
            self._slots.release()


def _place(noted: bytes | None) -> _Place:
    try:
        return msgspec.msgpack.decode(noted or b"", type=_Place)
    except msgspec.MsgspecError:
        return _Place(0, b"")
