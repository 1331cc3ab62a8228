"""Filters: keys, masks, bitmaps over keys and over segments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyroaring
import pytest

from tests.vectors.conftest import F32
from tv5core import bitmap, errors
from tv5core.vectors import Filter, SegmentId, VectorIndex, recall_at_k
from tv5core.vectors.keyed_rows import KeyedRows


@pytest.fixture(scope="module")
def index(vectors: F32) -> VectorIndex:
    return VectorIndex.build(vectors)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.9])
def test_allow_returns_k_allowed_rows_at_any_selectivity(
    share: float, index: VectorIndex, vectors: F32, queries: F32
) -> None:
    mask = np.random.default_rng(5).random(len(vectors)) < share
    keys = np.flatnonzero(mask)
    index.calibrate(queries, 0.95)
    truth = index.search(queries, 10, allow=keys, exact=True).keys
    for allow in (mask, keys, index.filter(mask)):
        found = index.search(queries, 10, allow=allow).keys
        assert mask[found[found >= 0]].all()
        assert ((found >= 0).sum(axis=1) == min(10, len(keys))).all()
        assert recall_at_k(found, truth) >= 0.9


def test_allow_with_unknown_keys_and_short_masks(index: VectorIndex, queries: F32) -> None:
    found = index.search(queries[0], 5, allow=[3, 10**12, -4])
    assert found.keys.tolist() == [3, -1, -1, -1, -1]
    found = index.search(queries[0], 5, allow=np.ones(4, bool))
    assert set(found.keys.tolist()) == {0, 1, 2, 3, -1}
    assert (index.search(queries[0], 5, allow=[]).keys == -1).all()


def test_a_bitmap_over_keys_is_a_mask(index: VectorIndex, vectors: F32, queries: F32) -> None:
    mask = np.random.default_rng(6).random(len(vectors) - 1_003) < 0.3
    want = index.search(queries, 10, allow=mask)
    found = index.search(queries, 10, allow=Filter.from_bitmap(bitmap.from_mask(mask)))
    np.testing.assert_array_equal(found.keys, want.keys)
    np.testing.assert_array_equal(found.scores, want.scores)


def test_bitmaps_are_in_the_numbers_of_each_segment(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors[:3_000], np.arange(3_000)[::-1] + 7)
    index.add(vectors[3_000:3_500], np.arange(5_000, 5_500))
    index.remove([8, 9, 5_001])
    allowed = np.r_[100:2_000:3, 5_000:5_400:2]
    want = index.search(queries, 10, allow=allowed)
    bitmaps = {
        segment.id: bitmap.from_mask(np.isin(segment.keys, allowed))
        for segment in index.snapshot.segments
    }
    by_segment = Filter.from_segment_bitmaps(bitmaps)
    np.testing.assert_array_equal(index.search(queries, 10, allow=by_segment).keys, want.keys)
    # Deleted since: not found. Added since: past the end of the bitmap, so not allowed.
    index.remove([5_000])
    index.add(queries[:1], [6_000])
    assert not {5_000, 6_000} & set(index.search(queries[0], 1_000, allow=by_segment).keys.tolist())
    index.seal()
    with pytest.raises(errors.InvalidInputError, match="expected a bitmap for each segment"):
        index.search(queries, allow=by_segment)


@pytest.mark.parametrize("others", [0, 10_000])  # few rows are looked up among many keys
def test_a_prepared_filter_sees_rows_that_are_added_later(
    others: int, vectors: F32, queries: F32
) -> None:
    index = VectorIndex.build(vectors[:50])
    prepared = index.filter([3, 900, 901, *range(5_000, 5_000 + others)])
    for count, key in enumerate((900, 901), 2):
        index.add(queries[:1], [key])
        found = index.search(queries[0], 5, allow=prepared).keys
        assert (found >= 0).sum() == count
        assert key in found


@pytest.mark.parametrize("kind", ["BitMap", "FrozenBitMap", "BitMap64", "FrozenBitMap64"])
def test_a_roaring_bitmap_is_keys(
    kind: str, index: VectorIndex, vectors: F32, queries: F32
) -> None:
    keys = np.flatnonzero(np.random.default_rng(7).random(len(vectors)) < 0.3)
    roaring = getattr(pyroaring, kind)([*keys.tolist(), 10**9])
    want = index.search(queries, 10, allow=keys)
    found = index.search(queries, 10, allow=roaring)
    np.testing.assert_array_equal(found.keys, want.keys)
    empty = getattr(pyroaring, kind)()
    assert (index.search(queries, 10, allow=empty).keys == -1).all()


class _Counted:
    """A rule that counts how many rows it is asked about."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def bitmap_of(self, segment: KeyedRows, start: int) -> bitmap.Bitmap:
        self.asked.append((start, len(segment)))
        return bitmap.from_mask(segment.keys[start:] % 2 == 0)


def test_a_prepared_filter_asks_once_and_for_new_rows_only(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors[:500])
    rule = _Counted()
    prepared = Filter(rule)
    for start in range(500, 540, 10):
        index.add(vectors[start : start + 10], np.arange(start, start + 10))
        for _ in range(3):
            found = index.search(queries, 20, allow=prepared).keys
            assert (found % 2 == 0).all()
        assert found.max() >= 500 or start < 520
    assert rule.asked == [(0, 500), (0, 10), (8, 20), (16, 30), (24, 40)]
    index.remove([0, 2, 4])  # no new rows: only the count is taken anew
    assert not {0, 2, 4} & set(index.search(queries, 20, allow=prepared).keys.ravel().tolist())
    assert len(rule.asked) == 5
    want = index.search(queries, 20, allow=np.arange(0, 540, 2), exact=True).keys
    np.testing.assert_array_equal(index.search(queries, 20, allow=prepared, exact=True).keys, want)


@pytest.mark.parametrize("bad", [[1, 2], np.ones(3, bool), np.ones((2, 2), np.uint8), None])
def test_what_is_no_bitmap_is_refused(bad: Any) -> None:
    with pytest.raises(errors.InvalidInputError, match="expected a bitmap"):
        Filter.from_bitmap(bad)
    with pytest.raises(errors.InvalidInputError, match="expected a bitmap"):
        Filter.from_segment_bitmaps({SegmentId(): bad})


def test_a_filter_keeps_what_it_was_made_of(vectors: F32) -> None:
    """Also for segments it meets after the caller's arrays have changed."""
    index = VectorIndex.build(vectors[:100])
    index.add(vectors[100:110], np.arange(100, 110))
    mask, keys = np.ones(200, bool), np.arange(110)
    packed = bitmap.full(200)
    parts = {segment.id: bitmap.full(len(segment)) for segment in index.snapshot.segments}
    filters = [
        index.filter(mask),
        index.filter(keys),
        Filter.from_bitmap(packed),
        Filter.from_segment_bitmaps(parts),
    ]
    mask[:], keys[:], packed[:] = False, -1, 0
    for part in parts.values():
        part[:] = 0
    parts.clear()
    for chosen in filters:
        assert (index.search(vectors[:3], 110, allow=chosen).keys >= 0).all()
