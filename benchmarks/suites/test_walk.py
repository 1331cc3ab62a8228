"""The walk through a sealed graph by instruction set, and whole searches through the index."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.data.truth import exact
from benchmarks.suites.same import assert_same
from tv5core.vectors import VectorIndex, recall_at_k
from tv5core.vectors.entry_points import probes_of
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.packed_links import PackedLists

F32 = npt.NDArray[np.float32]

COMPARED = 5  # queries; the twin takes its time
K, CANDIDATES = 10, 40
SETTINGS: dict[str, Any] = {"expansion_search": 192, "oversampling": 8}


@pytest.fixture(scope="module")
def truth(vectors: F32, queries: F32) -> npt.NDArray[np.int64]:
    """Give the true neighbours."""
    return exact(vectors, queries, K)[0]


@pytest.mark.parametrize("pool", [64, 192])
def test_walk(
    benchmark: Any, path: Any, twin: Any, sealed: SealedGraph, queries: F32, pool: int
) -> None:
    """Walk for all queries; rows and scores equal the twin's to the bit."""
    lists, probes = (sealed.centroids, sealed.lists), probes_of(len(sealed.centroids))
    links = sealed.links.packed if isinstance(sealed.links, PackedLists) else sealed.links
    parts = (sealed.codes, links, *lists, probes, sealed.quantizer.bits)
    prepared = sealed.quantizer.prepare(queries)
    benchmark.group = f"walk: pool of {pool}"
    graph = path.graph(*parts)
    rows, scores, visited = benchmark(graph.walk, prepared, pool, CANDIDATES)
    benchmark.extra_info.update(queries=len(queries), visited=float(visited.mean()))
    few = sealed.quantizer.prepare(queries[:COMPARED])
    wanted = twin.graph(*parts).walk(few, pool, CANDIDATES)
    assert_same((rows[:COMPARED], scores[:COMPARED], visited[:COMPARED]), wanted)


@pytest.mark.parametrize("batch", [1, 100])
def test_search(
    benchmark: Any,
    index: VectorIndex,
    queries: F32,
    truth: npt.NDArray[np.int64],
    batch: int,
    full: bool,
) -> None:
    """Search from ready vectors to keys, one query a call and many."""

    def search() -> npt.NDArray[np.int64]:
        starts = range(0, len(queries), batch)
        found = [index.search(queries[at : at + batch], K, **settings).keys for at in starts]
        return np.concatenate(found)

    settings: dict[str, Any] = {"expansion_search": 256 if full else 128, "oversampling": 8}
    benchmark.group = "walk: search through the index"
    benchmark.extra_info["queries"] = len(queries)
    assert recall_at_k(benchmark(search), truth) >= 0.95


@pytest.mark.parametrize("share", [0.01, 0.2])
def test_filtered_search(
    benchmark: Any, index: VectorIndex, vectors: F32, queries: F32, share: float
) -> None:
    """Search among some of the rows."""
    allowed = np.random.default_rng(0).random(len(vectors)) < share
    allow, settings = index.filter(allowed), SETTINGS
    benchmark.group = "walk: filtered search"
    benchmark.extra_info["queries"] = len(queries)
    found = benchmark(lambda: index.search(queries, K, allow=allow, **settings)).keys
    assert allowed[found].all()
    assert recall_at_k(found, exact(vectors, queries, K, allowed=allowed)[0]) >= 0.9
