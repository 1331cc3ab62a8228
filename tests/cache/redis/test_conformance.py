"""The same behaviour over a single Redis, behind Sentinel, and over a cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("redis")

from tests.cache.made import entry
from tests.cache.redis_cluster import RedisCluster, RedisSentinels
from tests.cache.redis_server import RedisServer
from tests.upstream.limiting.test_redis_limiter import close, flood
from tests.upstream.standin.server import busiest
from tv5core.cache.entry import Invalidation
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.policy import Policy
from tv5core.cache.redis.tier import RedisTier
from tv5core.cache.tiered import TieredCache
from tv5core.events.event import Event
from tv5core.events.redis_channel import RedisEvents
from tv5core.redis_access.opening import open_redis
from tv5core.server.client_limits.buckets import MemoryBuckets
from tv5core.server.client_limits.gcra import RedisBuckets
from tv5core.server.client_limits.quota import Quota
from tv5core.upstream.limiting.redis_limiter import RedisLimiter

DEADLINE_S = 60.0
KEYS = [str(number) for number in range(40)]  # in all partitions


@pytest.fixture(scope="module", params=["single", "sentinel", "cluster"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "single":
        server = RedisServer(folder)
        server.start()
        yield server.url
        server.kill()
        return
    servers = RedisCluster(folder) if request.param == "cluster" else RedisSentinels(folder)
    servers.start()
    yield servers.url
    servers.stop()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands take as long as they need on a busy machine."""
    monkeypatch.setattr("tv5core.cache.redis.tier.TIMEOUT_S", DEADLINE_S)
    monkeypatch.setattr("tv5core.cache.redis.connection._CALL_S", DEADLINE_S)
    monkeypatch.setattr("tv5core.server.client_limits.gcra._TIMEOUT_S", DEADLINE_S)


@asynccontextmanager
async def tiers(url: str, prefix: str, count: int = 2) -> AsyncIterator[list[RedisTier]]:
    made = [RedisTier(url, prefix=prefix, check_s=0.2) for _ in range(count)]
    for tier in made:
        assert await tier.connected(DEADLINE_S)
    try:
        yield made
    finally:
        for tier in made:
            await tier.close()


async def until(done: object, what: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not done():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def fill(tier: RedisTier, value: bytes = b"v", tags: tuple[str, ...] = ("all",)) -> None:
    for key in KEYS:
        given = entry(value, at=time.time(), tags=(*tags, f"of:{key}"))
        await tier.put("title", key, given, tier.token())


async def found(tier: RedisTier, kind: str = "title") -> set[str]:
    return {key for key in KEYS if await tier.get(kind, key) is not None}


@pytest.mark.parametrize("how", ["keys", "tag", "everything"])
async def test_what_one_invalidates_no_other_finds_and_all_are_told(url: str, how: str) -> None:
    async with tiers(url, f"told-{how}") as (one, two):
        await fill(one)
        assert await found(two) == set(KEYS)
        told = list[Invalidation]()
        two.on_invalidation(told.append)
        late = one.token()
        if how == "keys":
            assert await one.delete("title", KEYS) == len(KEYS)
        elif how == "tag":
            await one.delete_tag("all")
        else:
            await one.clear()
        assert not await found(two)
        covered = lambda key: any(i.matches("title", key, ("all",)) for i in told)  # noqa: E731
        await until(lambda: all(map(covered, KEYS)), "all to be told")
        assert how == "keys" or [i.scope for i in told] == [how.replace("everything", "all")]
        for key in KEYS:  # a load that began before puts nothing back
            await one.put("title", key, entry(b"late", at=time.time(), tags=("all",)), late)
        assert not await found(two)
        await fill(two, b"new")
        assert await found(one) == set(KEYS)


async def test_a_tag_touches_what_has_it(url: str) -> None:
    async with tiers(url, "tags") as (one, two):
        await fill(one)
        await two.delete_tag("of:7")
        assert await found(one) == set(KEYS) - {"7"}


async def test_only_one_loads_a_key(url: str) -> None:
    async with tiers(url, "leases") as (one, two):
        for key in KEYS[:4]:
            assert await one.acquire_lease("title", key, b"one", 30)
            assert not await two.acquire_lease("title", key, b"two", 30)
            await two.release_lease("title", key, b"two")
            assert not await two.acquire_lease("title", key, b"two", 30)
            await one.release_lease("title", key, b"one")
            assert await two.acquire_lease("title", key, b"two", 30)


async def test_the_servers_own_hit_ratio_stands_beside_ours(url: str) -> None:
    async with tiers(url, "ratio", 1) as (tier,):
        await fill(tier)
        await found(tier)
        tier.stats()
        await until(lambda: tier.stats()["server"], "the servers to say")
        stats = tier.stats()
        assert (stats["hits"], stats["misses"]) == (len(KEYS), 0)
        assert 0 < stats["server"]["hit_ratio"] <= 1
        assert stats["server"]["keyspace_hits"] >= len(KEYS)


async def test_two_caches_load_once_and_hear_of_changes(url: str) -> None:
    value, loads = "old", list[str]()

    async def load(key: str) -> str:
        loads.append(key)
        return value

    def cache_over(tier: RedisTier) -> TieredCache:
        policies = {"title": Policy(ttl_s=3_600)}
        return TieredCache(
            MemoryTier(1 << 20), [tier], policies=policies, tier_timeout_s=DEADLINE_S
        )

    async with tiers(url, "caches") as made, cache_over(made[0]) as one, cache_over(made[1]) as two:
        assert await one.get_or_load("title", "conformance", load) == "old"
        await until(lambda: one.stats()["tiers"]["redis"]["stored"], "it to be stored")
        assert await two.get_or_load("title", "conformance", load) == "old"
        assert len(loads) == 1
        value = "new"
        await one.invalidate("title", "conformance")
        async with asyncio.timeout(DEADLINE_S):
            while await two.get_or_load("title", "conformance", load) != "new":
                await asyncio.sleep(0.01)


async def test_limiters_keep_the_contract_together(url: str) -> None:
    made = [RedisLimiter(url, "conformance", processes=2) for _ in range(2)]
    times = list[float]()
    async with asyncio.timeout(DEADLINE_S):
        while len(times) < 20:
            await flood(made, 1.0, times)
    await close(made)
    assert busiest(times, 1.0) <= 50


async def test_gateways_share_the_buckets_of_clients(url: str) -> None:
    one, two = (RedisBuckets(url, MemoryBuckets()) for _ in range(2))
    quota = Quota("q", 0.001, 3)
    asked = [await each.take("conformance", quota) for each in (one, two, one, two, one)]
    assert [verdict.allowed for verdict in asked] == [True, True, True, False, False]
    for each in (one, two):
        await each.close()


async def test_events_are_heard_and_a_gap_is_told(url: str) -> None:
    source, heard = RedisEvents(url, "conformance:events"), list[Event]()
    client = open_redis(url, timeout_s=DEADLINE_S)

    async def apply(event: Event) -> None:
        heard.append(event)

    listening = asyncio.create_task(source.deliver(apply, resumed=True))
    await until(lambda: heard, "the gap to be told")
    assert heard == [Event((), "missed")]
    for data in ("junk", '{"ids": ["tmdb:movie:603"], "event": "title.changed"}'):
        await client.execute(client.publish, b"conformance:events", data)
    await until(lambda: len(heard) > 1, "the event")
    assert heard[1:] == [Event(("tmdb:movie:603",), "title.changed")]
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await client.close()
