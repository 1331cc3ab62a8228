"""Where the scheduler gets its tokens, and the source of one process.

A token is the right to send one request. A source decides how fast tokens come; the scheduler
decides who gets them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from aiolimiter import AsyncLimiter

from tv5core.errors import InvalidInputError
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.sliding_window import SlidingWindow, window_length_s

__all__ = ["MIN_FACTOR", "REDUCED_FOR_S", "AdaptiveRate", "LocalTokenSource", "TokenSource"]

MIN_FACTOR = 0.25
"""Smallest part of the full rate that is used after many 429s."""
REDUCED_FOR_S = 30.0
"""Seconds without a 429 after which the rate is doubled."""
_BISECTIONS = 20


class TokenSource(Protocol):
    """Supplies a scheduler with tokens."""

    burst: int

    def rate(self) -> float:
        """Return the current rate in requests per second."""

    def factor(self) -> float:
        """Return which part of the full rate the current rate is."""

    def available(self) -> float:
        """Return the number of tokens, including the part of one that is still accruing."""

    def delay_s(self, priority: Priority) -> float:
        """Return the seconds until :meth:`take` can succeed; 0 for now."""

    async def refresh(self) -> None:
        """Apply a changed rate; called before each use of :meth:`available`."""

    async def take(self, priority: Priority) -> bool:
        """Take a token, with a short wait at most; False where none comes that soon."""

    async def wait_to_send(self, granted_at: float) -> None:
        """Wait until a request granted at ``granted_at`` may be written to its connection."""

    def reduce_rate(self, pause_s: float) -> None:
        """Lower the rate for a while, from the end of a pause on: the provider answered 429."""

    def extend_pause(self, pause_s: float) -> None:
        """Note a 429 during a pause, whose request was sent before it."""

    async def close(self) -> None:
        """Release all resources."""


class AdaptiveRate:
    """The part of the full rate in use: halved by each 429, doubled after 30 s without one.

    Parameters
    ----------
    reduced_for_s : float
        Seconds without a 429 before the rate is raised.
    """

    def __init__(self, reduced_for_s: float = REDUCED_FOR_S) -> None:
        self._reduced_for_s = reduced_for_s
        self._factor, self._raise_at = 1.0, math.inf

    def reduce(self, now: float, pause_s: float) -> None:
        """Halve the rate, down to a quarter; the 30 s start after the pause."""
        self._factor = max(MIN_FACTOR, self._factor / 2)
        self._raise_at = now + pause_s + self._reduced_for_s

    def factor(self, now: float) -> float:
        """Return the part of the full rate to use now."""
        while now >= self._raise_at:
            self._factor = min(1.0, self._factor * 2)
            self._raise_at = math.inf if self._factor == 1.0 else self._raise_at + REDUCED_FOR_S
        return self._factor


class LocalTokenSource:
    """Tokens of one process: aiolimiter's leaky bucket in front of a strict sliding window.

    The bucket sets the pace and grants at most ``rate + burst`` in a second. The window bounds
    the sum of bursts; see :func:`window_length_s`. There are two windows, one over grants and one
    over sends, because a granted request may still wait for its connection.

    Parameters
    ----------
    rate : float
        Requests per second in the long run.
    burst : int
        Requests that may go at once after an idle time.
    contract : int
        Requests the provider allows in any second; ``rate + burst`` at least.
    clock : callable or None
        Monotonic seconds; None uses the running event loop's clock.

    Raises
    ------
    InvalidInputError
        The numbers do not keep the contract.
    """

    def __init__(
        self, rate: float, burst: int, contract: int, *, clock: Callable[[], float] | None = None
    ) -> None:
        _validate(rate, burst, contract)
        self.burst, self._full_rate = burst, rate
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._adaptive = AdaptiveRate()
        length_s = window_length_s(contract, rate)
        self._grants = SlidingWindow(contract, length_s)
        self.sends = SlidingWindow(contract, length_s)
        self._bucket, self._bucket_rate = _bucket(burst, rate), rate

    def rate(self) -> float:
        """Return the current rate in requests per second."""
        return self._full_rate * self.factor()

    def factor(self) -> float:
        """Return which part of the full rate the current rate is."""
        return self._adaptive.factor(self._clock())

    def available(self) -> float:
        """Return the number of tokens, including the part of one that is still accruing."""
        return 0.0 if self.rate() != self._bucket_rate else _bucket_level(self._bucket)

    def delay_s(self, priority: Priority) -> float:  # noqa: ARG002 - one bucket for all classes
        """Return the seconds until :meth:`take` can succeed; 0 for now."""
        return self._grants.delay_s(self._clock())

    async def take(self, priority: Priority) -> bool:
        """Take a token; waits for the bucket to leak, one interval at most."""
        await self.refresh()
        await self._bucket.acquire()
        if self.delay_s(priority) > 0:
            return False
        self._grants.add(self._clock())
        return True

    async def refresh(self) -> None:
        """Replace the bucket where the rate changed; the new one starts without tokens."""
        if (rate := self.rate()) != self._bucket_rate:
            self._bucket, self._bucket_rate = _bucket(self.burst, rate), rate
            await self._bucket.acquire(self.burst)

    async def wait_to_send(self, granted_at: float) -> None:  # noqa: ARG002 - any age will do
        """Wait until one more send keeps the window."""
        while (delay_s := self.sends.delay_s(self._clock())) > 0:
            await asyncio.sleep(delay_s)
        self.sends.add(self._clock())

    def reduce_rate(self, pause_s: float) -> None:
        """Halve the rate for a while, from the end of a pause on."""
        self._adaptive.reduce(self._clock(), pause_s)

    def extend_pause(self, pause_s: float) -> None:
        """Do nothing: the scheduler pauses, and there are no other processes."""

    def adopt(self, other: LocalTokenSource) -> None:
        """Take over from an earlier source of this process: its counts and its rate."""
        self.sends, self._grants = other.sends, other._grants
        self._adaptive = other._adaptive

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _bucket(burst: int, rate: float) -> AsyncLimiter:
    return AsyncLimiter(burst, burst / rate)


def _bucket_level(bucket: AsyncLimiter) -> float:
    """Return the free capacity of a bucket, by bisection.

    aiolimiter only answers whether an amount fits.
    """
    if bucket.has_capacity(bucket.max_rate):
        return bucket.max_rate
    low, high = 0.0, bucket.max_rate
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if bucket.has_capacity(middle) else (low, middle)
    return high


def _validate(rate: float, burst: int, contract: int) -> None:
    if not (math.isfinite(rate) and rate > 0 and burst >= 1):
        raise InvalidInputError(f"expected a rate above 0 and a burst, got {rate} and {burst}")
    if rate + burst > contract:
        raise InvalidInputError(
            f"expected rate + burst of at most the contract's {contract}, got {rate} + {burst}"
        )
