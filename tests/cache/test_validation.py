"""Invalid keys are refused before any tier is called, and block nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cache.caches import POLICIES, Loader, using
from tests.cache.fake_tier import FakeTier
from tests.cache.made import Clock, entry
from tests.cache.redis_server import RedisServer
from tv5core.cache.answer import Loaded
from tv5core.cache.disk.entry_codec import entry_key
from tv5core.cache.disk.tier import DiskTier
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.redis.keys import RedisKeys
from tv5core.cache.redis.tier import RedisTier
from tv5core.cache.tiered import TieredCache
from tv5core.cache.validation import MAX_NAME_BYTES, MAX_TAGS
from tv5core.errors import InvalidInputError

ODD: list[Any] = [
    "\ud800", "half a pair \udc80", 5, 0, True, None, 1.5, b"bytes", ("a", "b"), ["list"], {},
    "x" * (MAX_NAME_BYTES + 1), "é" * (MAX_NAME_BYTES // 2 + 1),
]  # fmt: skip
SOUND = ["", "\0", "a\0b", "\1", "é", "\U0001f600", "x" * MAX_NAME_BYTES, " ", "a" * 401]

CALLS: dict[str, Callable[[TieredCache, Any], Awaitable[object]]] = {
    "get_or_load": lambda cache, key: cache.get_or_load("thing", key, Loader()),
    "answer": lambda cache, key: cache.answer("thing", key, Loader()),
    "get": lambda cache, key: cache.get("thing", key),
    "put": lambda cache, key: cache.put("thing", key, 1),
    "invalidate": lambda cache, key: cache.invalidate("thing", [key]),
    "invalidate among others": lambda cache, key: cache.invalidate("thing", ["a", key, "b"]),
    "event": lambda cache, key: cache.invalidate_event("changed", [key]),
    "kind of a load": lambda cache, key: cache.get_or_load(key, "k", Loader()),
    "kind": lambda cache, key: cache.invalidate_kind(key),
    "tag": lambda cache, key: cache.invalidate_tag(key),
    "tag of a load": lambda cache, key: cache.get_or_load("thing", "t", Loader(), tags=[key]),
    "tag of a put": lambda cache, key: cache.put("thing", "t", 1, tags=["good", key]),
    "tag by the loader": lambda cache, key: cache.get_or_load(
        "thing", "t", Loader(Loaded(1, tags=(key,)))
    ),
}


@pytest.fixture(params=["memory", "disk", "redis", "all"])
def opened(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[Callable[[TieredCache], Awaitable[None]]], None]:
    """Run something with a cache that has some tiers."""
    folder = tmp_path / "cache" if request.param in ("disk", "all") else None
    server = RedisServer(tmp_path) if request.param in ("redis", "all") else None

    async def whole(work: Callable[[TieredCache], Awaitable[None]]) -> None:
        url = None if server is None else server.url
        options: dict[str, Any] = {"l1_bytes": 8 << 20, "l2_bytes": 8 << 20, "redis_url": url}
        async with TieredCache.open(folder, policies=POLICIES, **options) as cache:
            for guarded in cache._tiers:
                if isinstance(guarded.tier, RedisTier):
                    assert await guarded.tier.connected()
            await work(cache)

    def run(work: Callable[[TieredCache], Awaitable[None]]) -> None:
        if server is not None:
            server.start()
        try:
            asyncio.run(whole(work))
        finally:
            if server is not None:
                server.kill()

    return run


def test_what_cannot_be_a_name_is_refused_and_blocks_nothing(
    opened: Callable[[Callable[[TieredCache], Awaitable[None]]], None],
) -> None:
    async def work(cache: TieredCache) -> None:
        for odd in ODD:
            for call in CALLS.values():
                with pytest.raises(InvalidInputError, match="expected"):
                    await call(cache, odd)
        await cache.put("thing", "sound", "v")
        await cache._stack.drain()
        for name, stats in cache.stats()["tiers"].items():
            assert (stats["available"], stats["reason"]) == (True, ""), name
        cache._memory.clear()
        for guarded in cache._tiers:
            if isinstance(guarded.tier, DiskTier):
                assert guarded.tier.flush()
            found = await guarded.tier.get("thing", "sound")
            assert found is not None, guarded.name

    opened(work)


def test_other_text_is_a_key_in_every_tier(
    opened: Callable[[Callable[[TieredCache], Awaitable[None]]], None],
) -> None:
    async def work(cache: TieredCache) -> None:
        for key in SOUND:
            assert await cache.get_or_load("thing", key, Loader(), tags=[key]) == key
            await cache._stack.drain()
            cache._memory.clear()
            if (disk := cache.disk) is not None:
                assert disk.flush()
            if cache._tiers:
                assert await cache.get("thing", key) == key
            await cache.invalidate_tag(key)
            assert await cache.get("thing", key) is None

    opened(work)


def test_tags_are_several_and_not_too_many(clock: Clock) -> None:
    async def work() -> None:
        async with TieredCache.open(None, policies=POLICIES) as cache:
            for tags in ("a text", [f"{n}" for n in range(MAX_TAGS + 1)], 5):
                with pytest.raises(InvalidInputError, match="tag"):
                    await cache.put("thing", "k", 1, tags=tags)  # type: ignore[arg-type]
            with pytest.raises(InvalidInputError, match="TTL"):
                await cache.put("chosen", "k", 1, ttl_s="5")  # type: ignore[arg-type]
        for kind in ("\ud800", 5):
            with pytest.raises(InvalidInputError, match="kind"):
                TieredCache.open(None, policies={kind: POLICIES["thing"]})  # type: ignore[dict-item]

    asyncio.run(work())


@pytest.mark.parametrize("odd", ["\ud800", 5, None, b"bytes"], ids=repr)
def test_every_tier_refuses_alike(tmp_path: Path, odd: Any) -> None:
    async def work(tier: DiskTier | RedisTier) -> None:
        good = entry(b"v")
        for call in (
            lambda: tier.get("thing", odd),
            lambda: tier.get(odd, "k"),
            lambda: tier.put("thing", odd, good),
            lambda: tier.put(odd, "k", good),
            lambda: tier.put("thing", "k", entry(b"v", tags=(odd,))),
            lambda: tier.delete("thing", ["a", odd]),
            lambda: tier.delete_kind(odd),
            lambda: tier.delete_tag(odd),
            lambda: tier.acquire_lease("thing", odd, b"me", 1.0),
            lambda: tier.release_lease("thing", odd, b"me"),
        ):
            with pytest.raises(InvalidInputError):
                await call()
        await tier.close()

    async def both() -> None:
        await work(DiskTier(tmp_path / "disk", 4 << 20))
        await work(RedisTier("redis://127.0.0.1:1/0"))

    asyncio.run(both())


def test_an_item_a_tier_refuses_does_not_cost_the_others_the_tier(clock: Clock) -> None:
    class Picky(FakeTier):
        async def get(self, kind: str, key: str) -> Any:
            if key == "bad":
                raise ValueError("not this one")
            return await super().get(kind, key)

    async def work(cache: TieredCache) -> None:
        await cache.put("thing", "good", "v")
        await cache._stack.drain()
        for _ in range(12):
            assert await cache.get("thing", "bad") is None
            cache._memory.clear()
            assert await cache.get("thing", "good") == "v"
        assert cache.stats()["kinds"]["thing"]["lower"]["refused"] == 12

    using(clock, work, Picky(clock))


WRONG: dict[str, Any] = {
    "tiers": ["not a tier", 5, [object()], [None]],
    "observer": [None, 5, "observer"],
    "clock": [5, "clock"],
    "wall_clock": [0, "now"],
    "tier_timeout_s": [0, -1, None, "1", float("nan"), float("inf"), True],
    "lease_wait_s": [0, -1, None, "1"],
    "window_s": [0, -1, None, "1"],
    "policies": [None, 5, {"thing": 5}],
    "fallbacks": [5, "x"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, some in WRONG.items() for v in some])
def test_what_a_cache_is_made_with_is_checked(name: str, value: Any) -> None:
    with pytest.raises(InvalidInputError, match="expected "):
        TieredCache(MemoryTier(1 << 20), **{name: value})


def test_a_name_with_nul_is_another_name_in_every_tier() -> None:
    names = [("k", "a"), ("k", "a\0b"), ("k\0a", "b"), ("k", "a\0"), ("k\0", "a"), ("k", "\0a")]
    redis = RedisKeys("p")
    memory = MemoryTier(1 << 20)
    for place, (kind, key) in enumerate(names):
        memory.put(kind, key, place, size=1, fresh_until=1e18, stale_until=1e18)
    assert [memory.get(*name).value for name in names] == list(range(len(names)))
    for of in (redis.entry, redis.floor, redis.lease, entry_key):
        assert len({of(*name) for name in names}) == len(names)
