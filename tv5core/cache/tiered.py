"""TieredCache: memory, the tiers below it, then a loader, which runs once however many callers.

::

    cache = TieredCache.open(path, l1_bytes=256 << 20, l2_bytes=2 << 30)
    title = await cache.get_or_load("title", "tmdb:movie:603", loader)

A loader is ``async def loader(key)``. It runs in a task of its own and returns the value, None
where there is none, or :class:`Loaded` to set tags or a TTL. A caller gets, in this order: a
fresh value; a stale one with its age; a static fallback; :class:`UnavailableError` with the time
after which to retry. Where a stale value or a fallback can be served, a load gets 300 ms from its
start (``soft_timeout_s``); otherwise its callers wait up to 10 s (``hard_timeout_s``).

Use a cache from one event loop. Any number of processes may share its disk and Redis; what one of
them invalidates leaves the others' memory in 0.1 s or, over Redis, when the message arrives.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from tv5core.arguments import as_list, check_callable, check_path, check_type
from tv5core.cache.answer import Answer, Loader
from tv5core.cache.clock import lifetime_clock
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.entry import Invalidation, Tier
from tv5core.cache.loading.early_refresh import is_due
from tv5core.cache.loading.fallback import FallbackChain, Fallbacks, value_in_memory
from tv5core.cache.loading.guarded_tier import GuardedTier
from tv5core.cache.loading.invalidation import Invalidator
from tv5core.cache.loading.life_cycle import LifeCycle
from tv5core.cache.loading.read_through import LoadRequest, ReadThrough
from tv5core.cache.loading.single_flight import Flight, SingleFlight
from tv5core.cache.loading.tier_stack import TierStack
from tv5core.cache.memory.tier import MemoryEntry, MemoryTier
from tv5core.cache.policy import DEFAULT_POLICIES, Policy, codecs_of, kinds_with_event, policy_of
from tv5core.cache.stats import Stats
from tv5core.cache.uses import Use, recorder
from tv5core.cache.validation import check_keys, check_name, check_options, check_tags, check_ttl
from tv5core.errors import ClosedError
from tv5core.observing import SILENT, Observer, stage

__all__ = ["TieredCache"]

_CHUNK = 500  # keys of one invalidation: every load under way is compared with each of them
_WAIT_S = 2.0  # for the lower tiers, by a put
_YIELD_EVERY = 64  # puts


class TieredCache:
    """See this module; opened by :meth:`open`.

    Parameters
    ----------
    memory : MemoryTier
    tiers : sequence of Tier
        The tiers below memory, nearest first.
    policies : mapping of str to Policy
    fallbacks : mapping, optional
        By kind, what to answer when nothing else is available: values by key, or a function of it.
    observer : Observer
    clock, wall_clock : callable, optional
        Seconds that lifetimes here are counted in, by default the memory's clock; and Unix
        seconds, for what processes share, by default the system's clock, or ``clock`` if given.
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
        clock: Callable[[], float] | None = None,
        wall_clock: Callable[[], float] | None = None,
        tier_timeout_s: float = 0.1,
        lease_wait_s: float = 2.0,
        window_s: float = 300.0,
    ) -> None:
        check_type("memory", memory, MemoryTier)
        clocks, times = (clock, wall_clock), (tier_timeout_s, lease_wait_s, window_s)
        tiers = check_options(tiers, observer, clocks, times)
        self._codecs, self.policies = codecs_of(policies), dict(policies)
        clock = clock or memory.clock
        wall_clock = wall_clock or (time.time if clock is lifetime_clock else clock)
        self._memory, self._clock = memory, clock
        self._stats = Stats(window_s, time.monotonic, observer)
        self._tiers = [GuardedTier(tier, self._stats, tier_timeout_s) for tier in tiers]
        self._stack = TierStack(memory, self._tiers, self._stats, clock, wall_clock, lease_wait_s)
        self._single_flight = SingleFlight()
        self._fallback = FallbackChain(self._stats, clock, {} if fallbacks is None else fallbacks)
        self._invalidator = Invalidator(self._stack, self._single_flight)
        self._life_cycle = LifeCycle(self._stack, self._single_flight, self._invalidator)
        self._puts = 0
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
            A Redis shared with other machines (extra ``redis``), below the disk: one server, behind
            sentinels, or a cluster; see :mod:`tv5core.redis_access.address`.
        policies, fallbacks, observer
            As for the class.

        Raises
        ------
        InvalidInputError
        """
        check_type("redis_url", redis_url, (str, type(None)))
        disk = None if path is None else DiskTier(check_path(path), l2_bytes)
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
    ) -> Answer[Any]:
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
            answer = Answer(entry.value, "fresh", age_s, "memory")
        else:
            answer = await self._answer(kind, key, loader, tags, ttl_s)
        if (uses := recorder()) is not None:
            entry = entry or self._memory.get(kind, key)
            is_kept = entry is not None and entry.value is answer.value
            stored_at = entry.stored_at if entry is not None and is_kept else math.nan
            uses.append(Use(kind, key, loader, tags, ttl_s, stored_at, id(answer.value)))
        return answer

    def holds(self, uses: Iterable[Use]) -> bool:
        """Return whether memory has each of these values yet, and fresh.

        They count as hits, and are loaded early where that is due, as if they were asked for.

        Parameters
        ----------
        uses : iterable of Use
            See :mod:`tv5core.cache.uses`.
        """
        for use in as_list("uses", uses):
            check_type("uses", use, Use)
            entry = self._fresh(use.kind, use.key, use.loader, use.tags, use.ttl_s)
            if entry is None or entry.stored_at != use.stored_at or id(entry.value) != use.identity:
                return False
        return True

    def _fresh(
        self, kind: str, key: str, loader: Loader, tags: Iterable[str], ttl_s: float | None
    ) -> MemoryEntry | None:
        """Return a fresh value from memory, and refresh it early where that is due."""
        if self._invalidator.received:
            self._invalidator.apply_received()
        now = self._clock()
        entry = self._memory.get(kind, key, now)
        if entry is None or (remaining_s := entry.fresh_until - now) <= 0 or entry.stored_at > now:
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
    ) -> Answer[Any]:
        """Answer where memory has no fresh value: start or join a flight, and wait for it."""
        policy = self._check(kind, key)
        check_callable("loader", loader, optional=False)
        request = self._request(kind, key, loader, tags, ttl_s)
        self._stats.miss(kind)
        with stage("cache"):
            flight = self._start_flight(request)
            if (stale := self._memory.get(kind, key)) is not None:
                flight.set_stale(value_in_memory(stale))
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
        if ttl_s is not None:
            check_ttl(ttl_s)
        return LoadRequest(kind, key, policy, codec, loader, check_tags(tags), ttl_s)

    def _check_kind(self, kind: str) -> Policy:
        self._start()
        return policy_of(self.policies, kind)

    def _check(self, kind: str, key: str) -> Policy:
        policy = self._check_kind(kind)
        check_name("key", key)
        return policy

    # -- getting and putting --------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Any:
        """Return a fresh value from memory or a lower tier; None where none has one."""
        self._check(kind, key)
        self._invalidator.apply_received()
        now = self._clock()
        entry = self._memory.get(kind, key, now)
        if entry is not None and entry.stored_at <= now < entry.fresh_until:
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

        The lower tiers store it behind; while they cannot keep up, this waits for them, for up to
        two seconds.

        Raises
        ------
        InvalidInputError
            Its type is not that of the kind's policy; or its key or a tag cannot be one.
        """
        self._check(kind, key)
        request = self._request(kind, key, None, tags, ttl_s)
        self._codecs[kind].encode(value)
        await self.invalidate(kind, key)
        await self._stack.background.wait_for_room(_WAIT_S)
        ReadThrough(self._stack, request).store(value)
        self._puts += 1
        if not self._puts % _YIELD_EVERY:
            await asyncio.sleep(0)  # a loop of puts leaves room for others, without tiers too

    # -- invalidation ---------------------------------------------------------------------

    async def invalidate(self, kind: str, keys: str | Iterable[str]) -> None:
        """Invalidate values by key, in every tier and process.

        Loads under way are not cached, and callers from now on do not join them.
        """
        self._check_kind(kind)
        listed = check_keys(keys)
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
        check_name("tag", tag)
        await self._invalidator.invalidate(Invalidation("tag", tag=tag))

    async def invalidate_event(self, event: str, keys: str | Iterable[str]) -> None:
        """Invalidate some keys in every kind whose policy lists an event.

        Raises
        ------
        InvalidInputError
            No policy lists the event.
        """
        kinds = kinds_with_event(self.policies, event)
        listed = check_keys(keys)
        for kind in kinds:
            await self.invalidate(kind, listed)

    async def clear(self) -> None:
        """Invalidate everything, in every tier and process."""
        self._start()
        await self._invalidator.invalidate(Invalidation("all"))

    # -- life cycle -----------------------------------------------------------------------

    def _start(self) -> None:
        if self._life_cycle.closed:
            raise ClosedError("expected an open cache, got one after close()")
        self._life_cycle.start()

    def stats(self) -> dict[str, Any]:
        """Return counters by kind and tier, and each tier's own statistics.

        A tier that is out of use has ``available`` False and says why in ``reason``.
        """
        return {
            "kinds": self._stats.report(),
            "memory": self._memory.stats(),
            "tiers": {guarded.name: guarded.stats() for guarded in self._tiers},
            "loading": len(self._single_flight),
            "writing": len(self._stack.background),
        }

    async def close(self) -> None:
        """Cancel loads under way, let the tiers store what is queued, and close them.

        Limits: loads 2 s, writes 2 s, each tier 15 s. A load that ignores its cancellation goes on,
        named in a warning of the log ``tv5core``; nothing it returns is stored.
        """
        await self._life_cycle.close()

    async def check(self) -> None:
        """Raise where a tier cannot be used as it is set up; one that is away is no error.

        Raises
        ------
        RedisAccessError
            Redis is of another kind than its URL says, refuses the password, or gives too few
            rights.
        """
        for guarded in self._tiers:
            check = getattr(guarded.tier, "check", None)
            if check is not None:
                await check()

    async def __aenter__(self) -> Self:
        await self.check()
        self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
