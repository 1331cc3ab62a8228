"""Packed links: every list comes back as it was, and nothing outside is read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tv5core.kernels import LINK_SLACK, NONE, PackedLinks
from tv5core.kernels.code_layout import CodeLayout
from tv5core.vectors.packed_links import PackedLists, pack, width_for

U32 = npt.NDArray[np.uint32]


def packed(links: U32, seed: int = 0) -> PackedLists:
    layout = CodeLayout(128)
    rng = np.random.default_rng(seed)
    records = layout.pad(rng.integers(0, 256, (len(links), layout.size), np.uint8))
    lists, places = pack(links)
    layout.set_places(records, places)
    return PackedLists(records, layout, lists)


@given(n=st.integers(1, 400), degree=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_lists_come_back(n: int, degree: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    links = rng.integers(0, n, (n, degree)).astype(np.uint32)
    links[np.arange(degree) >= rng.integers(0, degree + 1, (n, 1))] = NONE
    lists = packed(links, seed)
    assert lists.shape == links.shape
    some = rng.integers(0, n, 20)
    np.testing.assert_array_equal(lists[some], links[some])
    np.testing.assert_array_equal(lists[1:7], links[1:7])
    assert lists.misplaced(slice(0, n)) == 0
    used = int((links != NONE).sum())
    assert len(lists.packed.data) == 2 * used + LINK_SLACK


@pytest.mark.parametrize(
    ("rows", "width"), [(1, 2), (65_536, 2), (65_537, 3), (2**24, 3), (2**24 + 1, 4)]
)
def test_width(rows: int, width: int) -> None:
    assert width_for(rows) == width


def test_three_bytes_a_link() -> None:
    links = np.full((70_000, 2), NONE, np.uint32)
    links[:, 0] = np.arange(70_000)[::-1]
    lists = packed(links)
    np.testing.assert_array_equal(lists[: len(links)], links)
    assert len(lists.packed.data) == 3 * 70_000 + LINK_SLACK


def test_places_past_the_end_are_cut_and_counted() -> None:
    links = np.array([[1, 2], [0, NONE], [0, 1]], np.uint32)
    lists = packed(links)
    places = lists.layout.places(lists.records)
    places[0], places[1] = 2**64 - 1, 4 | 60_000 << 48
    lists.layout.set_places(lists.records, places)
    np.testing.assert_array_equal(lists[0:3], [[NONE, NONE], [1, NONE], [0, 1]])
    assert lists.misplaced(slice(0, 3)) == 2
    nothing = PackedLists(
        lists.records, lists.layout, PackedLinks(np.zeros(LINK_SLACK, np.uint8), 2, 2)
    )
    assert (nothing[0:3] == NONE).all()
