"""One load, however many callers wait for it."""

from __future__ import annotations

import asyncio
import gc

from tests.cache.caches import Loader, using
from tests.cache.made import Clock
from tv5core.cache.tiered import TieredCache
from tv5core.errors import (
    UnavailableError,
)


def test_a_thousand_cold_callers_make_one_load(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a", slow_s=1.0)
        tasks = [asyncio.create_task(cache.get_or_load("thing", "k", loader)) for _ in range(1_000)]
        await asyncio.sleep(0.5)
        tasks[0].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(done[0], asyncio.CancelledError)
        assert done[1:] == ["a"] * 999
        assert loader.calls == 1

    using(clock, work)


def test_all_callers_gone_the_load_still_fills_the_cache(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a", slow_s=1.0)
        task = asyncio.create_task(cache.get_or_load("thing", "k", loader))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.sleep(1.0)
        assert await cache.get("thing", "k") == "a"

    using(clock, work)


def test_a_failing_load_fails_its_flight_once(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a", slow_s=0.1)
        loader.error = OSError("down")
        calls = [cache.get_or_load("thing", "k", loader) for _ in range(50)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(error, UnavailableError) for error in done)
        assert loader.calls == 1
        loader.error = None
        assert await cache.get_or_load("thing", "k", loader) == "a"

    using(clock, work)


def test_a_failure_nobody_waits_for_is_not_warned_of(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a")
        await cache.get_or_load("eager", "k", loader)
        clock.now += 110
        loader.error = OSError("down")
        assert (await cache.answer("eager", "k", loader)).state == "stale"
        await asyncio.sleep(1)
        gc.collect()

    using(clock, work)
