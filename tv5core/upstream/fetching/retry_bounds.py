"""What bounds retries: the provider's Retry-After header, and a budget."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["MAX_RETRY_AFTER_S", "RetryBudget", "response_retry_after_s", "retry_after_s"]

MAX_RETRY_AFTER_S = 60.0
"""Longer waits than this are shortened to it."""

_DEFAULT_RETRY_AFTER_S = 1.0
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")


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
        Seconds, fractions too although no standard has them, or an HTTP date; a missing or
        invalid header counts as one second.
    now : datetime or None
        Reference for dates, such as the date of the response; None uses the current time.
    """
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER_S)
    when = _parsed_date(text)
    if when is None:
        return _DEFAULT_RETRY_AFTER_S
    seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S) if math.isfinite(seconds) else 0.0


def response_retry_after_s(headers: Mapping[str, str]) -> float:
    """Parse the Retry-After header of a response.

    A date is compared with the response's own Date, so that this machine's clock does not matter.
    """
    return retry_after_s(headers.get("Retry-After"), _parsed_date(headers.get("Date", "")))


def _parsed_date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
