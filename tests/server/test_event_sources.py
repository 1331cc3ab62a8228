"""What a gateway hears of, by a hook and over Redis, it caches no longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cache.redis_server import RedisServer
from tests.server.conftest import make_settings, running
from tv5core.errors import RedisAccessError
from tv5core.server.event_sources import _Turn
from tv5core.server.resources import Resources, open_resources
from tv5core.server.settings import Settings

pytest.importorskip("redis")

from redis.asyncio import Redis

MATRIX = "tmdb:movie:603"
CHANGED = '{"ids": ["tmdb:movie:603"], "event": "title.changed"}'


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


async def ask(resources: Resources, loads: list[str]) -> None:
    """Ask for the details of a title that has none; that is cached, too."""

    async def load(key: str) -> None:
        loads.append(key)

    await resources.cached.cache.get_or_load("details", MATRIX, load)


async def test_an_event_over_redis_invalidates(folder: Path, redis: RedisServer) -> None:
    given = {"redis_url": redis.url, "events_redis_channel": "tv5:films"}
    loads, ends = list[str](), time.monotonic() + 60
    async with (
        running(folder, providers=False, **given) as gateway,
        Redis.from_url(redis.url) as client,
    ):
        await ask(gateway.resources, loads)
        await ask(gateway.resources, loads)
        assert len(loads) == 1
        while not await client.publish("tv5:films", CHANGED):
            assert time.monotonic() < ends, "expected the gateway to listen"
            await asyncio.sleep(0.05)
        while len(loads) == 1:
            assert time.monotonic() < ends, "expected it to be invalidated"
            await asyncio.sleep(0.05)
            await ask(gateway.resources, loads)


async def test_a_redis_that_cannot_be_used_ends_the_start_one_that_is_away_does_not(
    sealed: Path, redis: RedisServer
) -> None:
    def settings(url: str) -> Settings:
        return make_settings(catalog=str(sealed), read_only=True, providers=False, redis_url=url)

    async with open_resources(settings("redis://127.0.0.1:1")):
        pass
    with pytest.raises(RedisAccessError, match="password"):
        async with open_resources(settings(f"redis://:wrong@127.0.0.1:{redis.port}")):
            pass


def test_one_process_of_a_gateway_listens(tmp_path: Path) -> None:
    one, two = _Turn(tmp_path), _Turn(tmp_path)
    assert one.is_ours()
    assert one.is_ours()
    assert not two.is_ours()
    assert _Turn(None).is_ours()
    one.close()
    assert two.is_ours()
    two.close()
