"""The order of answers: fresh, stale, static, unavailable."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cache.caches import Loader, using
from tests.cache.made import Clock
from tests.cache.timeless import run
from tv5core.cache.answer import Answer
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.policy import Policy
from tv5core.cache.tiered import TieredCache
from tv5core.errors import (
    UnavailableError,
    UnknownIdError,
)


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


def test_stale_is_served_after_the_soft_timeout_while_the_load_continues(clock: Clock) -> None:
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


def test_stale_past_its_end_is_not_waited_with(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b", slow_s=0.1)
        await cache.get_or_load("eager", "k", loader)
        clock.now += 1_000
        assert (await cache.answer("eager", "k", loader)).value == "b"

    using(clock, work)


def test_stale_is_served_within_its_time_only(clock: Clock) -> None:
    """It was valid when the load began, and has expired when the soft timeout is over."""

    async def work(cache: TieredCache) -> None:
        loader = Loader("a", "b")
        await cache.get_or_load("thing", "k", loader)
        clock.now += 149.9
        loader.slow_s = 1.0
        answer = await cache.answer("thing", "k", loader)
        assert (answer.value, answer.state) == ("b", "fresh")

    using(clock, work)


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


def test_a_failing_fallback_is_none(clock: Clock) -> None:
    def fallback(key: str) -> Any:
        raise LookupError(key)

    async def work(cache: TieredCache) -> None:
        loader = Loader()
        loader.error = OSError("down")
        with pytest.raises(UnavailableError):
            await cache.get_or_load("thing", "k", loader)

    using(clock, work, fallbacks={"thing": fallback})
