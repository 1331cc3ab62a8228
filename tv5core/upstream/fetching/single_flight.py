"""Identical calls that come while one is under way share its answer.

The call runs in a task of its own, so that no caller's end is its end; it is given up when its
last caller is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from tv5core.errors import ClosedError, Tv5Error
from tv5core.upstream.fetching.request import Call, Response
from tv5core.upstream.limiting.priority import Priority

__all__ = ["Sharing"]

Run = Callable[[Call], Awaitable[Response]]
_ORDER = list(Priority)


class _Flight:
    """A call under way, and how many wait for it."""

    def __init__(self, call: Call, run: Run) -> None:
        loop = asyncio.get_running_loop()
        self.call, self.callers = call, 0
        self.future: asyncio.Future[Response | Exception] = loop.create_future()
        self._run, self._task = run, loop.create_task(self._fly(run))

    async def _fly(self, run: Run) -> None:
        outcome: Response | Exception
        try:
            outcome = await run(self.call)
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller is told
            outcome = error
        if not self.future.done():
            self.future.set_result(outcome)

    def join(self, call: Call) -> None:
        """Take another caller's urgency over, and start anew if that helps."""
        hurries = _ORDER.index(call.priority) < _ORDER.index(self.call.priority)
        longer = call.deadline > self.call.deadline
        if hurries:
            self.call.priority = call.priority
        if longer:
            self.call.deadline = call.deadline
        if hurries and not self.call.is_under_way():
            self._task.cancel()
            self._task = asyncio.get_running_loop().create_task(self._fly(self._run))

    def end(self) -> None:
        """Stop the call, with no regard for who waits."""
        self._task.cancel()
        if not self.future.done():
            self.future.set_result(ClosedError("expected an open fetcher, got a closed one"))

    async def ended(self) -> None:
        """Wait until its task is over."""
        await asyncio.gather(self._task, return_exceptions=True)


class Sharing:
    """The calls under way."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight] = {}

    async def share(self, key: Hashable, call: Call, run: Run) -> tuple[Response, bool]:
        """Return the answer to a call, and whether it was another's that this one joined.

        Parameters
        ----------
        key : hashable
            Calls of the same key are identical.
        call : Call
        run : callable
            Makes the call.
        """
        flight, joined = self._flights.get(key), True
        if flight is None:
            flight, joined = self._start(key, call, run), False
        else:
            flight.join(call)
        flight.callers += 1
        try:
            outcome = await asyncio.shield(flight.future)
        finally:
            flight.callers -= 1
            if not flight.callers:
                self._forget(key, flight)
                flight.end()
        if isinstance(outcome, Tv5Error):
            raise _again(outcome)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome, joined

    def _start(self, key: Hashable, call: Call, run: Run) -> _Flight:
        flight = self._flights[key] = _Flight(call, run)
        flight.future.add_done_callback(lambda _: self._forget(key, flight))
        return flight

    def _forget(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def close(self) -> None:
        """Stop all calls; their callers get a ClosedError."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.end()
        for flight in flights:
            await flight.ended()


def _again(error: Tv5Error) -> Tv5Error:
    """Copy an error for one more caller: raised twice, one would collect all tracebacks.

    The copy drops what the error came of, which may hold addresses with keys.
    """
    copy = type(error).__new__(type(error))
    copy.args = error.args
    copy.__dict__.update(error.__dict__)
    return copy
