"""What a filter needs to know of a segment, and what it says of one: which rows are allowed."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.bitmap import Bitmap

__all__ = ["Allowed", "KeyedRows", "SegmentId"]

I64 = npt.NDArray[np.int64]


class SegmentId:
    """Identity of a segment, equal to itself only.

    A segment keeps its id while rows are appended to it or deleted from it, since row numbers stay
    what they are. What is derived from a segment (a filter's bitmap, postings, columns) is kept
    under its id, best in a ``WeakKeyDictionary``, which forgets it with the segment.
    """

    __slots__ = ("__weakref__",)


class KeyedRows(Protocol):
    """Rows numbered from 0, each with a key."""

    @property
    def id(self) -> SegmentId:
        """Identity under which derived data is kept."""

    @property
    def keys(self) -> I64:
        """int64[n]: key of each row. Deleted rows keep theirs, so a key may come twice."""

    @property
    def alive(self) -> Bitmap | None:
        """Rows that are not deleted; None where none is."""

    @property
    def alive_count(self) -> int:
        """Number of rows that are not deleted."""

    def __len__(self) -> int:
        """Return the number of rows, deleted ones included."""

    def rows_with_keys(self, keys: I64) -> Bitmap:
        """Return the bitmap of the rows that have one of some keys, ascending."""


class Allowed(NamedTuple):
    """Rows a search may return: not deleted, and allowed by its filter."""

    bitmap: Bitmap | None
    """None for all rows."""
    row_count: int

    @classmethod
    def of(cls, segment: KeyedRows, allowed: Bitmap | None = None) -> Allowed:
        """Intersect what a filter allows with the rows that are not deleted."""
        if allowed is None:
            return cls(segment.alive, segment.alive_count)
        both = allowed if segment.alive is None else allowed & segment.alive
        count = bitmap.count(both)
        return cls(None if count == len(segment) else both, count)
