"""Which documents may answer: filters, ids, and whether they were there at the first page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.bitmap import Bitmap
from tv5core.columns import EVERYTHING, Expression
from tv5core.query.documents import DocumentSegment

__all__ = ["Allowed", "allowed"]

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Allowed:
    """Documents that may answer.

    Attributes
    ----------
    bitmaps : tuple of Bitmap or None
        One for each segment, without deleted documents; None: all that are not deleted.
    counts : tuple of int
    restricts : bool
        Whether some that are not deleted are left out.
    """

    bitmaps: tuple[Bitmap | None, ...]
    counts: tuple[int, ...]
    restricts: bool

    @property
    def count(self) -> int:
        """Documents of all segments."""
        return sum(self.counts)

    def full(self, segments: Sequence[DocumentSegment]) -> list[Bitmap]:
        """Return a bitmap for each segment, also where all are allowed."""
        return [
            some if some is not None else _alive(segment)
            for some, segment in zip(self.bitmaps, segments, strict=True)
        ]

    def intersect(self, others: Sequence[Bitmap | None]) -> Allowed:
        """Return the documents that are allowed here and in other bitmaps."""
        both = tuple(map(bitmap.intersect, self.bitmaps, others))
        counts = tuple(
            count if one is None else bitmap.count(one)
            for one, count in zip(both, self.counts, strict=True)
        )
        return Allowed(both, counts, self.restricts or any(one is not None for one in others))


def allowed(
    segments: Sequence[DocumentSegment],
    where: Expression = EVERYTHING,
    keys: I64 | None = None,
    rows: int | None = None,
    keys_of: Callable[[Sequence[str]], I64] | None = None,
) -> Allowed:
    """Evaluate what restricts a search.

    Parameters
    ----------
    segments : sequence of DocumentSegment
    where : Expression
    keys : int64[n] or None
        Only these keys.
    rows : int or None
        Only keys below it.
    keys_of : callable, optional
        From ids to keys, for filters by id.
    """
    found = [_of_segment(segment, where, keys, rows, keys_of) for segment in segments]
    counts = [
        segment.alive_count if some is None else bitmap.count(some)
        for segment, some in zip(segments, found, strict=True)
    ]
    return Allowed(tuple(found), tuple(counts), any(some is not None for some in found))


def _of_segment(
    segment: DocumentSegment,
    where: Expression,
    keys: I64 | None,
    rows: int | None,
    keys_of: Callable[[Sequence[str]], I64] | None,
) -> Bitmap | None:
    def ids(names: Sequence[str]) -> I64:
        here = segment.find(np.empty(0, np.int64) if keys_of is None else keys_of(names))
        return here[here >= 0]

    some: Bitmap | None = None
    if where != EVERYTHING:
        some = segment.columns.evaluate(where, ids)
    if keys is not None:
        here = segment.find(keys)
        some = bitmap.intersect(some, bitmap.from_rows(here[here >= 0], len(segment)))
    if rows is not None and len(segment) and int(segment.keys[segment.by_key[-1]]) >= rows:
        some = bitmap.intersect(some, bitmap.from_mask(np.asarray(segment.keys) < rows))
    return None if some is None else bitmap.intersect(some, segment.alive)


def _alive(segment: DocumentSegment) -> Bitmap:
    return bitmap.full(len(segment)) if segment.alive is None else segment.alive
