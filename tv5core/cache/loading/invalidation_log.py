"""What was invalidated of late in this process, so that no load puts back what it overtook."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tv5core.cache.entry import Invalidation

__all__ = ["Recent"]

_KEPT = 1_000


class Recent:
    """A bounded log of invalidations.

    A load notes :attr:`last` before it looks at anything. What it found may be kept unless
    something later names it, or so much came later that it is no longer known what.
    """

    def __init__(self) -> None:
        self._log: deque[Invalidation] = deque(maxlen=_KEPT)
        self.last = 0

    def add(self, what: Invalidation) -> None:
        """Note an invalidation."""
        self._log.append(what)
        self.last += 1

    def overtook(self, since: int, kind: str, key: str, tags: Iterable[str]) -> bool:
        """Say whether an entry was invalidated after ``since``, or may have been."""
        later = self.last - since
        if not later:
            return False
        if later > len(self._log):
            return True
        tags = tuple(tags)
        return any(self._log[-n].names(kind, key, tags) for n in range(1, later + 1))
