"""A limiter's state, for those who ask how it stands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tv5core.upstream.limiting.priority import Priority

__all__ = ["LimitSnapshot"]


@dataclass(frozen=True)
class LimitSnapshot:
    """How a limiter stands at one moment.

    Attributes
    ----------
    limit : int
        Requests a second, as things are.
    remaining : int
        Requests that could go at once.
    reset_s : float
        Seconds until all that may go at once may go again.
    queued : mapping of Priority to int
        Requests that wait, by class.
    wait_s : mapping of Priority to float
        How long one more request would wait, by class.
    in_flight : int
        Requests that hold a connection.
    paused_s : float
        How long the provider is still left alone.
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
        """Return the headers that tell a client how it stands; times are whole seconds from now.

        ``Retry-After`` is among them where a request of this class was refused or would wait.
        """
        found = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(self.reset_s)),
        }
        wait_s = self.wait_s[priority]
        if refused or wait_s > 0:
            found["Retry-After"] = str(max(1, math.ceil(wait_s)))
        return found
