"""The requests that wait, by class, and the order of the classes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping

from tv5core.upstream.limiting.priority import RULES, Priority
from tv5core.upstream.limiting.token_source import Token

__all__ = ["STARVATION_S", "Queues", "Waiter"]

STARVATION_S = 10.0
"""Seconds without a grant after which a class that queues without a bound goes first once."""


class Waiter:
    """A request in a queue.

    Attributes
    ----------
    future : asyncio.Future of Token
        Receives the token at the grant.
    connections : int
        Connections it needs, 0 or 1.
    queued_at : float
        When it came, on the event loop's clock.
    """

    __slots__ = ("connections", "future", "queued_at")

    def __init__(self, future: asyncio.Future[Token], connections: int, queued_at: float) -> None:
        self.future, self.connections, self.queued_at = future, connections, queued_at


class Queues:
    """One first-in, first-out queue per class."""

    def __init__(self) -> None:
        self._queues: dict[Priority, OrderedDict[Waiter, None]] = {
            priority: OrderedDict() for priority in Priority
        }
        self._granted_at: dict[Priority, float] = {}

    def __bool__(self) -> bool:
        return any(self._queues.values())

    def __iter__(self) -> Iterator[Waiter]:
        for queue in self._queues.values():
            yield from queue

    def add(self, priority: Priority, waiter: Waiter) -> None:
        """Append a waiter to the queue of its class."""
        self._queues[priority][waiter] = None

    def remove(self, priority: Priority, waiter: Waiter) -> None:
        """Remove a waiter from anywhere in its queue, if it is still there."""
        self._queues[priority].pop(waiter, None)

    def pop(self, priority: Priority, now: float) -> Waiter | None:
        """Remove and return the first waiter of a class that is not cancelled, if any."""
        queue = self._queues[priority]
        while queue:
            waiter, _ = queue.popitem(last=False)
            if not waiter.future.done():
                self._granted_at[priority] = now
                return waiter
        return None

    def first(self, priority: Priority) -> Waiter:
        """Return the first waiter, cancelled or not, of a class whose queue is not empty."""
        return next(iter(self._queues[priority]))

    def count(self, priority: Priority) -> int:
        """Return the number of waiters of a class."""
        return len(self._queues[priority])

    def counts(self) -> Mapping[Priority, int]:
        """Return the number of waiters by class."""
        return {priority: len(queue) for priority, queue in self._queues.items()}

    def count_ahead(self, priority: Priority) -> int:
        """Return the number of waiters that go before a new one of a class."""
        total = 0
        for each, queue in self._queues.items():
            total += len(queue)
            if each is priority:
                break
        return total

    def in_order(self, now: float) -> list[Priority]:
        """Return the classes whose queues are not empty, in the order they are served."""
        waiting = [priority for priority, queue in self._queues.items() if queue]
        # The sort is stable, so classes that do not starve keep their order.
        return sorted(waiting, key=lambda priority: not self.is_starved(priority, now))

    def is_starved(self, priority: Priority, now: float) -> bool:
        """Return whether a class that queues without a bound got no grant for too long."""
        if RULES[priority].max_wait_s is not None or not self._queues[priority]:
            return False
        since = self.first(priority).queued_at
        return now - max(since, self._granted_at.get(priority, since)) > STARVATION_S
