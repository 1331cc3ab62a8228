"""Recent invalidations in this process, so that no load puts back a value they cover."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tv5core.cache.entry import Invalidation

__all__ = ["InvalidationLog"]

_MAX_ENTRIES = 1_000


class InvalidationLog:
    """A bounded log of invalidations.

    A load reads :attr:`last_seq` before it reads anything else. Its value may be cached unless a
    later invalidation covers it, or the log no longer reaches back that far.
    """

    def __init__(self) -> None:
        self._log: deque[Invalidation] = deque(maxlen=_MAX_ENTRIES)
        self.last_seq = 0

    def append(self, invalidation: Invalidation) -> None:
        """Add an invalidation."""
        self._log.append(invalidation)
        self.last_seq += 1

    def invalidated_since(self, seq: int, kind: str, key: str, tags: Iterable[str]) -> bool:
        """Return whether an entry was invalidated after ``seq``, or may have been."""
        later = self.last_seq - seq
        if not later:
            return False
        if later > len(self._log):
            return True
        tags = tuple(tags)
        return any(self._log[-n].matches(kind, key, tags) for n in range(1, later + 1))
