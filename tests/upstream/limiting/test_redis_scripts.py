"""What the limiter does on a server that does not know of the last tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("redis")

from redis import Redis

from tests.cache.redis_server import RedisServer
from tv5core.upstream.limiting.redis_scripts import LEASE, PAUSE

KEYS = ("{k}:limit", "{k}:members", "{k}:places")
SETTLE_US = 1_705_000


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Redis]]:
    started = [RedisServer(tmp_path_factory.mktemp("redis")) for _ in range(2)]
    for server in started:
        server.start()
    clients = [Redis(port=server.port) for server in started]
    yield clients
    for client, server in zip(clients, started, strict=True):
        client.close()
        server.kill()


@pytest.fixture(autouse=True)
def empty(servers: list[Redis]) -> None:
    for client in servers:
        client.flushall()


def lease(client: Redis, count: int = 4, *, fails_over: bool = False) -> tuple[int, int]:
    """Request tokens as one of one process; return how many came, and the wait in microseconds."""
    spans = (100_000, 100_000, 750_000, 100_000, SETTLE_US)
    counted = (3_105_000, 1_005_000, 50_000)
    args = ["me", 1, 45, count, 0, *spans, 50, *counted, 1, 1, int(fails_over), 0, 0]
    wait, _, _, _, offsets = client.eval(LEASE.text, 3, *KEYS, *args)
    return len(offsets), wait


def settle(client: Redis) -> None:
    """Have the first second waited out."""
    now, micro = client.time()
    client.hset(KEYS[0], "tat", now * 1_000_000 + micro)


def test_a_replica_that_takes_over_waits_out_what_it_may_not_know(servers: list[Redis]) -> None:
    """It has an older copy of the state, as replication leaves it."""
    master, replica = servers
    assert lease(master)[0] == 0
    settle(master)
    copies = [(key, master.dump(key)) for key in KEYS if master.exists(key)]
    assert lease(master)[0] == 4, "the replica never hears of these"
    for key, copy in copies:
        replica.restore(key, 180_000, copy)
    granted, wait = lease(replica)
    assert granted == 0
    assert SETTLE_US * 0.9 < wait <= SETTLE_US
    assert replica.zcard(KEYS[1]) == 1, "who was in the pool is unknown"
    assert lease(master)[0] > 0, "which did not change"


def test_places_that_are_known_are_kept_and_those_of_another_clock_are_not(
    servers: list[Redis],
) -> None:
    replica = servers[1]
    now = replica.time()[0] * 1_000_000
    replica.hset(KEYS[0], mapping={"life": "another", "tat": now, "factor": "0.5"})
    replica.zadd(KEYS[2], {"soon": now + 2_000_000, "far": now + 60_000_000})
    lease(replica)
    assert replica.zrange(KEYS[2], 0, -1) == [b"soon"]
    assert replica.hget(KEYS[0], "factor") == b"0.5", "the provider said so"


def test_one_that_stood_still_waits_where_another_may_have_taken_over(
    servers: list[Redis],
) -> None:
    master = servers[0]
    lease(master)
    settle(master)
    assert lease(master, fails_over=True)[0] == 4
    seen = float(master.hget(KEYS[0], "seen") or 0)
    master.hset(KEYS[0], "seen", f"{seen - 800_000:.0f}")
    settle(master)
    assert lease(master, fails_over=False)[0] > 0, "a single one is who it was"
    master.hset(KEYS[0], "seen", f"{seen - 800_000:.0f}")
    settle(master)
    assert lease(master, fails_over=True)[0] == 0


def test_a_pause_on_a_server_that_takes_over_holds(servers: list[Redis]) -> None:
    replica = servers[1]
    replica.hset(KEYS[0], mapping={"life": "another", "tat": 1})
    replica.eval(PAUSE.text, 3, *KEYS, 5_000_000)
    granted, wait = lease(replica)
    assert granted == 0
    assert wait > 4_000_000
