"""Quota and Verdict: what a client may ask, and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Bucket", "Quota", "Verdict"]


@dataclass(frozen=True, slots=True)
class Quota:
    """What one client may ask.

    Attributes
    ----------
    name : str
        Of the policy, as clients see it.
    rate : float
        Requests a second in the long run, above 0.
    burst : int
        Requests at once after an idle time.
    """

    name: str
    rate: float
    burst: int

    @property
    def window_s(self) -> float:
        """Seconds in which an empty bucket fills."""
        return self.burst / self.rate


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may go, and what is left.

    Attributes
    ----------
    allowed : bool
    remaining : int
        Requests that may go at once now.
    reset_s : float
        Seconds until the bucket is full.
    retry_after_s : float
        Seconds until a refused request may go.
    """

    allowed: bool
    remaining: int
    reset_s: float
    retry_after_s: float = 0.0


class Bucket(Protocol):
    """Keeps the buckets of all clients."""

    async def take(self, client: str, quota: Quota) -> Verdict:
        """Take a token of a client's bucket, where there is one."""

    async def close(self) -> None:
        """Let go of what it holds."""
