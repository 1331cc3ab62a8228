"""The state of a limiter at one moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tv5core.upstream.limiting.priority import Priority

__all__ = ["LimitSnapshot"]


@dataclass(frozen=True)
class LimitSnapshot:
    """The state of a limiter at one moment.

    Attributes
    ----------
    limit : int
        Current requests per second.
    remaining : int
        Requests that could go at once.
    reset_s : float
        Seconds until a full burst is available again.
    queued : mapping of Priority to int
        Requests in the queue, by class.
    wait_s : mapping of Priority to float
        Seconds that one more request would wait, by class.
    in_flight : int
        Requests that hold a connection.
    paused_s : float
        Seconds until the current pause ends, 0 without one.
    """

    limit: int
    remaining: int
    reset_s: float
    queued: Mapping[Priority, int]
    wait_s: Mapping[Priority, float]
    in_flight: int = 0
    paused_s: float = 0.0

    def headers(
        self, priority: Priority = Priority.USER, *, refused: bool = False
    ) -> dict[str, str]:
        """Return ``X-RateLimit-*`` headers for a client; times are whole seconds from now.

        They include ``Retry-After`` where a request of this class was refused or would wait.
        """
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(self.reset_s)),
        }
        wait_s = self.wait_s[priority]
        if refused or wait_s > 0:
            headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
        return headers
