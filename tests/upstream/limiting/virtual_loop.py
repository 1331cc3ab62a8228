"""An event loop whose time passes at once: sleeping costs nothing and is exact.

Whatever asks the loop for the time (timeouts, timers, aiolimiter, the limiter) sees the virtual
one. Nothing outside the loop may be waited for: no sockets, no threads.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

_TURN_S = 1e-6


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to the next timer instead of waiting for it.

    Parameters
    ----------
    late : callable or None
        Seconds by which each wake-up is late, as on a busy machine.
    """

    def __init__(self, late: Callable[[], float] | None = None) -> None:
        super().__init__(_JumpingSelector(self))
        self._now = 1_000.0
        self._late = late or (lambda: 0.0)

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        # Every turn takes a little, as a real one does: a timer that is due a rounding error too
        # early would be set again and again otherwise.
        self._now += seconds + _TURN_S + (self._late() if seconds else 0.0)


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout is None:
            raise AssertionError("expected something to wait for, got a deadlock")
        self._loop.jump(0.0 if found else timeout or 0.0)
        return found


def run(
    main: Coroutine[Any, Any, Any], late: Callable[[], float] | None = None, *, debug: bool = False
) -> Any:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(late), debug=debug) as runner:
        return runner.run(main)
