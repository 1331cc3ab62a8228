"""TieredCache: memory, the tiers below it, then a loader, which runs once however many callers.

::

    cache = TieredCache.open(path, l1_bytes=256 << 20, l2_bytes=2 << 30)
    title = await cache.get_or_load("title", "tmdb:movie:603", loader)

A loader is ``async def loader(key)``. It runs in a task of its own and returns the value, None
where there is none, or :class:`Loaded` to set tags or a TTL. A caller gets, in this order: a
fresh value; a stale one with its age; a static fallback; :class:`UnavailableError` with the time
after which to retry. Where a stale value or a fallback can be served, a load gets 300 ms from its
start (``soft_timeout_s``); otherwise its callers wait up to 10 s (``hard_timeout_s``). Reading a
lower tier gets 100 ms.

Use a cache from one event loop. Its tiers on disk and in Redis may be shared by any number of
processes; what one of them invalidates leaves the others' memory within a tenth of a second or,
over Redis, as soon as the message arrives.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tv5core.cache.answer import Answer, CachedValue, Loader
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.entry import Invalidation, Tier
from tv5core.cache.loading.early_refresh import is_due
from tv5core.cache.loading.fallback import FallbackChain, Fallbacks
from tv5core.cache.loading.guarded_tier import GuardedTier
from tv5core.cache.loading.invalidation import Invalidator
from tv5core.cache.loading.read_through import LoadRequest, ReadThrough
from tv5core.cache.loading.single_flight import Flight, SingleFlight
from tv5core.cache.loading.tier_stack import TierStack
from tv5core.cache.memory.tier import MemoryEntry, MemoryTier
from tv5core.cache.policy import DEFAULT_POLICIES, Codec, Policy, kinds_with_event, policy_of
from tv5core.cache.stats import Stats
from tv5core.errors import ClosedError
from tv5core.observing import SILENT, Observer

__all__ = ["TieredCache"]

_SWEEP_EVERY_S, _SWEEP_ENTRIES = 0.05, 500
_PUBLISH_EVERY = 20  # sweeps
_CHUNK = 500  # keys of one invalidation: every load under way is compared with each of them
_DRAIN_S = 2.0

log = logging.getLogger("tv5core")


class TieredCache:
    """See this module; opened by :meth:`open`.

    Parameters
    ----------
    memory : MemoryTier
    tiers : sequence of Tier
        The tiers below memory, nearest first.
    policies : mapping of str to Policy
    fallbacks : mapping, optional
        By kind, what to answer when nothing else is available: values by key, or a function of
        the key that returns None where it has none.
    observer : Observer
    clock : callable
        Unix seconds.
    tier_timeout_s : float
        What one call of a lower tier may take.
    lease_wait_s : float
        How long to wait for another process that loads the same key.
    window_s : float
        Window of the hit ratios in :meth:`stats`.
    """

    def __init__(
        self,
        memory: MemoryTier,
        tiers: Sequence[Tier] = (),
        *,
        policies: Mapping[str, Policy] = DEFAULT_POLICIES,
        fallbacks: Fallbacks | None = None,
        observer: Observer = SILENT,
        clock: Callable[[], float] = time.time,
        tier_timeout_s: float = 0.1,
        lease_wait_s: float = 2.0,
        window_s: float = 300.0,
    ) -> None:
        self.policies = dict(policies)
        self._codecs = {kind: Codec(policy) for kind, policy in policies.items()}
        self._memory, self._clock = memory, clock
        self._stats = Stats(window_s, time.monotonic, observer)
        self._tiers = [GuardedTier(tier, self._stats, tier_timeout_s) for tier in tiers]
        self._stack = TierStack(memory, self._tiers, self._stats, clock, lease_wait_s)
        self._single_flight = SingleFlight()
        self._fallback = FallbackChain(self._stats, clock, fallbacks or {})
        self._invalidator = Invalidator(self._stack, self._single_flight)
        self._sweeping: asyncio.Task[None] | None = None
        self._closed = False
        for position, tier in enumerate(tiers):
            tier.on_invalidation(partial(self._invalidator.receive, position))

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None,
        *,
        l1_bytes: int = 256 << 20,
        l2_bytes: int = 2 << 30,
        redis_url: str | None = None,
        policies: Mapping[str, Policy] = DEFAULT_POLICIES,
        fallbacks: Fallbacks | None = None,
        observer: Observer = SILENT,
    ) -> Self:
        """Open a cache with memory, and a disk and Redis where they are given.

        Parameters
        ----------
        path : path-like or None
            Folder of the tier on disk, created where it is missing; None for no such tier.
        l1_bytes, l2_bytes : int
            Capacities of memory and disk.
        redis_url : str, optional
            A Redis shared with other machines (extra ``redis``), below the disk.
        policies, fallbacks, observer
            As for the class.

        Raises
        ------
        InvalidInputError
        """
        disk = None if path is None else DiskTier(Path(path), l2_bytes)
        tiers: list[Tier] = [] if disk is None else [disk]
        if redis_url is not None:
            from tv5core.cache.redis.tier import RedisTier

            tiers.append(RedisTier(redis_url, disk=disk))
        memory = MemoryTier(l1_bytes)
        return cls(memory, tiers, policies=policies, fallbacks=fallbacks, observer=observer)

    @property
    def disk(self) -> DiskTier | None:
        """The tier on disk, where there is one."""
        disks = (guarded.tier for guarded in self._tiers if isinstance(guarded.tier, DiskTier))
        return next(disks, None)

    # -- reading through ------------------------------------------------------------------

    async def get_or_load(
        self,
        kind: str,
        key: str,
        loader: Loader,
        *,
        tags: Iterable[str] = (),
        ttl_s: float | None = None,
    ) -> Any:
        """Return a value, loaded where it is not cached; see :meth:`answer`.

        Returns
        -------
        Any
            None where there is no such value. It is shared: do not modify it.
        """
        entry = self._fresh(kind, key, loader, tags, ttl_s)
        if entry is not None:
            return entry.value
        return (await self._answer(kind, key, loader, tags, ttl_s)).value

    async def answer(
        self,
        kind: str,
        key: str,
        loader: Loader,
        *,
        tags: Iterable[str] = (),
        ttl_s: float | None = None,
    ) -> Answer:
        """Return a value and how current it is, loaded where it is not cached.

        Parameters
        ----------
        kind : str
            A key of the policies.
        key : str
        loader : callable
            ``async def loader(key)``: the value, None, or :class:`Loaded`.
        tags : iterable of str
            Tags the value can be invalidated by, besides those the loader returns.
        ttl_s : float, optional
            How long it is fresh, clamped to the range its policy allows.

        Raises
        ------
        UnavailableError
            There is nothing to serve, not even a stale value.
        InvalidInputError, TitleNotFoundError, UnknownIdError
            Raised by the loader: an answer, not a failure.
        ClosedError
        """
        entry = self._fresh(kind, key, loader, tags, ttl_s)
        if entry is not None:
            age_s = max(0.0, self._clock() - entry.stored_at)
            return Answer(entry.value, "fresh", age_s, "memory")
        return await self._answer(kind, key, loader, tags, ttl_s)

    def _fresh(
        self, kind: str, key: str, loader: Loader, tags: Iterable[str], ttl_s: float | None
    ) -> MemoryEntry | None:
        """Return a fresh value from memory, and refresh it early where that is due."""
        if self._invalidator.received:
            self._invalidator.apply_received()
        entry = self._memory.get(kind, key)
        if entry is None or (remaining_s := entry.fresh_until - self._clock()) <= 0:
            return None
        self._stats.hit(kind)
        whole_s = entry.fresh_until - entry.stored_at
        if (
            is_due(remaining_s, whole_s, entry.load_s, self.policies[kind].early_refresh)
            and (kind, key) not in self._single_flight
        ):
            self._stats.count("memory", kind, "early_refresh")
            self._start_flight(self._request(kind, key, loader, tags, ttl_s), refresh=True)
        return entry

    async def _answer(
        self, kind: str, key: str, loader: Loader, tags: Iterable[str], ttl_s: float | None
    ) -> Answer:
        """Answer where memory has no fresh value: start or join a flight, and wait for it."""
        policy = self._check_kind(kind)
        self._stats.miss(kind)
        flight = self._start_flight(self._request(kind, key, loader, tags, ttl_s))
        stale = self._memory.get(kind, key)
        if stale is not None:
            flight.set_stale(_stale_value(stale))
        return await self._fallback.answer(kind, key, policy, flight)

    def _start_flight(self, request: LoadRequest, *, refresh: bool = False) -> Flight:
        search = partial(ReadThrough, self._stack, request, refresh=refresh)
        return self._single_flight.join(request.kind, request.key, search)

    def _request(
        self,
        kind: str,
        key: str,
        loader: Loader | None,
        tags: Iterable[str] = (),
        ttl_s: float | None = None,
    ) -> LoadRequest:
        policy, codec = self.policies[kind], self._codecs[kind]
        return LoadRequest(kind, key, policy, codec, loader, tuple(tags), ttl_s)

    def _check_kind(self, kind: str) -> Policy:
        self._start()
        return policy_of(self.policies, kind)

    # -- getting and putting --------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Any:
        """Return a fresh value from memory or a lower tier; None where none has one."""
        self._check_kind(kind)
        self._invalidator.apply_received()
        entry = self._memory.get(kind, key)
        if entry is not None and entry.fresh_until > self._clock():
            self._stats.hit(kind)
            return entry.value
        self._stats.miss(kind)
        search = ReadThrough(self._stack, self._request(kind, key, None))
        found = await search.run(lambda _: None)
        return None if found is None else found.value

    async def put(
        self,
        kind: str,
        key: str,
        value: Any,
        *,
        tags: Iterable[str] = (),
        ttl_s: float | None = None,
    ) -> None:
        """Store a value that came from elsewhere, in place of what is cached or being loaded.

        Raises
        ------
        InvalidInputError
            Its type is not that of the kind's policy.
        """
        self._check_kind(kind)
        self._codecs[kind].encode(value)
        await self.invalidate(kind, key)
        ReadThrough(self._stack, self._request(kind, key, None, tags, ttl_s)).store(value)

    # -- invalidation ---------------------------------------------------------------------

    async def invalidate(self, kind: str, keys: str | Iterable[str]) -> None:
        """Invalidate values by key, in every tier and process.

        Loads under way are not cached, and callers from now on do not join them.
        """
        self._check_kind(kind)
        listed = (keys,) if isinstance(keys, str) else tuple(keys)
        for start in range(0, len(listed), _CHUNK):
            chunk = listed[start : start + _CHUNK]
            await self._invalidator.invalidate(Invalidation("key", kind, chunk))

    async def invalidate_kind(self, kind: str) -> None:
        """Invalidate all values of a kind."""
        self._check_kind(kind)
        await self._invalidator.invalidate(Invalidation("kind", kind))

    async def invalidate_tag(self, tag: str) -> None:
        """Invalidate all values with a tag."""
        self._start()
        await self._invalidator.invalidate(Invalidation("tag", tag=tag))

    async def invalidate_event(self, event: str, keys: str | Iterable[str]) -> None:
        """Invalidate some keys in every kind whose policy lists an event.

        Raises
        ------
        InvalidInputError
            No policy lists the event.
        """
        kinds = kinds_with_event(self.policies, event)
        listed = (keys,) if isinstance(keys, str) else tuple(keys)
        for kind in kinds:
            await self.invalidate(kind, listed)

    async def clear(self) -> None:
        """Invalidate everything, in every tier and process."""
        self._start()
        await self._invalidator.invalidate(Invalidation("all"))

    # -- life cycle -----------------------------------------------------------------------

    def _start(self) -> None:
        if self._closed:
            raise ClosedError("expected an open cache, got one after close()")
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        """Remove expired values, a few at a time, so that the loop never stalls."""
        rounds = 0
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            rounds += 1
            try:
                self._invalidator.apply_received()
                self._memory.sweep(_SWEEP_ENTRIES)
                if not rounds % _PUBLISH_EVERY:
                    self._stats.publish_hits()
            except Exception:
                log.exception("cache: sweeping failed")

    def stats(self) -> dict[str, Any]:
        """Return counters by kind and tier, and each tier's own statistics."""
        return {
            "kinds": self._stats.report(),
            "memory": self._memory.stats(),
            "tiers": {guarded.name: guarded.tier.stats() for guarded in self._tiers},
            "loading": len(self._single_flight),
        }

    async def close(self) -> None:
        """Cancel loads under way, let the tiers store what is queued, and close them."""
        if self._closed:
            return
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self._single_flight.cancel()
        draining = asyncio.create_task(self._stack.drain())
        await asyncio.wait({draining}, timeout=_DRAIN_S)
        draining.cancel()
        for guarded in self._tiers:
            await guarded.close()
        self._memory.clear()

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def _stale_value(entry: MemoryEntry) -> CachedValue:
    return CachedValue(entry.value, entry.stored_at, entry.fresh_until, entry.stale_until, "memory")
