"""A Redis whose history went back is empty: nothing that was invalidated comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import pytest

from tests.cache.caches import POLICIES, Loader
from tests.cache.redis_server import RedisServer
from tv5core.cache.entry import Invalidation
from tv5core.cache.tiered import TieredCache

pytest.importorskip("redis")

from redis.asyncio import Redis

from tests.cache.redis.test_tier import put, until, value
from tv5core.cache.redis.tier import RedisTier


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@asynccontextmanager
async def tiers(
    url: str, count: int = 1, *, check_s: float = 0.1
) -> AsyncIterator[tuple[RedisTier, ...]]:
    opened = tuple(RedisTier(url, check_s=check_s) for _ in range(count))
    for tier in opened:
        assert await tier.connected()
    try:
        yield opened
    finally:
        for tier in opened:
            await tier.close()


async def again(tier: RedisTier, key: str = "new") -> None:
    """Wait until the tier stores and returns values again."""
    for _ in range(500):
        await put(tier, key, b"new")
        if await value(tier, key) == b"new":
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"expected the tier to be in use, got {tier.stats()}")


async def others_invalidate(server: RedisServer) -> None:
    """Let its numbers exceed those it has lost, before a tier of the test reads them."""
    async with Redis.from_url(server.url) as admin:
        await admin.incr("tv5:seq", 5)


INVALIDATE: dict[str, Callable[[RedisTier], Awaitable[object]]] = {
    "key": lambda tier: tier.delete("title", ["a"]),
    "kind": lambda tier: tier.delete_kind("title"),
    "tag": lambda tier: tier.delete_tag("t"),
    "all": lambda tier: tier.clear(),
}


@pytest.mark.parametrize("how", INVALIDATE)
def test_back_from_a_snapshot_nothing_invalidated_comes_back(server: RedisServer, how: str) -> None:
    async def work() -> None:
        async with tiers(server.url, 2) as (one, two):
            received: list[Invalidation] = []
            two.on_invalidation(received.append)
            await put(one, "a", b"old", tags=("t",))
            await one._partitions[0].connection.client._commands.save()
            await INVALIDATE[how](one)
            assert await value(two, "a") is None
            server.kill()
            server.start()
            await others_invalidate(server)
            for _ in range(60):
                for tier in (one, two):
                    assert await value(tier, "a") is None
                await asyncio.sleep(0.01)
            async with tiers(server.url) as (third,):  # a process that knows nothing
                assert await value(third, "a") is None
            assert received[-1].scope == "all"
            for tier in (one, two):
                await again(tier)

    asyncio.run(work())


def test_it_is_noticed_before_the_first_read_not_at_the_next_check(server: RedisServer) -> None:
    async def work() -> None:
        async with tiers(server.url, check_s=600) as (one,):
            await put(one, "a", b"old")
            await one._partitions[0].connection.client._commands.save()
            await one.delete("title", ["a"])
            server.kill()
            server.start()
            one._partitions[0].connection._cooldown._until = 0.0
            for _ in range(50):
                assert await value(one, "a") is None
                one._partitions[0].connection._cooldown._until = 0.0

    asyncio.run(work())


def test_no_process_needs_to_remember(server: RedisServer) -> None:
    """All of them are gone when Redis comes back, and it has more numbers than it lost."""

    async def before() -> None:
        async with tiers(server.url) as (one,):
            await put(one, "a", b"old")
            await one._partitions[0].connection.client._commands.save()
            await one.delete("title", ["a"])

    async def after() -> None:
        async with tiers(server.url, 2) as (one, two):
            for n in range(5):
                await two.delete("title", [str(n)])
            assert await value(one, "a") is None
            await again(one)

    asyncio.run(before())
    server.kill()
    server.start()
    asyncio.run(after())


class Proxy:
    """One address, behind which another server may be put: as a failover does."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, ""
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        for writer in self._open:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection("127.0.0.1", self.port)
        self._open |= {writer, to}
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(_copy(reader, to), _copy(there, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


def test_a_replica_that_is_behind_takes_over(server: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "replica").mkdir()
    replica = RedisServer(tmp_path / "replica")
    replica.start()

    async def work() -> None:
        direct = Redis.from_url(replica.url)
        await direct.execute_command("REPLICAOF", "127.0.0.1", str(server.port))
        async with Proxy(server.port) as proxy, tiers(proxy.url, 2) as (one, two):
            await put(one, "a", b"old")
            for _ in range(500):
                if await direct.dbsize() and await direct.exists(
                    one._partitions[0].keys.entry("title", "a")
                ):
                    break
                await asyncio.sleep(0.02)
            else:
                raise AssertionError("expected the replica to follow")
            await direct.execute_command("REPLICAOF", "NO", "ONE")
            await one.delete("title", ["a"])
            await others_invalidate(replica)
            proxy.port = replica.port
            proxy.cut()
            for _ in range(100):
                assert await value(one, "a") is None
                assert await value(two, "a") is None
                await asyncio.sleep(0.01)
            await again(one)
            await again(two)
        await direct.aclose()

    try:
        asyncio.run(work())
    finally:
        replica.kill()


def test_data_replaced_under_an_open_connection_is_noticed_at_the_next_check(
    server: RedisServer, tmp_path: Path
) -> None:
    """The server is made a replica of one with older data, and then the master again."""
    (tmp_path / "other").mkdir()
    other = RedisServer(tmp_path / "other")

    async def work() -> None:
        async with tiers(server.url) as (one,):
            admin = Redis.from_url(server.url, decode_responses=True)
            await put(one, "a", b"old")
            await admin.save()
            (tmp_path / "other" / "dump.rdb").write_bytes((tmp_path / "dump.rdb").read_bytes())
            other.start()
            await one.delete("title", ["a"])
            await admin.execute_command("REPLICAOF", "127.0.0.1", str(other.port))
            for _ in range(500):
                if (await admin.info("replication"))["master_link_status"] == "up":
                    break
                await asyncio.sleep(0.02)
            await admin.execute_command("REPLICAOF", "NO", "ONE")
            await others_invalidate(server)
            await asyncio.sleep(0.3)  # three checks
            assert await admin.exists(one._partitions[0].keys.entry("title", "a"))
            for _ in range(100):
                assert await value(one, "a") is None
                await asyncio.sleep(0.01)
            await again(one)
            await admin.aclose()

    try:
        asyncio.run(work())
    finally:
        other.kill()


def test_flushed_it_continues_empty(server: RedisServer) -> None:
    async def work() -> None:
        async with tiers(server.url, 2) as (one, two):
            received: list[Invalidation] = []
            two.on_invalidation(received.append)
            await put(one, "a", b"old")
            await one.delete("title", ["b"])
            await one._partitions[0].connection.client._commands.flushall()
            await one.delete("title", ["c"])  # it gets number 1 again
            await until(lambda: any(what.scope == "all" for what in received))
            for tier in (one, two):
                assert await value(tier, "a") is None
                await again(tier)

    asyncio.run(work())


@pytest.mark.parametrize("lost", ["seq", "floor", "both", "epoch"])
def test_what_redis_evicts_costs_values_not_truth(server: RedisServer, lost: str) -> None:
    """Under memory pressure Redis may drop any key of ours."""

    async def work() -> None:
        async with tiers(server.url, 2) as (one, two):
            for n in range(20):
                await one.delete("search", [str(n)])
            await put(one, "a", b"old", tags=("t",))
            await one.delete_kind("title")
            keys, commands = one._partitions[0].keys, one._partitions[0].connection.client._commands
            names = {"seq": [keys.seq], "floor": [keys.kind_floor("title")], "epoch": [keys.epoch]}
            names["both"] = [*names["seq"], *names["floor"]]
            await commands.delete(*names[lost])
            await put(two, "others")  # it makes what is missing
            for _ in range(30):
                for tier in (one, two):
                    assert await value(tier, "a") is None
                await asyncio.sleep(0.01)
            await again(one, "b")
            await until(lambda: one.token() == two.token())
            await two.delete_kind("title")
            for tier in (one, two):
                assert await value(tier, "b") is None
            async with tiers(server.url) as (third,):
                await again(third, "c")

    asyncio.run(work())


def test_numbers_that_were_lost_are_not_reached_again(server: RedisServer) -> None:
    """An entry of a high number, invalidated by a low one, is invalid once seq has passed both."""

    async def work() -> None:
        async with tiers(server.url, check_s=600) as (one,):
            for n in range(20):
                await one.delete("search", [str(n)])
            await put(one, "a", b"old")
            await one._partitions[0].connection.client._commands.delete(
                one._partitions[0].keys.seq, one._partitions[0].keys.epoch
            )
            one._partitions[0].channel.seq = 0  # a process that has seen little
            for _ in range(30):
                await one.delete_kind("title")
            async with tiers(server.url) as (other,):
                assert await value(other, "a") is None

    asyncio.run(work())


def test_a_floor_evicted_after_an_invalidation_of_others(server: RedisServer) -> None:
    """An entry whose floor is gone is not valid: what raised the floor is not known."""

    async def work() -> None:
        async with tiers(server.url) as (one,):
            await put(one, "a", b"old", tags=("t",))
            await one._partitions[0].connection.client._commands.delete(
                one._partitions[0].keys.tag_floor("t")
            )
            assert await value(one, "a") is None
            await put(one, "a", b"new", tags=("t",))
            assert await value(one, "a") == b"new"

    asyncio.run(work())


def test_a_server_that_does_not_say_who_it_is_is_used(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "--rename-command", "INFO", "")
    server.start()

    async def work() -> None:
        async with tiers(server.url, 2) as (one, two):
            await put(one, "a", b"v")
            assert await value(two, "a") == b"v"
            await one._partitions[0].connection.client._commands.save()
            await one.delete("title", ["a"])
            server.kill()
            server.start()
            await until(lambda: two.stats()["connected"] and one.stats()["connected"])
            await asyncio.sleep(0.5)  # then a lower number than it had gives it away
            assert await value(one, "a") is None
            assert await value(two, "a") is None

    try:
        asyncio.run(work())
    finally:
        server.kill()


def test_a_command_that_redis_refuses_fails_alone(server: RedisServer) -> None:
    async def work() -> None:
        async with tiers(server.url, check_s=600) as (one,):
            await one._partitions[0].connection.client._commands.set(
                one._partitions[0].keys.entry("title", "odd"), "no hash"
            )
            await put(one, "good")
            for _ in range(20):
                assert await value(one, "odd") is None
                assert await value(one, "good") == b"v"
            stats = one.stats()
            assert (stats["refused"], stats["failed"], stats["reason"]) == (20, 0, "")

    asyncio.run(work())


def test_what_is_no_position_puts_it_out_of_use_with_a_reason(server: RedisServer) -> None:
    async def work() -> None:
        async with tiers(server.url) as (one,):
            await one._partitions[0].connection.client._commands.set(
                one._partitions[0].keys.seq, "junk"
            )
            await until(lambda: bool(one.stats()["reason"]))
            assert not one.stats()["connected"]
            await one._partitions[0].connection.client._commands.delete(one._partitions[0].keys.seq)
            await until(lambda: not one.stats()["reason"])
            await again(one)

    asyncio.run(work())


def test_caches_over_a_redis_that_went_back(server: RedisServer, tmp_path: Path) -> None:
    """Two machines, one with a disk: what memory, disk and Redis have is the truth."""
    truth = {"k": "price 1"}

    async def loader(key: str) -> str:
        return truth[key]

    async def work() -> None:
        url = server.url
        one = TieredCache.open(None, redis_url=url, policies=POLICIES)
        two = TieredCache.open(tmp_path / "disk", redis_url=url, policies=POLICIES)
        async with one, two:
            for cache in (one, two):
                tier = cache._tiers[-1].tier
                assert isinstance(tier, RedisTier)
                assert await tier.connected()
                assert await cache.get_or_load("thing", "k", loader) == "price 1"
                await cache._stack.drain()
            admin = tier._partitions[0].connection.client._commands
            await admin.save()
            truth["k"] = "price 2"
            await one.invalidate("thing", "k")
            await asyncio.sleep(0.2)
            for cache in (one, two):
                assert await cache.get_or_load("thing", "k", loader) == "price 2"
            server.kill()
            server.start()
            for _ in range(60):
                for cache in (one, two):
                    assert await cache.get_or_load("thing", "k", loader) == "price 2"
                    cache._memory.clear()
                await asyncio.sleep(0.05)

    asyncio.run(work())


def test_the_loader_is_still_shared_after_it(server: RedisServer) -> None:
    async def work() -> None:
        url = server.url
        one = TieredCache.open(None, redis_url=url, policies=POLICIES)
        async with one:
            tier = one._tiers[-1].tier
            assert isinstance(tier, RedisTier)
            assert await tier.connected()
            server.kill()
            server.start()
            await again(tier)
            loader = Loader("a")
            assert await one.get_or_load("thing", "x", loader) == "a"
            await one._stack.drain()
            one._memory.clear()
            assert await one.get_or_load("thing", "x", loader) == "a"
            assert loader.calls == 1

    asyncio.run(work())
