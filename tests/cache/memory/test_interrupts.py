"""An exception out of a signal handler, at any line of a change: what follows is right."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from tests.cache.made import EPOCH_S, Clock
from tv5core.cache.memory.tier import MemoryTier

CAP = 16 << 10


class BlowError(BaseException):
    """What the handler raises."""


def interrupted(work: Callable[[], object], at: int) -> bool:
    """Run something, interrupted at its n-th line in the memory tier; return whether it was."""
    left = at

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if "tv5core/cache/memory" not in frame.f_code.co_filename:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise BlowError
        return trace

    sys.settrace(trace)
    try:
        work()
    except BlowError:
        return True
    finally:
        sys.settrace(None)
    return False


def put(tier: MemoryTier, key: str, size: int = 100, **how: Any) -> None:
    until = EPOCH_S + how.pop("fresh_s", 1_000)
    tier.put(
        "thing", key, "x" * size, size=size, fresh_until=until, stale_until=until,
        stored_at=EPOCH_S, tags=("t", key), **how,
    )  # fmt: skip


def filled(clock: Clock) -> MemoryTier:
    tier = MemoryTier(CAP, clock=clock)
    for n in range(12):
        put(tier, str(n), 600)
    put(tier, "gone", 1, fresh_s=-1)
    put(tier, "soon", 10, fresh_s=5)
    return tier


CHANGES: dict[str, Callable[[MemoryTier], object]] = {
    "put": lambda tier: put(tier, "new", 600),
    "put of a large one": lambda tier: put(tier, "new", 900),
    "replace": lambda tier: put(tier, "11", 900),
    "delete": lambda tier: tier.delete("thing", "11"),
    "kind": lambda tier: tier.delete_kind("thing"),
    "tag": lambda tier: tier.delete_tag("t"),
    "clear": lambda tier: tier.clear(),
    "sweep": lambda tier: tier.sweep(),
    "get of an expired one": lambda tier: tier.get("thing", "soon"),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_change_interrupted_anywhere_leaves_a_sound_tier(clock: Clock, how: str) -> None:
    for at in range(1, 100_000):
        clock.now = EPOCH_S
        tier = filled(clock)
        clock.now += 10
        hit = interrupted(lambda tier=tier: CHANGES[how](tier), at)  # type: ignore[misc]
        if not hit:
            break
        put(tier, "after", 600)
        tier.delete("thing", "10")
        assert tier.get("thing", "after") is not None
        for n in range(100, 116):
            put(tier, str(n), 600)
            assert tier.bytes <= CAP
        tier.sweep()
        assert sum(kind["entries"] for kind in tier.stats()["kinds"].values()) == tier.entries
        tier.delete_tag("t")
        assert tier.entries == 0
    assert at > 3
