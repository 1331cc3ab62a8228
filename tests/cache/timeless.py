"""An event loop whose time is a clock's, and advances only when nothing else is left to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.cache.made import Clock

__all__ = ["run"]

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("expected something to wait for, got a deadlock")
            # A hair more, so that rounding never leaves a timer just short of its time.
            self._clock.now += timeout + 1e-6 if timeout > 0 else 0.0
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        super().__init__(_Selector(clock))
        self._clock, self._started = clock, clock.now

    def time(self) -> float:
        # Small numbers: at those of Unix time, the loop's resolution of a nanosecond is nothing.
        return self._clock.now - self._started


def run(clock: Clock, work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine; sleeping takes no time, and moves the clock."""
    with asyncio.Runner(loop_factory=lambda: _Loop(clock)) as runner:
        return runner.run(work)
