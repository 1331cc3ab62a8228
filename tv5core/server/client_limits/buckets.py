"""Buckets of tokens in memory, of one process.

A bucket is kept as the time at which it will be full (the "theoretical arrival time" of GCRA), one
number a client. It is forgotten once it is full, for then it says nothing.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from tv5core.server.client_limits.quota import Quota, Verdict

__all__ = ["MemoryBuckets", "judged"]

_MOST = 100_000


def judged(full_at: float, now: float, quota: Quota) -> tuple[float, Verdict]:
    """Take a token of a bucket; return when it will be full, and the verdict.

    Parameters
    ----------
    full_at, now : float
        Seconds by one clock.
    quota : Quota
    """
    token_s = 1.0 / quota.rate
    after = max(full_at, now) + token_s
    early_s = after - now - quota.burst * token_s
    if early_s > 1e-9:
        return full_at, Verdict(False, 0, max(0.0, full_at - now), early_s)
    left = int((quota.burst * token_s - (after - now)) / token_s + 1e-6)
    return after, Verdict(True, left, after - now)


class MemoryBuckets:
    """Buckets of this process.

    Parameters
    ----------
    most : int
        Clients that are remembered; those that asked longest ago are forgotten first.
    clock : callable
        Seconds.
    """

    def __init__(self, most: int = _MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    async def take(self, client: str, quota: Quota) -> Verdict:
        """Take a token of a client's bucket, where there is one."""
        now = self._clock()
        full_at, verdict = judged(self._full_at.get(client, now), now, quota)
        self._full_at[client] = full_at
        self._full_at.move_to_end(client)
        self._forget(now)
        return verdict

    def _forget(self, now: float) -> None:
        """Drop the oldest, where it is full or there are too many."""
        oldest, full_at = next(iter(self._full_at.items()))
        if full_at <= now or len(self._full_at) > self._most:
            del self._full_at[oldest]

    async def close(self) -> None:
        """Do nothing."""
