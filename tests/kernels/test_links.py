"""Choosing links: every native path against the twin, and the twin against the rule itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tv5core.kernels import NONE, LinkRows


def rows_of(twin, rng, n, dim, equal):
    """Rows of which some are equal, so that distances tie and are zero."""
    vectors = rng.standard_normal((n, dim)).astype(np.float32)
    vectors[rng.random(n) < equal] = vectors[0]
    values, scales = twin.quantize_i8(vectors)
    sums = np.einsum("ij,ij->i", values, values, dtype=np.int32).astype(np.float32)
    codes = np.packbits(vectors[:, : dim // 8 * 8] > 0, axis=1, bitorder="little")
    return codes, LinkRows(values, scales, sums * (scales * scales))


def links_of(rng, n, degree):
    """Lists of any length, with repeats, links to the row itself, and ends beyond the rows."""
    links = rng.integers(0, n, (n, degree)).astype(np.uint32)
    links[np.arange(degree) >= rng.integers(0, degree + 1, (n, 1))] = NONE
    links[rng.random((n, degree)) < 0.02] = n
    return links


def reversed_links(links):
    n = len(links)
    there = links < n
    source, target = np.nonzero(there)[0], links[there]
    order = np.argsort(target, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=n))])
    return offsets.astype(np.int64), source[order].astype(np.uint32)


@given(
    n=st.integers(1, 120),
    dim=st.sampled_from([8, 31, 33, 64, 100, 768]),
    degree=st.integers(1, 9),
    room=st.integers(1, 8),
    more=st.integers(0, 40),
    equal=st.sampled_from([0.0, 0.1, 0.9]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=80, derandomize=True)
def test_paths_agree(native, twin, n, dim, degree, room, more, equal, seed):
    rng = np.random.default_rng(seed)
    codes, rows = rows_of(twin, rng, n, dim, equal)
    links = links_of(rng, n, degree)
    start, stop = sorted(int(x) for x in rng.integers(0, n + 1, 2))
    given_ = (codes, rows, links, start, stop, room + more, room)
    assert np.array_equal(native.choose_links(*given_), twin.choose_links(*given_))
    given_ = (codes, rows, links, *reversed_links(links), start, stop, room + more, room)
    assert np.array_equal(native.join_links(*given_), twin.join_links(*given_))


def test_keeps_the_relative_neighbours(native, twin):
    """Each link kept is nearer to the row than to any nearer link; each one dropped is not."""
    rng = np.random.default_rng(3)
    codes, rows = rows_of(twin, rng, 60, 16, 0)
    everyone = np.tile(np.arange(60, dtype=np.uint32), (60, 1))
    chosen = native.choose_links(codes, rows, everyone, 0, 60, 60, 60)
    restored = rows.values.astype(np.float64) * rows.scales[:, None]
    apart = ((restored[:, None] - restored[None]) ** 2).sum(axis=2)
    for row, links in enumerate(chosen):
        kept = links[links != NONE].astype(int)
        for other in set(range(60)) - {row}:
            nearer = [k for k in kept if apart[row, k] < apart[row, other]]
            free = all(apart[other, k] >= apart[row, other] for k in nearer)
            assert (other in kept) == free


def test_equal_rows_leave_room_for_others(native, twin):
    rng = np.random.default_rng(4)
    codes, rows = rows_of(twin, rng, 40, 64, 0)
    for part in rows:
        part[:20] = part[0]
    codes[:20] = codes[0]
    everyone = np.tile(np.arange(40, dtype=np.uint32), (40, 1))
    chosen = native.choose_links(codes, rows, everyone, 0, 1, 40, 8)
    twins = (chosen < 20).sum()
    assert twins == 4


def test_reverse_links_are_added(native, twin):
    """A row that nothing chose but that chose another is linked to by it."""
    rng = np.random.default_rng(5)
    codes, rows = rows_of(twin, rng, 3, 64, 0)
    links = np.array([[1, NONE], [2, NONE], [NONE, NONE]], np.uint32)
    joined = native.join_links(codes, rows, links, *reversed_links(links), 0, 3, 8, 2)
    assert [sorted(int(x) for x in row if x != NONE) for row in joined] == [[1], [0, 2], [1]]


@pytest.mark.parametrize(
    "bad",
    [
        {"start": -1},
        {"start": 9, "stop": 8},
        {"stop": 11},
        {"room": 0},
        {"shortlist": 3},
        {"offsets": np.arange(10)},
        {"offsets": np.array([0, 5, 4, *[20] * 8])},
        {"offsets": np.array([*range(0, 20, 2), 21])},
        {"sources": np.full(20, 10, np.uint32)},
        {"links": np.zeros((9, 4), np.uint32)},
        {"links": np.zeros((10, 4), np.int64)},
        {"codes": np.zeros((9, 8), np.uint8)},
    ],
    ids=str,
)
def test_refuses(native, twin, bad):
    rng = np.random.default_rng(6)
    codes, rows = rows_of(twin, rng, 10, 64, 0)
    good = {
        "codes": codes,
        "rows": rows,
        "links": links_of(rng, 10, 4),
        "offsets": np.arange(0, 21, 2),
        "sources": np.zeros(20, np.uint32),
        "start": 0,
        "stop": 10,
        "shortlist": 8,
        "room": 4,
    }
    assert native.join_links(**good).shape == (10, 4)
    with pytest.raises((ValueError, TypeError), match=r"expected .* got"):
        native.join_links(**{**good, **bad})
