"""The result of a sync: counts, and the titles that failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec

from tv5core.errors import (
    BreakerOpenError,
    CredentialsError,
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

_MAX_MESSAGE_CHARS = 300


class Failure(msgspec.Struct, frozen=True):
    """A title that could not be fetched.

    Attributes
    ----------
    id : str
        Such as ``tmdb:movie:603``.
    kind : str
        Short name of the error, such as ``not found``.
    message : str
    permanent : bool
        Whether another attempt is useless; stored as ``lasting``.
    """

    id: str
    kind: str
    message: str = ""
    permanent: bool = msgspec.field(default=False, name="lasting")


class SyncReport(msgspec.Struct):
    """The result of a sync; it is updated while the sync runs.

    Attributes
    ----------
    planned : int
        Titles to fetch in all, by this run and earlier ones.
    earlier : int
        Titles of these that earlier runs settled.
    fetched : int
        Titles fetched in this run.
    added, updated, unchanged : int
        Titles by what storing them changed.
    failures : dict of str to Failure
        Titles that could not be fetched, by id, including those of earlier runs.
    adult, malformed : int
        Lines of the exports that were skipped.
    passed_over : int
        Changed titles that the catalogue does not hold.
    omitted : Counter of str
        Values and entries that could not be used and were left out of this run's titles, by
        their place in the response, such as ``similar.results[]``.
    seconds : float
        Duration of this run.
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
    omitted: Counter[str] = msgspec.field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def settled(self) -> int:
        """Planned titles that are stored or have failed."""
        return self.earlier + self.fetched + len(self.failures)

    @property
    def all_failed(self) -> bool:
        """Whether titles failed and none is stored, by this run or earlier ones."""
        return bool(self.failures) and not self.fetched and not self.earlier

    @property
    def errors(self) -> Counter[str]:
        """Titles that could not be fetched, counted by kind of error."""
        return Counter(failure.kind for failure in self.failures.values())


SyncProgress = Callable[[SyncReport], None]
"""Takes the report after every title, on the event loop; must not block."""


_KINDS: dict[type[UpstreamError], str] = {
    TitleNotFoundError: "not found",
    MalformedResponseError: "malformed",
    DeadlineError: "timed out",
    UnreachableError: "unreachable",
    RateLimitedError: "rate limited",
    BreakerOpenError: "provider down",
    CredentialsError: "refused",
    ResponseTooLargeError: "too large",
    ForbiddenTargetError: "forbidden target",
}


def failure_of(id: str, error: UpstreamError) -> Failure:
    """Return the entry of the report for an error."""
    permanent = isinstance(error, TitleNotFoundError)
    return Failure(id, _kind(error), str(error)[:_MAX_MESSAGE_CHARS], permanent)


def _kind(error: UpstreamError) -> str:
    if isinstance(error, UpstreamStatusError):
        return f"status {error.status}"
    return next((name for of, name in _KINDS.items() if isinstance(error, of)), "other")
