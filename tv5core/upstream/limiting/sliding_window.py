"""How many events there were within a span that slides."""

from __future__ import annotations

from collections import deque

__all__ = ["SlidingWindow", "window_seconds"]

# Of the slack between rate and contract, what goes into the window; the rest lets a late grant
# be caught up.
_SLACK_USED = 0.9
_RESOLUTION_S = 1e-6


class SlidingWindow:
    """At most so many events in any span of so many seconds.

    It keeps the times of the last ``limit`` events: the next may come once the oldest of them is
    ``seconds`` and a microsecond ago. Nothing is rounded or averaged, so the bound is strict,
    with both ends of the span counted.

    Parameters
    ----------
    limit : int
    seconds : float
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self._times: deque[float] = deque(maxlen=limit)

    def delay(self, now: float) -> float:
        """Return the seconds until the next event may come, 0 for now."""
        if len(self._times) < self.limit:
            return 0.0
        return max(0.0, self._times[0] + self.seconds + _RESOLUTION_S - now)

    def note(self, now: float) -> None:
        """Note an event."""
        self._times.append(now)


def window_seconds(contract: int, rate: float) -> float:
    """Return the length of the window within which ``contract`` requests may be sent.

    A provider counts arrivals, and the way there takes now longer, now shorter. If the time from
    sending to being counted varies by at most J, whatever arrives within one second was sent
    within 1 + J seconds; so at most ``contract`` sends in any 1 + J seconds keep the contract.
    A steady rate below the contract leaves room for J = contract / rate - 1: 111 ms at 45 of 50.
    Nine tenths of it are used.
    """
    return 1.0 + _SLACK_USED * (contract / rate - 1.0)
