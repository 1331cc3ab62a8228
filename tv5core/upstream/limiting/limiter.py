"""Limits on how often a provider is asked, and the one limiter each provider has.

A provider counts requests as they arrive, in any second. :class:`ProviderLimiter` keeps its
contract within a process, :class:`~tv5core.upstream.limiting.redis_limiter.RedisLimiter` among
several.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from yarl import URL

from tv5core.errors import InvalidInputError
from tv5core.upstream.limiting.pacing import LocalPacer
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.scheduler import Permit, QueuedLimiter
from tv5core.upstream.limiting.snapshot import LimitSnapshot
from tv5core.upstream.provider import Provider

__all__ = ["LimitSnapshot", "Limiter", "Permit", "Priority", "ProviderLimiter", "limiter_for"]


class Limiter(Protocol):
    """Who may ask a provider, and when."""

    bulk_share: float

    async def acquire(self, priority: Priority, *, timeout_s: float | None = None) -> None:
        """Wait for leave to make a request; see :class:`QueuedLimiter`."""

    def permit(
        self, priority: Priority, *, timeout_s: float | None = None
    ) -> AbstractAsyncContextManager[Permit]:
        """Wait for leave and for a connection, and hold it."""

    def snapshot(self) -> LimitSnapshot:
        """Return how it stands."""

    def pause(self, seconds: float) -> None:
        """Leave the provider alone for so long, and be slower for a while."""

    async def close(self) -> None:
        """Refuse what comes and what waits."""


class ProviderLimiter(QueuedLimiter):
    """The limiter of one process.

    The contract holds as the provider counts, in any second, as long as the time from a
    request's first byte being written to its being counted varies by less than
    ``0.9 * (contract / rate - 1)`` seconds: 100 ms at 45 of 50.

    Parameters
    ----------
    rate : float
        Requests a second in the long run.
    burst : int
        Requests that may go at once after a pause.
    contract : int
        Requests the provider allows in any second; ``rate + burst`` at least.
    bulk_share : float
        Part of the rate that bulk work may take over any minute; 1 lets a synchronisation have
        what nobody else wants.
    max_connections : int
        Requests that may be under way at once.
    clock : callable or None
        Monotonic seconds for rate and windows; the event loop's where None.
    now : callable or None
        The time of day, for off-peak hours.

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
        self._local = LocalPacer(rate, burst, contract, clock=clock)
        super().__init__(
            self._local, rate=rate, bulk_share=bulk_share, max_connections=max_connections, now=now
        )

    def take_over(self, other: ProviderLimiter) -> None:
        """Count what another limiter of the same provider sent as sent by this one."""
        self._local.departures = other._local.departures


_shared: dict[str, tuple[Provider, asyncio.AbstractEventLoop, ProviderLimiter]] = {}
_lock = threading.Lock()


def limiter_for(provider: Provider) -> ProviderLimiter:
    """Return the limiter that all fetchers of a provider in this process share.

    Providers are told apart by the host of their base address. The limiter lives as long as the
    event loop it was made on; one made on a later loop goes on counting where it stopped. Where
    several fetchers name a ``bulk_share``, the largest holds.

    Raises
    ------
    InvalidInputError
        The provider is in use with other limits, or on another event loop that still runs.
    """
    key, loop = URL(provider.base_url).authority, asyncio.get_running_loop()
    with _lock:
        known, made_on, limiter = _shared.get(key, (None, None, None))
        if known is None or made_on is None or limiter is None or made_on is not loop:
            if made_on is not None and not made_on.is_closed():
                raise InvalidInputError(
                    f"expected all calls to {key} on one event loop, got another that still runs"
                )
            made = _made(provider)
            if limiter is not None:
                made.take_over(limiter)
            _shared[key] = provider, loop, made
            return made
    if (known.rate, known.burst, known.contract) != (
        provider.rate,
        provider.burst,
        provider.contract,
    ):
        raise InvalidInputError(
            f"expected the limits {key} is in use with, {known.rate} + {known.burst} of "
            f"{known.contract}, got {provider.rate} + {provider.burst} of {provider.contract}"
        )
    limiter.bulk_share = max(limiter.bulk_share, provider.bulk_share)
    return limiter


def _made(provider: Provider) -> ProviderLimiter:
    return ProviderLimiter(
        provider.rate,
        provider.burst,
        provider.contract,
        bulk_share=provider.bulk_share,
        max_connections=provider.max_connections,
    )
