"""Links chosen anew: every row can be reached, and threads do not matter."""

from __future__ import annotations

import numpy as np
import pytest

from tv5core.kernels import NONE
from tv5core.vectors import VectorIndex
from tv5core.vectors.linking import _connect, breadth_first, refine
from tv5core.vectors.rescore import StoredRows


def test_every_row_can_be_reached() -> None:
    rng = np.random.default_rng(5)
    groups = rng.standard_normal((40, 64)).astype(np.float32)
    noise = rng.standard_normal((5_000, 64), np.float32)
    rows = groups[rng.integers(0, 40, 5_000)] + np.float32(0.6) * noise
    index = VectorIndex.build(rows, connectivity=4, expansion_add=16)
    sealed = index._rows.snapshot.sealed
    assert sealed is not None
    assert len(breadth_first(np.array(sealed.links), 0)) == 5_000


def test_islands_are_linked_without_giving_up_a_link() -> None:
    # 0 and 1 know each other; 2 and 3 only each other; nothing tells that 2 is near 1.
    links = np.array([[1, NONE], [0, NONE], [3, NONE], [2, NONE]], np.uint32)
    before = links.copy()
    _connect(links, links.copy(), 0)
    assert sorted(breadth_first(links, 0).tolist()) == [0, 1, 2, 3]
    assert (links[before != NONE] == before[before != NONE]).all()


def test_rows_that_want_the_same_full_source_do_not_push_each_other_out() -> None:
    links = np.array([[1, NONE], [0, 2], [1, NONE], [1, NONE], [1, NONE]], np.uint32)
    _connect(links, links.copy(), 0)
    assert links.tolist() == [[1, 3], [0, 2], [1, 4], [1, NONE], [1, NONE]]


def test_a_row_is_linked_from_near_it() -> None:
    # 3 leads to 2, which has room; 0 and 1, nearer to the entry, have some too.
    links = np.array([[1, NONE], [2, NONE], [1, NONE], [2, NONE]], np.uint32)
    _connect(links, links.copy(), 0)
    assert links.tolist() == [[1, NONE], [2, NONE], [1, 3], [2, NONE]]


def test_full_lists_end_the_search() -> None:
    links = np.array([[1], [0], [0]], np.uint32)
    _connect(links, links.copy(), 0)
    assert links.tolist() == [[1], [0], [0]]


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_do_not_matter(threads: int) -> None:
    rng = np.random.default_rng(6)
    vectors = rng.standard_normal((9_000, 64)).astype(np.float32)
    links = rng.integers(0, 9_000, (9_000, 8)).astype(np.uint32)
    codes = np.packbits(vectors > 0, axis=1, bitorder="little")
    rows = StoredRows.encode(vectors, "int8")
    one = refine(links, codes, rows, room=6, entry=0, threads=1)
    assert np.array_equal(refine(links, codes, rows, room=6, entry=0, threads=threads), one)
