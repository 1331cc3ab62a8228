"""Providers' limits over several gateways: with one Redis, and while it is away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cache.redis_server import RedisServer
from tests.server.conftest import make_settings
from tests.upstream.clients import KEY
from tests.upstream.standin.serve import add_tmdb
from tests.upstream.standin.server import Standin
from tests.upstream.standin.tmdb import TmdbContent
from tv5core.errors import RateLimitedError, Tv5Error
from tv5core.server.resources import Resources, open_resources
from tv5core.upstream.limiting.provider_limiter import ProviderLimiter
from tv5core.upstream.limiting.redis_limiter import RedisLimiter


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Standin]:
    """TMDB as it counts: 50 in any second."""
    server = Standin(bearer=KEY, contract=50)
    add_tmdb(server, TmdbContent(500))
    async with server:
        monkeypatch.setenv("TV5_TMDB_URL", f"{server.url}/3")
        monkeypatch.setenv("TMDB_BEARER_TOKEN", KEY)
        yield server


@pytest.fixture
def redis(tmp_path: Path) -> RedisServer:
    server = RedisServer(tmp_path)
    server.start()
    return server


@contextlib.asynccontextmanager
async def gateways(sealed: Path, **given: object) -> AsyncIterator[list[Resources]]:
    """What two gateways hold open, as on two machines."""
    settings = make_settings(catalog=str(sealed), read_only=True, **given)
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_resources(settings)) for _ in range(2)]


async def ask(resources: Resources, number: int) -> None:
    assert resources.tmdb is not None
    with contextlib.suppress(Tv5Error):
        await resources.tmdb.movie(number)


async def flood(both: list[Resources], seconds: float) -> None:
    """Have users of both ask for more than there is, each for a title of its own."""
    end, number, tasks = time.monotonic() + seconds, 0, set[asyncio.Task[None]]()
    while time.monotonic() < end:
        for each in both:
            if len(tasks) < 40:
                number += 1
                task = asyncio.create_task(ask(each, 100_000 + number))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        await asyncio.sleep(0.005)
    await asyncio.gather(*tasks)


async def test_gateways_with_one_redis_keep_the_contract_together(
    sealed: Path, provider: Standin, redis: RedisServer
) -> None:
    try:
        async with gateways(sealed, redis_url=redis.url) as both:
            await flood(both, 4.5)
            assert provider.busiest_second() <= 50
            assert provider.statuses[429] == 0
            assert len(provider.arrivals) > 30, "and use it"
            redis.kill()
            assert both[0].tmdb is not None
            limiter = both[0].tmdb.fetcher.limiter
            assert isinstance(limiter, RedisLimiter)
            async with asyncio.timeout(60):
                while not limiter.is_alone:
                    await asyncio.sleep(0.05)
            seen, started = len(provider.arrivals), time.monotonic()
            with pytest.raises(RateLimitedError):
                await both[0].tmdb.movie(1)
            assert len(provider.arrivals) == seen, "nobody knows how many there are"
            assert time.monotonic() - started < 20
    finally:
        redis.kill()


async def test_gateways_that_know_their_number_have_shares_while_redis_is_away(
    sealed: Path, provider: Standin
) -> None:
    async with gateways(sealed, redis_url="redis://127.0.0.1:1/0", gateways=2) as both:
        async with asyncio.timeout(60):
            while len(provider.arrivals) < 30:
                await flood(both, 1.0)
        assert provider.busiest_second() <= 50
        assert provider.statuses[429] == 0


async def test_one_gateway_keeps_the_limit_of_its_machine(
    sealed: Path, provider: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TV5_RUNTIME_DIR", str(tmp_path))
    async with gateways(sealed, redis_url="redis://127.0.0.1:1/0", gateways=1) as both:
        await asyncio.gather(*(ask(each, 100_001) for each in both))
        for each in both:
            assert each.tmdb is not None
            assert isinstance(each.tmdb.fetcher.limiter, ProviderLimiter)
        assert len(provider.arrivals) == 2
