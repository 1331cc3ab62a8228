"""The cache as a whole: what is cached, put, counted and closed."""

from __future__ import annotations

import asyncio

import pytest

from tests.cache.caches import Loader, make, using
from tests.cache.fake_tier import FakeTier
from tests.cache.made import Clock
from tests.cache.timeless import run
from tv5core.cache.answer import Loaded
from tv5core.cache.policy import DEFAULT_POLICIES
from tv5core.cache.tiered import TieredCache
from tv5core.errors import (
    ClosedError,
    InvalidInputError,
    UnavailableError,
)
from tv5core.observing import Tally


def test_a_missing_value_is_cached_for_a_while(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader(None)
        for _ in range(3):
            assert await cache.get_or_load("brief", "k", loader) is None
        assert loader.calls == 1
        clock.now += 11
        assert await cache.get_or_load("brief", "k", loader) is None
        assert loader.calls == 2

    lower = FakeTier(clock)
    using(clock, work, lower)
    assert lower.storage.entries["brief", "k"].negative


def test_large_values_are_served_but_not_cached(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("x" * 20)
        assert await cache.get_or_load("tiny", "k", loader) == "x" * 20
        assert await cache.get_or_load("tiny", "k", loader) == "x" * 20
        assert loader.calls == 2
        assert cache.stats()["kinds"]["tiny"]["memory"]["not_cached"] == 2

    using(clock, work, FakeTier(clock))


def test_a_loader_may_choose_a_ttl_within_bounds(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader(Loaded("a", ttl_s=1e9), Loaded("b", ttl_s=1.0), "c")
        await cache.get_or_load("chosen", "k", loader)
        clock.now += 199
        assert await cache.get_or_load("chosen", "k", loader) == "a"
        clock.now += 2
        assert await cache.get_or_load("chosen", "k", loader) == "b"
        clock.now += 49
        assert await cache.get_or_load("chosen", "k", loader) == "b"
        with pytest.raises(InvalidInputError, match="policy sets it"):
            await cache.get_or_load("thing", "k", Loader("a"), ttl_s=5)

    using(clock, work)


def test_values_do_not_depend_on_the_tier_that_answers(clock: Clock) -> None:
    given = ["a", 1]

    async def work(cache: TieredCache) -> None:
        value = await cache.get_or_load("typed", "k", Loader(given))
        assert value == ("a", 1)
        given.append("changed by its owner")
        await cache._stack.drain()
        cache._memory.clear()
        assert await cache.get_or_load("typed", "k", Loader()) == ("a", 1)
        with pytest.raises(InvalidInputError, match="policy's type"):
            await cache.get_or_load("typed", "other", Loader("no pair"))

    using(clock, work, FakeTier(clock))


def test_put_and_get(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        assert await cache.get("thing", "k") is None
        await cache.put("thing", "k", "v", tags=("t",))
        assert await cache.get("thing", "k") == "v"
        clock.now += 101
        assert await cache.get("thing", "k") is None
        await cache.put("thing", "k", "v", tags=("t",))
        await cache.invalidate_tag("t")
        assert await cache.get("thing", "k") is None

    using(clock, work, FakeTier(clock))


def test_wrong_use_is_an_error(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        with pytest.raises(InvalidInputError, match="expected a kind with a policy"):
            await cache.get_or_load("unheard-of", "k", Loader())
        await cache.close()
        await cache.close()
        for call in (
            cache.get_or_load("thing", "k", Loader()),
            cache.get("thing", "k"),
            cache.put("thing", "k", 1),
            cache.invalidate("thing", "k"),
            cache.invalidate_tag("t"),
        ):
            with pytest.raises(ClosedError):
                await call

    using(clock, work)


def test_closing_ends_loads_and_tiers(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def whole() -> None:
        cache = make(clock, lower)
        call = asyncio.create_task(cache.get_or_load("thing", "k", Loader(slow_s=5.0)))
        await asyncio.sleep(0.1)
        await cache.close()
        with pytest.raises((UnavailableError, ClosedError)):
            await call
        assert lower.closed
        assert not lower.storage.leases

    run(clock, whole())


def test_a_kind_that_is_not_exclusive_takes_no_leases_and_waits_for_none(clock: Clock) -> None:
    lower = FakeTier(clock)
    lower.storage.leases["local", "k"] = (b"another process", clock() + 60)

    async def work(cache: TieredCache) -> None:
        loader, started = Loader("a", slow_s=0.5), clock()
        answers = await asyncio.gather(*(cache.get_or_load("local", "k", loader) for _ in "abc"))
        assert (answers, loader.calls) == (["a"] * 3, 1), "one load within a process"
        assert clock() - started < 1.0
        assert "leases" not in cache.stats()["kinds"]["local"]
        await cache._stack.drain()
        assert lower.storage.entries["local", "k"].value

    using(clock, work, lower)
    assert lower.storage.leases["local", "k"][0] == b"another process"


def test_statistics_add_up(clock: Clock) -> None:
    tally = Tally()

    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b", slow_s=0.5)
        await cache.get_or_load("thing", "k", loader)
        for _ in range(8):
            await cache.get_or_load("thing", "k", loader)
        clock.now += 110
        assert (await cache.answer("thing", "k", loader)).state == "stale"
        stats = cache.stats()
        thing = stats["kinds"]["thing"]
        assert thing["memory"] == {"hit": 8, "miss": 2, "served_stale": 1}
        assert thing["loader"] == {"load": 1}
        assert thing["hit_ratio"] == pytest.approx(0.8)
        assert thing["load_s"] == pytest.approx(0.5, abs=0.01)
        assert stats["tiers"]["lower"] == {"entries": 1, "available": True, "reason": ""}
        assert stats["loading"] == 1
        assert tally.counted("cache.hit") == 8
        assert tally.counted("cache.load") == 1
        cache.stats()
        assert tally.counted("cache.hit") == 8

    using(clock, work, FakeTier(clock), observer=tally)


def test_default_policies_hold_what_they_promise() -> None:
    assert set(DEFAULT_POLICIES) == {
        "title",
        "availability",
        "embedding",
        "search",
        "recommendations",
        "recommended",
        "suggestions",
        "popular",
        "browse",
        "trending",
    }


def test_put_wins_over_what_is_under_way(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        loading = asyncio.create_task(cache.get_or_load("thing", "k", Loader("loaded", slow_s=1.0)))
        await asyncio.sleep(0.5)
        await cache.put("thing", "k", "put")
        assert await loading == "loaded"
        assert await cache.get("thing", "k") == "put"
        await cache._stack.drain()
        cache._memory.clear()
        assert await cache.get("thing", "k") == "put"

    using(clock, work, lower)


@pytest.mark.parametrize("ttl_s", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_ttl_is_a_time(clock: Clock, ttl_s: float) -> None:
    async def work(cache: TieredCache) -> None:
        with pytest.raises(InvalidInputError, match="TTL"):
            await cache.get_or_load("chosen", "k", Loader(Loaded("a", ttl_s=ttl_s)))

    using(clock, work)


def test_an_unknown_event_is_an_error(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        with pytest.raises(InvalidInputError, match=r"expected an event \(changed\)"):
            await cache.invalidate_event("title.chnaged", "k")

    using(clock, work)


def test_statistics_of_a_tier_out_of_use_say_why_outside_the_loop_too(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        lower.broken = True
        assert await cache.get_or_load("thing", "k", Loader("a")) == "a"
        lower.broken = False
        in_thread = await asyncio.to_thread(cache.stats)
        for stats in (cache.stats(), in_thread):
            assert stats["tiers"]["lower"]["available"] is False
            assert stats["tiers"]["lower"]["reason"] == "OSError"

    class Broken(FakeTier):
        async def release_lease(self, kind: str, key: str, owner: bytes) -> None:
            raise OSError

    lower = Broken(clock)

    async def whole() -> None:
        async with make(clock, lower) as cache:
            await work(cache)

    asyncio.run(whole())
