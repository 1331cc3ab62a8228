"""Retries of calls that have time: they also wait while the provider is unavailable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tv5core.errors import (
    BreakerOpenError,
    CredentialsError,
    MalformedResponseError,
    RateLimitedError,
    SourceDisabledError,
    TitleNotFoundError,
    UpstreamError,
)

__all__ = ["BulkRetry"]

T = TypeVar("T")

_ATTEMPTS = 3
_MIN_PAUSE_S = 0.05
_MAX_PAUSE_S = 30.0
_MAX_RATE_LIMITED_S = 60.0
_MAX_REFUSALS = 10


class BulkRetry:
    """Retries the calls of a sync.

    The fetcher already backs off from single failures; this pauses for as long as limiter or
    circuit breaker say. It tells an outage, which concerns every call, from a call that fails
    alone, which must not hold up the others.

    Parameters
    ----------
    max_outage_s : float
        Seconds without a response, from any call, before an unavailable provider is an error.
    attempts : int
        Times that a call is made, the fetcher's own retries not counted. Responses that cannot be
        read, which the fetcher does not retry, are requested three times at least.
    """

    def __init__(self, max_outage_s: float, *, attempts: int = _ATTEMPTS) -> None:
        self._max_outage_s, self._attempts = max_outage_s, attempts
        self._responded_at = time.monotonic()
        self._has_succeeded, self._refusals = False, 0
        self._is_outage = False

    def concerns_all(self, error: UpstreamError) -> bool:
        """Return whether every other call would get an error too, so that the sync should end.

        A refused key does so unless other calls succeed with it.
        """
        if isinstance(error, CredentialsError):
            return not self._has_succeeded or self._refusals >= _MAX_REFUSALS
        is_of_provider = isinstance(error, BreakerOpenError | RateLimitedError)
        return isinstance(error, SourceDisabledError) or (self._is_outage and is_of_provider)

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Call a function until it succeeds, or has failed too often; outages do not count.

        Raises
        ------
        UpstreamError
            The last error, or one that no retry can change.
        """
        failures, started = 0, time.monotonic()
        while True:
            try:
                return self._succeeded(await function())
            except BreakerOpenError as error:
                # This says nothing about the call: every other one gets it too.
                await self._pause(error, error.retry_after_s)
            except RateLimitedError as error:
                if time.monotonic() - started > _MAX_RATE_LIMITED_S:
                    raise
                await self._pause(error, error.retry_after_s)
            except TitleNotFoundError:
                self._responded_at = time.monotonic()
                raise
            except (CredentialsError, SourceDisabledError):
                self._refusals += 1
                raise
            except UpstreamError as error:
                failures += 1
                if failures >= self._max_attempts(error):
                    raise

    def _max_attempts(self, error: UpstreamError) -> int:
        is_unread = isinstance(error, MalformedResponseError)
        return max(self._attempts, _ATTEMPTS) if is_unread else self._attempts

    def _succeeded(self, result: T) -> T:
        self._responded_at = time.monotonic()
        self._has_succeeded, self._refusals = True, 0
        return result

    async def _pause(self, error: UpstreamError, pause_s: float) -> None:
        if time.monotonic() - self._responded_at > self._max_outage_s:
            self._is_outage = True
            raise error
        await asyncio.sleep(min(max(pause_s, _MIN_PAUSE_S), _MAX_PAUSE_S))
