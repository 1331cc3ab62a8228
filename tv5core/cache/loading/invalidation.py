"""Spread what is declared old: here, to the tiers below, and from them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from tv5core.cache.entry import Invalidation
from tv5core.cache.loading.guarded_tier import Below
from tv5core.cache.loading.search import Shelf
from tv5core.cache.loading.single_flight import Flights

__all__ = ["News"]

_WAIT_S = 2.0  # for the tiers to be told; it goes on behind


class News:
    """Invalidations, on their way in either direction.

    Parameters
    ----------
    shelf : Shelf
    flights : Flights

    Attributes
    ----------
    heard : deque
        What tiers told of other processes, to be followed; with the place of the tier.
    """

    def __init__(self, shelf: Shelf, flights: Flights) -> None:
        self._shelf, self._flights = shelf, flights
        self.heard: deque[tuple[int, Invalidation]] = deque()

    def note(self, place: int, what: Invalidation) -> None:
        """Take what a tier tells, from any thread: adding to a deque needs no lock."""
        self.heard.append((place, what))

    def hear(self) -> None:
        """Follow what other processes invalidated: in memory, and in the tiers nearer to us."""
        while self.heard:
            place, what = self.heard.popleft()
            self._forget(what)
            self._tell(what, self._shelf.tiers[:place])

    async def spread(self, what: Invalidation) -> None:
        """Forget in memory and tell the tiers; goes on behind where the caller gives up.

        In one step: none of the tiers is used any more until it was told, so nothing old can
        come up from one into memory, or into another that was told already.
        """
        self._forget(what)
        telling = self._tell(what, self._shelf.tiers)
        if telling:
            await asyncio.wait(telling, timeout=_WAIT_S)

    def _tell(self, what: Invalidation, tiers: Sequence[Below]) -> list[asyncio.Task[None]]:
        return [tier.tell(what) for tier in tiers]

    def _forget(self, what: Invalidation) -> None:
        memory = self._shelf.memory
        self._shelf.recent.add(what)
        if what.scope == "key":
            for key in what.keys:
                memory.delete(what.kind, key)
        elif what.scope == "kind":
            memory.delete_kind(what.kind)
        elif what.scope == "tag":
            memory.delete_tag(what.tag)
        else:
            memory.clear()
        # Which tags a load will bring is not known yet, so a tag parts from all.
        anything = what.scope in ("tag", "all")
        self._flights.part_from(lambda kind, key: anything or what.names(kind, key, ()))
