"""What a catalogue knows, as far as queries need it: statistics of words, and a vocabulary.

Both follow the documents: statistics at every change, for scores depend on them; the vocabulary
when the catalogue has grown or shrunk by a fiftieth, for it only says which words may be filters.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from tv5core.bitmap import Bitmap
from tv5core.lexical import SegmentStatistics, Statistics
from tv5core.query.documents import DocumentSegment, DocumentSnapshot
from tv5core.query.names import Names
from tv5core.query.request import Sort
from tv5core.query.sorting import ordered
from tv5core.query.title_text import title_order
from tv5core.query.vocabulary import Vocabulary
from tv5core.vectors import SegmentId

__all__ = ["Knowledge", "values_of"]

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

_FIELDS = ("genre", "on", "country", "language", "certification")
_CHANGE = 50


@dataclass
class Knowledge:
    """Statistics and vocabulary of one catalogue's documents; safe to share between threads."""

    _segments: WeakKeyDictionary[SegmentId, tuple[Bitmap | None, SegmentStatistics]] = field(
        default_factory=WeakKeyDictionary
    )
    _statistics: tuple[DocumentSnapshot | None, Statistics] | None = None
    _title_order: tuple[DocumentSnapshot, list[F64]] | None = None
    _orders: WeakKeyDictionary[SegmentId, dict[Sort, I32]] = field(
        default_factory=WeakKeyDictionary
    )
    _vocabulary: tuple[int, Vocabulary] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def statistics(self, documents: DocumentSnapshot) -> Statistics:
        """Return the statistics of documents."""
        known = self._statistics
        if known is None or known[0] is not documents:
            with self._lock:
                parts = [self._of_segment(segment) for segment in documents.segments]
            known = self._statistics = documents, Statistics(parts)
        return known[1]

    def _of_segment(self, segment: DocumentSegment) -> SegmentStatistics:
        alive, known = self._segments.get(segment.id, (None, None))
        if known is None or alive is not segment.alive:
            known = SegmentStatistics(segment.words, segment.alive)
            self._segments[segment.id] = segment.alive, known
        return known

    def title_order(self, documents: DocumentSnapshot) -> list[F64]:
        """Return the place of every document in the alphabet of titles, by segment."""
        known = self._title_order
        if known is None or known[0] is not documents:
            known = self._title_order = documents, title_order(documents.segments)
        return known[1]

    def order(self, documents: DocumentSnapshot, sort: Sort, place: int) -> I32:
        """Return the documents of a segment in an order; it is kept as long as the segment."""
        kept = self._orders.setdefault(documents.segments[place].id, {})
        if sort not in kept:
            titles = partial(self.title_order, documents)
            kept[sort] = ordered(documents.segments, place, sort, titles)
        return kept[sort]

    def names(self, documents: DocumentSnapshot) -> Names:
        """Return the names in documents."""
        return Names(documents, self.statistics(documents))

    def vocabulary(self, documents: DocumentSnapshot) -> Vocabulary:
        """Return the words that documents give a meaning to."""
        count = documents.alive_count
        known = self._vocabulary
        if known is None or _CHANGE * abs(count - known[0]) > known[0]:
            known = self._vocabulary = count, Vocabulary.of(values_of(documents), count)
        return known[1]


def values_of(documents: DocumentSnapshot) -> dict[str, dict[str, int]]:
    """Count the values that a vocabulary is made of, by field."""
    found: dict[str, dict[str, int]] = {}
    for name in _FIELDS:
        total: Counter[str] = Counter()
        for segment in documents.segments:
            total.update(dict(segment.columns.values(name)))
        found[name] = dict(total)
    return found
