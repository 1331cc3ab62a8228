"""Asking again where another try may help, and waiting while nobody is answered."""

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

__all__ = ["HOPELESS", "Patience"]

T = TypeVar("T")

HOPELESS = (CredentialsError, SourceDisabledError, BreakerOpenError, RateLimitedError)
"""What ends a sync: no other call will fare better."""

_ATTEMPTS = 3
_SHORTEST_REST_S = 0.05
_LONGEST_REST_S = 30.0


class Patience:
    """Makes calls for work that has time.

    Parameters
    ----------
    longest_s : float
        How long the provider may be out of reach, in seconds, before that is an error.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._answered = time.monotonic()

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call, a few times where it fails; wait while the provider is left alone.

        Raises
        ------
        UpstreamError
            The last one, or one that no further try will change.
        """
        attempt = 0
        while True:
            try:
                found = await call()
            except (BreakerOpenError, RateLimitedError) as error:
                # It is so for everyone, and says nothing about this call.
                await self._rest(error, error.retry_after_s)
            except (CredentialsError, SourceDisabledError, TitleNotFoundError):
                raise
            except UpstreamError:
                attempt += 1
                if attempt >= _ATTEMPTS:
                    raise
            else:
                self._answered = time.monotonic()
                return found

    async def _rest(self, error: UpstreamError, rest_s: float) -> None:
        if time.monotonic() - self._answered > self._longest_s:
            raise error
        await asyncio.sleep(min(max(rest_s, _SHORTEST_REST_S), _LONGEST_REST_S))
