"""The scheduler of a provider: grants its tokens and connections to queued requests.

A request is granted when a token is available, its class may go, and a connection is free.
Classes go strictly in order, except that a class that queues without a bound goes first once
after ten seconds without a grant. The wait of each request is predicted on arrival; a request
that would wait longer than it may is refused at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from tv5core.errors import ClosedError, InvalidInputError, RateLimitedError
from tv5core.upstream.limiting.bulk_share import BulkShare
from tv5core.upstream.limiting.limiter import Permit
from tv5core.upstream.limiting.priority import RULES, Priority, off_peak_delay_s
from tv5core.upstream.limiting.queues import Queues, Waiter
from tv5core.upstream.limiting.snapshot import LimitSnapshot
from tv5core.upstream.limiting.token_source import Token, TokenSource

__all__ = ["Scheduler"]

_OPEN_TO_ALL = 0.75  # part of the connections that classes which yield them may use
_HOLD_WEIGHT = 0.05  # of the newest value in the moving average of how long connections are held
_MIN_HOLD_S = 0.01
_MAX_SLEEP_S = 60.0


class Scheduler:
    """A limiter whose tokens come from a :class:`TokenSource`.

    It belongs to the event loop it is first used on; call its methods on that loop.

    Parameters
    ----------
    tokens : TokenSource
    rate : float
        Requests per second, of which bulk work has a share.
    bulk_share : float
        Part of the rate that bulk work may take over any minute.
    max_connections : int
        Requests in flight at once; a quarter of them is closed to background, bulk and off-peak
        work.
    now : callable or None
        Time of day, for off-peak hours; None uses the system's.
    """

    def __init__(
        self,
        tokens: TokenSource,
        *,
        rate: float,
        bulk_share: float = 0.2,
        max_connections: int = 20,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._tokens, self._rate = tokens, rate
        self._bulk = BulkShare(rate, bulk_share)
        self._max_connections = max_connections
        self._now = now or (lambda: datetime.now(UTC))
        self._queues = Queues()
        self._changed = asyncio.Event()
        self._scheduling: asyncio.Task[None] | None = None
        self._paused_until = -math.inf
        self._in_flight, self._mean_hold_s = 0, 0.0
        self._is_closed = False

    # -- requests ------------------------------------------------------------------------------

    async def acquire(self, priority: Priority, *, timeout_s: float | None = None) -> None:
        """Wait for a token, without a connection.

        Parameters
        ----------
        priority : Priority
        timeout_s : float or None
            Longest wait in seconds, where it is shorter than that of the class.

        Raises
        ------
        RateLimitedError
            The request would wait longer than it may.
        ClosedError
            The limiter is closed.
        """
        # Whoever sends by other means is trusted to have sent by now.
        self._tokens.answered(await self._acquire(priority, timeout_s, 0))

    @contextlib.asynccontextmanager
    async def permit(
        self, priority: Priority, *, timeout_s: float | None = None
    ) -> AsyncIterator[Permit]:
        """Wait for a token and a connection; the connection is held until the block ends.

        Raises
        ------
        RateLimitedError
            The request would wait longer than it may.
        ClosedError
            The limiter is closed.
        """
        started = self._time()
        token = await self._acquire(priority, timeout_s, 1)
        granted_at = self._time()
        try:
            yield Permit(token, self, granted_at - started)
        finally:
            self._tokens.give_back(token)
            self._in_flight -= 1
            self._mean_hold_s += _HOLD_WEIGHT * (self._time() - granted_at - self._mean_hold_s)
            self._changed.set()

    async def _acquire(
        self, priority: Priority, timeout_s: float | None, connections: int
    ) -> Token:
        if self._is_closed:
            raise _closed_error()
        max_wait_s = _max_wait_s(priority, timeout_s)
        expected_s = self._predict_s(priority, connections)
        if expected_s > max_wait_s:
            raise _refusal(priority, expected_s, max_wait_s)
        if priority is Priority.BACKGROUND:
            return await self._take_now(connections)
        return await self._wait(priority, connections, max_wait_s)

    async def _take_now(self, connections: int) -> Token:
        self._in_flight += connections
        token = None
        try:
            token = await self._tokens.take(Priority.BACKGROUND)
        finally:
            self._in_flight -= 0 if token else connections
        if token is None:
            raise _refusal(Priority.BACKGROUND, 1 / self._tokens.rate(), 0.0)
        return token

    async def _wait(self, priority: Priority, connections: int, max_wait_s: float) -> Token:
        loop = asyncio.get_running_loop()
        waiter = Waiter(loop.create_future(), connections, self._time())
        self._queues.add(priority, waiter)
        self._wake()
        timer = None
        if not math.isinf(max_wait_s):
            timer = loop.call_later(max_wait_s, self._expire, priority, waiter, max_wait_s)
        try:
            return await waiter.future
        except asyncio.CancelledError:
            self._return_grant(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._queues.remove(priority, waiter)
            self._changed.set()

    def _expire(self, priority: Priority, waiter: Waiter, max_wait_s: float) -> None:
        """Refuse a request whose predicted wait was too short: the rate fell, or others came."""
        if not waiter.future.done():
            self._queues.remove(priority, waiter)
            expected_s = self._predict_s(priority, waiter.connections)
            waiter.future.set_exception(_refusal(priority, max_wait_s + expected_s, max_wait_s))

    def _return_grant(self, waiter: Waiter) -> None:
        """Take back what a request got that was granted in the moment of its cancellation."""
        future = waiter.future
        if future.done() and not future.cancelled() and future.exception() is None:
            self._in_flight -= waiter.connections
            self._tokens.give_back(future.result())

    async def wait_to_send(self, token: Token) -> None:
        """Wait until a granted request may be written; see :meth:`Permit.wait_to_send`."""
        while (left_s := self._paused_until - self._time()) > 0:
            await asyncio.sleep(left_s)
        await self._tokens.wait_to_send(token)

    def answered(self, token: Token) -> None:
        """Note that the provider has answered; see :meth:`Permit.answered`."""
        self._tokens.answered(token)

    # -- state ---------------------------------------------------------------------------------

    def pause(self, duration_s: float) -> None:
        """Send nothing for a while, then continue at a reduced rate.

        A 429 that arrives during a pause extends it but reduces the rate no further, since its
        request was already in flight.

        Parameters
        ----------
        duration_s : float
            Seconds without requests.

        Raises
        ------
        InvalidInputError
            The duration is negative or not finite.
        """
        if not duration_s >= 0 or math.isinf(duration_s):
            raise InvalidInputError(f"expected a number of seconds, got {duration_s}")
        now = self._time()
        if now >= self._paused_until:
            self._tokens.reduce_rate(duration_s)
        else:
            self._tokens.extend_pause(duration_s)
        self._paused_until = max(self._paused_until, now + duration_s)
        self._changed.set()

    @property
    def bulk_share(self) -> float:
        """Part of the rate that bulk work may take over any minute; may be set."""
        return self._bulk.share

    @bulk_share.setter
    def bulk_share(self, share: float) -> None:
        if share != self._bulk.share:
            self._bulk = BulkShare(self._rate, share)
            self._changed.set()

    def snapshot(self) -> LimitSnapshot:
        """Return the current state."""
        paused_s = max(0.0, self._paused_until - self._time())
        is_blocked = paused_s or self._tokens.delay_s(Priority.USER)
        available = 0.0 if is_blocked else self._tokens.available()
        return LimitSnapshot(
            limit=max(1, math.floor(self._tokens.rate())),
            remaining=max(0, min(math.floor(available), self._max_connections - self._in_flight)),
            reset_s=paused_s + (self._tokens.burst - available) / self._tokens.rate(),
            queued=self._queues.counts(),
            wait_s={priority: self._predict_s(priority, 1) for priority in Priority},
            in_flight=self._in_flight,
            paused_s=paused_s,
        )

    async def close(self) -> None:
        """Refuse all requests, those that wait included, and release the token source."""
        self._is_closed = True
        for waiter in self._queues:
            if not waiter.future.done():
                waiter.future.set_exception(_closed_error())
        if self._scheduling is not None:
            self._scheduling.cancel()
            await asyncio.gather(self._scheduling, return_exceptions=True)
        await self._tokens.close()

    # -- prediction ----------------------------------------------------------------------------

    def _predict_s(self, priority: Priority, connections: int) -> float:
        """Return the seconds that one more request of a class would wait."""
        needed = self._queues.count_ahead(priority) + 1 + self._min_tokens_left(priority)
        missing = max(0.0, needed - self._tokens.available())
        own = self._queues.count(priority)
        delay_s = max(self._blocked_s(priority), self._tokens.delay_s(priority))
        bounds_s = [
            delay_s + missing / self._tokens.rate(),
            self._connection_wait_s(priority, own) if connections else 0.0,
        ]
        if priority is Priority.BULK:
            bounds_s.append(self._bulk.delay_s(self._time()) + own * self._bulk.interval_s)
        return max(bounds_s)

    def _connection_wait_s(self, priority: Priority, own: int) -> float:
        if self._in_flight < self._max_in_flight(priority):
            return 0.0
        # Connections become free one by one, each after the mean holding time.
        return (own + 1) * max(self._mean_hold_s, _MIN_HOLD_S) / self._max_in_flight(priority)

    # -- scheduling ----------------------------------------------------------------------------

    def _wake(self) -> None:
        self._changed.set()
        if self._scheduling is None or self._scheduling.done():
            self._scheduling = asyncio.get_running_loop().create_task(self._schedule())

    async def _schedule(self) -> None:
        """Grant tokens for as long as a request waits."""
        while self._queues:
            self._changed.clear()
            await self._tokens.refresh()
            priority, delay_s = self._next()
            if delay_s > 0:
                await self._sleep(delay_s)
            else:
                await self._take_for(priority)

    async def _take_for(self, priority: Priority) -> None:
        token = await self._tokens.take(priority)
        if token is not None and not self._grant(priority, token):
            self._tokens.give_back(token)

    async def _sleep(self, seconds: float) -> None:
        """Sleep until something changes; never long, since the time of day may jump."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, _MAX_SLEEP_S)):
                await self._changed.wait()

    def _next(self) -> tuple[Priority, float]:
        """Return the class to take a token for, and the seconds until then."""
        soonest, soonest_s = Priority.USER, math.inf
        for priority in self._queues.in_order(self._time()):
            delay_s = max(self._blocked_s(priority), self._token_delay_s(priority))
            if not self._has_connection(priority):
                delay_s = math.inf
            if delay_s <= 0:
                return priority, 0.0
            if delay_s < soonest_s:
                soonest, soonest_s = priority, delay_s
        return soonest, soonest_s

    def _grant(self, taken_for: Priority, token: Token) -> bool:
        """Grant a token to the first request in order that may use it; return whether one does.

        A token taken for bulk work may go to any class; others may not go to bulk work.
        """
        for priority in self._queues.in_order(self._time()):
            may = taken_for is Priority.BULK or priority is not Priority.BULK
            is_open = self._blocked_s(priority) <= 0 and self._has_connection(priority)
            if may and is_open and self._serve(priority, token):
                return True
        return False

    def _serve(self, priority: Priority, token: Token) -> bool:
        now = self._time()
        waiter = self._queues.pop(priority, now)
        if waiter is None:
            return False
        if priority is Priority.BULK:
            self._bulk.add(now, self._tokens.factor())
        self._in_flight += waiter.connections
        waiter.future.set_result(token)
        return True

    def _blocked_s(self, priority: Priority) -> float:
        """Return the seconds until a class may go at all."""
        delay_s = max(0.0, self._paused_until - self._time())
        if priority is Priority.BULK:
            return max(delay_s, self._bulk.delay_s(self._time()))
        if priority is Priority.OFF_PEAK:
            return max(delay_s, off_peak_delay_s(self._now()))
        return delay_s

    def _token_delay_s(self, priority: Priority) -> float:
        """Return the seconds until taking a token for a class can succeed."""
        delay_s = self._tokens.delay_s(priority)
        is_starved = self._queues.is_starved(priority, self._time())
        min_left = 0 if is_starved else self._min_tokens_left(priority)
        missing = 1 + min_left - self._tokens.available()
        if min_left and missing > 0:
            return max(delay_s, missing / self._tokens.rate())
        return delay_s

    def _min_tokens_left(self, priority: Priority) -> int:
        return min(RULES[priority].min_tokens_left, self._tokens.burst - 1)

    def _max_in_flight(self, priority: Priority) -> int:
        if not RULES[priority].yields_connections:
            return self._max_connections
        return max(1, math.floor(self._max_connections * _OPEN_TO_ALL))

    def _has_connection(self, priority: Priority) -> bool:
        needed = self._queues.first(priority).connections
        return self._in_flight + needed <= self._max_in_flight(priority) or not needed

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


def _max_wait_s(priority: Priority, timeout_s: float | None) -> float:
    bounds_s = [bound for bound in (RULES[priority].max_wait_s, timeout_s) if bound is not None]
    return min(bounds_s, default=math.inf)


def _closed_error() -> ClosedError:
    return ClosedError("expected an open limiter, got a closed one")


def _refusal(priority: Priority, expected_s: float, max_wait_s: float) -> RateLimitedError:
    return RateLimitedError(
        f"expected a wait of at most {max_wait_s:.2f} s for {priority.value} requests, "
        f"got one of {expected_s:.2f} s",
        retry_after_s=expected_s,
    )
