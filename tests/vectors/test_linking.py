"""The graph: every row can be reached, near rows are linked, threads do not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tv5core.kernels import NONE
from tv5core.vectors import VectorIndex, recall_at_k
from tv5core.vectors.builder import BuiltGraph, build_graph
from tv5core.vectors.entry_points import Source, _order_by_similarity, choose_entry_points
from tv5core.vectors.linking import Workers, breadth_first, connect
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.stored_rows import StoredRows

F32 = npt.NDArray[np.float32]


def grouped(n: int, dim: int = 64, groups: int = 40, seed: int = 5) -> F32:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((groups, dim)).astype(np.float32)
    noise = rng.standard_normal((n, dim), np.float32)
    rows = centres[rng.integers(0, groups, n)] + np.float32(0.6) * noise
    unit: F32 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def built(vectors: F32, **options: Any) -> BuiltGraph:
    quantizer = Quantizer.create(vectors.mean(axis=0))
    source = Source(quantizer, StoredRows.encode(vectors, "int8", quantizer))
    options = {"connectivity": 8, "expansion_add": 32, **options}
    return build_graph(quantizer.encode(vectors), source, **options)


@pytest.mark.parametrize("n", [1, 2, 3, 255, 256, 257, 5_000])
def test_every_row_can_be_reached(n: int) -> None:
    graph = built(grouped(n))
    entries = int(graph.offsets[-1])
    assert entries == max(min(n, 256), n // 16)
    assert sorted(graph.order.tolist()) == list(range(n))
    assert len(breadth_first(graph.links, np.arange(entries))) == n
    there = graph.links[graph.links != NONE]
    assert (there < n).all()
    assert (graph.links != np.arange(n, dtype=np.uint32)[:, None]).all()


def test_rows_are_linked_to_the_nearest() -> None:
    vectors = grouped(3_000)
    graph = built(vectors)
    similar = vectors[graph.order] @ vectors[graph.order].T
    np.fill_diagonal(similar, -1)
    nearest = similar.argmax(axis=1)
    assert (graph.links == nearest[:, None]).any(axis=1).mean() > 0.95


def test_short_rows_are_linked_by_direction() -> None:
    """By inner product the longest rows would be everyone's candidates.

    Directions are those from the centre, as codes and stored rows have them.
    """
    lengths = np.random.default_rng(3).uniform(0.3, 3, (8_000, 1)).astype(np.float32)
    vectors = grouped(8_000, groups=300) * lengths
    directions = vectors - vectors.mean(axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    index = VectorIndex.build(vectors, metric="ip")
    (segment,) = index.snapshot.segments
    assert isinstance(segment, SealedSegment)
    sealed = segment.graph
    near = directions[sealed.keys]
    short = np.flatnonzero(lengths[sealed.keys, 0] < 1)
    similar = near[short] @ near.T
    similar[np.arange(len(short)), short] = -1
    links = sealed.links[short]
    assert (links == similar.argmax(axis=1)[:, None]).any(axis=1).mean() > 0.95


def test_rows_whose_rotation_pads_are_built_alike() -> None:
    """Where the rotation pads, stored rows are not rotated; the codes are."""
    vectors = grouped(2_000, dim=50)
    index = VectorIndex.build(vectors, connectivity=8, expansion_add=64)
    truth = np.argsort(-(vectors[:50] @ vectors.T), axis=1)[:, :10]
    found = index.search(vectors[:50], 10, expansion_search=128, oversampling=8).keys
    assert recall_at_k(found, truth) > 0.95


def test_equal_rows_do_not_make_long_lists() -> None:
    vectors = np.repeat(grouped(4), 5_000, axis=0)  # 312 entries of each
    graph = built(vectors)
    assert np.diff(graph.offsets.astype(np.int64)).max() <= 192
    assert len(breadth_first(graph.links, np.arange(int(graph.offsets[-1])))) == 20_000


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_do_not_matter(threads: int) -> None:
    vectors = grouped(9_000)
    one, other = built(vectors, threads=2), built(vectors, threads=threads)
    assert np.array_equal(one.order, other.order)
    assert np.array_equal(one.links, other.links)
    assert np.array_equal(one.centroids, other.centroids)
    assert np.array_equal(one.offsets, other.offsets)


def test_the_order_of_vectors_does_not_matter_much() -> None:
    """Rows sorted by group are drawn and added in another order than they come in."""
    rng = np.random.default_rng(8)
    rows = grouped(6_000)
    rows = rows[np.argsort(rows @ rows[0])]
    queries = rows[rng.permutation(6_000)[:100]] + np.float32(0.02)
    truth = np.argsort(-(queries @ rows.T), axis=1)[:, :10]
    for some in (rows, rows[rng.permutation(6_000)]):
        want = truth if some is rows else np.argsort(-(queries @ some.T), axis=1)[:, :10]
        index = VectorIndex.build(some, connectivity=8, expansion_add=48)
        found = index.search(queries, 10, expansion_search=200, oversampling=20).keys
        assert recall_at_k(found, want) > 0.95


def test_lists_hold_what_is_near_their_centroids() -> None:
    vectors = grouped(20_000)
    quantizer = Quantizer.create(vectors.mean(axis=0))
    source = Source(quantizer, StoredRows.encode(vectors, "int8", quantizer))
    with Workers(2) as run:
        entries = choose_entry_points(source, run, seed=3)
    rows = source.centred(entries.order[: entries.count])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    of = np.repeat(np.arange(len(entries.centroids)), np.diff(entries.offsets.astype(np.int64)))
    lists = [rows[of == one] for one in range(len(entries.centroids))]
    within = np.mean([(one @ one.mean(axis=0)).mean() for one in lists])
    assert within > np.mean(rows @ rows.mean(axis=0)) + 0.1


def test_an_error_of_the_progress_stops_the_build() -> None:
    def stop(_done: int, _total: int, _stage: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(grouped(3_000), progress=stop)


def test_islands_are_linked_without_giving_up_a_link() -> None:
    # 0 and 1 know each other; 2 and 3 only each other; nothing tells that 2 is near 1.
    links = np.array([[1, NONE], [0, NONE], [3, NONE], [2, NONE]], np.uint32)
    before = links.copy()
    connect(links, 1)
    assert sorted(breadth_first(links, np.arange(1)).tolist()) == [0, 1, 2, 3]
    assert (links[before != NONE] == before[before != NONE]).all()


def test_rows_that_want_the_same_full_source_do_not_push_each_other_out() -> None:
    links = np.array([[1, NONE], [0, 2], [1, NONE], [1, NONE], [1, NONE]], np.uint32)
    connect(links, 1)
    assert sorted(breadth_first(links, np.arange(1)).tolist()) == [0, 1, 2, 3, 4]
    assert links[1].tolist() == [0, 2]


def test_a_row_is_linked_from_near_it() -> None:
    # 3 leads to 2, which has room; 0 and 1, nearer to the entry, have some too.
    links = np.array([[1, NONE], [2, NONE], [1, NONE], [2, NONE]], np.uint32)
    connect(links, 1)
    assert links.tolist() == [[1, NONE], [2, NONE], [1, 3], [2, NONE]]


def test_full_lists_end_the_search() -> None:
    links = np.array([[1], [0], [0]], np.uint32)
    connect(links, 1)
    assert links.tolist() == [[1], [0], [0]]


def test_entries_need_no_link() -> None:
    links = np.array([[NONE], [NONE], [NONE]], np.uint32)
    connect(links, 3)
    assert (links == NONE).all()


def test_near_lists_are_numbered_one_after_the_other() -> None:
    rng = np.random.default_rng(3)
    group = rng.permutation(np.repeat(np.arange(4), 8))
    codes = rng.integers(0, 256, (4, 64), np.uint8)[group]
    codes ^= (1 << rng.integers(0, 8, codes.shape)).astype(np.uint8) & rng.integers(
        0, 256, codes.shape, np.uint8
    )
    order = _order_by_similarity(codes)
    assert sorted(order.tolist()) == list(range(32))
    assert np.count_nonzero(np.diff(group[order])) == 3
    assert _order_by_similarity(codes[:2]).tolist() == [0, 1]
