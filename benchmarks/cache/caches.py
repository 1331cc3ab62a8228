"""The memory tier and the caches that it is compared with, each as one getter and one setter."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import cachebox
import cachetools
import theine
from cashews.backends.memory import Memory

from tv5core.cache.memory.tier import MemoryTier

__all__ = ["HOUR_S", "MAKERS", "Made", "tv5core"]

HOUR_S = 3_600.0

Get = Callable[[str], object]
Put = Callable[[str, bytes], object]
Made = tuple[Get, Put]


def tv5core(cap_bytes: int, _entries: int) -> Made:
    """Make the memory tier."""
    tier = MemoryTier(cap_bytes)
    until = time.time() + HOUR_S

    def put(key: str, value: bytes) -> None:
        tier.put("title", key, value, size=len(value), fresh_until=until, stale_until=until)

    return (lambda key: tier.get("title", key)), put


def lru_cachetools(cap_bytes: int, _entries: int) -> Made:
    """Make an LRU cache of cachetools with expiry."""
    cache: Any = cachetools.TTLCache(cap_bytes, HOUR_S, getsizeof=len)
    return cache.get, cache.__setitem__


def lru_cachebox(cap_bytes: int, _entries: int) -> Made:
    """Make an LRU cache of cachebox; those with expiry are not LRU."""
    cache: Any = cachebox.LRUCache(cap_bytes, getsizeof=lambda _, value: len(value))
    return cache.get, cache.insert


def w_tinylfu(_cap_bytes: int, entries: int) -> Made:
    """Make a cache of theine, with expiry and without locks."""
    cache: Any = theine.Cache(entries, nolock=True)
    lasting = timedelta(seconds=HOUR_S)
    return (lambda key: cache.get(key)[0]), (lambda key, value: cache.set(key, value, lasting))


def lru_cashews(_cap_bytes: int, entries: int) -> Made:
    """Make cashews' memory, whose coroutines are run to their end without a loop."""
    cache: Any = Memory(size=entries, check_interval=0)

    def run(work: Any) -> object:
        try:
            work.send(None)
        except StopIteration as done:
            return done.value
        raise RuntimeError("expected no waiting")

    return (lambda key: run(cache.get(key))), (
        lambda key, value: run(cache.set(key, value, HOUR_S))
    )


MAKERS = {
    "tv5core": tv5core,
    "cachetools": lru_cachetools,
    "cachebox": lru_cachebox,
    "theine": w_tinylfu,
    "cashews": lru_cashews,
}
