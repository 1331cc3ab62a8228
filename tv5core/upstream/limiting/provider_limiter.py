"""The limiter of one process, and the registry of one limiter per provider."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime

from yarl import URL

from tv5core.errors import InvalidInputError
from tv5core.upstream.limiting.scheduler import Scheduler
from tv5core.upstream.limiting.token_source import LocalTokenSource
from tv5core.upstream.provider import Provider

__all__ = ["ProviderLimiter", "limiter_for"]


class ProviderLimiter(Scheduler):
    """The limiter of a provider within one process.

    The contract holds as the provider counts, in any second, as long as the time from a
    request's first byte being written to its being counted varies by less than
    ``0.9 * (contract / rate - 1)`` seconds: 100 ms at 45 of 50.

    Parameters
    ----------
    rate : float
        Requests per second in the long run.
    burst : int
        Requests that may go at once after an idle time.
    contract : int
        Requests the provider allows in any second; ``rate + burst`` at least.
    bulk_share : float
        Part of the rate that bulk work may take over any minute; with 1, a synchronisation takes
        whatever other classes leave.
    max_connections : int
        Requests in flight at once.
    clock : callable or None
        Monotonic seconds for rate and windows; None uses the event loop's clock.
    now : callable or None
        Time of day, for off-peak hours; None uses the system's.

    Raises
    ------
    InvalidInputError
        The numbers do not keep the contract.
    """

    def __init__(
        self,
        rate: float = 45,
        burst: int = 5,
        contract: int = 50,
        *,
        bulk_share: float = 0.2,
        max_connections: int = 20,
        clock: Callable[[], float] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._local = LocalTokenSource(rate, burst, contract, clock=clock)
        super().__init__(
            self._local, rate=rate, bulk_share=bulk_share, max_connections=max_connections, now=now
        )

    def adopt_sends(self, other: ProviderLimiter) -> None:
        """Count what an earlier limiter of the same provider sent as sent by this one."""
        self._local.sends = other._local.sends


_limiters: dict[str, tuple[Provider, asyncio.AbstractEventLoop, ProviderLimiter]] = {}
_lock = threading.Lock()


def limiter_for(provider: Provider) -> ProviderLimiter:
    """Return the limiter that all fetchers of a provider in this process share.

    Providers are identified by the host and port of their base URL. A limiter lives as long as
    the event loop it was made on; its successor on a later loop continues its count. Where
    several fetchers set a ``bulk_share``, the largest holds.

    Raises
    ------
    InvalidInputError
        The provider is in use with other limits, or on another event loop that still runs.
    """
    key, loop = URL(provider.base_url).authority, asyncio.get_running_loop()
    with _lock:
        known, made_on, limiter = _limiters.get(key, (None, None, None))
        if known is None or made_on is None or limiter is None or made_on is not loop:
            if made_on is not None and not made_on.is_closed():
                raise InvalidInputError(
                    f"expected all calls to {key} on one event loop, got another that still runs"
                )
            made = _make_limiter(provider)
            if limiter is not None:
                made.adopt_sends(limiter)
            _limiters[key] = provider, loop, made
            return made
    _validate_same_limits(key, known, provider)
    limiter.bulk_share = max(limiter.bulk_share, provider.bulk_share)
    return limiter


def _validate_same_limits(key: str, known: Provider, given: Provider) -> None:
    if (known.rate, known.burst, known.contract) != (given.rate, given.burst, given.contract):
        raise InvalidInputError(
            f"expected the limits {key} is in use with, {known.rate} + {known.burst} of "
            f"{known.contract}, got {given.rate} + {given.burst} of {given.contract}"
        )


def _make_limiter(provider: Provider) -> ProviderLimiter:
    return ProviderLimiter(
        provider.rate,
        provider.burst,
        provider.contract,
        bulk_share=provider.bulk_share,
        max_connections=provider.max_connections,
    )
