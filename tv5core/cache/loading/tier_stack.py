"""Memory and the lower tiers together, shared by all flights."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tv5core.cache.entry import Entry, Invalidation
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
        Unix seconds.
    lease_wait_s : float
        How long to wait for another process that loads the same key.

    Attributes
    ----------
    log : InvalidationLog
    """

    def __init__(
        self,
        memory: MemoryTier,
        tiers: Sequence[GuardedTier],
        stats: Stats,
        clock: Callable[[], float],
        lease_wait_s: float,
    ) -> None:
        self.memory, self.tiers, self.stats = memory, tuple(tiers), stats
        self.clock, self.lease_wait_s = clock, lease_wait_s
        self.log = InvalidationLog()
        self._background: set[asyncio.Task[None]] = set()

    def fill_memory(self, kind: str, key: str, value: Any, entry: Entry, since: int) -> None:
        """Store a value in memory, unless it was invalidated after ``since`` or is the older."""
        if self.log.invalidated_since(since, kind, key, entry.tags):
            self.stats.count("memory", kind, "invalidated")
            return
        present = self.memory.get(kind, key)
        if present is not None and present.stored_at > entry.stored_at:
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
        for tier in self.tiers:
            tier.invalidate(Invalidation("key", kind, (key,)))

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that nobody waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def drain(self) -> None:
        """Wait for everything in the background."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)
