"""Invalidations of a lower tier: bounded, retried, and none blocks the tier for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from tests.cache.caches import Loader, using
from tests.cache.fake_tier import FakeTier
from tests.cache.made import Clock
from tv5core.cache.loading import tier_invalidations
from tv5core.cache.tiered import TieredCache
from tv5core.errors import InvalidInputError


class Picky(FakeTier):
    """A tier that does not take one key."""

    error: BaseException = ValueError("not this one")

    async def delete(self, kind: str, keys: Iterable[str]) -> int:
        listed = list(keys)
        if "bad" in listed:
            raise self.error
        return await super().delete(kind, listed)


@pytest.mark.parametrize("error", [ValueError(), TypeError(), RuntimeError(), LookupError()])
def test_one_that_is_refused_again_and_again_empties_the_tier(
    clock: Clock, error: Exception
) -> None:
    lower = Picky(clock)
    lower.error = error

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "good", "v")
        await cache.invalidate("thing", "bad")
        stats = cache.stats()["tiers"]["lower"]
        assert not stats["available"]
        assert stats["reason"] == f"1 invalidations are not applied yet: {type(error).__name__}"
        await asyncio.sleep(10)
        stats = cache.stats()["tiers"]["lower"]
        assert (stats["available"], stats["reason"]) == (True, "")
        assert not lower.storage.entries, "in doubt nothing is left"
        await cache.put("thing", "good", "v")
        await cache._stack.drain()
        assert lower.storage.entries

    using(clock, work, lower)


def test_one_of_a_name_that_nothing_has_is_dropped(clock: Clock) -> None:
    lower = Picky(clock)
    lower.error = InvalidInputError("no such name")

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "good", "v")
        await cache._stack.drain()
        await cache.invalidate("thing", "bad")
        assert cache.stats()["tiers"]["lower"]["available"]
        assert lower.storage.entries

    using(clock, work, lower)


def test_too_many_become_one_of_everything(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tier_invalidations, "MAX_PENDING", 20)
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "old", "v")
        await cache._stack.drain()
        lower.broken = True
        calls = [asyncio.create_task(cache.invalidate("thing", str(n))) for n in range(500)]
        await asyncio.sleep(1)
        assert len(cache._tiers[0].invalidations._pending) <= 20
        await asyncio.gather(*calls)
        lower.broken = False
        await asyncio.sleep(10)
        assert not lower.storage.entries
        assert cache.stats()["tiers"]["lower"]["available"]

    using(clock, work, lower)


def test_one_during_the_clearing_clears_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tier_invalidations, "MAX_PENDING", 1)
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        lower.slow_s = 1.0
        calls = [asyncio.create_task(cache.invalidate("thing", str(n))) for n in range(3)]
        await asyncio.sleep(0.5)
        calls.append(asyncio.create_task(cache.invalidate("thing", "late")))
        await asyncio.gather(*calls)
        await asyncio.sleep(3)
        assert [what.scope for what in lower.storage.log] == ["all", "all"]
        assert cache.stats()["tiers"]["lower"]["available"]

    using(clock, work, lower)


def test_one_whose_task_was_cancelled_is_made_up_for(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        await cache._stack.drain()
        cache._memory.clear()
        lower.slow_s = 0.5
        task = cache._tiers[0].invalidations.start(
            tier_invalidations.Invalidation("key", "thing", ("k",))
        )
        await asyncio.sleep(0.1)
        task.cancel()
        lower.slow_s = 0.0
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await cache.get("thing", "k") is None
        await asyncio.sleep(1)
        assert not lower.storage.entries
        assert await cache.get_or_load("thing", "k", Loader("new")) == "new"

    using(clock, work, lower)


def test_a_tier_in_which_something_is_cancelled_is_only_skipped(clock: Clock) -> None:
    lower = FakeTier(clock)

    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    lower.get = cancelled  # type: ignore[method-assign, assignment]

    async def work(cache: TieredCache) -> None:
        assert await cache.get_or_load("thing", "k", Loader("a")) == "a"
        assert cache.stats()["kinds"]["thing"]["lower"]["error"] == 1

    using(clock, work, lower)


def test_others_invalidations_that_nobody_applies_become_one(clock: Clock) -> None:
    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "k", "old")
        invalidator = cache._invalidator
        for n in range(25_000):
            invalidator.receive(0, tier_invalidations.Invalidation("key", "thing", (str(n),)))
        assert len(invalidator.received) <= 10_000
        assert await cache.get("thing", "k") is None

    using(clock, work, FakeTier(clock))
