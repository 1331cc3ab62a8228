"""A cooldown: after a failure, something is left alone for a while, longer each time."""

from __future__ import annotations

from collections.abc import Callable

from tv5core.backoff import Backoff

__all__ = ["Cooldown"]

_FIRST_S = 0.5


class Cooldown:
    """Leave alone what fails: exponentially longer from 0.5 s, with jitter.

    Parameters
    ----------
    clock : callable
        Monotonic seconds.
    max_s : float
        The longest cooldown, in seconds.

    Attributes
    ----------
    reason : str
        Of the last failure; empty after a success.
    """

    def __init__(self, clock: Callable[[], float], *, max_s: float = 30.0) -> None:
        self._clock, self._backoff = clock, Backoff(_FIRST_S, max_s, jitter=0.5)
        self._failures = 0
        self._until = 0.0
        self.reason = ""

    @property
    def active(self) -> bool:
        """Whether to leave it alone now."""
        return bool(self._failures) and self._clock() < self._until

    @property
    def remaining_s(self) -> float:
        """Seconds until the cooldown ends."""
        return max(0.0, self._until - self._clock()) if self._failures else 0.0

    def record_failure(self, reason: str) -> bool:
        """Start or prolong the cooldown; return whether this is the first failure in a row."""
        self._until = self._clock() + self._backoff.pause_s(self._failures)
        self._failures += 1
        self.reason = reason
        return self._failures == 1

    def record_success(self) -> bool:
        """End the cooldown; return whether there were failures before."""
        recovered = self._failures > 0
        self._failures, self.reason = 0, ""
        return recovered
