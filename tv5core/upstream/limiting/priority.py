"""Classes of requests: their order, and what each class may do."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["OFF_PEAK_HOURS", "RULES", "Priority", "PriorityRule", "off_peak_delay_s"]

OFF_PEAK_HOURS = (2, 6)
"""First and last hour, in UTC, of off-peak work; the last is excluded."""


class Priority(enum.Enum):
    """Class of a request; earlier ones go first."""

    USER = "user"
    """A user waits for the response: at most 2 s in the queue."""
    AVAILABILITY = "availability"
    """Where a title can be watched right now: at most 1 s in the queue."""
    BACKGROUND = "background"
    """Optional work: goes at once or is refused."""
    BULK = "bulk"
    """Synchronisation: queues without a bound, and takes a limited share of the rate."""
    OFF_PEAK = "off_peak"
    """Queues until 02:00 to 06:00 UTC."""

    # Members are singletons, so identity is enough; Enum's own hash costs a Python call.
    __hash__ = object.__hash__


@dataclass(frozen=True)
class PriorityRule:
    """What a class may do.

    Attributes
    ----------
    max_wait_s : float or None
        Longest wait in the queue, in seconds; a request that would wait longer is refused. None
        queues without a bound.
    min_tokens_left : int
        Tokens that a request must leave to the classes before it.
    yields_connections : bool
        Whether a quarter of the connections is closed to this class.
    """

    max_wait_s: float | None
    min_tokens_left: int = 0
    yields_connections: bool = False


RULES = {
    Priority.USER: PriorityRule(2.0),
    Priority.AVAILABILITY: PriorityRule(1.0),
    Priority.BACKGROUND: PriorityRule(0.0, yields_connections=True),
    Priority.BULK: PriorityRule(None, min_tokens_left=2, yields_connections=True),
    Priority.OFF_PEAK: PriorityRule(None, min_tokens_left=2, yields_connections=True),
}
"""The rule of each class."""


def off_peak_delay_s(now: datetime) -> float:
    """Return the seconds until off-peak work may start, 0 within its hours."""
    now = now.astimezone(UTC)
    start, end = OFF_PEAK_HOURS
    if start <= now.hour < end:
        return 0.0
    opens = now.replace(hour=start, minute=0, second=0, microsecond=0)
    if now >= opens:
        opens += timedelta(days=1)
    return (opens - now).total_seconds()
