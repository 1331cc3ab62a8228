"""The cache as a whole, on a clock of its own: no test here takes or waits for real time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.cache.fake_tier import FakeTier, Storage
from tests.cache.made import Clock
from tests.cache.timeless import run
from tv5core.cache.answer import Answer, Loaded
from tv5core.cache.entry import Entry, Invalidation
from tv5core.cache.loading.invalidation_log import InvalidationLog
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.policy import DEFAULT_POLICIES, Policy
from tv5core.cache.tiered import TieredCache
from tv5core.errors import (
    ClosedError,
    InvalidInputError,
    UnavailableError,
    UnknownIdError,
)
from tv5core.observing import Tally

POLICIES = {
    "thing": Policy(ttl_s=100, stale_s=50, early_refresh=0, events=("changed",)),
    "eager": Policy(ttl_s=100, stale_s=50, stale_while_revalidate=True, early_refresh=0),
    "early": Policy(ttl_s=100, stale_s=50, early_refresh=1),
    "brief": Policy(ttl_s=100, early_refresh=0, negative_ttl_s=10),
    "tiny": Policy(ttl_s=100, early_refresh=0, max_bytes=8),
    "chosen": Policy(ttl_s=100, ttl_range_s=(50, 200), early_refresh=0),
    "typed": Policy(ttl_s=100, early_refresh=0, type=tuple[str, int]),
}


class Loader:
    """Returns values in turn, counting; slow or failing where told."""

    def __init__(self, *values: Any, slow_s: float = 0.0) -> None:
        self.values, self.slow_s = list(values), slow_s
        self.calls = 0
        self.error: Exception | None = None

    async def __call__(self, key: str) -> Any:
        self.calls += 1
        value = self.values[min(self.calls, len(self.values)) - 1] if self.values else key
        error = self.error
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if error is not None:
            raise error
        return value


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(clock: Clock, *tiers: FakeTier, **options: Any) -> TieredCache:
    memory = MemoryTier(10 << 20, clock=clock)
    return TieredCache(memory, tiers, policies=POLICIES, clock=clock, **options)


def using(
    clock: Clock, work: Callable[[TieredCache], Awaitable[None]], *tiers: FakeTier, **options: Any
) -> None:
    async def whole() -> None:
        async with make(clock, *tiers, **options) as cache:
            await work(cache)

    run(clock, whole())


# -- fresh, stale, fallback, unavailable -------------------------------------------------------


def test_a_value_is_loaded_once_and_then_fresh(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b")
        assert await cache.answer("thing", "k", loader) == Answer("a", "fresh", 0.0, "loader")
        clock.now += 99
        assert await cache.answer("thing", "k", loader) == Answer("a", "fresh", 99.0, "memory")
        clock.now += 1
        assert await cache.get_or_load("thing", "k", loader) == "b"
        assert loader.calls == 2

    using(clock, work)


def test_stale_is_served_when_the_load_fails_and_only_so_long(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a")
        await cache.get_or_load("thing", "k", loader)
        loader.error = OSError("down")
        clock.now += 120
        answer = await cache.answer("thing", "k", loader)
        assert (answer.value, answer.state, answer.tier) == ("a", "stale", "memory")
        assert answer.age_s == pytest.approx(120)
        clock.now += 31
        with pytest.raises(UnavailableError, match="got OSError") as caught:
            await cache.answer("thing", "k", loader)
        assert caught.value.retry_after_s == 5.0
        assert loader.calls == 3

    using(clock, work)


def test_stale_is_served_after_the_soft_timeout_while_the_load_goes_on(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b")
        await cache.get_or_load("thing", "k", loader)
        clock.now += 110
        loader.slow_s = 2.0
        began = clock.now
        answer = await cache.answer("thing", "k", loader)
        assert (answer.value, answer.state) == ("a", "stale")
        assert clock.now - began == pytest.approx(0.3, abs=0.01)
        await asyncio.sleep(2)
        assert await cache.answer("thing", "k", loader) == Answer(
            "b", "fresh", pytest.approx(2.3, abs=0.1), "memory"
        )
        assert loader.calls == 2

    using(clock, work)


def test_a_cold_caller_waits_longer_than_the_soft_timeout(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        assert await cache.get_or_load("thing", "k", Loader("a", slow_s=3.0)) == "a"
        began = clock.now
        with pytest.raises(UnavailableError, match=r"TimeoutError|no answer"):
            await cache.get_or_load("thing", "other", Loader("a", slow_s=60.0))
        assert clock.now - began == pytest.approx(10.0, abs=0.1)

    using(clock, work)


def test_revalidating_kinds_answer_at_once(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b", slow_s=1.0)
        await cache.get_or_load("eager", "k", loader)
        clock.now += 110
        began = clock.now
        answer = await cache.answer("eager", "k", loader)
        assert (answer.value, answer.state) == ("a", "stale")
        assert clock.now - began < 0.01
        await asyncio.sleep(1.5)
        assert (await cache.answer("eager", "k", loader)).value == "b"
        assert loader.calls == 2

    using(clock, work)


def test_the_fallback_set_comes_before_nothing(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader()
        loader.error = OSError("down")
        assert await cache.answer("thing", "k", loader) == Answer(
            "static", "fallback", None, "static"
        )
        assert (await cache.answer("eager", "x", loader)).value == "made of x"
        with pytest.raises(UnavailableError):
            await cache.answer("thing", "unknown", loader)
        loader.error, loader.slow_s = None, 1.0
        began = clock.now
        assert (await cache.answer("thing", "k", loader)).state == "fallback"
        assert clock.now - began == pytest.approx(0.3, abs=0.01)

    fallbacks = {"thing": {"k": "static"}, "eager": lambda key: f"made of {key}"}
    using(clock, work, fallbacks=fallbacks)


def test_what_a_loader_says_of_the_question_is_raised_as_it_is(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a")
        await cache.get_or_load("thing", "k", loader)
        clock.now += 110
        loader.error = UnknownIdError("no such title")
        with pytest.raises(UnknownIdError):
            await cache.get_or_load("thing", "k", loader)

    using(clock, work)


def test_retry_after_comes_from_the_loaders_error(clock: Clock) -> None:
    class LimitedError(Exception):
        retry_after_s = 17.5

    async def work(cache: TieredCache) -> None:
        loader = Loader()
        loader.error = LimitedError("slow down")
        with pytest.raises(UnavailableError, match=r"retry after 17\.5 s") as caught:
            await cache.get_or_load("thing", "k", loader)
        assert caught.value.retry_after_s == 17.5

    using(clock, work)


# -- what is kept ------------------------------------------------------------------------------


def test_nothing_there_is_believed_for_a_while(clock: Clock) -> None:
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


def test_large_values_are_served_but_not_kept(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("x" * 20)
        assert await cache.get_or_load("tiny", "k", loader) == "x" * 20
        assert await cache.get_or_load("tiny", "k", loader) == "x" * 20
        assert loader.calls == 2
        assert cache.stats()["kinds"]["tiny"]["memory"]["not_cached"] == 2

    using(clock, work, FakeTier(clock))


def test_a_loader_may_choose_a_lifetime_within_bounds(clock: Clock) -> None:
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


# -- single flight -----------------------------------------------------------------------------


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


# -- invalidation ------------------------------------------------------------------------------

INVALIDATIONS: dict[str, Callable[[TieredCache], Awaitable[None]]] = {
    "key": lambda cache: cache.invalidate("thing", "k"),
    "keys": lambda cache: cache.invalidate("thing", ["other", "k"]),
    "kind": lambda cache: cache.invalidate_kind("thing"),
    "tag": lambda cache: cache.invalidate_tag("late"),
    "event": lambda cache: cache.invalidate_event("changed", "k"),
    "all": lambda cache: cache.clear(),
}


@pytest.mark.parametrize("how", INVALIDATIONS)
@pytest.mark.parametrize("lower", [False, True])
def test_invalidation(clock: Clock, how: str, lower: bool) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader(Loaded("a", tags=("late",)), Loaded("b", tags=("late",)))
        await cache.get_or_load("thing", "k", loader)
        await INVALIDATIONS[how](cache)
        assert await cache.get_or_load("thing", "k", loader) == "b"

    using(clock, work, *([FakeTier(clock)] if lower else []))


@pytest.mark.parametrize("how", INVALIDATIONS)
def test_a_load_under_way_puts_no_old_value_back(clock: Clock, how: str) -> None:
    """Its callers asked before and get it; whoever asks after the invalidation does not."""
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        loader = Loader(Loaded("old", tags=("late",)), Loaded("new", tags=("late",)), slow_s=1.0)
        before = asyncio.create_task(cache.get_or_load("thing", "k", loader))
        await asyncio.sleep(0.5)
        await INVALIDATIONS[how](cache)
        after = asyncio.create_task(cache.get_or_load("thing", "k", loader))
        assert await before == "old"
        assert await cache.get("thing", "k") is None
        assert await after == "new"
        assert await cache.get("thing", "k") == "new"

    using(clock, work, lower)


@pytest.mark.parametrize("how", INVALIDATIONS)
def test_another_process_invalidates(clock: Clock, how: str) -> None:
    storage = Storage()
    here, there = FakeTier(clock, storage), FakeTier(clock, storage)

    async def work(cache: TieredCache) -> None:
        async with make(clock, there) as other:
            loader = Loader(Loaded("old", tags=("late",)), Loaded("new", tags=("late",)))
            await cache.get_or_load("thing", "k", loader)
            under_way = asyncio.create_task(
                cache.get_or_load("thing", "slow", Loader(Loaded("old", tags=("late",)), slow_s=1))
            )
            await asyncio.sleep(0.5)
            await INVALIDATIONS[how](other)
            assert await cache.get_or_load("thing", "k", loader) == "new"
            assert await under_way == "old"
            await cache._stack.drain()
            kept = storage.entries.get(("thing", "slow"))
            assert (kept is not None) == (how in ("key", "keys", "event"))

    using(clock, work, here)


def test_what_was_read_below_during_an_invalidation_is_not_kept(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        cache._memory.clear()
        lower.slow_s = 0.01
        ending = asyncio.create_task(cache.invalidate("thing", "k"))
        await asyncio.sleep(0.005)
        await cache.get("thing", "k")  # may still see it
        await ending
        lower.slow_s = 0.0
        assert await cache.get("thing", "k") is None

    using(clock, work, lower)


# -- tiers below -------------------------------------------------------------------------------


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
def test_a_tier_that_fails_or_hangs_is_passed_by(clock: Clock, how: str) -> None:
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


# -- early -------------------------------------------------------------------------------------


@pytest.mark.parametrize("load_s", [1.0, 0.001])
def test_a_hot_key_never_expires(clock: Clock, load_s: float) -> None:
    """Asked for all the time, it is loaded anew before its end, and nobody waits."""

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


# -- the rest ----------------------------------------------------------------------------------


def test_wrong_use_is_told(clock: Clock) -> None:
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
        assert stats["tiers"]["lower"] == {"entries": 1}
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
        "popular",
        "trending",
    }


# -- what could go wrong between tiers -----------------------------------------------------------


def test_news_from_a_far_tier_reaches_the_nearer_ones(clock: Clock) -> None:
    """Another machine invalidates over Redis: the disk here has the old value, too."""
    near, storage = FakeTier(clock), Storage()
    here, there = FakeTier(clock, storage), FakeTier(clock, storage)
    near.name, here.name = "near", "far"

    async def work(cache: TieredCache) -> None:
        async with make(clock, there) as other:
            loader = Loader("old", "new")
            await cache.get_or_load("thing", "k", loader)
            await cache._stack.drain()
            assert ("thing", "k") in near.storage.entries
            await other.invalidate("thing", "k")
            assert await cache.get_or_load("thing", "k", loader) == "new"

    using(clock, work, near, here)


def test_nothing_old_comes_up_from_a_far_tier_while_it_is_told(clock: Clock) -> None:
    near, far = FakeTier(clock), FakeTier(clock)
    near.name, far.name = "near", "far"

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        cache._memory.clear()
        near.storage.entries.clear()
        far.slow_s = 0.02
        ending = asyncio.create_task(cache.invalidate("thing", "k"))
        await asyncio.sleep(0.01)
        assert await cache.get_or_load("thing", "k", Loader("new")) == "new"
        await ending
        await cache._stack.drain()
        far.slow_s = 0.0
        cache._memory.clear()
        assert await cache.get("thing", "k") in (None, "new")

    using(clock, work, near, far)


def test_a_tier_that_was_not_told_yet_is_not_read(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        lower.broken = True
        await cache.invalidate("thing", "k")
        lower.broken = False  # it still has the old value, until the news is tried again
        assert ("thing", "k") in lower.storage.entries
        assert await cache.get("thing", "k") is None
        assert await cache.get_or_load("thing", "k", Loader("new")) == "new"
        await asyncio.sleep(10)
        assert ("thing", "k") not in lower.storage.entries

    using(clock, work, lower)


def test_an_invalidation_goes_on_when_its_caller_gives_up(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        lower.slow_s = 1.0
        task = asyncio.create_task(cache.invalidate("thing", "k"))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.sleep(2.0)
        lower.slow_s = 0.0
        assert await cache.get("thing", "k") is None
        assert not lower.storage.entries

    using(clock, work, lower)


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


def test_what_is_gone_is_not_served_again_when_loading_fails(clock: Clock) -> None:
    policies = {"thing": Policy(ttl_s=100, stale_s=1_000, negative_ttl_s=0, early_refresh=0)}

    async def whole() -> None:
        memory = MemoryTier(1 << 20, clock=clock)
        async with TieredCache(memory, policies=policies, clock=clock) as cache:
            loader = Loader("a", None)
            await cache.get_or_load("thing", "k", loader)
            clock.now += 110
            assert await cache.get_or_load("thing", "k", loader) is None
            loader.error = OSError("down")
            with pytest.raises(UnavailableError):
                await cache.get_or_load("thing", "k", loader)

    run(clock, whole())


@pytest.mark.parametrize("ttl_s", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_ttl_is_a_time(clock: Clock, ttl_s: float) -> None:
    async def work(cache: TieredCache) -> None:
        with pytest.raises(InvalidInputError, match="TTL"):
            await cache.get_or_load("chosen", "k", Loader(Loaded("a", ttl_s=ttl_s)))

    using(clock, work)


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


def test_stale_past_its_end_is_not_waited_with(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b", slow_s=0.1)
        await cache.get_or_load("eager", "k", loader)
        clock.now += 1_000
        assert (await cache.answer("eager", "k", loader)).value == "b"

    using(clock, work)


def test_stale_is_served_within_its_time_only(clock: Clock) -> None:
    """It was there when the load began, and is past its end when the soft timeout is over."""

    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b")
        await cache.get_or_load("thing", "k", loader)
        clock.now += 149.9
        loader.slow_s = 1.0
        answer = await cache.answer("thing", "k", loader)
        assert (answer.value, answer.state) == ("b", "fresh")

    using(clock, work)


def test_an_invalidation_leaves_no_gap(clock: Clock) -> None:
    """What runs between an invalidation's first step and its next sees nothing old."""

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        cache._memory.clear()
        ending = asyncio.create_task(cache.invalidate("thing", "k"))
        looking = [asyncio.create_task(cache.get("thing", "k")) for _ in range(3)]
        assert await asyncio.gather(*looking) == [None] * 3
        await ending
        assert await cache.get("thing", "k") is None

    using(clock, work, FakeTier(clock))


def test_the_live_attempt_counts_from_its_start(clock: Clock) -> None:
    """With a hanging upstream, only the first caller waits for the soft timeout."""

    async def work(cache: TieredCache) -> None:
        loader = Loader("a")
        await cache.get_or_load("thing", "k", loader)
        clock.now += 110
        loader.slow_s = 5.0
        assert (await cache.answer("thing", "k", loader)).state == "stale"
        began = clock.now
        assert (await cache.answer("thing", "k", loader)).state == "stale"
        assert clock.now - began < 0.01

    using(clock, work)


def test_after_an_invalidation_the_lease_is_free(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        old = asyncio.create_task(cache.get_or_load("thing", "k", Loader("old", slow_s=5.0)))
        await asyncio.sleep(0.5)
        await cache.invalidate("thing", "k")
        began = clock.now
        assert await cache.get_or_load("thing", "k", Loader("new")) == "new"
        assert clock.now - began < 0.1
        assert await old == "old"

    using(clock, work, lower)


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


def test_a_failing_fallback_is_none(clock: Clock) -> None:
    def fallback(key: str) -> Any:
        raise LookupError(key)

    async def work(cache: TieredCache) -> None:
        loader = Loader()
        loader.error = OSError("down")
        with pytest.raises(UnavailableError):
            await cache.get_or_load("thing", "k", loader)

    using(clock, work, fallbacks={"thing": fallback})


def test_an_unknown_event_is_told(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        with pytest.raises(InvalidInputError, match=r"expected an event \(changed\)"):
            await cache.invalidate_event("title.chnaged", "k")

    using(clock, work)


def test_many_keys_at_once(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        for n in range(1_200):
            await cache.put("thing", str(n), n)
        await cache.invalidate("thing", map(str, range(1_200)))
        assert [await cache.get("thing", str(n)) for n in range(1_200)] == [None] * 1_200
        assert max(len(what.keys) for what in lower.storage.log) == 500

    using(clock, work, lower)


def test_the_older_of_two_values_is_not_kept(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        now = clock.now
        for value, stored_at in (("new", now), ("old", now - 5)):
            entry = Entry(b"", stored_at, now + 10, now + 10)
            cache._stack.fill_memory("thing", "k", value, entry, cache._stack.log.last_seq)
        assert await cache.get("thing", "k") == "new"

    using(clock, work)


def test_what_is_no_longer_known_counts_as_invalidated() -> None:
    log = InvalidationLog()
    since = log.last_seq
    for n in range(1_000):
        log.append(Invalidation("key", "thing", (str(n),)))
    assert not log.invalidated_since(since, "thing", "other", ())
    assert log.invalidated_since(since, "thing", "0", ())
    log.append(Invalidation("tag", tag="t"))
    assert log.invalidated_since(since, "thing", "other", ())
    assert not log.invalidated_since(log.last_seq, "thing", "0", ("t",))
    assert log.invalidated_since(log.last_seq - 1, "thing", "x", ("t",))
