"""What a sync did, and what it could not do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec

from tv5core.errors import (
    BreakerOpenError,
    DeadlineError,
    ForbiddenTargetError,
    MalformedResponseError,
    RateLimitedError,
    ResponseTooLargeError,
    TitleNotFoundError,
    UnreachableError,
    UpstreamError,
    UpstreamStatusError,
)

__all__ = ["Failure", "SyncProgress", "SyncReport", "failure_of"]

_MAX_MESSAGE = 300


class Failure(msgspec.Struct, frozen=True):
    """A title that could not be had.

    Attributes
    ----------
    id : str
        Such as ``tmdb:movie:603``.
    kind : str
        A short phrase to count by, such as ``not found``.
    message : str
    lasting : bool
        Whether asking again is of no use.
    """

    id: str
    kind: str
    message: str = ""
    lasting: bool = False


class SyncReport(msgspec.Struct):
    """What a sync did; grows while it runs.

    Attributes
    ----------
    planned : int
        Titles to have in the end.
    earlier : int
        Titles of these that earlier runs had settled.
    fetched : int
        Titles fetched in this run.
    added, updated, unchanged : int
        What storing them did.
    failures : dict of str to Failure
        Titles that could not be had, by id; those of earlier runs included.
    adult, malformed : int
        Lines of the exports that were left out.
    passed_over : int
        Changed titles that the catalogue does not hold.
    seconds : float
        Time taken in this run.
    """

    planned: int = 0
    earlier: int = 0
    fetched: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    failures: dict[str, Failure] = {}
    adult: int = 0
    malformed: int = 0
    passed_over: int = 0
    seconds: float = 0.0

    @property
    def settled(self) -> int:
        """Titles that are stored or given up, of those planned."""
        return self.earlier + self.fetched + len(self.failures)

    @property
    def errors(self) -> Counter[str]:
        """Titles that could not be had, counted by kind of error."""
        return Counter(failure.kind for failure in self.failures.values())


SyncProgress = Callable[[SyncReport], None]
"""Told of every title, on the event loop; must return at once."""


_KINDS: dict[type[UpstreamError], str] = {
    TitleNotFoundError: "not found",
    MalformedResponseError: "malformed",
    DeadlineError: "timed out",
    UnreachableError: "unreachable",
    RateLimitedError: "rate limited",
    BreakerOpenError: "provider down",
    ResponseTooLargeError: "too large",
    ForbiddenTargetError: "forbidden target",
}


def failure_of(id: str, error: UpstreamError) -> Failure:
    """Put an error into words for the report."""
    lasting = isinstance(error, TitleNotFoundError)
    return Failure(id, _kind(error), str(error)[:_MAX_MESSAGE], lasting)


def _kind(error: UpstreamError) -> str:
    if isinstance(error, UpstreamStatusError):
        return f"status {error.status}"
    return next((name for of, name in _KINDS.items() if isinstance(error, of)), "other")
