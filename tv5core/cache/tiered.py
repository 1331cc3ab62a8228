"""The cache: memory, tiers below it, then a loader, with one answer however many ask.

::

    cache = TieredCache.open(path, l1_bytes=256 << 20, l2_bytes=2 << 30)
    title = await cache.get_or_load("title", "tmdb:movie:603", loader)

A loader is ``async def loader(key)``. It is called once however many wait, in a task of its own,
and returns the value, None where there is no such thing, or :class:`Loaded` to add tags. An
answer is, in this order: fresh; stale, with its age; from the static fallback set; or
:class:`UnavailableError` with the time after which to ask again.

Use a cache from one event loop. Its tiers on disk and in Redis may be shared by any number of
processes; what one of them invalidates leaves the others' memory within a tenth of a second or,
over Redis, as soon as the message arrives.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tv5core.cache.answers import Answer
from tv5core.cache.disk import DiskTier
from tv5core.cache.early import is_due
from tv5core.cache.entry import Invalidation, Tier
from tv5core.cache.flight import Flight, Flights
from tv5core.cache.loading import Found, Loader, Search, Shelf
from tv5core.cache.memory import MemoryTier, Slot
from tv5core.cache.policy import DEFAULT_POLICIES, Codec, Policy
from tv5core.cache.recent import Recent
from tv5core.cache.stats import Stats
from tv5core.errors import ClosedError, InvalidInputError, UnavailableError, UnknownIdError
from tv5core.observing import SILENT, Observer

__all__ = ["Fallbacks", "TieredCache"]

Fallbacks = Mapping[str, Mapping[str, Any] | Callable[[str], Any]]
"""By kind, what to answer when nothing else can be: values by key, or a function of the key."""

_SWEEP_EVERY_S, _SWEEP_ENTRIES = 0.05, 500
_DEFINITE = (InvalidInputError, UnknownIdError)  # what a loader says of the question itself


class TieredCache:
    """See this module; made by :meth:`open`.

    Parameters
    ----------
    memory : MemoryTier
    tiers : sequence of Tier
        Below memory, nearest first.
    policies : mapping of str to Policy
    fallbacks : mapping, optional
    observer : Observer
    clock : callable
        Unix seconds.
    cache_timeout_s : float
        What looking into the tiers below may take, in all.
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
        self._fallbacks = dict(fallbacks or {})
        self._memory, self._clock = memory, clock
        self._stats = Stats(window_s, time.monotonic, observer)
        self._recent, self._flights = Recent(), Flights()
        self._heard: deque[Invalidation] = deque()
        self._shelf = Shelf(
            memory,
            tiers,
            self._recent,
            self._stats,
            clock,
            cache_timeout_s=cache_timeout_s,
            lease_wait_s=lease_wait_s,
        )
        self._sweeping: asyncio.Task[None] | None = None
        self._closed = False
        for tier in tiers:
            tier.on_invalidation(self._heard.append)

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
        tiers: list[Tier] = [] if path is None else [DiskTier(Path(path), l2_bytes)]
        if redis_url is not None:
            from tv5core.cache.shared import RedisTier

            tiers.append(RedisTier(redis_url))
        memory = MemoryTier(l1_bytes)
        return cls(memory, tiers, policies=policies, fallbacks=fallbacks, observer=observer)

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
        return (await self.answer(kind, key, loader, tags=tags, lifetime_s=lifetime_s)).value

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
        InvalidInputError, UnknownIdError
            What the loader raised of these: an answer, not a failure.
        ClosedError
        """
        slot = self._fresh(kind, key, loader, tags, lifetime_s)
        if slot is not None:
            return Answer(slot.value, "fresh", self._age_s(slot.stored_at), "memory")
        policy = self._policy(kind)
        self._start_sweeping()
        self._stats.miss(kind)
        flight = self._flights.join(
            kind, key, self._search(kind, key, loader, tags, lifetime_s).run
        )
        slot = self._memory.get(kind, key)
        if slot is not None:
            flight.found_stale(_found(slot))
        return await self._settle(kind, key, policy, flight)

    def _fresh(
        self,
        kind: str,
        key: str,
        loader: Loader,
        tags: Iterable[str],
        lifetime_s: float | None,
    ) -> Slot | None:
        """Return what memory has and is fresh, seeing to it that it stays so."""
        if self._heard:
            self._hear()
        slot = self._memory.get(kind, key)
        if slot is None or (left_s := slot.fresh_until - self._clock()) <= 0:
            return None
        self._stats.hit(kind)
        if is_due(left_s, slot.load_s, self.policies[kind].early):
            self._stats.count("memory", kind, "early")
            search = self._search(kind, key, loader, tags, lifetime_s)
            self._flights.join(kind, key, search.refresh)
        return slot

    def _search(
        self,
        kind: str,
        key: str,
        loader: Loader | None,
        tags: Iterable[str] = (),
        lifetime_s: float | None = None,
    ) -> Search:
        policy, codec = self.policies[kind], self._codecs[kind]
        return Search(self._shelf, kind, key, policy, codec, loader, tuple(tags), lifetime_s)

    async def _settle(self, kind: str, key: str, policy: Policy, flight: Flight) -> Answer:
        """Wait for a flight as long as makes sense, and answer with the best there is."""
        if policy.revalidate:
            await flight.wait(policy.hard_timeout_s, stale_will_do=True)
        elif not await flight.wait(policy.soft_timeout_s) and not self._has_less(kind, key, flight):
            await flight.wait(policy.hard_timeout_s - policy.soft_timeout_s)
        error: BaseException | None = None
        if flight.task.done() and not flight.task.cancelled():
            error = flight.task.exception()
            if error is None:
                found = flight.task.result()
                return Answer(found.value, "fresh", self._age_s(found.stored_at), found.tier)
            if isinstance(error, _DEFINITE):
                raise error
        return self._less(kind, key, policy, flight, error)

    def _has_less(self, kind: str, key: str, flight: Flight) -> bool:
        return flight.stale.done() or self._fallback(kind, key) is not None

    def _less(
        self, kind: str, key: str, policy: Policy, flight: Flight, error: BaseException | None
    ) -> Answer:
        """Answer with something stale, else from the static set, else not at all."""
        stale: Found | None = flight.stale.result() if flight.stale.done() else None
        if stale is not None and stale.stale_until > self._clock():
            self._stats.count(stale.tier, kind, "served_stale")
            return Answer(stale.value, "stale", self._age_s(stale.stored_at), stale.tier)
        value = self._fallback(kind, key)
        if value is not None:
            self._stats.count("static", kind, "served_fallback")
            return Answer(value, "fallback", None, "static")
        self._stats.count("loader", kind, "unavailable")
        retry_after_s = getattr(error, "retry_after_s", None) or policy.retry_after_s
        got = "no answer in time" if error is None else f"{type(error).__name__}: {error}"
        raise UnavailableError(
            f"expected {kind} {key!r} from its loader or the cache, got {got}; "
            f"retry after {retry_after_s:g} s",
            retry_after_s=retry_after_s,
        ) from error

    def _fallback(self, kind: str, key: str) -> Any:
        static = self._fallbacks.get(kind)
        if static is None:
            return None
        return static(key) if callable(static) else static.get(key)

    def _age_s(self, stored_at: float) -> float:
        return max(0.0, self._clock() - stored_at)

    def _policy(self, kind: str) -> Policy:
        if self._closed:
            raise ClosedError("expected an open cache, got one after close()")
        policy = self.policies.get(kind)
        if policy is None:
            known = ", ".join(sorted(self.policies))
            raise InvalidInputError(f"expected a kind with a policy ({known}), got {kind!r}")
        return policy

    # -- looking and putting --------------------------------------------------------------

    async def get(self, kind: str, key: str) -> Any:
        """Return a fresh value from memory or a tier below; None where none has one."""
        self._policy(kind)
        if self._heard:
            self._hear()
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
        """Keep a value that was had otherwise, as if it had just been loaded.

        Raises
        ------
        InvalidInputError
            It is not what the kind's policy can keep.
        """
        self._policy(kind)
        await self._search(kind, key, None, tags, lifetime_s).store(value)

    # -- invalidation ---------------------------------------------------------------------

    async def invalidate(self, kind: str, keys: str | Iterable[str]) -> None:
        """Declare values old, by key, in every tier and process.

        What is being loaded at the moment is not kept, and who asks from now on does not get it.
        """
        self._policy(kind)
        some = (keys,) if isinstance(keys, str) else tuple(keys)
        if some:
            await self._invalidate(
                Invalidation("key", kind, some), lambda tier: tier.delete(kind, some)
            )

    async def invalidate_kind(self, kind: str) -> None:
        """Declare all values of a kind old."""
        self._policy(kind)
        await self._invalidate(Invalidation("kind", kind), lambda tier: tier.delete_kind(kind))

    async def invalidate_tag(self, tag: str) -> None:
        """Declare all values that carry a tag old."""
        await self._invalidate(Invalidation("tag", tag=tag), lambda tier: tier.delete_tag(tag))

    async def invalidate_event(self, event: str, keys: str | Iterable[str]) -> None:
        """Declare old what an event says of some keys, in each kind whose policy names it."""
        some = (keys,) if isinstance(keys, str) else tuple(keys)
        for kind, policy in self.policies.items():
            if event in policy.events:
                await self.invalidate(kind, some)

    async def clear(self) -> None:
        """Forget everything, in every tier and process."""
        await self._invalidate(Invalidation("all"), lambda tier: tier.clear())

    async def _invalidate(
        self, what: Invalidation, below: Callable[[Tier], Awaitable[object]]
    ) -> None:
        if self._closed:
            raise ClosedError("expected an open cache, got one after close()")
        # Before, so that no load under way is kept; and after, so that nothing is that was read
        # below while the invalidation was still on its way there.
        self._forget(what)
        for tier in self._shelf.tiers:
            await below(tier)
        self._forget(what)

    def _forget(self, what: Invalidation) -> None:
        self._recent.add(what)
        if what.scope == "key":
            for key in what.keys:
                self._memory.delete(what.kind, key)
        elif what.scope == "kind":
            self._memory.delete_kind(what.kind)
        elif what.scope == "tag":
            self._memory.delete_tag(what.tag)
        else:
            self._memory.clear()
        # Which tags a load will bring is not known yet, so a tag parts from all.
        anything = what.scope in ("tag", "all")
        self._flights.part_from(lambda kind, key: anything or what.names(kind, key, ()))

    def _hear(self) -> None:
        """Follow what other processes invalidated."""
        while self._heard:
            self._forget(self._heard.popleft())

    # -- upkeep ---------------------------------------------------------------------------

    def _start_sweeping(self) -> None:
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    async def _sweep(self) -> None:
        """Remove what expired, a little at a time, so that the loop never stalls."""
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            self._hear()
            self._memory.sweep(_SWEEP_ENTRIES)

    def stats(self) -> dict[str, Any]:
        """Return what the cache holds and did, by kind and tier, and each tier's own figures."""
        return {
            "kinds": self._stats.report(),
            "memory": self._memory.stats(),
            "tiers": {tier.name: tier.stats() for tier in self._shelf.tiers},
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
        for tier in self._shelf.tiers:
            await tier.close()
        self._memory.clear()

    async def __aenter__(self) -> Self:
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
