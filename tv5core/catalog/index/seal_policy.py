"""When an index is sealed in the background."""

from __future__ import annotations

from tv5core.vectors import VectorIndex

__all__ = ["MAX_LIVE_ROWS", "SealPolicy"]

MAX_LIVE_ROWS = 20_000
"""Live rows from which sealing is worth it: a scan of them takes well under 1 ms."""

MAX_REMOVED_SHARE = 0.2
"""Share of the sealed rows that may have been removed before the graph is rebuilt.

A walk must pass through them: at this share it takes a quarter longer for the same recall."""
MIN_REMOVED_ROWS = 1_000
"""Removed rows below which that is not worth it, whatever their share."""


class SealPolicy:
    """Decides when many live or removed rows make sealing due.

    Parameters
    ----------
    enabled : bool
        False seals on request only.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._retry_from = 0  # changed rows from which to retry after a failure

    def is_due(self, index: VectorIndex | None) -> bool:
        """Return whether to seal now."""
        if not self._enabled or index is None or _changes(index) < self._retry_from:
            return False
        long = index.live_count > max(MAX_LIVE_ROWS, index.sealed_count // 4)
        removed = index.removed_sealed_count
        return long or removed > max(MIN_REMOVED_ROWS, MAX_REMOVED_SHARE * index.sealed_count)

    def record_success(self) -> None:
        """Forget earlier failures."""
        self._retry_from = 0

    def record_failure(self, index: VectorIndex | None) -> None:
        """Wait with the next attempt until twice as many rows have changed."""
        self._retry_from = 2 * _changes(index) if index is not None else 0


def _changes(index: VectorIndex) -> int:
    return index.live_count + index.removed_sealed_count
