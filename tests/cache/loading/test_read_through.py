"""Reading lower tiers, leases, and tiers that fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cache.caches import Loader, make, using
from tests.cache.fake_tier import FakeTier, Storage
from tests.cache.made import Clock
from tests.cache.timeless import run
from tv5core.cache.entry import Entry
from tv5core.cache.tiered import TieredCache


def test_a_value_comes_from_below_and_moves_up(clock: Clock) -> None:
    near, far = FakeTier(clock), FakeTier(clock)
    near.name, far.name = "near", "far"

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "v", tags=("t",))
        await cache._stack.drain()
        cache._memory.clear()
        near.storage.entries.clear()
        answer = await cache.answer("thing", "k", Loader())
        assert (answer.value, answer.tier) == ("v", "far")
        await cache._stack.drain()
        assert near.storage.entries["thing", "k"].tags == ("t",)
        assert (await cache.answer("thing", "k", Loader())).tier == "memory"

    using(clock, work, near, far)


@pytest.mark.parametrize("how", ["broken", "slow"])
def test_a_tier_that_fails_or_hangs_is_skipped(clock: Clock, how: str) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        lower.broken, lower.slow_s = how == "broken", 1e6 if how == "slow" else 0.0
        began = clock.now
        assert await cache.get_or_load("thing", "k", Loader("a")) == "a"
        # The first call of the tier takes its 100 ms; then it is left alone.
        assert clock.now - began < 0.15
        assert await cache.get_or_load("thing", "k", Loader("b")) == "a"

    using(clock, work, lower)


def test_what_below_cannot_decode_is_a_miss(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", {"not": "a pair"})
        await cache._stack.drain()
        lower.storage.entries["typed", "k"] = lower.storage.entries.pop(("thing", "k"))
        assert await cache.get_or_load("typed", "k", Loader(("a", 1))) == ("a", 1)

    using(clock, work, lower)


def test_stale_below_is_served_when_the_load_fails(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        loader = Loader("a")
        await cache.get_or_load("thing", "k", loader)
        await cache._stack.drain()
        cache._memory.clear()
        clock.now += 110
        loader.error = OSError("down")
        answer = await cache.answer("thing", "k", loader)
        assert (answer.value, answer.state, answer.tier) == ("a", "stale", "lower")

    using(clock, work, lower)


def test_processes_that_share_a_tier_load_once(clock: Clock) -> None:
    storage = Storage()

    async def whole() -> None:
        caches = [make(clock, FakeTier(clock, storage)) for _ in range(4)]
        loader = Loader("a", slow_s=0.5)
        got = await asyncio.gather(
            *(cache.get_or_load("thing", "k", loader) for cache in caches for _ in range(10))
        )
        assert got == ["a"] * 40
        assert loader.calls == 1
        for cache in caches:
            await cache._stack.drain()
        assert not storage.leases
        for cache in caches:
            await cache.close()

    run(clock, whole())


def test_waiting_for_another_process_is_bounded(clock: Clock) -> None:
    storage = Storage()
    storage.leases["thing", "k"] = b"killed", clock() + 1e6

    async def work(cache: TieredCache) -> None:
        began = clock.now
        assert await cache.get_or_load("thing", "k", Loader("a")) == "a"
        assert 2.0 <= clock.now - began < 2.5

    using(clock, work, FakeTier(clock, storage))


def test_a_hanging_release_delays_nobody(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def hang(*_: Any) -> None:
        await asyncio.sleep(1e6)

    lower.release_lease = hang  # type: ignore[method-assign]

    async def work(cache: TieredCache) -> None:
        began = clock.now
        assert await cache.get_or_load("thing", "k", Loader("a")) == "a"
        assert clock.now - began < 0.01

    using(clock, work, lower)


def test_the_older_of_two_values_is_not_kept(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        now = clock.now
        for value, stored_at in (("new", now), ("old", now - 5)):
            entry = Entry(b"", stored_at, now + 10, now + 10)
            cache._stack.fill_memory("thing", "k", value, entry, cache._stack.log.last_seq)
        assert await cache.get("thing", "k") == "new"

    using(clock, work)
