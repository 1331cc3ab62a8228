"""The Redis tier, over a Redis that the tests start, kill and hang."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.cache.made import entry
from tests.cache.redis_server import RedisServer
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.entry import Invalidation

pytest.importorskip("redis")

from tv5core.cache.redis.tier import RedisTier


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


async def until(done: Callable[[], bool], timeout_s: float = 15.0) -> None:
    ends = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < ends, "expected it to happen"
        await asyncio.sleep(0.01)


async def put(
    tier: RedisTier, key: str, value: bytes = b"v", kind: str = "title", **how: object
) -> None:
    made = entry(value, at=time.time(), **how)  # type: ignore[arg-type]
    await tier.put(kind, key, made, tier.token())


async def value(tier: RedisTier, key: str, kind: str = "title") -> bytes | None:
    found = await tier.get(kind, key)
    return None if found is None else found.value


def with_tiers(
    server: RedisServer, work: Callable[..., Awaitable[None]], count: int = 1, **options: float
) -> None:
    """Run a coroutine function with connected tiers."""

    async def run() -> None:
        tiers = [RedisTier(server.url, check_s=0.1, **options) for _ in range(count)]
        for tier in tiers:
            assert await tier.connected()
        try:
            await work(*tiers)
        finally:
            for tier in tiers:
                await tier.close()

    asyncio.run(run())


def test_what_is_put_is_got_by_all(server: RedisServer) -> None:
    async def work(one: RedisTier, two: RedisTier) -> None:
        given = entry(b"\0value\xff" * 500, at=time.time(), tags=("provider:netflix", "with space"))
        await one.put("title", "tmdb:movie:603", given, one.token())
        assert await two.get("title", "tmdb:movie:603") == given
        assert await two.get("search", "tmdb:movie:603") is None
        await put(one, "a b:c", b"1", kind="a")
        assert await value(one, "c", kind="a:a b") is None

    with_tiers(server, work, 2)


def test_entries_expire(server: RedisServer) -> None:
    async def work(tier: RedisTier) -> None:
        await put(tier, "a", fresh_s=0.1, stale_s=0.2)
        assert await value(tier, "a") == b"v"
        await asyncio.sleep(0.35)
        assert await value(tier, "a") is None
        assert not await tier._partitions[0].connection.client._commands.exists(
            tier._partitions[0].keys.entry("title", "a")
        )
        await put(tier, "b", fresh_s=-5.0, stale_s=1.0)
        assert tier.stats()["dropped"] == {"expired": 1}

    with_tiers(server, work)


def test_an_unknown_version_is_a_miss(server: RedisServer) -> None:
    async def work(tier: RedisTier) -> None:
        await put(tier, "a")
        name = tier._partitions[0].keys.entry("title", "a")
        for stored in (b"\2whatever", b"", b"\1not msgpack"):
            await tier._partitions[0].connection.client._commands.hset(name, "v", stored)  # type: ignore[misc]
            assert await value(tier, "a") is None

    with_tiers(server, work)


@pytest.mark.parametrize("how", ["key", "kind", "tag", "all"])
def test_invalidation_reaches_everyone_and_late_loads_put_nothing_back(
    server: RedisServer, how: str
) -> None:
    async def work(one: RedisTier, two: RedisTier) -> None:
        received: list[Invalidation] = []
        own: list[Invalidation] = []
        two.on_invalidation(received.append)
        one.on_invalidation(own.append)
        await put(one, "a", tags=("t",))
        await put(one, "other", kind="search", tags=("u",))
        token = two.token()
        calls = {
            "key": lambda: one.delete("title", ["a"]),
            "kind": lambda: one.delete_kind("title"),
            "tag": lambda: one.delete_tag("t"),
            "all": one.clear,
        }
        await calls[how]()
        assert await value(two, "a") is None
        assert (await value(two, "other", "search") is None) == (how == "all")
        await until(lambda: bool(received))
        assert [t.scope for t in received] == [how]
        await two.put("title", "a", entry(b"old", at=time.time(), tags=("t",)), token)
        assert await value(two, "a") is None
        assert two.stats()["dropped"] == {"invalidated": 1}
        await put(two, "a", b"new", tags=("t",))
        assert await value(one, "a") == b"new"
        assert not own

    with_tiers(server, work, 2)


def test_many_keys_at_once(server: RedisServer) -> None:
    async def work(tier: RedisTier) -> None:
        keys = [str(number) for number in range(1_300)]
        for key in keys:
            await put(tier, key)
        assert await tier.delete("title", keys) == 1_300
        assert await value(tier, "700") is None

    with_tiers(server, work)


def test_it_does_without_and_comes_back(server: RedisServer) -> None:
    async def work(tier: RedisTier) -> None:
        received: list[Invalidation] = []
        tier.on_invalidation(received.append)
        await put(tier, "a")
        server.kill()
        for _ in range(20):
            assert await value(tier, "a") is None
            await put(tier, "b")
            await tier.delete("title", ["c"])
            assert await tier.acquire_lease("title", "a", b"me", 1.0)
            await tier.release_lease("title", "a", b"me")
        assert not tier.stats()["connected"]
        assert tier.stats()["pending_invalidations"]
        server.start()  # empty, and with another life's numbers
        await until(lambda: tier.stats()["connected"])
        assert [t.scope for t in received][-1] == "all"
        await put(tier, "d", b"again")
        assert await value(tier, "d") == b"again"
        assert not tier.stats()["pending_invalidations"]

    with_tiers(server, work)


def test_what_could_not_be_invalidated_is_before_it_is_read_again(server: RedisServer) -> None:
    async def work(one: RedisTier, two: RedisTier) -> None:
        await put(one, "a", b"old")
        server.stop()  # it hangs, and keeps its data
        started = time.monotonic()
        await one.delete("title", ["a"])
        assert time.monotonic() - started < 20.0
        assert await value(one, "a") is None
        server.go_on()
        await until(lambda: one.stats()["connected"] and not one.stats()["pending_invalidations"])
        assert await value(one, "a") is None
        await until(lambda: two.stats()["connected"])
        assert await value(two, "a") is None

    with_tiers(server, work, 2)


def test_a_lost_message_costs_memory_not_truth(server: RedisServer) -> None:
    async def work(one: RedisTier, two: RedisTier) -> None:
        received: list[Invalidation] = []
        two.on_invalidation(received.append)
        await one._partitions[0].connection.client._commands.incr(
            one._partitions[0].keys.seq
        )  # without a message
        await until(lambda: bool(received))
        assert received[0].scope == "all"
        await one.delete_kind("title")
        await until(lambda: len(received) > 1)
        assert received[-1].scope in ("kind", "all")

    with_tiers(server, work, 2)


def test_an_empty_invalidation_notifies_nobody(server: RedisServer) -> None:
    async def work(one: RedisTier, two: RedisTier) -> None:
        received: list[Invalidation] = []
        two.on_invalidation(received.append)
        for number in range(60):
            await one.delete("title", [str(number)])
            await two.delete("search", [str(number)])
            await asyncio.sleep(0.01)
        await until(lambda: len(received) >= 60)
        await asyncio.sleep(0.5)
        assert [t.scope for t in received] == ["key"] * 60  # never "all"

    with_tiers(server, work, 2)


def test_only_one_has_a_lease_and_a_dead_holders_ends(server: RedisServer) -> None:
    async def work(one: RedisTier, two: RedisTier) -> None:
        assert await one.acquire_lease("title", "a", b"one", 0.3)
        assert not await two.acquire_lease("title", "a", b"two", 0.3)
        await two.release_lease("title", "a", b"two")  # not its own
        assert not await two.acquire_lease("title", "a", b"two", 0.3)
        await one.release_lease("title", "a", b"one")
        assert await two.acquire_lease("title", "a", b"two", 0.1)
        await asyncio.sleep(0.15)  # it is killed, and releases nothing
        assert await one.acquire_lease("title", "a", b"one", 0.3)

    with_tiers(server, work, 2)


def test_a_redis_that_is_not_there_raises_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        tier = RedisTier("redis://127.0.0.1:1/0")
        assert await value(tier, "a") is None
        assert tier.token() is None
        await put(tier, "a")
        await tier.clear()
        assert not await tier.connected(0.2)
        await tier.close()
        await tier.close()

    asyncio.run(work())


def test_a_disk_that_missed_an_invalidation_is_emptied(server: RedisServer, tmp_path: Path) -> None:
    async def run(expected: bytes | None, *, invalidate: bool) -> None:
        disk = DiskTier(tmp_path / "disk", 4 << 20)
        tier, received = RedisTier(server.url, check_s=0.05, disk=disk), list[Invalidation]()
        tier.on_invalidation(received.append)
        assert await tier.connected()
        if received:  # as the cache does
            await disk.clear()
        found = await disk.get("title", "a")
        assert (None if found is None else found.value) == expected
        await disk.put("title", "a", entry(b"v", at=time.time()))
        await asyncio.sleep(0.2)
        await tier.close()
        await disk.close()
        if invalidate:
            other = RedisTier(server.url)
            assert await other.connected()
            await other.delete("title", ["a"])
            await other.close()

    asyncio.run(run(None, invalidate=False))
    asyncio.run(run(b"v", invalidate=True))  # nothing was missed
    asyncio.run(run(None, invalidate=False))
    asyncio.run(run(b"v", invalidate=False))
