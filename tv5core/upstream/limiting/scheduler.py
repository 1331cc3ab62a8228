"""One dispatcher owns the queues of a provider and hands out its tokens and connections.

A request is granted when a token is there, its class may go, and a connection is free. Classes
go strictly in order, but a class that queues and got nothing for ten seconds goes first once.
How long a request would wait is predicted as it comes, and one that would wait longer than it
may is refused at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from tv5core.errors import ClosedError, InvalidInputError, RateLimitedError
from tv5core.upstream.limiting.pacing import Pacer, ShareGate
from tv5core.upstream.limiting.priority import RULES, Priority, off_peak_delay_s
from tv5core.upstream.limiting.queues import Queues, Waiter
from tv5core.upstream.limiting.snapshot import LimitSnapshot

__all__ = ["Permit", "QueuedLimiter"]

_OPEN_TO_ALL = 0.75
_HOLD_WEIGHT = 0.05
_SHORTEST_HOLD_S = 0.01
_LONGEST_SLEEP_S = 60.0


class Permit:
    """Leave to send one request.

    Attributes
    ----------
    waited_s : float
        How long it took to get.
    departed_at : float or None
        When the request was last written to a connection, on the loop's clock.
    """

    def __init__(self, limiter: QueuedLimiter, granted_at: float, waited_s: float) -> None:
        self._limiter, self._granted_at = limiter, granted_at
        self.waited_s = waited_s
        self.departed_at: float | None = None

    async def depart(self) -> None:
        """Wait for the last go-ahead; for when the connection stands, before the first byte.

        Called again where a request is written anew, as after a kept connection broke: that is a
        request more, and counts as one.
        """
        await self._limiter.depart(self._granted_at)
        self.departed_at = asyncio.get_running_loop().time()


class QueuedLimiter:
    """The limiter of a provider: classes, queues, connections; tokens come from a pacer.

    Belongs to the event loop it is first used on; methods are called on that loop.

    Parameters
    ----------
    pacer : Pacer
    rate : float
        Requests a second, for the share of bulk work.
    bulk_share : float
        Part of the rate that bulk work may take over any minute.
    max_connections : int
        Requests that may be under way at once; a quarter of them is closed to background, bulk
        and off-peak work.
    now : callable or None
        The time of day, for off-peak hours.
    """

    def __init__(
        self,
        pacer: Pacer,
        *,
        rate: float,
        bulk_share: float = 0.2,
        max_connections: int = 20,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._pacer, self._rate = pacer, rate
        self._gate = ShareGate(rate, bulk_share)
        self._max_connections = max_connections
        self._now = now or (lambda: datetime.now(UTC))
        self._queues = Queues()
        self._changed = asyncio.Event()
        self._dispatcher: asyncio.Task[None] | None = None
        self._paused_until = -math.inf
        self._in_flight, self._hold_s = 0, 0.0
        self._is_closed = False

    # -- asking --------------------------------------------------------------------------------

    async def acquire(self, priority: Priority, *, timeout_s: float | None = None) -> None:
        """Wait for leave to make a request, without taking a connection.

        Parameters
        ----------
        priority : Priority
        timeout_s : float or None
            The longest wait, where it is shorter than that of the class.

        Raises
        ------
        RateLimitedError
            It would wait longer than it may.
        ClosedError
        """
        await self._acquire(priority, timeout_s, 0)

    @contextlib.asynccontextmanager
    async def permit(
        self, priority: Priority, *, timeout_s: float | None = None
    ) -> AsyncIterator[Permit]:
        """Wait for leave to make a request, and for one of the connections; hold it.

        Raises
        ------
        RateLimitedError
            It would wait longer than it may.
        ClosedError
        """
        started = self._time()
        granted_at = await self._acquire(priority, timeout_s, 1)
        try:
            yield Permit(self, granted_at, self._time() - started)
        finally:
            self._in_flight -= 1
            self._hold_s += _HOLD_WEIGHT * (self._time() - granted_at - self._hold_s)
            self._changed.set()

    async def _acquire(self, priority: Priority, timeout_s: float | None, needs: int) -> float:
        """Return when it was granted."""
        if self._is_closed:
            raise _closed()
        bound_s = _bound_s(priority, timeout_s)
        expected_s = self._predict(priority, needs)
        if expected_s > bound_s:
            raise _refusal(priority, expected_s, bound_s)
        if priority is Priority.BACKGROUND:
            return await self._take_now(needs)
        return await self._wait(priority, needs, bound_s)

    async def _take_now(self, needs: int) -> float:
        self._in_flight += needs
        taken = False
        try:
            taken = await self._pacer.take(Priority.BACKGROUND)
        finally:
            self._in_flight -= 0 if taken else needs
        if not taken:
            raise _refusal(Priority.BACKGROUND, 1 / self._pacer.rate(), 0.0)
        return self._time()

    async def _wait(self, priority: Priority, needs: int, bound_s: float) -> float:
        loop = asyncio.get_running_loop()
        waiter = Waiter(loop.create_future(), needs, self._time())
        self._queues.add(priority, waiter)
        self._wake()
        timer = None
        if not math.isinf(bound_s):
            timer = loop.call_later(bound_s, self._expire, priority, waiter, bound_s)
        try:
            return await waiter.future
        except asyncio.CancelledError:
            self._give_back(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._queues.remove(priority, waiter)
            self._changed.set()

    def _expire(self, priority: Priority, waiter: Waiter, bound_s: float) -> None:
        """Refuse one whose wait was underestimated: the rate fell, or others went before."""
        if not waiter.future.done():
            self._queues.remove(priority, waiter)
            expected_s = self._predict(priority, waiter.needs)
            waiter.future.set_exception(_refusal(priority, bound_s + expected_s, bound_s))

    def _give_back(self, waiter: Waiter) -> None:
        """Free the connection of one that was granted just as it was cancelled."""
        if waiter.future.done() and not waiter.future.cancelled():
            self._in_flight -= waiter.needs

    # -- pauses --------------------------------------------------------------------------------

    def pause(self, seconds: float) -> None:
        """Leave the provider alone for so long, and be slower for a while: it answered 429.

        Answers that come while it is paused lengthen the pause, but slow down no further: they
        are of requests that were under way.
        """
        if not seconds >= 0 or math.isinf(seconds):
            raise InvalidInputError(f"expected a number of seconds, got {seconds}")
        now = self._time()
        if now >= self._paused_until:
            self._pacer.slow_down(seconds)
        self._paused_until = max(self._paused_until, now + seconds)
        self._changed.set()

    async def depart(self, granted_at: float) -> None:
        """Wait until a granted request may be written; see :meth:`Permit.depart`."""
        while (left_s := self._paused_until - self._time()) > 0:
            await asyncio.sleep(left_s)
        await self._pacer.depart(granted_at)

    # -- state ---------------------------------------------------------------------------------

    @property
    def bulk_share(self) -> float:
        """Part of the rate that bulk work may take over any minute; may be set."""
        return self._gate.share

    @bulk_share.setter
    def bulk_share(self, share: float) -> None:
        if share != self._gate.share:
            self._gate = ShareGate(self._rate, share)
            self._changed.set()

    def snapshot(self) -> LimitSnapshot:
        """Return how it stands."""
        paused_s = max(0.0, self._paused_until - self._time())
        free = 0.0 if paused_s or self._pacer.delay(Priority.USER) else self._pacer.free()
        return LimitSnapshot(
            limit=max(1, math.floor(self._pacer.rate())),
            remaining=max(0, min(math.floor(free), self._max_connections - self._in_flight)),
            reset_s=paused_s + (self._pacer.burst - free) / self._pacer.rate(),
            queued=self._queues.counts(),
            wait_s={priority: self._predict(priority, 1) for priority in Priority},
            in_flight=self._in_flight,
            paused_s=paused_s,
        )

    async def close(self) -> None:
        """Refuse what comes and what waits; give back what is held."""
        self._is_closed = True
        for waiter in self._queues:
            if not waiter.future.done():
                waiter.future.set_exception(_closed())
        if self._dispatcher is not None:
            self._dispatcher.cancel()
            await asyncio.gather(self._dispatcher, return_exceptions=True)
        await self._pacer.close()

    def _predict(self, priority: Priority, needs: int) -> float:
        """Seconds one more request of a class would wait, as things are."""
        needed = self._queues.ahead(priority) + 1 + self._leaves_free(priority)
        short = max(0.0, needed - self._pacer.free())
        own = self._queues.count(priority)
        holds_s = [
            self._closed_s(priority) + self._pacer.delay(priority) + short / self._pacer.rate(),
            self._connections_s(priority, own) if needs else 0.0,
        ]
        if priority is Priority.BULK:
            holds_s.append(self._gate.delay(self._time()) + own * self._gate.interval_s)
        return max(holds_s)

    def _connections_s(self, priority: Priority, own: int) -> float:
        if self._in_flight < self._room(priority):
            return 0.0
        # Connections come free one by one, each after the usual time.
        return (own + 1) * max(self._hold_s, _SHORTEST_HOLD_S) / self._room(priority)

    # -- dispatching ---------------------------------------------------------------------------

    def _wake(self) -> None:
        self._changed.set()
        if self._dispatcher is None or self._dispatcher.done():
            self._dispatcher = asyncio.get_running_loop().create_task(self._dispatch())

    async def _dispatch(self) -> None:
        """Hand out tokens for as long as somebody waits."""
        while self._queues:
            self._changed.clear()
            await self._pacer.refresh()
            priority, delay_s = self._next()
            if delay_s > 0:
                await self._sleep(delay_s)
            elif await self._pacer.take(priority):
                self._grant(priority)

    async def _sleep(self, seconds: float) -> None:
        """Sleep until something changes, or so long; the time of day may jump, so never long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, _LONGEST_SLEEP_S)):
                await self._changed.wait()

    def _next(self) -> tuple[Priority, float]:
        """Return the class to take a token for, and the seconds until then."""
        soonest, soonest_s = Priority.USER, math.inf
        for priority in self._queues.in_order(self._time()):
            delay_s = max(self._closed_s(priority), self._token_s(priority))
            if not self._has_connection(priority):
                delay_s = math.inf
            if delay_s <= 0:
                return priority, 0.0
            if delay_s < soonest_s:
                soonest, soonest_s = priority, delay_s
        return soonest, soonest_s

    def _grant(self, taken_for: Priority) -> None:
        """Give a token to the first in order who may have it; what was bulk's may be anyone's."""
        for priority in self._queues.in_order(self._time()):
            may = taken_for is Priority.BULK or priority is not Priority.BULK
            is_open = self._closed_s(priority) <= 0 and self._has_connection(priority)
            if may and is_open and self._serve(priority):
                return

    def _serve(self, priority: Priority) -> bool:
        now = self._time()
        waiter = self._queues.pop(priority, now)
        if waiter is None:
            return False
        if priority is Priority.BULK:
            self._gate.note(now, self._pacer.factor())
        self._in_flight += waiter.needs
        waiter.future.set_result(now)
        return True

    def _closed_s(self, priority: Priority) -> float:
        """Seconds until a class may go at all."""
        delay_s = max(0.0, self._paused_until - self._time())
        if priority is Priority.BULK:
            return max(delay_s, self._gate.delay(self._time()))
        if priority is Priority.OFF_PEAK:
            return max(delay_s, off_peak_delay_s(self._now()))
        return delay_s

    def _token_s(self, priority: Priority) -> float:
        """Seconds until it is worth to ask the pacer for a token for a class."""
        delay_s = self._pacer.delay(priority)
        is_starved = self._queues.is_starved(priority, self._time())
        leaves_free = 0 if is_starved else self._leaves_free(priority)
        short = 1 + leaves_free - self._pacer.free()
        if leaves_free and short > 0:
            return max(delay_s, short / self._pacer.rate())
        return delay_s

    def _leaves_free(self, priority: Priority) -> int:
        return min(RULES[priority].leaves_free, self._pacer.burst - 1)

    def _room(self, priority: Priority) -> int:
        if not RULES[priority].yields_connections:
            return self._max_connections
        return max(1, math.floor(self._max_connections * _OPEN_TO_ALL))

    def _has_connection(self, priority: Priority) -> bool:
        needs = self._queues.first(priority).needs
        return self._in_flight + needs <= self._room(priority) or not needs

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


def _bound_s(priority: Priority, timeout_s: float | None) -> float:
    bounds = [bound for bound in (RULES[priority].max_wait_s, timeout_s) if bound is not None]
    return min(bounds, default=math.inf)


def _closed() -> ClosedError:
    return ClosedError("expected an open limiter, got a closed one")


def _refusal(priority: Priority, expected_s: float, bound_s: float) -> RateLimitedError:
    return RateLimitedError(
        f"expected a wait of at most {bound_s:.2f} s for {priority.value} requests, "
        f"got one of {expected_s:.2f} s",
        retry_after_s=expected_s,
    )
