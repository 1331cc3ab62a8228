"""The work of one flight: look below, take the lease, load, keep.

Before it looks at anything, a flight notes what has been invalidated so far, here and in every
tier below. What it finds is kept only where nothing since declares it old; those who wait get it
all the same, since they asked before.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from tv5core.cache.answers import Loaded
from tv5core.cache.entry import Entry, Tier
from tv5core.cache.flight import Tell
from tv5core.cache.memory import MemoryTier
from tv5core.cache.policy import Codec, Policy
from tv5core.cache.recent import Recent
from tv5core.cache.stats import Stats

__all__ = ["Found", "Loader", "Search", "Shelf"]

Loader = Callable[[str], Awaitable[Any]]

_POLL_S, _LONGEST_POLL_S = 0.02, 0.25


class Found(msgspec.Struct, frozen=True):
    """A value with its times and the tier it came from."""

    value: Any
    stored_at: float
    fresh_until: float
    stale_until: float
    tier: str


class Shelf:
    """Where values are kept: memory and the tiers below it; shared by all flights.

    Parameters
    ----------
    memory : MemoryTier
    tiers : sequence of Tier
        Nearest first.
    recent : Recent
    stats : Stats
    clock : callable
        Unix seconds.
    cache_timeout_s : float
        What looking into all tiers below may take.
    lease_wait_s : float
        How long to wait for another process that loads.
    """

    def __init__(
        self,
        memory: MemoryTier,
        tiers: Sequence[Tier],
        recent: Recent,
        stats: Stats,
        clock: Callable[[], float],
        *,
        cache_timeout_s: float,
        lease_wait_s: float,
    ) -> None:
        self.memory, self.tiers, self.recent, self.stats = memory, tuple(tiers), recent, stats
        self.clock = clock
        self.cache_timeout_s, self.lease_wait_s = cache_timeout_s, lease_wait_s
        self.owner = os.urandom(12)

    def keep(self, kind: str, key: str, value: Any, entry: Entry, since: int) -> None:
        """Put a value into memory, unless it was invalidated after ``since``."""
        if self.recent.overtook(since, kind, key, entry.tags):
            self.stats.count("memory", kind, "overtaken")
            return
        self.memory.put(
            kind,
            key,
            value,
            size=len(entry.value),
            fresh_until=entry.fresh_until,
            stale_until=entry.stale_until,
            tags=entry.tags,
            load_s=entry.load_s,
            stored_at=entry.stored_at,
            negative=entry.negative,
        )


class Search:
    """One flight's search for one value.

    Parameters
    ----------
    shelf : Shelf
    kind, key : str
    policy : Policy
    codec : Codec
    loader : callable or None
        None looks below only.
    tags : tuple of str
    lifetime_s : float or None
    """

    def __init__(
        self,
        shelf: Shelf,
        kind: str,
        key: str,
        policy: Policy,
        codec: Codec,
        loader: Loader | None,
        tags: tuple[str, ...],
        lifetime_s: float | None,
    ) -> None:
        self._shelf, self._kind, self._key = shelf, kind, key
        self._policy, self._codec, self._loader = policy, codec, loader
        self._tags, self._lifetime_s = tags, lifetime_s
        self._since = shelf.recent.last
        self._tokens = [tier.token() for tier in shelf.tiers]

    async def run(self, tell: Tell) -> Found | None:
        """Find the value; None where there is no loader and no tier has it."""
        found = await self._look_below(tell)
        if found is not None or self._loader is None:
            return found
        lessor = self._shelf.tiers[-1] if self._shelf.tiers else None
        if lessor is None:
            return await self._load(self._loader)
        return await self._load_leased(lessor, self._loader, tell)

    async def refresh(self, tell: Tell) -> Found:
        """Load although a fresh value is kept, unless another process is at it."""
        if self._loader is None:
            raise RuntimeError("expected a loader to refresh with")
        lessor = self._shelf.tiers[-1] if self._shelf.tiers else None
        if lessor is None:
            return await self._load(self._loader)
        owner = self._owner()
        if not await self._take(lessor, owner):
            return await self._look_below(tell) or await self._load(self._loader)
        try:
            return await self._load(self._loader)
        finally:
            await asyncio.shield(self._release(lessor, owner))

    async def store(self, value: Any) -> None:
        """Keep a value that was had otherwise."""
        await self._store(Loaded(value), self._shelf.clock(), 0.0)

    # -- the tiers below ------------------------------------------------------------------

    async def _look_below(self, tell: Tell) -> Found | None:
        """Return what is fresh in the nearest tier that has it, within the time for that."""
        try:
            async with asyncio.timeout(self._shelf.cache_timeout_s):
                for place, tier in enumerate(self._shelf.tiers):
                    found = await self._look_into(tier, place, tell)
                    if found is not None:
                        return found
        except TimeoutError:
            self._shelf.stats.count("below", self._kind, "timeout")
        return None

    async def _look_into(self, tier: Tier, place: int, tell: Tell) -> Found | None:
        try:
            entry = await tier.get(self._kind, self._key)
            value = None if entry is None or entry.negative else self._codec.decode(entry.value)
        except Exception:  # noqa: BLE001 - a tier or its content must not fail a caller
            self._count(tier.name, "error")
            return None
        now = self._shelf.clock()
        if entry is None or entry.stale_until <= now:
            self._count(tier.name, "miss")
            return None
        self._shelf.keep(self._kind, self._key, value, entry, self._since)
        found = Found(value, entry.stored_at, entry.fresh_until, entry.stale_until, tier.name)
        if entry.fresh_until <= now:
            self._count(tier.name, "stale")
            tell(found)
            return None
        self._count(tier.name, "hit")
        for above, token in zip(self._shelf.tiers[:place], self._tokens[:place], strict=True):
            await above.put(self._kind, self._key, entry, token)
        return found

    def _count(self, tier: str, what: str) -> None:
        self._shelf.stats.count(tier, self._kind, what)

    # -- loading --------------------------------------------------------------------------

    async def _load_leased(self, lessor: Tier, loader: Loader, tell: Tell) -> Found | None:
        """Load under a lease, or wait for who has it, within bounds, to have loaded."""
        ends_at, pause_s = time.monotonic() + self._shelf.lease_wait_s, _POLL_S
        owner = self._owner()
        while not await self._take(lessor, owner):
            self._count(lessor.name, "lease_wait")
            if time.monotonic() >= ends_at:
                return await self._load(loader)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_POLL_S)
            found = await self._look_below(tell)
            if found is not None:
                return found
        try:
            # Whoever had the lease before may have loaded between our look and our turn.
            return await self._look_below(tell) or await self._load(loader)
        finally:
            await asyncio.shield(self._release(lessor, owner))

    def _owner(self) -> bytes:
        return self._shelf.owner + os.urandom(4)

    async def _take(self, lessor: Tier, owner: bytes) -> bool:
        try:
            async with asyncio.timeout(self._shelf.cache_timeout_s):
                return await lessor.take_lease(
                    self._kind, self._key, owner, self._policy.hard_timeout_s
                )
        except Exception:  # noqa: BLE001 - without a lease we load, too
            return True

    async def _release(self, lessor: Tier, owner: bytes) -> None:
        try:
            await lessor.release_lease(self._kind, self._key, owner)
        except Exception:  # noqa: BLE001 - it ends by itself
            self._count(lessor.name, "error")

    async def _load(self, loader: Loader) -> Found:
        started, stored_at = time.perf_counter(), self._shelf.clock()
        failed = True
        try:
            async with asyncio.timeout(self._policy.hard_timeout_s):
                got = await loader(self._key)
            failed = False
        finally:
            load_s = time.perf_counter() - started
            self._shelf.stats.load(self._kind, load_s, failed=failed)
        loaded = got if isinstance(got, Loaded) else Loaded(got)
        return await self._store(loaded, stored_at, load_s)

    async def _store(self, loaded: Loaded, stored_at: float, load_s: float) -> Found:
        entry, value = self._entry(loaded, stored_at, load_s)
        found = Found(value, stored_at, entry.fresh_until, entry.stale_until, "loader")
        if entry.fresh_until <= stored_at:
            return found
        if len(entry.value) > self._policy.max_bytes:
            self._count("memory", "too_large")
            return found
        self._shelf.keep(self._kind, self._key, value, entry, self._since)
        for tier, token in zip(self._shelf.tiers, self._tokens, strict=True):
            try:
                async with asyncio.timeout(self._shelf.cache_timeout_s):
                    await tier.put(self._kind, self._key, entry, token)
            except Exception:  # noqa: BLE001 - what is not kept is loaded again
                self._count(tier.name, "error")
        return found

    def _entry(self, loaded: Loaded, stored_at: float, load_s: float) -> tuple[Entry, Any]:
        tags = tuple(dict.fromkeys((*self._tags, *loaded.tags)))
        if loaded.value is None:
            until = stored_at + self._policy.negative_s
            return Entry(b"", stored_at, until, until, tags, load_s, negative=True), None
        data, value = self._codec.encode(loaded.value)
        wanted_s = self._lifetime_s if loaded.lifetime_s is None else loaded.lifetime_s
        fresh_until = stored_at + self._policy.draw_s(wanted_s)
        stale_until = fresh_until + self._policy.stale_s
        return Entry(data, stored_at, fresh_until, stale_until, tags, load_s), value
