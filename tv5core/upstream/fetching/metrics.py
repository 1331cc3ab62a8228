"""Counts and timings of calls to a provider."""

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

__all__ = ["OUTCOMES", "CallMetrics"]

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
"""The outcome that each error is counted as; a response is ``ok``, any other error ``error``."""


class CallMetrics:
    """Reports to an observer, with the name of the provider as a label.

    Parameters
    ----------
    provider : str
    observer : Observer
    """

    def __init__(self, provider: str, observer: Observer) -> None:
        self._provider, self._observer = provider, observer

    def count(self, name: str, number: int = 1, **labels: str) -> None:
        """Add a number to the counter ``upstream.NAME``."""
        self._observer.count(f"upstream.{name}", number, provider=self._provider, **labels)

    def time(self, name: str, seconds: float, **labels: str) -> None:
        """Add a duration to the timer ``upstream.NAME``."""
        self._observer.time(f"upstream.{name}", seconds, provider=self._provider, **labels)

    @contextlib.contextmanager
    def measure_call(self) -> Iterator[None]:
        """Count and time the call in the block by its outcome."""
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
