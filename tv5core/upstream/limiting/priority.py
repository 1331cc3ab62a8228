"""Classes of requests: who goes first, and how long each may wait."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["OFF_PEAK_HOURS", "RULES", "ClassRule", "Priority", "off_peak_delay_s"]

OFF_PEAK_HOURS = (2, 6)
"""From and until which hour UTC off-peak work may go."""


class Priority(enum.Enum):
    """Class of a request; earlier ones go first."""

    USER = "user"
    """Somebody waits for it: 2 s at most."""
    AVAILABILITY = "availability"
    """Where a title can be seen just now: 1 s at most."""
    BACKGROUND = "background"
    """Nice to have: goes at once or not at all."""
    BULK = "bulk"
    """A synchronisation: queues, and takes a bounded share of the rate."""
    OFF_PEAK = "off_peak"
    """Queues until 02:00 to 06:00 UTC."""

    # Members are single objects, so identity will do; Enum's own hash costs a Python call.
    __hash__ = object.__hash__


@dataclass(frozen=True)
class ClassRule:
    """What holds for a class.

    Attributes
    ----------
    max_wait_s : float or None
        A request is refused where it would wait longer; None queues for ever.
    leaves_free : int
        Tokens that must be left for those who go first.
    yields_connections : bool
        Whether a part of the connections is closed to it.
    """

    max_wait_s: float | None
    leaves_free: int = 0
    yields_connections: bool = False


RULES = {
    Priority.USER: ClassRule(2.0),
    Priority.AVAILABILITY: ClassRule(1.0),
    Priority.BACKGROUND: ClassRule(0.0, yields_connections=True),
    Priority.BULK: ClassRule(None, leaves_free=2, yields_connections=True),
    Priority.OFF_PEAK: ClassRule(None, leaves_free=2, yields_connections=True),
}
"""The rule of each class."""


def off_peak_delay_s(now: datetime) -> float:
    """Return the seconds until off-peak work may go, 0 within its hours."""
    now = now.astimezone(UTC)
    start, end = OFF_PEAK_HOURS
    if start <= now.hour < end:
        return 0.0
    opens = now.replace(hour=start, minute=0, second=0, microsecond=0)
    if now >= opens:
        opens += timedelta(days=1)
    return (opens - now).total_seconds()
