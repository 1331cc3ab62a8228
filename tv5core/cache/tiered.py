"""The cache: memory, tiers below it, then a loader, with one answer however many ask.

::

    cache = TieredCache.open(path, l1_bytes=256 << 20, l2_bytes=2 << 30)
    title = await cache.get_or_load("title", "tmdb:movie:603", loader)

A loader is ``async def loader(key)``. It is called once however many wait, in a task of its own,
and returns the value, None where there is no such thing, or :class:`Loaded` to add tags. An
answer is, in this order: fresh; stale, with its age; from the static fallback set; or
:class:`UnavailableError` with the time after which to ask again. Where something can be served
instead, a load gets 300 ms (``soft_timeout_s``) from its start; where nothing can, its callers
wait up to 10 s (``hard_timeout_s``). Looking into a tier below gets 100 ms.

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

from tv5core.cache.answer import Answer
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.entry import Invalidation, Tier
from tv5core.cache.loading.early_refresh import is_due
from tv5core.cache.loading.fallback import Fallbacks, Settling
from tv5core.cache.loading.guarded_tier import Below
from tv5core.cache.loading.invalidation import News
from tv5core.cache.loading.invalidation_log import Recent
from tv5core.cache.loading.search import Found, Loader, Search, Shelf
from tv5core.cache.loading.single_flight import Flights
from tv5core.cache.memory.tier import MemoryTier, Slot
from tv5core.cache.policy import DEFAULT_POLICIES, Codec, Policy
from tv5core.cache.stats import Stats
from tv5core.errors import ClosedError, InvalidInputError
from tv5core.observing import SILENT, Observer

__all__ = ["TieredCache"]

_SWEEP_EVERY_S, _SWEEP_ENTRIES = 0.05, 500
_TELL_EVERY = 20  # sweeps
_CHUNK = 500  # keys of one invalidation: whoever ends a load looks through them
_SETTLE_S = 2.0

log = logging.getLogger("tv5core")


class TieredCache:
    """See this module; made by :meth:`open`.

    Parameters
    ----------
    memory : MemoryTier
    tiers : sequence of Tier
        Below memory, nearest first.
    policies : mapping of str to Policy
    fallbacks : mapping, optional
        By kind, what to answer when nothing else can be: values by key, or a function of the
        key that returns None where it has none.
    observer : Observer
    clock : callable
        Unix seconds.
    cache_timeout_s : float
        What one call of a tier below may take.
    lease_wait_s : float
        How long to wait for another process that loads the same.
    window_s : float
        Over how many seconds :meth:`stats` takes hit ratios.
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
        cache_timeout_s: float = 0.1,
        lease_wait_s: float = 2.0,
        window_s: float = 300.0,
    ) -> None:
        self.policies = dict(policies)
        self._codecs = {kind: Codec(policy) for kind, policy in policies.items()}
        self._memory, self._clock = memory, clock
        self._stats = Stats(window_s, time.monotonic, observer)
        self._settling = Settling(self._stats, clock, fallbacks or {})
        self._recent, self._flights = Recent(), Flights()
        self._tiers = [Below(tier, self._stats, cache_timeout_s) for tier in tiers]
        self._shelf = Shelf(memory, self._tiers, self._recent, self._stats, clock, lease_wait_s)
        self._news = News(self._shelf, self._flights)
        self._sweeping: asyncio.Task[None] | None = None
        self._closed = False
        for place, tier in enumerate(tiers):
            tier.on_invalidation(partial(self._news.note, place))

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
        """Open a cache with the usual tiers.

        Parameters
        ----------
        path : path-like or None
            Folder of the tier on disk, made where it is missing; None does without.
        l1_bytes, l2_bytes : int
            What memory and disk may take.
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
        found = (below.tier for below in self._tiers if isinstance(below.tier, DiskTier))
        return next(found, None)

    # -- asking ---------------------------------------------------------------------------

    async def get_or_load(
        self,
        kind: str,
        key: str,
        loader: Loader,
        *,
        tags: Iterable[str] = (),
        lifetime_s: float | None = None,
    ) -> Any:
        """Return a value, loading it where it is not kept; see :meth:`answer`.

        Returns
        -------
        The value; None where there is no such thing. Do not change it: others share it.
        """
        slot = self._fresh(kind, key, loader, tags, lifetime_s)
        if slot is not None:
            return slot.value
        return (await self._find(kind, key, loader, tags, lifetime_s)).value

    async def answer(
        self,
        kind: str,
        key: str,
        loader: Loader,
        *,
        tags: Iterable[str] = (),
        lifetime_s: float | None = None,
    ) -> Answer:
        """Return a value and how far it can be trusted.

        Parameters
        ----------
        kind : str
            One of the policies'.
        key : str
        loader : callable
            ``async def loader(key)``: the value, None, or :class:`Loaded`.
        tags : iterable of str
            What the value can be invalidated by, besides what the loader says.
        lifetime_s : float, optional
            How long it is fresh, within what its policy allows.

        Raises
        ------
        UnavailableError
            Nothing could be had, not even something stale.
        InvalidInputError, TitleNotFoundError, UnknownIdError
            What the loader raised of these: an answer, not a failure.
        ClosedError
        """
        slot = self._fresh(kind, key, loader, tags, lifetime_s)
        if slot is not None:
            age_s = max(0.0, self._clock() - slot.stored_at)
            return Answer(slot.value, "fresh", age_s, "memory")
        return await self._find(kind, key, loader, tags, lifetime_s)

    async def _find(
        self, kind: str, key: str, loader: Loader, tags: Iterable[str], lifetime_s: float | None
    ) -> Answer:
        """Answer what memory has nothing fresh for."""
        policy = self._policy(kind)
        self._stats.miss(kind)
        flight = self._flights.join(
            kind, key, lambda: self._search(kind, key, loader, tags, lifetime_s)
        )
        slot = self._memory.get(kind, key)
        if slot is not None:
            flight.found_stale(_found(slot))
        return await self._settling.answer(kind, key, policy, flight)

    def _fresh(
        self, kind: str, key: str, loader: Loader, tags: Iterable[str], lifetime_s: float | None
    ) -> Slot | None:
        """Return what memory has and is fresh, seeing to it that it stays so."""
        if self._news.heard:
            self._news.hear()
        slot = self._memory.get(kind, key)
        if slot is None or (left_s := slot.fresh_until - self._clock()) <= 0:
            return None
        self._stats.hit(kind)
        whole_s = slot.fresh_until - slot.stored_at
        if (
            is_due(left_s, whole_s, slot.load_s, self.policies[kind].early)
            and (kind, key) not in self._flights
        ):
            self._stats.count("memory", kind, "early")
            self._flights.join(
                kind, key, lambda: self._search(kind, key, loader, tags, lifetime_s, anew=True)
            )
        return slot

    def _search(
        self,
        kind: str,
        key: str,
        loader: Loader | None,
        tags: Iterable[str] = (),
        lifetime_s: float | None = None,
        *,
        anew: bool = False,
    ) -> Search:
        policy, codec, tags = self.policies[kind], self._codecs[kind], tuple(tags)
        return Search(self._shelf, kind, key, policy, codec, loader, tags, lifetime_s, anew=anew)

    def _policy(self, kind: str) -> Policy:
        self._start()
        policy = self.policies.get(kind)
        if policy is None:
            known = ", ".join(sorted(self.policies))
            raise InvalidInputError(f"expected a kind with a policy ({known}), got {kind!r}")
        return policy

    # -- looking and putting --------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Any:
        """Return a fresh value from memory or a tier below; None where none has one."""
        self._policy(kind)
        self._news.hear()
        slot = self._memory.get(kind, key)
        if slot is not None and slot.fresh_until > self._clock():
            self._stats.hit(kind)
            return slot.value
        self._stats.miss(kind)
        found = await self._search(kind, key, None).run(lambda _: None)
        return None if found is None else found.value

    async def put(
        self,
        kind: str,
        key: str,
        value: Any,
        *,
        tags: Iterable[str] = (),
        lifetime_s: float | None = None,
    ) -> None:
        """Keep a value that was had otherwise, in place of what is kept or being loaded.

        Raises
        ------
        InvalidInputError
            It is not what the kind's policy can keep.
        """
        self._policy(kind)
        self._codecs[kind].encode(value)
        await self.invalidate(kind, key)
        self._search(kind, key, None, tags, lifetime_s).store(value)

    # -- invalidation ---------------------------------------------------------------------

    async def invalidate(self, kind: str, keys: str | Iterable[str]) -> None:
        """Declare values old, by key, in every tier and process.

        What is being loaded at the moment is not kept, and who asks from now on does not get it.
        """
        self._policy(kind)
        some = (keys,) if isinstance(keys, str) else tuple(keys)
        for start in range(0, len(some), _CHUNK):
            await self._news.spread(Invalidation("key", kind, some[start : start + _CHUNK]))

    async def invalidate_kind(self, kind: str) -> None:
        """Declare all values of a kind old."""
        self._policy(kind)
        await self._news.spread(Invalidation("kind", kind))

    async def invalidate_tag(self, tag: str) -> None:
        """Declare all values that carry a tag old."""
        self._start()
        await self._news.spread(Invalidation("tag", tag=tag))

    async def invalidate_event(self, event: str, keys: str | Iterable[str]) -> None:
        """Declare old what an event says of some keys, in each kind whose policy names it.

        Raises
        ------
        InvalidInputError
            No policy names the event.
        """
        kinds = [kind for kind, policy in self.policies.items() if event in policy.events]
        if not kinds:
            known = sorted({name for policy in self.policies.values() for name in policy.events})
            raise InvalidInputError(f"expected an event ({', '.join(known)}), got {event!r}")
        some = (keys,) if isinstance(keys, str) else tuple(keys)
        for kind in kinds:
            await self.invalidate(kind, some)

    async def clear(self) -> None:
        """Forget everything, in every tier and process."""
        self._start()
        await self._news.spread(Invalidation("all"))

    # -- upkeep ---------------------------------------------------------------------------

    def _start(self) -> None:
        if self._closed:
            raise ClosedError("expected an open cache, got one after close()")
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        """Remove what expired, a little at a time, so that the loop never stalls."""
        rounds = 0
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            rounds += 1
            try:
                self._news.hear()
                self._memory.sweep(_SWEEP_ENTRIES)
                if not rounds % _TELL_EVERY:
                    self._stats.tell_hits()
            except Exception:
                log.exception("cache: sweeping failed")

    def stats(self) -> dict[str, Any]:
        """Return what the cache holds and did, by kind and tier, and each tier's own figures."""
        return {
            "kinds": self._stats.report(),
            "memory": self._memory.stats(),
            "tiers": {below.name: below.tier.stats() for below in self._tiers},
            "loading": len(self._flights),
        }

    async def close(self) -> None:
        """End loads under way, let the tiers finish, and let go; again does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self._flights.cancel()
        settling = asyncio.create_task(self._shelf.settle())
        await asyncio.wait({settling}, timeout=_SETTLE_S)
        settling.cancel()
        for below in self._tiers:
            await below.close()
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


def _found(slot: Slot) -> Found:
    return Found(slot.value, slot.stored_at, slot.fresh_until, slot.stale_until, "memory")
