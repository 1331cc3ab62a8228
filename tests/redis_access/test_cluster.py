"""A cluster whose slots move under load: nothing is lost, nothing runs twice."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("redis")

from tests.cache.redis_cluster import RedisCluster
from tv5core.redis_access.client import Script
from tv5core.redis_access.opening import open_redis
from tv5core.redis_access.refusals import ERRORS
from tv5core.redis_access.slots import key_slot

COUNT = Script("return redis.call('INCR', KEYS[1])")


async def test_a_slot_moves_while_its_keys_are_counted(cluster: RedisCluster) -> None:
    """Keys on their way answer ASK, those that arrived MOVED; four tasks count each key."""
    client = open_redis(cluster.url, timeout_s=60)
    keys = [f"{{moving}}:{number}".encode() for number in range(60)]
    slot, counted, moving = key_slot(keys[0]), dict.fromkeys(keys, 0), True

    async def count() -> None:
        while moving:
            for key in keys:
                await client.run(COUNT, [key], [])
                counted[key] += 1

    await asyncio.gather(*(client.run(COUNT, [key], []) for key in keys))
    tasks = [asyncio.create_task(count()) for _ in range(4)]
    for _ in range(2):
        source = cluster.master_of(slot)
        target = next(port for port in cluster.ports if port != source)
        await asyncio.to_thread(cluster.migrate, slot, target, 0.01)
        assert cluster.master_of(slot) == target
    moving = False
    await asyncio.gather(*tasks)
    for key, times in counted.items():
        assert int(await client.execute("GET", key)) == times + 1
    await client.close()


async def test_keys_of_several_slots_are_refused_by_the_servers(cluster: RedisCluster) -> None:
    client = open_redis(cluster.url, timeout_s=60)
    with pytest.raises(ERRORS, match="slot"):
        await client.run(Script("return redis.call('MGET', KEYS[1], KEYS[2])"), [b"a", b"b"], [])
    await client.close()


async def test_what_is_published_in_a_slot_is_heard_also_after_it_moved(
    cluster: RedisCluster,
) -> None:
    client = open_redis(cluster.url, timeout_s=60)
    channel = b"{heard}:channel"
    slot = key_slot(channel)

    async def listen_on() -> None:
        async with client.listen(channel) as messages:
            await client.execute("SPUBLISH", channel, "one")
            assert await messages.get(60) == b"one"
            target = next(port for port in cluster.ports if port != cluster.master_of(slot))
            await asyncio.to_thread(cluster.migrate, slot, target)
            await messages.get(60)

    with pytest.raises(ERRORS, match="another node"):
        await listen_on()
    async with client.listen(channel) as messages:
        await client.execute("SPUBLISH", channel, "two")
        assert await messages.get(60) == b"two"
    await client.close()
