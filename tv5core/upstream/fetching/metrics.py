"""Counts and timings of a provider's calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from tv5core.errors import (
    BreakerOpenError,
    ClosedError,
    DeadlineError,
    ForbiddenTargetError,
    MalformedResponseError,
    RateLimitedError,
    ResponseTooLargeError,
    UnreachableError,
    UpstreamStatusError,
)
from tv5core.observing import Observer

__all__ = ["OUTCOMES", "Watch"]

OUTCOMES: dict[type[BaseException], str] = {
    RateLimitedError: "rate_limited",
    DeadlineError: "deadline",
    BreakerOpenError: "breaker_open",
    UnreachableError: "unreachable",
    ResponseTooLargeError: "too_large",
    ForbiddenTargetError: "forbidden",
    UpstreamStatusError: "failed",
    MalformedResponseError: "malformed",
    ClosedError: "closed",
    asyncio.CancelledError: "cancelled",
}
"""How each error is counted; ``ok`` is an answer, ``error`` what is not foreseen."""


class Watch:
    """Tells an observer, under the name of a provider.

    Parameters
    ----------
    provider : str
    observer : Observer
    """

    def __init__(self, provider: str, observer: Observer) -> None:
        self._provider, self._observer = provider, observer

    def count(self, what: str, **labels: str) -> None:
        """Count one."""
        self._observer.count(f"upstream.{what}", 1, provider=self._provider, **labels)

    def time(self, what: str, seconds: float, **labels: str) -> None:
        """Note how long something took."""
        self._observer.time(f"upstream.{what}", seconds, provider=self._provider, **labels)

    @contextlib.contextmanager
    def outcome(self) -> Iterator[None]:
        """Count and time the end of a call, whatever it is."""
        clock = asyncio.get_running_loop().time
        started, outcome = clock(), "ok"
        try:
            yield
        except BaseException as error:
            outcome = OUTCOMES.get(type(error), "error")
            raise
        finally:
            self.count("request", outcome=outcome)
            self.time("request", clock() - started, outcome=outcome)
