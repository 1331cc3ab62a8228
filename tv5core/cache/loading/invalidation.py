"""Apply invalidations: to memory, flights and tiers, and from other processes to all of them."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence

from tv5core.cache.entry import Invalidation
from tv5core.cache.fork_locks import renew_in_children
from tv5core.cache.loading.guarded_tier import GuardedTier
from tv5core.cache.loading.single_flight import SingleFlight
from tv5core.cache.loading.tier_stack import TierStack

__all__ = ["Invalidator"]

_MAX_RECEIVED = 10_000
_WAIT_S = 2.0  # for the tiers, which then continue in the background


class Invalidator:
    """Invalidations of this process and of others.

    Parameters
    ----------
    stack : TierStack
    single_flight : SingleFlight

    Attributes
    ----------
    received : deque
        Invalidations by other processes, not yet applied, each with its tier's position.
    """

    def __init__(self, stack: TierStack, single_flight: SingleFlight) -> None:
        self._stack, self._single_flight = stack, single_flight
        self.received: deque[tuple[int, Invalidation]] = deque()
        renew_in_children(self)

    def renew_lock(self) -> None:
        """Replace the lock in a forked child."""
        self._lock = threading.Lock()

    def receive(self, position: int, invalidation: Invalidation) -> None:
        """Queue an invalidation from a tier, from any thread.

        Where the event loop does not come to apply them, they become one of everything.
        """
        with self._lock:
            if len(self.received) >= _MAX_RECEIVED:
                position = max([position, *(queued for queued, _ in self.received)])
                invalidation = Invalidation("all")
                self.received.clear()
            self.received.append((position, invalidation))

    def apply_received(self) -> None:
        """Apply other processes' invalidations: to memory, and to the tiers nearer to it."""
        while self.received:
            with self._lock:
                position, invalidation = self.received[0]
            self._apply_locally(invalidation)
            _start(invalidation, self._stack.tiers[:position])
            with self._lock:  # only now: an interrupt loses nothing, and twice is harmless
                if self.received and self.received[0][1] is invalidation:
                    self.received.popleft()

    async def invalidate(self, invalidation: Invalidation) -> None:
        """Apply an invalidation everywhere; it continues where the caller gives up.

        Up to the first await it is one step: no tier is used until it has applied the
        invalidation, so no outdated value moves from a tier to memory, or to another tier.
        """
        self._apply_locally(invalidation)
        tasks = _start(invalidation, self._stack.tiers)
        if tasks:
            await asyncio.wait(tasks, timeout=_WAIT_S)

    def _apply_locally(self, invalidation: Invalidation) -> None:
        memory = self._stack.memory
        self._stack.log.append(invalidation)
        if invalidation.scope == "key":
            for key in invalidation.keys:
                memory.delete(invalidation.kind, key)
        elif invalidation.scope == "kind":
            memory.delete_kind(invalidation.kind)
        elif invalidation.scope == "tag":
            memory.delete_tag(invalidation.tag)
        else:
            memory.clear()
        # The tags of a value being loaded are not known yet, so a tag forgets all flights.
        all_flights = invalidation.scope in ("tag", "all")
        self._single_flight.forget(
            lambda kind, key: all_flights or invalidation.matches(kind, key, ())
        )


def _start(invalidation: Invalidation, tiers: Sequence[GuardedTier]) -> list[asyncio.Task[None]]:
    return [tier.invalidate(invalidation) for tier in tiers]
