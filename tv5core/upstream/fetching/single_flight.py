"""Identical calls in flight share one response.

The request runs in a task of its own, so the end of one caller is not the end of the request; it
is cancelled when its last caller is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from tv5core.errors import ClosedError, Tv5Error, UnreachableError
from tv5core.upstream.fetching.request import Request, Response
from tv5core.upstream.limiting.priority import Priority

__all__ = ["SingleFlight"]

Send = Callable[[Request], Awaitable[Response]]
_ORDER = list(Priority)


class _Flight:
    """A request in flight, and the number of its callers."""

    def __init__(self, request: Request, send: Send) -> None:
        loop = asyncio.get_running_loop()
        self.request, self.callers = request, 0
        self.future: asyncio.Future[Response | Exception] = loop.create_future()
        self._send, self._task = send, loop.create_task(self._fly(send))

    async def _fly(self, send: Send) -> None:
        outcome: Response | Exception
        try:
            outcome = await send(self.request)
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller gets it
            outcome = error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Something inside was cancelled; without an outcome the callers would wait for ever.
            outcome = UnreachableError("expected a response, got a cancelled request")
            outcome.__cause__ = error
        if not self.future.done():
            self.future.set_result(outcome)

    def join(self, request: Request) -> None:
        """Take over the priority and deadline of another caller; start again if that helps."""
        is_urgent = _ORDER.index(request.priority) < _ORDER.index(self.request.priority)
        self.request.deadline = max(self.request.deadline, request.deadline)
        if is_urgent:
            self.request.priority = request.priority
        if is_urgent and not self.request.is_sent():
            self._task.cancel()
            self._task = asyncio.get_running_loop().create_task(self._fly(self._send))

    def cancel(self) -> None:
        """Cancel the request; callers that still wait get a ClosedError."""
        self._task.cancel()
        if not self.future.done():
            self.future.set_result(ClosedError("expected an open fetcher, got a closed one"))

    async def join_task(self) -> None:
        """Wait until the task has ended."""
        await asyncio.gather(self._task, return_exceptions=True)


class SingleFlight:
    """The requests in flight, by key."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight] = {}

    async def do(self, key: Hashable, request: Request, send: Send) -> tuple[Response, bool]:
        """Return the response, and whether it is that of an earlier call.

        Parameters
        ----------
        key : hashable
            Identical calls have equal keys.
        request : Request
        send : callable
            Sends the request.
        """
        flight, is_shared = self._flights.get(key), True
        if flight is None:
            flight, is_shared = self._start(key, request, send), False
        else:
            flight.join(request)
        flight.callers += 1
        try:
            outcome = await asyncio.shield(flight.future)
        finally:
            flight.callers -= 1
            if not flight.callers:
                self._forget(key, flight)
                flight.cancel()
        if isinstance(outcome, Tv5Error):
            raise _copy(outcome)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome, is_shared

    def _start(self, key: Hashable, request: Request, send: Send) -> _Flight:
        flight = self._flights[key] = _Flight(request, send)
        flight.future.add_done_callback(lambda _: self._forget(key, flight))
        return flight

    def _forget(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def close(self) -> None:
        """Cancel all requests; their callers get a ClosedError."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        for flight in flights:
            await flight.join_task()


def _copy(error: Tv5Error) -> Tv5Error:
    """Copy an error for one caller: raised twice, one object would collect all tracebacks.

    The copy drops the cause, which may hold addresses with keys.
    """
    copy = type(error).__new__(type(error))
    copy.args = error.args
    copy.__dict__.update(error.__dict__)
    return copy
