"""View: what one search sees, vectors and documents at one moment.

Vectors and documents number the same titles. Sealed ones of one sealing share their numbers: the
first documents are the graph's rows. But a title whose words changed has its document in a live
segment and its vector still in the graph, and live vectors have numbers of their own. So bitmaps of
documents are translated, by pairs of numbers that are kept as long as the two segments are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from tv5core import bitmap
from tv5core.bitmap import Bitmap
from tv5core.query.documents import DocumentSegment, DocumentSnapshot
from tv5core.vectors import Filter, Segment, SegmentId, Snapshot
from tv5core.vectors.sealed_segment import SealedSegment

__all__ = ["View"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Pairs = tuple[int, I64, I64]


class _PairCache:
    """Rows of vectors and the documents of the same titles, by both segments."""

    def __init__(self) -> None:
        self._pairs: WeakKeyDictionary[SegmentId, WeakKeyDictionary[SegmentId, Pairs]]
        self._pairs = WeakKeyDictionary()

    def of(self, vectors: Segment, documents: DocumentSegment) -> tuple[I64, I64]:
        """Return int64[m] rows of a segment of vectors and int64[m] documents, pair by pair."""
        known = self._pairs.setdefault(vectors.id, WeakKeyDictionary())
        seen, rows, numbers = known.get(documents.id, (0, *_NO_PAIRS))
        if seen < len(vectors):  # rows may have been appended since
            more = _paired(vectors, documents, seen)
            rows, numbers = np.concatenate([rows, more[0]]), np.concatenate([numbers, more[1]])
            known[documents.id] = len(vectors), rows, numbers
        if seen > len(vectors):  # an older view of the same segment: its rows come first
            stop = int(np.searchsorted(rows, len(vectors)))
            return rows[:stop], numbers[:stop]
        return rows, numbers


_NO_PAIRS = np.empty(0, np.int64), np.empty(0, np.int64)


def _paired(vectors: Segment, documents: DocumentSegment, start: int) -> tuple[I64, I64]:
    """Pair the rows from ``start`` on, looking up those of the smaller segment."""
    everything = documents.with_alive(bitmap.full(len(documents)))  # deletions may differ later
    if isinstance(vectors, SealedSegment) and len(documents) < len(vectors):
        rows = vectors.graph.find(documents.keys)
        found = np.flatnonzero(rows >= 0)
        return rows[found], found.astype(np.int64)
    numbers = everything.find(np.asarray(vectors.keys[start:]))
    found = np.flatnonzero(numbers >= 0)
    return (found + start).astype(np.int64), numbers[found]


@dataclass(frozen=True)
class View:
    """One consistent state of a catalogue's indexes; it never changes.

    Attributes
    ----------
    vectors : vectors.Snapshot or None
        None where the catalogue has no vectors.
    documents : DocumentSnapshot
    applied : int
        The last journal entry both contain.
    """

    vectors: Snapshot | None
    documents: DocumentSnapshot
    applied: int
    _pairs: _PairCache = field(default_factory=_PairCache, repr=False, compare=False)

    def following(
        self, vectors: Snapshot | None, documents: DocumentSnapshot, applied: int
    ) -> View:
        """Return the view of a later state, which need not pair again what stayed."""
        return View(vectors, documents, applied, self._pairs)

    def locate(self, keys: I64) -> tuple[I32, I64]:
        """Find the documents of keys, as a search of vectors returns them.

        Returns
        -------
        segment : int32[n]
            Place in ``documents.segments``, -1 where a key has no document.
        document : int64[n]
            Its number there, or -1.
        """
        return self.documents.locate(keys)

    def vector_filter(self, bitmaps: Sequence[Bitmap], vectors: Snapshot | None = None) -> Filter:
        """Make a filter for a search of :attr:`vectors`, or of those of another space.

        Parameters
        ----------
        bitmaps : sequence of Bitmap
            One for each of ``documents.segments``: the documents that may be found. Deleted ones
            are left out in any case.
        vectors : Snapshot, optional
            Of the other space.
        """
        allowed = [
            _of_alive(segment, some)
            for segment, some in zip(self.documents.segments, bitmaps, strict=True)
        ]
        vectors = self.vectors if vectors is None else vectors
        segments = () if vectors is None else vectors.segments
        return Filter.from_segment_bitmaps({s.id: self._allowed(s, allowed) for s in segments})

    def _allowed(self, vectors: Segment, allowed: Sequence[Bitmap]) -> Bitmap:
        """Return the rows of a segment of vectors whose documents are allowed."""
        count = len(vectors)
        total: Bitmap | None = None
        mask: npt.NDArray[np.bool_] | None = None
        for segment, some in zip(self.documents.segments, allowed, strict=True):
            if segment.graph is vectors.id:
                own = bitmap.resized(some, count)
                total = own if total is None else total | own
                continue
            rows, documents = self._pairs.of(vectors, segment)
            if len(rows):
                mask = np.zeros(count, bool) if mask is None else mask
                mask[rows[bitmap.test(some, documents)]] = True
        if mask is None:
            return np.zeros(-(-count // 8), np.uint8) if total is None else total
        found = bitmap.from_mask(mask)
        return found if total is None else total | found


def _of_alive(segment: DocumentSegment, some: Bitmap) -> Bitmap:
    """Return those of some documents that are not deleted; bits past the last one may be left."""
    if len(some) != -(-len(segment) // 8):
        some = bitmap.resized(some, len(segment))
    return some if segment.alive is None else some & segment.alive
