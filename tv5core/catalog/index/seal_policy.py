"""When an index is sealed in the background."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MAX_LIVE_ROWS", "Changes", "SealPolicy"]

MAX_LIVE_ROWS = 20_000
"""Live rows from which sealing is worth it: a scan of them takes well under 1 ms."""
MAX_LIVE_SHARE = 0.1
"""Of the sealed rows, as long as that is more: so many are walked, not scanned."""

MAX_REMOVED_SHARE = 0.2
"""Share of the sealed rows that may have been removed before the graph is rebuilt.

A walk must pass through them: at this share it takes a quarter longer for the same recall."""
MIN_REMOVED_ROWS = 1_000
"""Removed rows below which that is not worth it, whatever their share."""


class Changes(NamedTuple):
    """What has changed since the last sealing, of vectors or of documents.

    Attributes
    ----------
    live : int
        Added or replaced, and not sealed yet.
    removed : int
        Sealed ones that are not found any more.
    sealed : int
        Those included.
    """

    live: int = 0
    removed: int = 0
    sealed: int = 0

    @property
    def any(self) -> bool:
        """Whether there is anything to seal."""
        return bool(self.live or self.removed)

    @property
    def are_many(self) -> bool:
        """Whether they make sealing worth it."""
        long = self.live > max(MAX_LIVE_ROWS, MAX_LIVE_SHARE * self.sealed)
        return long or self.removed > max(MIN_REMOVED_ROWS, MAX_REMOVED_SHARE * self.sealed)


class SealPolicy:
    """Decides when many live or removed rows make sealing due.

    Parameters
    ----------
    enabled : bool
        False seals on request only.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._retry_from = 0  # changes from which to retry after a failure

    def is_due(self, changes: Changes) -> bool:
        """Return whether to seal now."""
        enough = changes.live + changes.removed >= self._retry_from
        return self._enabled and enough and changes.are_many

    def record_success(self) -> None:
        """Forget earlier failures."""
        self._retry_from = 0

    def record_failure(self, *changes: Changes) -> None:
        """Wait with the next attempt until twice as many rows have changed."""
        self._retry_from = 2 * max(some.live + some.removed for some in changes)
