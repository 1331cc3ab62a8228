"""How fast tokens come: a leaky bucket, a strict window, a share for bulk work, a lowered rate."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from aiolimiter import AsyncLimiter

from tv5core.errors import InvalidInputError
from tv5core.upstream.limiting.priority import Priority
from tv5core.upstream.limiting.sliding_window import SlidingWindow, window_seconds

__all__ = ["LocalPacer", "Pacer", "ShareGate", "Slowdown"]

MINUTE_S = 60.0
_GATE_BURST = 3
_LOWEST_FACTOR = 0.25
_LOWERED_FOR_S = 30.0
_STEPS = 20


class Pacer(Protocol):
    """Where the dispatcher gets its tokens."""

    burst: int

    def rate(self) -> float:
        """Return the requests a second that are to be had now."""

    def factor(self) -> float:
        """Return what part of the full rate that is."""

    def free(self) -> float:
        """Return how many tokens there are; the part of one that is coming counts as such."""

    def delay(self, priority: Priority) -> float:
        """Return the seconds until it is worth asking for a token; 0 for now."""

    async def refresh(self) -> None:
        """Take notice of a rate that changed; called before each look at ``free``."""

    async def take(self, priority: Priority) -> bool:
        """Take a token, waiting briefly for it; False where it takes longer."""

    async def depart(self, granted_at: float) -> None:
        """Wait until a request granted then may be written to its connection."""

    def slow_down(self, seconds: float) -> None:
        """Lower the rate for a while; the provider said that it is asked too often."""

    async def close(self) -> None:
        """Give back what is held."""


class Slowdown:
    """The part of the rate that is used: halved after each 429, doubled after 30 quiet seconds.

    Parameters
    ----------
    lowered_for_s : float
    """

    def __init__(self, lowered_for_s: float = _LOWERED_FOR_S) -> None:
        self._lowered_for_s = lowered_for_s
        self._factor, self._raise_at = 1.0, math.inf

    def lower(self, now: float, quiet_s: float) -> None:
        """Halve, to a quarter at least; the pause of ``quiet_s`` does not count as quiet."""
        self._factor = max(_LOWEST_FACTOR, self._factor / 2)
        self._raise_at = now + quiet_s + self._lowered_for_s

    def factor(self, now: float) -> float:
        """Return the part of the rate to use now."""
        while now >= self._raise_at:
            self._factor = min(1.0, self._factor * 2)
            self._raise_at = math.inf if self._factor == 1.0 else self._raise_at + _LOWERED_FOR_S
        return self._factor


class ShareGate:
    """At most a share of the rate over any minute, evenly.

    The generic cell rate algorithm with a burst of b and an interval of T lets at most b + 60 / T
    events into any minute. T is chosen so that this is the whole share: nothing is counted by
    calendar minutes, so two of them never add up at their border.

    Parameters
    ----------
    rate : float
        Requests a second in all.
    share : float
        Above 0; at 1 the gate stands open.
    """

    def __init__(self, rate: float, share: float) -> None:
        if not 0 < share <= 1:
            raise InvalidInputError(f"expected a share above 0 and up to 1, got {share}")
        self.share = share
        limit = max(1, math.floor(rate * share * MINUTE_S + 1e-9))
        burst = min(_GATE_BURST, max(1, limit // 4))
        # A hair more than the interval: both ends of a minute count.
        self.interval_s = MINUTE_S / max(1, limit - burst) * (1 + 1e-9) if share < 1 else 0.0
        self.tolerance_s = (burst - 1) * self.interval_s
        self._due = -math.inf

    def delay(self, now: float) -> float:
        """Return the seconds until the next may pass."""
        return max(0.0, self._due - self.tolerance_s - now) if self.interval_s else 0.0

    def note(self, now: float, factor: float) -> None:
        """Note one that passed while ``factor`` of the rate was in use."""
        self._due = max(self._due, now) + self.interval_s / factor


class LocalPacer:
    """Tokens of one process: aiolimiter's leaky bucket before a strict sliding window.

    The bucket sets the pace and grants at most ``rate + burst`` in a second. The window bounds
    what bursts may add up to; see :func:`window_seconds`. It is kept twice: over grants, and over
    departures, since a granted request may have to wait for its connection.

    Parameters
    ----------
    rate : float
    burst : int
    contract : int
        ``rate + burst`` at least.
    clock : callable or None
        Monotonic seconds; the running event loop's where None.
    """

    def __init__(
        self, rate: float, burst: int, contract: int, *, clock: Callable[[], float] | None = None
    ) -> None:
        _check(rate, burst, contract)
        self.burst, self._full_rate = burst, rate
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._slowdown = Slowdown()
        seconds = window_seconds(contract, rate)
        self._grants = SlidingWindow(contract, seconds)
        self.departures = SlidingWindow(contract, seconds)
        self._bucket, self._bucket_rate = _bucket(burst, rate), rate

    def rate(self) -> float:
        """Return the requests a second that are to be had now."""
        return self._full_rate * self.factor()

    def factor(self) -> float:
        """Return what part of the full rate that is."""
        return self._slowdown.factor(self._clock())

    def free(self) -> float:
        """Return how many tokens there are; the part of one that is coming counts as such."""
        return 0.0 if self.rate() != self._bucket_rate else _level(self._bucket)

    def delay(self, priority: Priority) -> float:  # noqa: ARG002 - one bucket for all classes
        """Return the seconds until it is worth asking for a token; 0 for now."""
        return self._grants.delay(self._clock())

    async def take(self, priority: Priority) -> bool:
        """Take a token; waits for the bucket to drip, one interval at most."""
        await self.refresh()
        await self._bucket.acquire()
        if self.delay(priority) > 0:
            return False
        self._grants.note(self._clock())
        return True

    async def refresh(self) -> None:
        """Go over to a bucket of the rate that holds now.

        It starts full, so that the change makes no burst.
        """
        if (rate := self.rate()) != self._bucket_rate:
            self._bucket, self._bucket_rate = _bucket(self.burst, rate), rate
            await self._bucket.acquire(self.burst)

    async def depart(self, granted_at: float) -> None:  # noqa: ARG002 - the window needs no age
        """Wait until one more departure keeps the window."""
        while (delay := self.departures.delay(self._clock())) > 0:
            await asyncio.sleep(delay)
        self.departures.note(self._clock())

    def slow_down(self, seconds: float) -> None:
        """Halve the rate for a while, beginning after a pause of so many seconds."""
        self._slowdown.lower(self._clock(), seconds)

    async def close(self) -> None:
        """Hold nothing, give nothing back."""


def _bucket(burst: int, rate: float) -> AsyncLimiter:
    return AsyncLimiter(burst, burst / rate)


def _level(bucket: AsyncLimiter) -> float:
    """Return the room in a bucket, which only tells whether an amount has room."""
    if bucket.has_capacity(bucket.max_rate):
        return bucket.max_rate
    low, high = 0.0, bucket.max_rate
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if bucket.has_capacity(middle) else (low, middle)
    return high


def _check(rate: float, burst: int, contract: int) -> None:
    if not (math.isfinite(rate) and rate > 0 and burst >= 1):
        raise InvalidInputError(f"expected a rate above 0 and a burst, got {rate} and {burst}")
    if rate + burst > contract:
        raise InvalidInputError(
            f"expected rate + burst of at most the contract's {contract}, got {rate} + {burst}"
        )
