"""Memory and the lower tiers together, shared by all flights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tv5core.cache.clock import to_local, to_wall
from tv5core.cache.entry import Entry, Invalidation
from tv5core.cache.loading.background import Background
from tv5core.cache.loading.guarded_tier import GuardedTier
from tv5core.cache.loading.invalidation_log import InvalidationLog
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.stats import Stats

__all__ = ["TierStack"]


class TierStack:
    """Where values are cached.

    Parameters
    ----------
    memory : MemoryTier
    tiers : sequence of GuardedTier
        The lower tiers, nearest first.
    stats : Stats
    clock : callable
        Seconds, never set back: what lifetimes in this process are counted in.
    wall_clock : callable
        Unix seconds: the times of entries in the lower tiers.
    lease_wait_s : float
        How long to wait for another process that loads the same key.

    Attributes
    ----------
    log : InvalidationLog
    background : Background
    closed : bool
        Nothing is stored any more.
    """

    def __init__(
        self,
        memory: MemoryTier,
        tiers: Sequence[GuardedTier],
        stats: Stats,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        lease_wait_s: float,
    ) -> None:
        self.memory, self.tiers, self.stats = memory, tuple(tiers), stats
        self.clock, self.lease_wait_s = clock, lease_wait_s
        self._wall_clock = wall_clock
        self.log, self.background = InvalidationLog(), Background()
        self.closed = False

    def to_local(self, entry: Entry) -> Entry:
        """Return an entry of a lower tier in this process's time; see ``tv5core.cache.clock``."""
        return to_local(entry, self.clock(), self._wall_clock())

    def to_wall(self, entry: Entry) -> Entry:
        """Return an entry as the lower tiers store it, in Unix time."""
        return to_wall(entry, self.clock(), self._wall_clock())

    def fill_memory(self, kind: str, key: str, value: Any, entry: Entry, since: int) -> None:
        """Store a value in memory, unless it was invalidated after ``since`` or is the older."""
        if self.closed:
            return
        if self.log.invalidated_since(since, kind, key, entry.tags):
            self.stats.count("memory", kind, "invalidated")
            return
        present = self.memory.get(kind, key)
        if present is not None and entry.stored_at < present.stored_at <= self.clock():
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

    def delete(self, kind: str, key: str) -> None:
        """Delete a value from all tiers, in the background from the lower ones."""
        self.memory.delete(kind, key)
        for tier in () if self.closed else self.tiers:
            tier.invalidate(Invalidation("key", kind, (key,)))

    async def drain(self) -> None:
        """Wait for everything in the background."""
        await self.background.drain()
