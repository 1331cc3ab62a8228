"""Refreshing values before they expire."""

from __future__ import annotations

import asyncio
import math

import pytest

from tests.cache.caches import Loader, make, using
from tests.cache.fake_tier import FakeTier, Storage
from tests.cache.made import Clock
from tests.cache.timeless import run
from tv5core.cache.loading.early_refresh import is_due
from tv5core.cache.tiered import TieredCache


@pytest.mark.parametrize("load_s", [1.0, 0.001])
def test_a_hot_key_never_expires(clock: Clock, load_s: float) -> None:
    """A value in constant use is reloaded before it expires, and no caller waits."""

    async def work(cache: TieredCache) -> None:
        loader = Loader(slow_s=load_s)
        await cache.get_or_load("early", "k", loader)
        waited = 0
        for _ in range(5_000):
            began = clock.now
            await cache.get_or_load("early", "k", loader)
            waited += clock.now > began
            await asyncio.sleep(0.1)
        assert waited == 0
        assert 5 <= loader.calls <= 8  # 500 s at a lifetime of 100, cut short by seconds
        assert cache.stats()["kinds"]["early"]["memory"]["early_refresh"] >= 4

    using(clock, work, FakeTier(clock))


def test_processes_refresh_once_between_them(clock: Clock) -> None:
    storage = Storage()

    async def whole() -> None:
        caches = [make(clock, FakeTier(clock, storage)) for _ in range(4)]
        loader = Loader(slow_s=0.5)
        for _ in range(1_200):
            await asyncio.gather(*(cache.get_or_load("early", "k", loader) for cache in caches))
            await asyncio.sleep(0.1)
        # One at the start, and one before the end of the first lifetime, in whichever process.
        assert 2 <= loader.calls <= 5
        for cache in caches:
            await cache.close()

    run(clock, whole())


def test_early_as_often_as_the_formula_says() -> None:
    for left_s, load_s, ttl_s, early in [
        (1, 1, 10, 1),
        (3, 1, 10, 1),
        (2, 1, 10, 2),
        (1, 0.001, 300, 1),
    ]:
        scale_s = early * max(load_s, min(ttl_s / 100, 60))
        want = math.exp(-left_s / scale_s)
        got = sum(is_due(left_s, ttl_s, load_s, early) for _ in range(20_000)) / 20_000
        assert got == pytest.approx(want, abs=5 * math.sqrt(want * (1 - want) / 20_000))
    assert not any(is_due(1e-9, 100, 5, 0) for _ in range(100))
    assert not is_due(math.inf, 100, 1, 1)
