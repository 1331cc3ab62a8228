"""Tokens leased from Redis for a short time, and the last known state of the pool."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from tv5core.upstream.limiting.priority import Priority

__all__ = ["Lease", "PoolState", "TokenLeases"]


@dataclass(frozen=True, slots=True)
class Lease:
    """A token that may be used from ``due`` to ``until``, in seconds of this process's clock."""

    number: int
    due: float
    until: float


class TokenLeases:
    """Leased tokens in the order they are due; a token that is not used in time expires.

    Parameters
    ----------
    ttl_s : float
        Seconds that a token may be used.
    """

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._leases: deque[Lease] = deque()
        self._unused: list[int] = []

    def add(self, number: int, requested_at: float, received_at: float, offset_s: float) -> None:
        """Add a token that is due ``offset_s`` after Redis leased it, between the two times."""
        lease = Lease(number, received_at + offset_s, requested_at + offset_s + self._ttl_s)
        if lease.due <= lease.until:
            self._leases.append(lease)
        else:
            self._unused.append(number)

    def has_any(self, now: float) -> bool:
        """Return whether there is a token that is not expired."""
        while self._leases and self._leases[0].until < now:
            self._unused.append(self._leases.popleft().number)
        return bool(self._leases)

    def pop(self, now: float) -> Lease | None:
        """Remove and return the token that is due first, if any."""
        return self._leases.popleft() if self.has_any(now) else None

    def clear(self) -> None:
        """Discard all tokens."""
        self._unused.extend(lease.number for lease in self._leases)
        self._leases.clear()

    def pop_unused(self) -> list[int]:
        """Return the numbers of tokens that expired or were discarded since the last call."""
        unused, self._unused = self._unused, []
        return unused


class PoolState:
    """What Redis last replied: the rate, and when to request tokens again.

    Parameters
    ----------
    rate : float
        Rate to assume until the first reply, in requests per second.
    """

    def __init__(self, rate: float) -> None:
        self.rate, self.factor = rate, 1.0
        self.updated_at = -math.inf
        self._not_before = {True: -math.inf, False: -math.inf}

    def update(
        self, now: float, rate: float, factor: float, wait_s: float, paused_s: float, is_bulk: bool
    ) -> None:
        """Store a reply; the wait is that of bulk work, or of all other classes."""
        self.updated_at, self.rate, self.factor = now, rate, factor
        self._not_before[is_bulk] = now + wait_s
        if paused_s > 0:
            self._not_before[False] = max(self._not_before[False], now + paused_s)

    def delay_s(self, priority: Priority, now: float) -> float:
        """Return the seconds until a request for tokens of a class can succeed."""
        bulk_s = self._not_before[True] - now if priority is Priority.BULK else 0.0
        return max(0.0, bulk_s, self._not_before[False] - now)
