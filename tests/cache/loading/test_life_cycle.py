"""Closing has a limit, whatever loaders and tiers do, and says what it left."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.cache.caches import Loader, make
from tests.cache.fake_tier import FakeTier
from tests.cache.made import Clock
from tests.cache.timeless import run
from tv5core.cache.answer import Answer
from tv5core.cache.tiered import TieredCache
from tv5core.errors import ClosedError, UnavailableError


async def cancelled_within(key: str) -> object:
    """Wait for something that is cancelled, as a task group's child is."""
    task = asyncio.ensure_future(asyncio.sleep(5))
    asyncio.get_running_loop().call_later(0.05, task.cancel)
    return await task


async def cancels_itself(key: str) -> object:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    return await asyncio.sleep(5)


async def raises_it(key: str) -> object:
    raise asyncio.CancelledError("by hand")


@pytest.mark.parametrize("loader", [cancelled_within, cancels_itself, raises_it])
@pytest.mark.parametrize("lower", [False, True])
def test_a_cancelled_load_is_a_failed_one(clock: Clock, loader: object, lower: bool) -> None:
    async def whole() -> None:
        async with make(clock, *([FakeTier(clock)] if lower else [])) as cache:
            with pytest.raises(UnavailableError, match="got CancelledError") as caught:
                await cache.get_or_load("thing", "k", loader)  # type: ignore[arg-type]
            assert isinstance(caught.value.__cause__, asyncio.CancelledError)
            assert await cache.get_or_load("thing", "k", Loader("a")) == "a"
            clock.now += 110
            answer = await cache.answer("thing", "k", loader)  # type: ignore[arg-type]
            assert answer == Answer("a", "stale", pytest.approx(110, abs=1), "memory")

    run(clock, whole())


class Stubborn:
    """A loader that swallows its cancellation."""

    def __init__(self) -> None:
        self.ended = False

    async def __call__(self, key: str) -> str:
        end = asyncio.get_running_loop().time() + 1_000
        while (left_s := end - asyncio.get_running_loop().time()) > 0:
            try:
                await asyncio.sleep(left_s)
            except asyncio.CancelledError:
                continue
        self.ended = True
        return "too late"


@pytest.mark.parametrize("lower", [False, True])
def test_a_load_that_ignores_its_cancellation_is_left_and_named(
    clock: Clock, lower: bool, caplog: pytest.LogCaptureFixture
) -> None:
    tier, loader = FakeTier(clock), Stubborn()

    async def whole() -> None:
        cache = make(clock, *([tier] if lower else []))
        call = asyncio.create_task(cache.get_or_load("thing", "odd one", loader))
        await asyncio.sleep(0.01)
        began = clock.now
        with caplog.at_level(logging.WARNING, "tv5core"):
            await cache.close()
        assert clock.now - began < 5
        assert "1 loads that ignore their cancellation (thing 'odd one')" in caplog.text
        with pytest.raises(ClosedError):
            await call
        while not loader.ended:
            await asyncio.sleep(100)
        await asyncio.sleep(1)
        assert cache.stats()["memory"]["entries"] == 0, "what it returns is not stored"
        assert not tier.storage.entries

    run(clock, whole())


def test_a_caller_of_a_stubborn_load_gets_an_error_at_once(clock: Clock) -> None:
    async def whole() -> None:
        cache = make(clock)
        call = asyncio.create_task(cache.get_or_load("thing", "k", Stubborn()))
        await asyncio.sleep(0.01)
        closing, began = asyncio.create_task(cache.close()), clock.now
        with pytest.raises(ClosedError):
            await call
        assert clock.now - began < 0.1
        await closing

    run(clock, whole())


def test_a_tier_that_does_not_close_is_left_and_named(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, sound = FakeTier(clock), FakeTier(clock)
    stuck.name = "stuck"

    async def hang() -> None:
        await Stubborn()("")

    stuck.close = hang  # type: ignore[method-assign]

    async def whole() -> None:
        cache = make(clock, stuck, sound)
        began = clock.now
        await cache.close()
        assert 10 < clock.now - began < 20
        assert sound.closed
        assert "1 tiers (stuck)" in caplog.text

    run(clock, whole())


def test_closing_continues_when_its_caller_gives_up_and_a_second_waits_for_it(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def slow() -> None:
        await asyncio.sleep(1)
        lower.closed = True

    lower.close = slow  # type: ignore[method-assign]

    async def whole() -> None:
        cache: TieredCache = make(clock, lower)
        first = asyncio.create_task(cache.close())
        await asyncio.sleep(0.1)
        first.cancel()
        await cache.close()
        assert lower.closed

    run(clock, whole())
