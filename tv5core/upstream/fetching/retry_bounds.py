"""What bounds retries: the provider's Retry-After header, and a budget."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["MAX_RETRY_AFTER_S", "RetryBudget", "retry_after_s"]

MAX_RETRY_AFTER_S = 60.0
"""A longer wait than this is not believed."""

_DEFAULT_RETRY_AFTER_S = 1.0


class RetryBudget:
    """Retries are a part of the calls, so that they cannot multiply the load on a sick provider.

    Every call pays in, every retry takes one out.

    Parameters
    ----------
    ratio : float
        Retries per call in the long run.
    reserve : float
        Retries that may be saved up, and that there are at first.
    """

    def __init__(self, ratio: float = 0.3, reserve: float = 20.0) -> None:
        self._ratio, self._reserve = ratio, reserve
        self._left = reserve

    def pay_in(self) -> None:
        """Note a call."""
        self._left = min(self._reserve, self._left + self._ratio)

    def take(self) -> bool:
        """Take a retry out; False where none is left."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def retry_after_s(header: str | None, now: datetime | None = None) -> float:
    """Read a Retry-After header: seconds, an HTTP date, or nothing; clamped to 0 to 60 seconds.

    Parameters
    ----------
    header : str or None
        What is absent, or makes no sense, counts as one second.
    now : datetime or None
        For dates.
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
