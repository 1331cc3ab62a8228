"""Bitmaps of rows."""

from __future__ import annotations

import numpy as np
import pytest

from tv5core import bitmap


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 64, 100])
@pytest.mark.parametrize("n", [0, 1, 8, 13, 64, 99, 200])
def test_resizing_cuts_or_adds_clear_rows(size: int, n: int) -> None:
    mask = np.random.default_rng(size).random(size) < 0.7
    resized = bitmap.resized(bitmap.from_mask(mask), n)
    assert len(resized) == -(-n // 8)
    want = np.flatnonzero(mask[:n])
    assert bitmap.rows(resized, 8 * len(resized)).tolist() == want.tolist()
    assert bitmap.count(resized) == len(want)


def test_resizing_leaves_the_original() -> None:
    full = bitmap.full(16)
    bitmap.resized(full, 3)
    assert bitmap.count(full) == 16


def test_rows_are_cleared_and_extended_in_copies() -> None:
    some = bitmap.from_rows(np.array([1, 5, 9]), 12)
    less = bitmap.cleared(some, np.array([5]))
    more = bitmap.extended(less, 12, 20)
    assert bitmap.rows(some, 12).tolist() == [1, 5, 9]
    assert bitmap.rows(less, 12).tolist() == [1, 9]
    assert bitmap.rows(more, 20).tolist() == [1, 9, *range(12, 20)]
    assert bitmap.test(more, np.array([5, 9, 19])).tolist() == [False, True, True]


def test_none_stands_for_all_rows() -> None:
    some = bitmap.from_rows(np.array([2]), 8)
    assert bitmap.intersect(None, None) is None
    assert bitmap.intersect(some, None) is some
    assert bitmap.intersect(None, some) is some
    assert bitmap.rows(None, 3).tolist() == [0, 1, 2]
