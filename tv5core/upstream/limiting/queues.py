"""Who waits, class by class, and which class goes first."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping

from tv5core.upstream.limiting.priority import RULES, Priority

__all__ = ["STARVED_S", "Queues", "Waiter"]

STARVED_S = 10.0
"""A queueing class that got nothing for so long goes first once."""


class Waiter:
    """A request that waits.

    Attributes
    ----------
    future : asyncio.Future of float
        Gets the time of the grant.
    needs : int
        Connections it takes, 0 or 1.
    since : float
    """

    __slots__ = ("future", "needs", "since")

    def __init__(self, future: asyncio.Future[float], needs: int, since: float) -> None:
        self.future, self.needs, self.since = future, needs, since


class Queues:
    """One queue for each class: first come, first served."""

    def __init__(self) -> None:
        self._queues: dict[Priority, OrderedDict[Waiter, None]] = {
            priority: OrderedDict() for priority in Priority
        }
        self._served_at: dict[Priority, float] = {}

    def __bool__(self) -> bool:
        return any(self._queues.values())

    def __iter__(self) -> Iterator[Waiter]:
        for queue in self._queues.values():
            yield from queue

    def add(self, priority: Priority, waiter: Waiter) -> None:
        """Queue up."""
        self._queues[priority][waiter] = None

    def remove(self, priority: Priority, waiter: Waiter) -> None:
        """Leave, from wherever in the queue, if still in it."""
        self._queues[priority].pop(waiter, None)

    def pop(self, priority: Priority, now: float) -> Waiter | None:
        """Take the first that still waits; cancelled ones leave their place to the next."""
        queue = self._queues[priority]
        while queue:
            waiter, _ = queue.popitem(last=False)
            if not waiter.future.done():
                self._served_at[priority] = now
                return waiter
        return None

    def first(self, priority: Priority) -> Waiter:
        """Return the first, cancelled or not, of a class in which somebody waits."""
        return next(iter(self._queues[priority]))

    def count(self, priority: Priority) -> int:
        """Return how many wait in a class."""
        return len(self._queues[priority])

    def counts(self) -> Mapping[Priority, int]:
        """Return how many wait, by class."""
        return {priority: len(queue) for priority, queue in self._queues.items()}

    def ahead(self, priority: Priority) -> int:
        """Return how many go before one more of a class."""
        total = 0
        for each, queue in self._queues.items():
            total += len(queue)
            if each is priority:
                break
        return total

    def in_order(self, now: float) -> list[Priority]:
        """Return the classes that somebody waits in, in the order they go."""
        waiting = [priority for priority, queue in self._queues.items() if queue]
        # The sort is stable: what is not starved stays in its order.
        return sorted(waiting, key=lambda priority: not self.is_starved(priority, now))

    def is_starved(self, priority: Priority, now: float) -> bool:
        """Return whether a class that queues without a bound got nothing for too long."""
        if RULES[priority].max_wait_s is not None or not self._queues[priority]:
            return False
        since = self.first(priority).since
        return now - max(since, self._served_at.get(priority, since)) > STARVED_S
