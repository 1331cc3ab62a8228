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
from tv5core.upstream.limiting.in_flight import SEND_WITHIN_S, InFlightWindow, Place
from tv5core.upstream.limiting.priority import Priority

__all__ = [
    "MIN_FACTOR",
    "REDUCED_FOR_S",
    "AdaptiveRate",
    "LocalTokenSource",
    "Token",
    "TokenSource",
]

MIN_FACTOR = 0.25
"""Smallest part of the full rate that is used after many 429s."""
REDUCED_FOR_S = 30.0
"""Seconds without a 429 after which the rate is doubled."""
_BISECTIONS = 20


class Token:
    """The right to send one request, and what its source needs to know of it.

    Attributes
    ----------
    place : Place
        In the window of this process.
    is_sent : bool
        Whether the request may have been sent.
    shared : tuple or None
        What a source that several processes share keeps with it.
    """

    __slots__ = ("is_sent", "place", "shared")

    def __init__(self, place: Place, shared: tuple[int, int] | None = None) -> None:
        self.place, self.shared = place, shared
        self.is_sent = False

    def renew(self, fresh: Token) -> None:
        """Take over what another token has, in place of what was used or is too old."""
        self.place, self.shared, self.is_sent = fresh.place, fresh.shared, False


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

    async def take(self, priority: Priority) -> Token | None:
        """Take a token, with a short wait at most; None where none comes that soon."""

    async def wait_to_send(self, token: Token) -> None:
        """Wait until a request with this token may be written to its connection, once."""

    def answered(self, token: Token) -> None:
        """Note that the provider has answered the request: by now it has counted it."""

    def give_back(self, token: Token) -> None:
        """Take back a token with which nothing was sent."""

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
    """Tokens of one process: aiolimiter's leaky bucket in front of a strict window.

    The bucket sets the pace and grants at most ``rate + burst`` in a second. The window keeps the
    contract as the provider counts, whatever time requests take on their way; see
    :mod:`.in_flight`.

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
        self._window = InFlightWindow(contract)
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
        return self._window.delay_s(self._clock())

    async def take(self, priority: Priority) -> Token | None:
        """Take a token; waits for the bucket to leak, one interval at most."""
        await self.refresh()
        await self._bucket.acquire()
        return None if self.delay_s(priority) > 0 else self.take_unchecked()

    def take_unchecked(self) -> Token:
        """Take a token, whatever the bucket and the window say."""
        return Token(self._window.take(self._clock()))

    async def refresh(self) -> None:
        """Replace the bucket where the rate changed; the new one starts without tokens."""
        if (rate := self.rate()) != self._bucket_rate:
            self._bucket, self._bucket_rate = _bucket(self.burst, rate), rate
            await self._bucket.acquire(self.burst)

    def held_s(self) -> list[float]:
        """Return for how long each request may count yet, in seconds."""
        return self._window.held_s(self._clock())

    async def wait_to_send(self, token: Token) -> None:
        """Wait for another place where the token was used before, or is too old."""
        if self.is_too_old(token):
            self.give_back(token)
            while (delay_s := self._window.delay_s(self._clock())) > 0:
                await asyncio.sleep(delay_s)
            token.place = self._window.take(self._clock())
        token.is_sent = True

    def is_too_old(self, token: Token) -> bool:
        """Return whether a request needs another place before it is sent."""
        return token.is_sent or self._clock() - token.place.taken_at > SEND_WITHIN_S

    def answered(self, token: Token) -> None:
        """Note that the provider has answered the request."""
        self._window.answered(token.place, self._clock())

    def give_back(self, token: Token) -> None:
        """Free the place of a request that was not sent."""
        if not token.is_sent:
            self._window.give_back(token.place)

    def reduce_rate(self, pause_s: float) -> None:
        """Halve the rate for a while, from the end of a pause on."""
        self._adaptive.reduce(self._clock(), pause_s)

    def extend_pause(self, pause_s: float) -> None:
        """Do nothing: the scheduler pauses, and there are no other processes."""

    def adopt(self, other: LocalTokenSource) -> None:
        """Take over from an earlier source of this process: its counts and its rate."""
        self._window, self._adaptive = other._window, other._adaptive

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
