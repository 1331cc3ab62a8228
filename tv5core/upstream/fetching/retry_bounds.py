"""What bounds retries: the provider's Retry-After header, and a budget."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["MAX_RETRY_AFTER_S", "RetryBudget", "retry_after_s"]

MAX_RETRY_AFTER_S = 60.0
"""Longer waits than this are shortened to it."""

_DEFAULT_RETRY_AFTER_S = 1.0


class RetryBudget:
    """Limits retries to a part of the calls, so that they never multiply a sick provider's load.

    Every call makes a deposit, every retry a withdrawal (as in Finagle's ``RetryBudget``).

    Parameters
    ----------
    ratio : float
        Retries per call in the long run.
    reserve : float
        Initial balance, which is also the largest.
    """

    def __init__(self, ratio: float = 0.3, reserve: float = 20.0) -> None:
        self._ratio, self._reserve = ratio, reserve
        self._balance = reserve

    def deposit(self) -> None:
        """Count a call."""
        self._balance = min(self._reserve, self._balance + self._ratio)

    def withdraw(self) -> bool:
        """Spend a retry; return False where none is left."""
        if self._balance < 1:
            return False
        self._balance -= 1
        return True


def retry_after_s(header: str | None, now: datetime | None = None) -> float:
    """Parse a Retry-After header (RFC 9110, section 10.2.3) into 0 to 60 seconds.

    Parameters
    ----------
    header : str or None
        Seconds or an HTTP date; a missing or invalid header counts as one second.
    now : datetime or None
        Reference for dates; None uses the current time.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return _DEFAULT_RETRY_AFTER_S
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S) if math.isfinite(seconds) else 0.0
