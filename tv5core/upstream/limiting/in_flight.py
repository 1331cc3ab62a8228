"""A strict limit on the requests that a provider may count within one second.

A provider counts a request some time after it was sent and before it answers, and nobody but the
provider knows when. So a request takes a place from its grant until a second after its answer. When
a request is sent, every other that the provider may count in the same second holds a place: it was
answered within the last second, or it is still under way. With at most ``limit`` places, no second
has more than ``limit`` requests, however long each took on its way.

A request that gets no answer gives its place back after :data:`COUNTED_S`. So the bound on delays
is :data:`TRANSIT_S`, and it matters for those requests alone.
"""

from __future__ import annotations

from collections import deque

__all__ = ["COUNTED_S", "SECOND_S", "SEND_WITHIN_S", "TRANSIT_S", "InFlightWindow", "Place"]

SECOND_S = 1.005
"""A provider's second, with room for clocks that run differently."""
SEND_WITHIN_S = 0.5
"""Seconds after its grant within which a request is sent; later it needs another place."""
TRANSIT_S = 1.5
"""Longest time from sending a request to its being counted, where no answer tells."""
COUNTED_S = SEND_WITHIN_S + TRANSIT_S + SECOND_S
"""Seconds for which a request without an answer holds its place."""


class Place:
    """The place of one request in a window.

    Attributes
    ----------
    taken_at : float
        Seconds, on the clock of the window.
    """

    __slots__ = ("taken_at",)

    def __init__(self, taken_at: float) -> None:
        self.taken_at = taken_at


class InFlightWindow:
    """At most ``limit`` requests that may be counted within one second.

    Parameters
    ----------
    limit : int
        The provider's contract.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        # Both are in the order in which places become free.
        self._open: dict[Place, None] = {}
        self._free_at: deque[float] = deque()

    def delay_s(self, now: float) -> float:
        """Return the shortest time until a place can be free, 0 for now; seconds."""
        self._discard(now)
        missing = len(self._open) + len(self._free_at) + 1 - self.limit
        if missing <= 0:
            return 0.0
        if missing <= len(self._free_at):
            return self._free_at[missing - 1] - now
        # Those under way are answered now at the earliest.
        return min(SECOND_S, max(0.0, next(iter(self._open)).taken_at + COUNTED_S - now))

    def take(self, now: float) -> Place:
        """Take a place; check :meth:`delay_s` before."""
        place = Place(now)
        self._open[place] = None
        return place

    def answered(self, place: Place, now: float) -> None:
        """Note that the provider has counted a request; its place is free in a second."""
        if place in self._open:
            del self._open[place]
            self._free_at.append(now + SECOND_S)

    def give_back(self, place: Place) -> None:
        """Free the place of a request that was never sent."""
        self._open.pop(place, None)

    def held_s(self, now: float) -> list[float]:
        """Return for how long each place may be held yet, in seconds."""
        self._discard(now)
        return [
            *(at - now for at in self._free_at),
            *(place.taken_at + COUNTED_S - now for place in self._open),
        ]

    def _discard(self, now: float) -> None:
        while self._free_at and self._free_at[0] <= now:
            self._free_at.popleft()
        while self._open and (place := next(iter(self._open))).taken_at + COUNTED_S <= now:
            del self._open[place]
