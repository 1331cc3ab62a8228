"""Take masters away from limiters and caches under load; see what is exceeded, and how long.

One process plays all: three limiters of one contract that are asked for more than there is; two
caches that read keys all the time; a third that changes them and invalidates. The truth is a
dictionary, so that the age of what a cache gives is known: how long ago the invalidation of a newer
value was acknowledged.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.cache.redis_cluster import RedisCluster, RedisSentinels
from tests.upstream.limiting.test_redis_limiter import ask
from tests.upstream.standin.server import busiest
from tv5core.cache.policy import Policy
from tv5core.cache.redis.tier import RedisTier
from tv5core.cache.tiered import TieredCache
from tv5core.redis_access.slots import SLOTS, key_slot
from tv5core.upstream.limiting.redis_limiter import RedisLimiter

__all__ = ["BOUND_S", "CONTRACT", "Bench", "Round", "Servers", "cluster", "sentinels"]

CONTRACT = 50
BOUND_S = 1.5 + 2.0 + 0.25
"""How long after the gap something invalidated may be served: the longest pause until a process
tries again, the time between two comparisons of numbers, and what a message may take."""

_LIMIT, _KEYS, _PROCESSES = "failover", 64, 3
_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers that can be taken away, and come back as replicas."""

    url: str
    take: Callable[[], int]
    give: Callable[[int], None]
    stop: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Round:
    """What one round showed; seconds.

    Attributes
    ----------
    how : str
        ``killed`` or ``paused``.
    busiest : int
        Requests in the busiest second of all limiters together.
    limit_gap_s, cache_gap_s : float
        Until the limiters shared the limit again, and until all caches could read all of Redis.
    stale_s : float
        How long after its invalidation was acknowledged something was still served.
    reads, changes, requests : int
    """

    how: str
    busiest: int
    limit_gap_s: float
    cache_gap_s: float
    stale_s: float
    reads: int
    changes: int
    requests: int

    @property
    def is_kept(self) -> bool:
        """Whether what is promised was kept."""
        bound_s = max(self.cache_gap_s, self.limit_gap_s) + BOUND_S
        return self.busiest <= CONTRACT and self.stale_s <= bound_s


def cluster(folder: Path, chance: random.Random, *, pauses: bool) -> Servers:
    """Three masters with a replica each; any is taken, that of the limit in every other round."""
    made = RedisCluster(folder, replicas=1)
    made.start()
    turn = iter(range(1 << 30))

    def take() -> int:
        slot = key_slot(f"{{{_LIMIT}}}".encode())
        port = made.master_of(slot if next(turn) % 2 == 0 else chance.randrange(SLOTS))
        made.pause(port) if pauses else made.kill(port)
        return port

    def give(port: int) -> None:
        made.go_on(port) if pauses else made.start_node(port)
        made.wait_until_whole()

    return Servers(made.url, take, give, made.stop)


def sentinels(folder: Path, chance: random.Random, *, pauses: bool) -> Servers:
    """A master and a replica, watched by a sentinel."""
    made = RedisSentinels(folder)
    made.start()

    def take() -> int:
        port = made.master_now()
        made.pause(port) if pauses else made.kill(port)
        return port

    def give(port: int) -> None:
        made.go_on(port) if pauses else made.restart(port)
        made.wait_until_whole()

    return Servers(made.url, take, give, made.stop)


class Bench:
    """The load; open from the first round to the last.

    Parameters
    ----------
    servers : Servers
    how : str
    """

    def __init__(self, servers: Servers, how: str) -> None:
        self._servers, self._how = servers, how
        policies = {"title": Policy(ttl_s=3_600)}
        self._caches = [
            TieredCache.open(None, redis_url=servers.url, policies=policies) for _ in range(3)
        ]
        self._limiters = [
            RedisLimiter(servers.url, _LIMIT, processes=_PROCESSES, contract=CONTRACT)
            for _ in range(_PROCESSES)
        ]
        self._versions = dict.fromkeys(map(str, range(_KEYS)), 1)
        self._changed = dict.fromkeys(self._versions, (1, 0.0))
        self._times, self._asking = list[float](), set[asyncio.Future[None]]()
        self._reads = self._changes = 0
        self._stale_s = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for cache in self._caches:
            await cache.__aenter__()
        for tier in self._tiers():
            assert await tier.connected(_DEADLINE_S)
        work = [*map(self._read, self._caches[:2]), *map(self._send, self._limiters)]
        self._tasks = [asyncio.create_task(each) for each in (*work, self._change())]
        await self._until(lambda: len(self._times) > CONTRACT and self._changes > 5)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._asking, return_exceptions=True)
        for each in (*self._caches, *self._limiters):
            await each.close()

    # -- load -----------------------------------------------------------------------------

    async def _load(self, key: str) -> int:
        return self._versions[key]

    async def _read(self, cache: TieredCache) -> None:
        while True:
            for key in self._versions:
                changed, at = self._changed[key]
                asked = time.monotonic()
                given: Any = await cache.get_or_load("title", key, self._load)
                if given < changed:  # acknowledged before the question
                    self._stale_s = max(self._stale_s, asked - at)
                self._reads += 1
            await asyncio.sleep(0.01)

    async def _change(self) -> None:
        while True:
            for key in self._versions:
                self._versions[key] += 1
                version = self._versions[key]
                await self._caches[2].invalidate("title", key)
                self._changed[key] = (version, time.monotonic())
                self._changes += 1
                await asyncio.sleep(0.02)

    async def _send(self, limiter: RedisLimiter) -> None:
        while True:
            waiting = sum(limiter.snapshot().queued.values())
            for _ in range(max(0, 5 - waiting)):
                task = asyncio.ensure_future(ask(limiter, self._times))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)
            await asyncio.sleep(0.01)

    # -- rounds ---------------------------------------------------------------------------

    def _tiers(self) -> list[RedisTier]:
        found = [guarded.tier for cache in self._caches for guarded in cache._tiers]
        return [tier for tier in found if isinstance(tier, RedisTier)]

    def _is_whole(self) -> bool:
        return all(tier.stats()["connected"] for tier in self._tiers())

    def _is_shared(self) -> bool:
        return not any(limiter.is_alone for limiter in self._limiters)

    async def _until(self, done: Callable[[], bool]) -> float:
        """Wait until something is so; return how long that took."""
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < _DEADLINE_S, "expected it to come back"
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def round(self, *, last: bool = False) -> Round:
        """Take a master away, wait until all is well, have it come back."""
        before = (self._reads, self._changes, len(self._times))
        self._stale_s = 0.0
        port = await asyncio.to_thread(self._servers.take)
        taken = time.monotonic()
        broken = lambda: not self._is_whole()  # noqa: E731
        await self._until(broken)
        limit_gap_s, cache_gap_s = 0.0, 0.0
        while not (self._is_whole() and self._is_shared()):
            assert time.monotonic() - taken < _DEADLINE_S, "expected a replica to take over"
            now = time.monotonic() - taken
            limit_gap_s = limit_gap_s if self._is_shared() else now
            cache_gap_s = cache_gap_s if self._is_whole() else now
            await asyncio.sleep(0.01)
        sent = len(self._times)
        await self._until(lambda: len(self._times) >= sent + CONTRACT)
        if not last:
            await asyncio.to_thread(self._servers.give, port)
            await self._until(lambda: self._is_whole() and self._is_shared())
        return Round(
            self._how,
            busiest(self._times[max(0, before[2] - 2 * CONTRACT) :], 1.0),
            round(limit_gap_s, 2),
            round(cache_gap_s, 2),
            round(self._stale_s, 2),
            *(self._reads - before[0], self._changes - before[1], len(self._times) - before[2]),
        )
