"""The bound on bulk work: a share of the rate over any minute."""

from __future__ import annotations

import math

from tv5core.errors import InvalidInputError

__all__ = ["BulkShare"]

_MINUTE_S = 60.0
_BURST = 3


class BulkShare:
    """At most a share of the rate over any minute, evenly spaced.

    The generic cell rate algorithm (ITU-T I.371) with a burst of b and an interval of T admits at
    most b + 60 / T events in any minute. T is chosen so that this is the whole share. Nothing is
    counted by calendar minutes, so two of them never add up at their border.

    Parameters
    ----------
    rate : float
        Requests per second of all classes.
    share : float
        Above 0 and up to 1; at 1 nothing is bounded.

    Raises
    ------
    InvalidInputError
        The share is out of range.
    """

    def __init__(self, rate: float, share: float) -> None:
        if not 0 < share <= 1:
            raise InvalidInputError(f"expected a share above 0 and up to 1, got {share}")
        self.share = share
        limit = max(1, math.floor(rate * share * _MINUTE_S + 1e-9))
        burst = min(_BURST, max(1, limit // 4))
        # Slightly more than the interval, since both ends of a minute count.
        self.interval_s = _MINUTE_S / max(1, limit - burst) * (1 + 1e-9) if share < 1 else 0.0
        self.tolerance_s = (burst - 1) * self.interval_s
        self._due = -math.inf

    def delay_s(self, now: float) -> float:
        """Return the seconds until the next request may go, 0 for now."""
        return max(0.0, self._due - self.tolerance_s - now) if self.interval_s else 0.0

    def add(self, now: float, factor: float) -> None:
        """Count a request, granted while ``factor`` of the full rate is in use."""
        self._due = max(self._due, now) + self.interval_s / factor
