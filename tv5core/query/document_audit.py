"""Compare documents with the titles they stand for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tv5core.query.document_index import TitleSource
from tv5core.query.documents import DocumentSegment, DocumentSnapshot
from tv5core.types import Title

__all__ = ["MOST", "differing", "missing"]

I64 = npt.NDArray[np.int64]

MOST = 20
"""Different documents that are looked for: where there are more, all are to be made again."""


def missing(snapshot: DocumentSnapshot, keys: I64) -> I64:
    """Return those of some keys that have no document, or several."""
    count = np.zeros(len(keys), np.int64)
    for segment in snapshot.segments:
        count += segment.find(keys) >= 0
    without: I64 = keys[count != 1]
    return without


def differing(
    snapshot: DocumentSnapshot,
    keys: I64,
    titles: Sequence[Title],
    source: TitleSource,
    most: int = MOST,
) -> I64:
    """Return the first keys whose documents are not what their titles would become now.

    Documents of the same titles in the same order have the same bytes, however they came about. So
    these are merged out of the snapshot and compared with new ones; a difference is halved until
    it is that of one title.

    Parameters
    ----------
    snapshot : DocumentSnapshot
    keys : int64[n]
        Each with a document.
    titles : sequence of Title
        One for each key.
    source : TitleSource
    most : int
        How many to look for.
    """
    if not len(keys) or not most:
        return np.empty(0, np.int64)
    # Fields may have been declared since the documents were made.
    none = DocumentSegment.build(source.parts, np.empty(0, np.int64), [], source.schema())
    merged = DocumentSegment.merge([*snapshot.segments, none], *snapshot.locate(keys))
    fresh = DocumentSegment.build(source.parts, keys, titles, source.schema())
    if _same(merged.columns, fresh.columns) and _same(merged.words, fresh.words):
        return np.empty(0, np.int64)
    if len(keys) == 1:
        return keys
    half = len(keys) // 2
    those = DocumentSnapshot((merged,))  # a few documents: taken out of all, each look costs more
    first = differing(those, keys[:half], titles[:half], source, most)
    left = most - len(first)
    second = differing(those, keys[half:], titles[half:], source, left)
    return np.concatenate([first, second])


def _same(one: object, other: object) -> bool:
    a, b = one.sections(), other.sections()  # type: ignore[attr-defined]
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
