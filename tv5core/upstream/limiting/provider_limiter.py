"""The limiter of the processes of one machine or of one process, and one limiter per provider."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from yarl import URL

from tv5core.errors import InvalidInputError
from tv5core.upstream.limiting.limit_file import limit_path
from tv5core.upstream.limiting.machine_tokens import MachineTokenSource
from tv5core.upstream.limiting.scheduler import Scheduler
from tv5core.upstream.limiting.token_source import LocalTokenSource
from tv5core.upstream.provider import Provider

__all__ = ["ProviderLimiter", "limiter_for"]


class ProviderLimiter(Scheduler):
    """The limiter of a provider within one process, or within those that share a file.

    The contract holds as the provider counts, in any second, however long requests are on their
    way. A request that is given up without an answer is counted within
    :data:`~.in_flight.TRANSIT_S` of being sent. In exchange the rate falls where the provider is
    slow: with answers after L seconds it is ``contract / (1.005 + L)`` at most, which is below 45
    of 50 from 106 ms on and below 8 of 10 from 245 ms on.

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
    shared_file : Path or None
        File through which all processes that name it keep the limits together; see
        :mod:`.limit_file`. The bulk share is each process's own. None limits this process alone.

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
        shared_file: Path | None = None,
    ) -> None:
        self._shared: MachineTokenSource | None = None
        self._own = LocalTokenSource(rate, burst, contract, clock=clock)
        if shared_file is not None:
            self._shared = MachineTokenSource(self._own, rate, burst, contract, shared_file)
        super().__init__(
            self._shared or self._own,
            rate=rate,
            bulk_share=bulk_share,
            max_connections=max_connections,
            now=now,
        )

    @property
    def is_shared(self) -> bool:
        """Whether the limits hold for all processes that share the file, or for this one alone."""
        return self._shared is not None and not self._shared.is_alone

    def adopt(self, other: ProviderLimiter) -> None:
        """Continue where an earlier limiter of the provider stopped: its counts, pause and rate."""
        self._paused_until = other._paused_until
        self._own.adopt(other._own)


@dataclass(frozen=True)
class _Registered:
    """A limiter, what it was made for, and the event loop it belongs to."""

    provider: Provider
    per_machine: bool
    loop: asyncio.AbstractEventLoop
    limiter: ProviderLimiter


_limiters: dict[str, _Registered] = {}
_lock = threading.Lock()


def limiter_for(provider: Provider, *, per_machine: bool = True) -> ProviderLimiter:
    """Return the limiter that all fetchers of a provider in this process share.

    Providers are identified by the host and port of their base URL. A limiter lives as long as
    the event loop it was made on; its successor on a later loop continues its counts, its pause
    and its reduced rate. Where several fetchers set a ``bulk_share``, the largest holds.

    Parameters
    ----------
    provider : Provider
    per_machine : bool
        Whether the limits hold for all processes of this user on this machine together, through
        a file in memory; see :mod:`.limit_file`. Where no file can be used they hold for this
        process alone, as with False; see :attr:`ProviderLimiter.is_shared`.

    Raises
    ------
    InvalidInputError
        The provider is in use with other limits, or on another event loop that still runs.
    """
    key, loop = URL(provider.base_url).authority, asyncio.get_running_loop()
    with _lock:
        known = _limiters.get(key)
        if known is None or known.loop is not loop:
            return _register(key, provider, loop, known, per_machine=per_machine)
    _validate_same_limits(key, known.provider, provider)
    if known.per_machine != per_machine:
        raise InvalidInputError(
            f"expected the limits of {key} with per_machine={known.per_machine}, as they are in "
            f"use, got {per_machine}"
        )
    known.limiter.bulk_share = max(known.limiter.bulk_share, provider.bulk_share)
    return known.limiter


def _register(
    key: str,
    provider: Provider,
    loop: asyncio.AbstractEventLoop,
    earlier: _Registered | None,
    *,
    per_machine: bool,
) -> ProviderLimiter:
    if earlier is not None and not earlier.loop.is_closed():
        raise InvalidInputError(
            f"expected all calls to {key} on one event loop, got another that still runs"
        )
    limiter = _make_limiter(provider, limit_path(key) if per_machine else None)
    if earlier is not None:
        limiter.adopt(earlier.limiter)
    _limiters[key] = _Registered(provider, per_machine, loop, limiter)
    return limiter


def _forget_limiters() -> None:
    """Forget the limiters of the parent after a fork: they belong to its event loops."""
    global _lock  # noqa: PLW0603 - another thread of the parent may hold it
    _lock = threading.Lock()
    _limiters.clear()


os.register_at_fork(after_in_child=_forget_limiters)


def _validate_same_limits(key: str, known: Provider, given: Provider) -> None:
    if (known.rate, known.burst, known.contract) != (given.rate, given.burst, given.contract):
        raise InvalidInputError(
            f"expected the limits {key} is in use with, {known.rate} + {known.burst} of "
            f"{known.contract}, got {given.rate} + {given.burst} of {given.contract}"
        )


def _make_limiter(provider: Provider, shared_file: Path | None) -> ProviderLimiter:
    return ProviderLimiter(
        provider.rate,
        provider.burst,
        provider.contract,
        bulk_share=provider.bulk_share,
        max_connections=provider.max_connections,
        shared_file=shared_file,
    )
