"""The search of one flight: read the lower tiers, acquire the leases, load, store.

Before it reads anything, it takes a token for what has been invalidated so far, here and in
every lower tier. What it finds is cached only where no later invalidation covers it; the callers
who wait get it all the same, since they asked before.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from tv5core.backoff import Backoff
from tv5core.cache.answer import CachedValue, Loaded, Loader
from tv5core.cache.entry import Entry
from tv5core.cache.loading.guarded_tier import GuardedTier
from tv5core.cache.loading.single_flight import OnStale
from tv5core.cache.loading.tier_stack import TierStack
from tv5core.cache.policy import Codec, Policy
from tv5core.cache.validation import check_tags, check_ttl
from tv5core.observing import stage

__all__ = ["LoadRequest", "ReadThrough"]

_POLLS = Backoff(0.02, 0.25, jitter=0.0)
_WRITE_BYTES = 1_000  # what a write behind holds besides the value
_LEASE_MARGIN_S = 1.0  # for reading the lower tiers once more, and for storing


class LoadRequest(msgspec.Struct, frozen=True):
    """What a caller asks for.

    Attributes
    ----------
    kind, key : str
    policy : Policy
    codec : Codec
    loader : callable or None
        None reads the lower tiers only.
    tags : tuple of str
    ttl_s : float or None
    """

    kind: str
    key: str
    policy: Policy
    codec: Codec
    loader: Loader | None
    tags: tuple[str, ...] = ()
    ttl_s: float | None = None


class ReadThrough:
    """One flight's search for one value.

    Parameters
    ----------
    stack : TierStack
    request : LoadRequest
    refresh : bool
        Load although a fresh value is cached, unless another process is loading it.
    """

    def __init__(self, stack: TierStack, request: LoadRequest, *, refresh: bool = False) -> None:
        self._stack, self._request, self._refresh = stack, request, refresh
        self._kind, self._key, self._policy = request.kind, request.key, request.policy
        self._since = stack.log.last_seq
        self._tokens = [tier.token() for tier in stack.tiers]
        self._owner = os.urandom(16)
        self._leases: list[GuardedTier] = []

    async def run(self, on_stale: OnStale) -> CachedValue | None:
        """Find the value; None where no tier has it and there is no loader."""
        loader = self._request.loader
        try:
            if self._refresh and loader is not None and await self._acquire_leases():
                return await self._load(loader)
            found = await self._read_tiers(on_stale)
            if found is not None or loader is None:
                return found
            if not self._policy.exclusive:
                return await self._load(loader)
            return await self._load_with_lease(loader, on_stale)
        finally:
            self.release()

    # -- the lower tiers ------------------------------------------------------------------

    async def _read_tiers(self, on_stale: OnStale, *, again: bool = False) -> CachedValue | None:
        """Return a fresh value from the nearest tier that has one."""
        for position, tier in enumerate(self._stack.tiers):
            if not tier.available:
                continue
            with stage(f"cache.{tier.name}"):
                entry = await tier.get(self._kind, self._key)
            found = None if entry is None else self._restore(self._stack.to_local(entry), tier)
            if found is not None and found.fresh_until > self._stack.clock():
                self._count(tier.name, "hit")
                if position and entry is not None:
                    self._write_behind(partial(self._put, entry, position), entry)
                return found
            if found is not None:
                on_stale(found)
            if not again:
                self._count(tier.name, "miss" if found is None else "stale")
        return None

    def _restore(self, entry: Entry, tier: GuardedTier) -> CachedValue | None:
        if entry.stale_until <= self._stack.clock():
            return None
        try:
            value = None if entry.negative else self._request.codec.decode(entry.value)
        except (msgspec.MsgspecError, ValueError, TypeError):
            self._count(tier.name, "undecodable")
            return None
        self._stack.fill_memory(self._kind, self._key, value, entry, self._since)
        return CachedValue(value, entry.stored_at, entry.fresh_until, entry.stale_until, tier.name)

    async def _put(self, entry: Entry, count: int) -> None:
        """Store an entry in the nearest ``count`` tiers, the furthest of them first."""
        for position in reversed(range(count)):
            tier = self._stack.tiers[position]
            await tier.put(self._kind, self._key, entry, self._tokens[position])

    def _write_behind(self, work: Callable[[], Coroutine[Any, Any, None]], entry: Entry) -> bool:
        """Start to store an entry in the background; drop and count it where there is no room."""
        started = self._stack.background.start(work, len(entry.value) + _WRITE_BYTES)
        if not started:
            self._count("background", "dropped")
        return started

    def _count(self, tier: str, event: str) -> None:
        self._stack.stats.count(tier, self._kind, event)

    # -- leases ---------------------------------------------------------------------------

    async def _load_with_lease(self, loader: Loader, on_stale: OnStale) -> CachedValue | None:
        """Load with the leases, or wait, within bounds, for the value of a process that has one."""
        deadline = _now_s() + self._stack.lease_wait_s
        for attempt, pause_s in enumerate(_POLLS.pauses()):
            if await self._acquire_leases():
                break
            if not attempt:
                self._count("leases", "waited")
            if _now_s() >= deadline:
                self._count("leases", "wait_timeout")
                return await self._load(loader)
            await asyncio.sleep(pause_s)
            if (found := await self._read_tiers(on_stale, again=True)) is not None:
                return found
        # A previous holder may have loaded between our reading and our turn.
        return await self._read_tiers(on_stale, again=True) or await self._load(loader)

    async def _acquire_leases(self) -> bool:
        """Acquire the lease of every tier, the nearest first, or none."""
        if not self._policy.exclusive:
            return True
        ttl_s = self._policy.hard_timeout_s + _LEASE_MARGIN_S
        for tier in self._stack.tiers:
            if not await tier.acquire_lease(self._kind, self._key, self._owner, ttl_s):
                self.release()
                return False
            self._leases.append(tier)
        return True

    def release(self) -> None:
        """Release the leases in the background, after what was stored before."""
        leases, self._leases = self._leases, []
        if leases:
            self._stack.background.start(partial(self._release, leases))

    async def _release(self, leases: list[GuardedTier]) -> None:
        for tier in reversed(leases):
            await tier.release_lease(self._kind, self._key, self._owner)

    # -- loading --------------------------------------------------------------------------

    async def _load(self, loader: Loader) -> CachedValue:
        started, stored_at, failed = _now_s(), self._stack.clock(), True
        try:
            with stage("cache.load"):
                async with asyncio.timeout(self._policy.hard_timeout_s):
                    result = await loader(self._key)
            failed = False
        finally:
            load_s = _now_s() - started
            self._stack.stats.load(self._kind, load_s, failed=failed)
        loaded = result if isinstance(result, Loaded) else Loaded(result)
        return self._store(loaded, stored_at, load_s)

    def store(self, value: Any) -> None:
        """Store a value that came from elsewhere."""
        self._store(Loaded(value), self._stack.clock(), 0.0)

    def _store(self, loaded: Loaded, stored_at: float, load_s: float) -> CachedValue:
        entry, value = self._entry(loaded, stored_at, load_s)
        found = CachedValue(value, stored_at, entry.fresh_until, entry.stale_until, "loader")
        if len(entry.value) > self._policy.max_bytes or entry.fresh_until <= stored_at:
            # What was cached before is outdated now.
            self._count("memory", "not_cached")
            self._stack.delete(self._kind, self._key)
            return found
        self._stack.fill_memory(self._kind, self._key, value, entry, self._since)
        if self._stack.tiers:
            self._put_behind(self._stack.to_wall(entry))
        return found

    def _put_behind(self, entry: Entry) -> None:
        """Store an entry in all tiers, then release the leases, in the background."""
        if self._write_behind(partial(self._put_and_release, entry, self._leases), entry):
            self._leases = []
        else:
            self.release()

    async def _put_and_release(self, entry: Entry, leases: list[GuardedTier]) -> None:
        await self._put(entry, len(self._stack.tiers))
        await self._release(leases)

    def _entry(self, loaded: Loaded, stored_at: float, load_s: float) -> tuple[Entry, Any]:
        tags = tuple(dict.fromkeys(check_tags((*self._request.tags, *check_tags(loaded.tags)))))
        if loaded.value is None:
            until = stored_at + self._policy.negative_ttl_s
            return Entry(b"", stored_at, until, until, tags, load_s, negative=True), None
        data, value = self._request.codec.encode(loaded.value)
        requested_s = self._request.ttl_s if loaded.ttl_s is None else loaded.ttl_s
        if requested_s is not None:
            check_ttl(requested_s)
        fresh_until = stored_at + self._policy.draw_ttl_s(requested_s)
        stale_until = fresh_until + self._policy.stale_s
        return Entry(data, stored_at, fresh_until, stale_until, tags, load_s), value


def _now_s() -> float:
    return asyncio.get_running_loop().time()
