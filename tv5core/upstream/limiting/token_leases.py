"""Tokens in hand for a short while, and what was last heard of the others."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from tv5core.upstream.limiting.priority import Priority

__all__ = ["Lease", "Leases", "SharedState"]


@dataclass(frozen=True, slots=True)
class Lease:
    """A token that may be used from ``due`` to ``until``, in seconds of the own clock."""

    due: float
    until: float


class Leases:
    """Tokens in the order they fall due; one that was not used in time is gone.

    Parameters
    ----------
    ttl_s : float
        How long a token may be used.
    """

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._leases: deque[Lease] = deque()

    def add(self, asked_at: float, answered_at: float, offset_s: float) -> None:
        """Note a token that falls due so long after it was given out, between these times."""
        lease = Lease(answered_at + offset_s, asked_at + offset_s + self._ttl_s)
        if lease.due <= lease.until:
            self._leases.append(lease)

    def has_any(self, now: float) -> bool:
        """Return whether there is one that may still be used."""
        while self._leases and self._leases[0].until < now:
            self._leases.popleft()
        return bool(self._leases)

    def pop(self, now: float) -> Lease | None:
        """Take the one that falls due first."""
        return self._leases.popleft() if self.has_any(now) else None

    def drop(self) -> None:
        """Use none of them."""
        self._leases.clear()


class SharedState:
    """What was last heard: the rate there is, and when it is worth asking again.

    Parameters
    ----------
    rate : float
        To assume as long as nothing was heard.
    """

    def __init__(self, rate: float) -> None:
        self.rate, self.factor = rate, 1.0
        self.heard_at = -math.inf
        self._not_before = {True: -math.inf, False: -math.inf}

    def hear(
        self, now: float, rate: float, factor: float, wait_s: float, paused_s: float, is_bulk: bool
    ) -> None:
        """Note an answer; the wait is that of bulk work, or of all else."""
        self.heard_at, self.rate, self.factor = now, rate, factor
        self._not_before[is_bulk] = now + wait_s
        if paused_s > 0:
            self._not_before[False] = max(self._not_before[False], now + paused_s)

    def delay(self, priority: Priority, now: float) -> float:
        """Return the seconds until it is worth asking for a class."""
        bulk_s = self._not_before[True] - now if priority is Priority.BULK else 0.0
        return max(0.0, bulk_s, self._not_before[False] - now)
