"""Document segments: found by key, deleted beside, merged without a look at titles."""

from __future__ import annotations

import numpy as np

from tests.query.made_up import PARTS, contents
from tv5core import bitmap
from tv5core.query.documents import DocumentSegment, DocumentSnapshot, concatenated
from tv5core.types import Title


def segment(*keys: int) -> DocumentSegment:
    titles = [Title(f"t:{key}", "movie", "A", votes=10 * key) for key in keys]
    return DocumentSegment.build(PARTS, np.asarray(keys, np.int64), titles, {})


def keys(*some: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.asarray(some, np.int64)


def test_a_key_leads_to_its_document() -> None:
    one = segment(30, 10, 20)
    assert one.find(keys(10, 20, 30, 40, 0)).tolist() == [1, 2, 0, -1, -1]
    assert segment().find(keys(1)).tolist() == [-1]


def test_deleting_makes_another_segment_of_the_same_numbers() -> None:
    one = segment(30, 10, 20)
    less = one.without(keys(10, 99))
    assert less.find(keys(10, 20, 30)).tolist() == [-1, 2, 0]
    assert (less.alive_count, less.removed_count, less.id) == (2, 1, one.id)
    assert one.find(keys(10)).tolist() == [1], "who holds the first one sees no change"
    assert less.without(keys(10)) is less
    assert less.only(keys(10, 20)).documents().tolist() == [2]


def test_merging_leaves_deleted_documents_out() -> None:
    parts = [segment(5, 1, 3).without(keys(1)), segment(2), segment(9, 8).without(keys(9))]
    merged = concatenated(parts)
    assert contents([merged]) == [(2, 20), (3, 30), (5, 50), (8, 80)]
    assert merged.keys.tolist() == [5, 3, 2, 8]
    assert merged.alive is None


def test_a_merge_takes_any_order() -> None:
    parts = [segment(5, 1), segment(7, 2)]
    merged = DocumentSegment.merge(parts, np.asarray([1, 0, 1], np.int32), keys(1, 0, 0))
    assert merged.keys.tolist() == [2, 5, 7]
    assert contents([merged]) == [(2, 20), (5, 50), (7, 70)]


def test_a_snapshot_finds_the_segment_too() -> None:
    snapshot = DocumentSnapshot((segment(4, 6).without(keys(6)), segment(6, 1)))
    segments, documents = snapshot.locate(keys(6, 4, 2, 1))
    assert segments.tolist() == [1, 0, -1, 1]
    assert documents.tolist() == [0, 0, -1, 1]
    assert snapshot.alive_count == 3


def test_memory_is_that_of_all_arrays() -> None:
    one = segment(1, 2, 3)
    assert one.memory_bytes == 3 * (8 + 4 + 8 + 8)
    assert one.with_alive(bitmap.full(3)).memory_bytes == 3 * 28 + 1
