"""Retries of calls that have time: they also wait while the provider is unavailable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tv5core.errors import (
    BreakerOpenError,
    CredentialsError,
    RateLimitedError,
    SourceDisabledError,
    TitleNotFoundError,
    UpstreamError,
)

__all__ = ["FATAL_ERRORS", "BulkRetry"]

T = TypeVar("T")

FATAL_ERRORS = (CredentialsError, SourceDisabledError, BreakerOpenError, RateLimitedError)
"""Errors that end a sync, because every other call would get them too."""

_ATTEMPTS = 3
_MIN_PAUSE_S = 0.05
_MAX_PAUSE_S = 30.0


class BulkRetry:
    """Retries the calls of a sync.

    The fetcher already backs off from single failures; this pauses for as long as limiter or
    circuit breaker say.

    Parameters
    ----------
    max_outage_s : float
        Seconds without a response, from any call, before an unavailable provider is an error.
    """

    def __init__(self, max_outage_s: float) -> None:
        self._max_outage_s = max_outage_s
        self._responded_at = time.monotonic()

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Call a function until it succeeds, three times at most; outages do not count.

        Raises
        ------
        UpstreamError
            The last error, or one that no retry can change.
        """
        failures = 0
        while True:
            try:
                result = await function()
            except (BreakerOpenError, RateLimitedError) as error:
                # These say nothing about this call: every other call gets them too.
                await self._pause(error, error.retry_after_s)
            except (CredentialsError, SourceDisabledError, TitleNotFoundError):
                raise
            except UpstreamError:
                failures += 1
                if failures >= _ATTEMPTS:
                    raise
            else:
                self._responded_at = time.monotonic()
                return result

    async def _pause(self, error: UpstreamError, pause_s: float) -> None:
        if time.monotonic() - self._responded_at > self._max_outage_s:
            raise error
        await asyncio.sleep(min(max(pause_s, _MIN_PAUSE_S), _MAX_PAUSE_S))
