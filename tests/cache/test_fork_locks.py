"""A child of a fork uses the cache, whatever another thread of its parent held."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from tv5core.cache.entry import Invalidation
from tv5core.cache.memory.tier import MemoryTier
from tv5core.cache.stats import Counters
from tv5core.cache.tiered import TieredCache


def in_child(work: Callable[[], object]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(10)
        try:
            work()
        except BaseException:
            os._exit(2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def memory() -> MemoryTier:
    tier = MemoryTier(1 << 20)
    tier.put("k", "a", 1, size=1, fresh_until=1e18, stale_until=1e18)
    return tier


CASES: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "counters": (Counters, lambda counters: counters.add("x")),
    "memory": (memory, lambda tier: tier.delete("k", "a")),
    "invalidations": (
        lambda: TieredCache(MemoryTier(1 << 20))._invalidator,
        lambda invalidator: invalidator.receive(0, Invalidation("all")),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_lock_that_another_thread_held_is_free_in_a_child(case: str) -> None:
    make, use = CASES[case]
    holder = make()
    held, end = threading.Event(), threading.Event()

    def hold() -> None:
        with holder._lock:
            held.set()
            end.wait(30)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    held.wait(30)
    assert in_child(lambda: use(holder)) == 0
    end.set()
    thread.join(30)
    use(holder)
