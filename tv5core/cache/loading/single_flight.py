"""Single flight: one search per key, however many callers wait for it.

The search runs in a task of its own, so a caller that gives up takes nothing from the others.
While it runs, a flight announces a stale value as soon as it finds one, for callers that accept
that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from tv5core.cache.answer import CachedValue

__all__ = ["Flight", "OnStale", "SingleFlight", "Work"]

OnStale = Callable[[CachedValue], None]
"""Takes a stale value found on the way."""


class Work(Protocol):
    """What a flight runs."""

    async def run(self, on_stale: OnStale) -> CachedValue | None:
        """Find the value; None where there is none and no loader."""

    def release(self) -> None:
        """Release the leases: the value was invalidated, and others may load a new one."""


class Flight:
    """One search under way.

    Attributes
    ----------
    kind, key : str
    task : asyncio.Task
        Ends with the value, or fails.
    stale : asyncio.Future
        Done once a stale value was found.
    work : Work
    started : float
        On the loop's clock.
    ended : asyncio.Future
        Done once the cache is closed: nobody waits any more, whatever the task does.
    """

    def __init__(self, kind: str, key: str, work: Work) -> None:
        loop = asyncio.get_running_loop()
        self.kind, self.key = kind, key
        self.work, self.started = work, loop.time()
        self.stale: asyncio.Future[CachedValue] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.task: asyncio.Task[CachedValue | None] = loop.create_task(self._run())
        self.task.add_done_callback(_retrieve_exception)

    async def _run(self) -> CachedValue | None:
        return await self.work.run(self.set_stale)

    def set_stale(self, value: CachedValue) -> None:
        """Announce a stale value to those who wait."""
        if not self.stale.done():
            self.stale.set_result(value)

    async def wait_until(self, when: float, *, accept_stale: bool = False) -> None:
        """Wait for the end, until a time on the loop's clock.

        Parameters
        ----------
        when : float
        accept_stale : bool
            Return also as soon as there is a stale value.
        """
        left_s = when - asyncio.get_running_loop().time()
        if left_s > 0:
            awaited: set[asyncio.Future[Any]] = {self.task, self.ended}
            if accept_stale:
                awaited.add(self.stale)
            # Unlike wait_for, this cancels nothing when the caller is cancelled or times out.
            await asyncio.wait(awaited, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)


def _retrieve_exception(task: asyncio.Task[CachedValue | None]) -> None:
    """Retrieve a failure, so that asyncio does not warn of one that no caller waited for."""
    if not task.cancelled():
        task.exception()


class SingleFlight:
    """The flights under way, by kind and key."""

    def __init__(self) -> None:
        self._joinable: dict[tuple[str, str], Flight] = {}
        self._all: set[Flight] = set()

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, kind_key: tuple[str, str]) -> bool:
        return kind_key in self._joinable

    def join(self, kind: str, key: str, make: Callable[[], Work]) -> Flight:
        """Return the flight for a key, started with ``make()`` where there is none."""
        flight = self._joinable.get((kind, key))
        # One that ended is still here where an interrupt came before its callback was added.
        if flight is None or flight.task.done():
            flight = self._joinable[kind, key] = Flight(kind, key, make())
            self._all.add(flight)
            flight.task.add_done_callback(lambda _: self._remove(kind, key, flight))
        return flight

    def _remove(self, kind: str, key: str, flight: Flight) -> None:
        self._all.discard(flight)
        if self._joinable.get((kind, key)) is flight:
            del self._joinable[kind, key]

    def forget(self, matches: Callable[[str, str], bool]) -> None:
        """Let nobody join some flights any more: their values were invalidated."""
        for kind_key in [kind_key for kind_key in self._joinable if matches(*kind_key)]:
            self._joinable.pop(kind_key).work.release()

    async def cancel(self, timeout_s: float) -> list[tuple[str, str]]:
        """Cancel all flights, wait for their end, and return which are still running.

        A loader may ignore that it is cancelled; its callers wait no longer all the same.

        Parameters
        ----------
        timeout_s : float
            How long to wait.

        Returns
        -------
        list of (kind, key)
        """
        flights = list(self._all)
        for flight in flights:
            flight.task.cancel()
            if not flight.ended.done():
                flight.ended.set_result(None)
        if flights:
            await asyncio.wait([flight.task for flight in flights], timeout=timeout_s)
        return [(f.kind, f.key) for f in flights if not f.task.done()]
