"""Single flight: however many ask for a value at once, it is looked for once.

The search is a task of its own, so a caller who gives up takes nothing from the others. Those
who wait may be content with less than it will bring: a flight says as soon as it has come by
something stale.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Flight", "Flights", "Tell", "Work"]

Tell = Callable[[Any], None]
"""Takes something stale that was come by on the way."""


class Work(Protocol):
    """What a flight does."""

    async def run(self, tell: Tell) -> Any:
        """Find the value."""

    def let_go(self) -> None:
        """Stand in nobody's way any more: what this brings was declared old."""


class Flight:
    """One search under way.

    Attributes
    ----------
    task : asyncio.Task
        Ends with what was found, or fails.
    stale : asyncio.Future
        Done once something stale was come by.
    work : Work
    started : float
        On the loop's clock.
    """

    def __init__(self, work: Work) -> None:
        loop = asyncio.get_running_loop()
        self.work, self.started = work, loop.time()
        self.stale: asyncio.Future[Any] = loop.create_future()
        self.task: asyncio.Task[Any] = loop.create_task(self._run())
        self.task.add_done_callback(_look)

    async def _run(self) -> Any:
        return await self.work.run(self.found_stale)

    def found_stale(self, what: Any) -> None:
        """Let those who wait know what could be served meanwhile."""
        if not self.stale.done():
            self.stale.set_result(what)

    async def wait_until(self, when: float, *, stale_will_do: bool = False) -> None:
        """Wait for the end, until a time of the loop's clock.

        Parameters
        ----------
        when : float
        stale_will_do : bool
            Return also as soon as something stale was come by.
        """
        left_s = when - asyncio.get_running_loop().time()
        if left_s > 0:
            awaited = {self.task, self.stale} if stale_will_do else {self.task}
            # Unlike wait_for, this cancels nothing when the caller is cancelled or out of time.
            await asyncio.wait(awaited, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)


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

    def __contains__(self, at: tuple[str, str]) -> bool:
        return at in self._flights

    def join(self, kind: str, key: str, make: Callable[[], Work]) -> Flight:
        """Return the flight for a key, having started it where there was none."""
        flight = self._flights.get((kind, key))
        if flight is None:
            flight = self._flights[kind, key] = Flight(make())
            self._all.add(flight)
            flight.task.add_done_callback(lambda _: self._landed(kind, key, flight))
        return flight

    def _landed(self, kind: str, key: str, flight: Flight) -> None:
        self._all.discard(flight)
        if self._flights.get((kind, key)) is flight:
            del self._flights[kind, key]

    def part_from(self, matches: Callable[[str, str], bool]) -> None:
        """Let nobody join some flights any more: what they bring was declared old."""
        for at in [at for at in self._flights if matches(*at)]:
            self._flights.pop(at).work.let_go()

    async def cancel(self) -> None:
        """End all, and wait for that."""
        tasks = [flight.task for flight in self._all]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
