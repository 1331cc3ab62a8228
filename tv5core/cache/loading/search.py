"""The work of one flight: look below, take the leases, load, keep.

Before it looks at anything, a flight notes what has been invalidated so far, here and in every
tier below. What it finds is kept only where nothing since declares it old; those who wait get it
all the same, since they asked before.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import msgspec

from tv5core.cache.answer import Loaded
from tv5core.cache.entry import Entry, Invalidation
from tv5core.cache.loading.guarded_tier import Below
from tv5core.cache.loading.invalidation_log import Recent
from tv5core.cache.loading.single_flight import Tell
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.policy import Codec, Policy
from tv5core.cache.stats import Stats
from tv5core.errors import InvalidInputError

__all__ = ["Found", "Loader", "Search", "Shelf"]

Loader = Callable[[str], Awaitable[Any]]

_POLL_S, _LONGEST_POLL_S = 0.02, 0.25
_LEASE_MARGIN_S = 1.0  # for looking below once more, and for putting


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
    tiers : sequence of Below
        Nearest first.
    recent : Recent
    stats : Stats
    clock : callable
        Unix seconds.
    lease_wait_s : float
        How long to wait for another process that loads.
    """

    def __init__(
        self,
        memory: MemoryTier,
        tiers: Sequence[Below],
        recent: Recent,
        stats: Stats,
        clock: Callable[[], float],
        lease_wait_s: float,
    ) -> None:
        self.memory, self.tiers, self.recent, self.stats = memory, tuple(tiers), recent, stats
        self.clock, self.lease_wait_s = clock, lease_wait_s
        self._behind: set[asyncio.Task[None]] = set()

    def keep(self, kind: str, key: str, value: Any, entry: Entry, since: int) -> None:
        """Put a value into memory, unless it was invalidated after ``since``, or is older."""
        if self.recent.overtook(since, kind, key, entry.tags):
            self.stats.count("memory", kind, "overtaken")
            return
        kept = self.memory.get(kind, key)
        if kept is not None and kept.stored_at > entry.stored_at:
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

    def drop(self, kind: str, key: str) -> None:
        """Forget a value that turned out to be wrong, everywhere."""
        self.memory.delete(kind, key)
        for tier in self.tiers:
            tier.tell(Invalidation("key", kind, (key,)))

    def do_behind(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something nobody has to wait for."""
        task = asyncio.get_running_loop().create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def settle(self) -> None:
        """Wait for what is being done behind."""
        while self._behind:
            await asyncio.gather(*self._behind, return_exceptions=True)


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
    anew : bool
        Load although something fresh is kept, unless another process is at it.
    """

    def __init__(
        self,
        shelf: Shelf,
        kind: str,
        key: str,
        policy: Policy,
        codec: Codec,
        loader: Loader | None,
        tags: tuple[str, ...] = (),
        lifetime_s: float | None = None,
        *,
        anew: bool = False,
    ) -> None:
        self._shelf, self._kind, self._key = shelf, kind, key
        self._policy, self._codec, self._loader = policy, codec, loader
        self._tags, self._lifetime_s, self._anew = tags, lifetime_s, anew
        self._since = shelf.recent.last
        self._tokens = [tier.token() for tier in shelf.tiers]
        self._owner = os.urandom(16)
        self._leases: list[Below] = []

    async def run(self, tell: Tell) -> Found | None:
        """Find the value; None where there is no loader and no tier has it."""
        try:
            if self._anew and self._loader is not None and await self._lease():
                return await self._load(self._loader)
            found = await self._look_below(tell)
            if found is not None or self._loader is None:
                return found
            return await self._load_leased(self._loader, tell)
        finally:
            self.let_go()

    # -- the tiers below ------------------------------------------------------------------

    async def _look_below(self, tell: Tell, *, again: bool = False) -> Found | None:
        """Return what is fresh in the nearest tier that has it."""
        for place, tier in enumerate(self._shelf.tiers):
            if not tier.in_use:
                continue
            entry = await tier.get(self._kind, self._key)
            found = None if entry is None else self._restored(entry, tier)
            if found is not None and found.fresh_until > self._shelf.clock():
                self._count(tier.name, "hit")
                if place and entry is not None:
                    self._shelf.do_behind(self._put(entry, place))
                return found
            if found is not None:
                tell(found)
            if not again:
                self._count(tier.name, "miss" if found is None else "stale")
        return None

    def _restored(self, entry: Entry, tier: Below) -> Found | None:
        if entry.stale_until <= self._shelf.clock():
            return None
        try:
            value = None if entry.negative else self._codec.decode(entry.value)
        except (msgspec.MsgspecError, ValueError, TypeError):
            self._count(tier.name, "undecodable")
            return None
        self._shelf.keep(self._kind, self._key, value, entry, self._since)
        return Found(value, entry.stored_at, entry.fresh_until, entry.stale_until, tier.name)

    async def _put(self, entry: Entry, places: int) -> None:
        """Store an entry in so many of the nearest tiers, the furthest of them first."""
        for place in reversed(range(places)):
            tier = self._shelf.tiers[place]
            await tier.put(self._kind, self._key, entry, self._tokens[place])

    def _count(self, tier: str, what: str) -> None:
        self._shelf.stats.count(tier, self._kind, what)

    # -- leases ---------------------------------------------------------------------------

    async def _load_leased(self, loader: Loader, tell: Tell) -> Found | None:
        """Load under the leases, or wait for who has one, within bounds, to have loaded."""
        ends_at, pause_s = _now_s() + self._shelf.lease_wait_s, _POLL_S
        while not await self._lease():
            if pause_s == _POLL_S:
                self._count("leases", "waited")
            if _now_s() >= ends_at:
                self._count("leases", "given_up")
                return await self._load(loader)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_POLL_S)
            if (found := await self._look_below(tell, again=True)) is not None:
                return found
        # Whoever had a lease before may have loaded between our look and our turn.
        return await self._look_below(tell, again=True) or await self._load(loader)

    async def _lease(self) -> bool:
        """Take the lease of every tier, the nearest first, or none."""
        lasting_s = self._policy.hard_timeout_s + _LEASE_MARGIN_S
        for tier in self._shelf.tiers:
            if not await tier.take_lease(self._kind, self._key, self._owner, lasting_s):
                self.let_go()
                return False
            self._leases.append(tier)
        return True

    def let_go(self) -> None:
        """Give the leases back, behind what was put."""
        leases, self._leases = self._leases, []
        if leases:
            self._shelf.do_behind(self._release(leases))

    async def _release(self, leases: list[Below]) -> None:
        for tier in reversed(leases):
            await tier.release_lease(self._kind, self._key, self._owner)

    # -- loading --------------------------------------------------------------------------

    async def _load(self, loader: Loader) -> Found:
        started, stored_at, failed = _now_s(), self._shelf.clock(), True
        try:
            async with asyncio.timeout(self._policy.hard_timeout_s):
                got = await loader(self._key)
            failed = False
        finally:
            load_s = _now_s() - started
            self._shelf.stats.load(self._kind, load_s, failed=failed)
        return self._store(got if isinstance(got, Loaded) else Loaded(got), stored_at, load_s)

    def store(self, value: Any) -> None:
        """Keep a value that was had otherwise."""
        self._store(Loaded(value), self._shelf.clock(), 0.0)

    def _store(self, loaded: Loaded, stored_at: float, load_s: float) -> Found:
        entry, value = self._entry(loaded, stored_at, load_s)
        found = Found(value, stored_at, entry.fresh_until, entry.stale_until, "loader")
        if len(entry.value) > self._policy.max_bytes or entry.fresh_until <= stored_at:
            # What was kept before is known to be wrong now.
            self._count("memory", "not_kept")
            self._shelf.drop(self._kind, self._key)
            return found
        self._shelf.keep(self._kind, self._key, value, entry, self._since)
        leases, self._leases = self._leases, []
        self._shelf.do_behind(self._put_and_release(entry, leases))
        return found

    async def _put_and_release(self, entry: Entry, leases: list[Below]) -> None:
        await self._put(entry, len(self._shelf.tiers))
        await self._release(leases)

    def _entry(self, loaded: Loaded, stored_at: float, load_s: float) -> tuple[Entry, Any]:
        tags = tuple(dict.fromkeys((*self._tags, *loaded.tags)))
        if loaded.value is None:
            until = stored_at + self._policy.negative_s
            return Entry(b"", stored_at, until, until, tags, load_s, negative=True), None
        data, value = self._codec.encode(loaded.value)
        wanted_s = self._lifetime_s if loaded.lifetime_s is None else loaded.lifetime_s
        if wanted_s is not None and not (math.isfinite(wanted_s) and wanted_s > 0):
            raise InvalidInputError(f"expected a lifetime in seconds, got {wanted_s}")
        fresh_until = stored_at + self._policy.draw_s(wanted_s)
        stale_until = fresh_until + self._policy.stale_s
        return Entry(data, stored_at, fresh_until, stale_until, tags, load_s), value


def _now_s() -> float:
    return asyncio.get_running_loop().time()
