"""Single flight: however many ask for a value at once, it is looked for once.

The search is a task of its own, so a caller who gives up takes nothing from the others. Those
who wait may be content with less than it will bring: a flight says as soon as it has come by
something stale.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Flight", "Flights", "Tell"]

Tell = Callable[[Any], None]
"""Takes something stale that was come by on the way."""

Work = Callable[[Tell], Awaitable[Any]]


class Flight:
    """One search under way.

    Attributes
    ----------
    task : asyncio.Task
        Ends with what was found, or fails.
    stale : asyncio.Future
        Done once something stale was come by.
    """

    def __init__(self, work: Work) -> None:
        loop = asyncio.get_running_loop()
        self.stale: asyncio.Future[Any] = loop.create_future()
        self.task: asyncio.Task[Any] = loop.create_task(self._run(work))
        self.task.add_done_callback(_look)

    async def _run(self, work: Work) -> Any:
        return await work(self.found_stale)

    def found_stale(self, what: Any) -> None:
        """Let those who wait know what could be served meanwhile."""
        if not self.stale.done():
            self.stale.set_result(what)

    async def wait(self, timeout_s: float, *, stale_will_do: bool = False) -> bool:
        """Wait for the end; say whether it came in time.

        Parameters
        ----------
        timeout_s : float
        stale_will_do : bool
            Return also as soon as something stale was come by.
        """
        awaited = {self.task, self.stale} if stale_will_do else {self.task}
        # Unlike wait_for, this cancels nothing when the caller is cancelled or out of time.
        await asyncio.wait(awaited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        return self.task.done()


def _look(task: asyncio.Task[Any]) -> None:
    """Take note of a failure, so that nobody is warned of one that no caller waited for."""
    if not task.cancelled():
        task.exception()


class Flights:
    """The searches under way, by what for."""

    def __init__(self) -> None:
        self._flights: dict[tuple[str, str], Flight] = {}
        self._all: set[Flight] = set()

    def __len__(self) -> int:
        return len(self._all)

    def join(self, kind: str, key: str, work: Work) -> Flight:
        """Return the flight for a key, having started it where there was none."""
        flight = self._flights.get((kind, key))
        if flight is None:
            flight = self._flights[kind, key] = Flight(work)
            self._all.add(flight)
            flight.task.add_done_callback(lambda _: self._landed(kind, key, flight))
        return flight

    def _landed(self, kind: str, key: str, flight: Flight) -> None:
        self._all.discard(flight)
        if self._flights.get((kind, key)) is flight:
            del self._flights[kind, key]

    def part_from(self, matches: Callable[[str, str], bool]) -> None:
        """Let nobody join some flights any more: what they bring was declared old."""
        for kind, key in [at for at in self._flights if matches(*at)]:
            del self._flights[kind, key]

    async def cancel(self) -> None:
        """End all, and wait for that."""
        tasks = [flight.task for flight in self._all]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
