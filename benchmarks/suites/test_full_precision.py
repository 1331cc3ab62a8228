"""The same searches by usearch at full precision: what one-bit codes are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.data.truth import exact
from tv5core.vectors import recall_at_k

usearch = pytest.importorskip("usearch.index")

F32 = npt.NDArray[np.float32]

K = 10


@pytest.fixture(scope="module", params=["f32", "f16"])
def peer(request: pytest.FixtureRequest, vectors: F32, full: bool) -> Any:
    """Build usearch's HNSW of one precision over the vectors."""
    width = {"expansion_add": 128, "expansion_search": 192 if full else 96}
    index = usearch.Index(
        ndim=vectors.shape[1], metric="ip", dtype=request.param, connectivity=16, **width
    )
    index.add(np.arange(len(vectors), dtype=np.uint64), vectors)
    return index


@pytest.mark.parametrize("batch", [1, 100])
def test_search(
    benchmark: Any, peer: Any, vectors: F32, queries: F32, batch: int, full: bool
) -> None:
    """Search from ready vectors to keys, one query a call and many, on one thread."""
    queries = queries if full else queries[:50]

    def search() -> npt.NDArray[np.int64]:
        starts = range(0, len(queries), batch)
        found = [peer.search(queries[at : at + batch], K, threads=1).keys for at in starts]
        return np.concatenate([np.atleast_2d(keys) for keys in found]).astype(np.int64)

    benchmark.group = "walk: search through the index"
    benchmark.extra_info.update(queries=len(queries), precision=str(peer.dtype))
    assert recall_at_k(benchmark(search), exact(vectors, queries, K)[0]) >= 0.9
