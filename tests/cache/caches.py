"""Caches on a clock of their own, with loaders that count: no test takes or waits for real time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.cache.fake_tier import FakeTier
from tests.cache.made import Clock
from tests.cache.timeless import run
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.policy import Policy
from tv5core.cache.tiered import TieredCache

__all__ = ["POLICIES", "Loader", "make", "using"]


POLICIES = {
    "thing": Policy(ttl_s=100, stale_s=50, early_refresh=0, events=("changed",)),
    "eager": Policy(ttl_s=100, stale_s=50, stale_while_revalidate=True, early_refresh=0),
    "early": Policy(ttl_s=100, stale_s=50, early_refresh=1),
    "brief": Policy(ttl_s=100, early_refresh=0, negative_ttl_s=10),
    "tiny": Policy(ttl_s=100, early_refresh=0, max_bytes=8),
    "chosen": Policy(ttl_s=100, ttl_range_s=(50, 200), early_refresh=0),
    "local": Policy(ttl_s=100, early_refresh=0, exclusive=False),
    "typed": Policy(ttl_s=100, early_refresh=0, type=tuple[str, int]),
}


class Loader:
    """Returns values in turn, counting; slow or failing where asked to be."""

    def __init__(self, *values: Any, slow_s: float = 0.0) -> None:
        self.values, self.slow_s = list(values), slow_s
        self.calls = 0
        self.error: Exception | None = None

    async def __call__(self, key: str) -> Any:
        self.calls += 1
        value = self.values[min(self.calls, len(self.values)) - 1] if self.values else key
        error = self.error
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if error is not None:
            raise error
        return value


def make(clock: Clock, *tiers: FakeTier, **options: Any) -> TieredCache:
    memory = MemoryTier(10 << 20, clock=clock)
    return TieredCache(memory, tiers, policies=POLICIES, clock=clock, **options)


def using(
    clock: Clock, work: Callable[[TieredCache], Awaitable[None]], *tiers: FakeTier, **options: Any
) -> None:
    async def whole() -> None:
        async with make(clock, *tiers, **options) as cache:
            await work(cache)

    run(clock, whole())
