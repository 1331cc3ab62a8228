"""Filters and deletions of what is near the query, with settings chosen without them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from tests.vectors.conftest import F32
from tv5core.vectors import VectorIndex, recall_at_k

I64 = npt.NDArray[np.int64]

_CLUSTERS, _ROWS, _DIM = 60, 12_000, 128


class Clustered(NamedTuple):
    vectors: F32
    cluster_of: I64
    centers: F32
    index: VectorIndex

    def queries(self, clusters: I64) -> F32:
        return _around(self.centers[clusters], np.random.default_rng(1))

    def truth(self, queries: F32, allowed: I64) -> I64:
        scores = queries @ self.vectors[allowed].T
        return allowed[np.argsort(-scores, axis=1)[:, :10]]


def _around(centers: F32, rng: np.random.Generator) -> F32:
    rows = 0.8 * centers + rng.standard_normal(centers.shape, dtype=np.float32)
    unit: F32 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@pytest.fixture(scope="module")
def data() -> Clustered:
    rng = np.random.default_rng(2)
    centers = rng.standard_normal((_CLUSTERS, _DIM), dtype=np.float32)
    cluster_of = rng.integers(0, _CLUSTERS, _ROWS)
    vectors = _around(centers[cluster_of], rng)
    index = VectorIndex.build(vectors)
    made = Clustered(vectors, cluster_of, centers, index)
    index.calibrate(made.queries(rng.integers(0, _CLUSTERS, 200)), 0.97)
    return made


def test_all_but_the_cluster_of_the_query(data: Clustered) -> None:
    allowed, queries = np.flatnonzero(data.cluster_of != 0), data.queries(np.zeros(60, np.int64))
    found = data.index.search(queries, 10, allow=allowed).keys
    assert recall_at_k(found, data.truth(queries, allowed)) >= 0.95
    assert (data.cluster_of[found] != 0).all()
    # So it is without a margin, too, where the pool alone would end the walk.
    plain = data.index.search(queries, 10, allow=allowed, expansion_search=512, oversampling=32)
    assert recall_at_k(plain.keys, data.truth(queries, allowed)) >= 0.95


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_some_of_the_clusters(data: Clustered, share: float) -> None:
    rng = np.random.default_rng(3)
    kept = rng.permutation(_CLUSTERS)[: round(share * _CLUSTERS)]
    allowed = np.flatnonzero(np.isin(data.cluster_of, kept))
    queries = data.queries(rng.integers(0, _CLUSTERS, 200))
    found = data.index.search(queries, 10, allow=allowed).keys
    assert recall_at_k(found, data.truth(queries, allowed)) >= 0.95


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("far", [False, True])
def test_the_rows_nearest_to_a_title_or_all_others(
    data: Clustered, share: float, far: bool
) -> None:
    near, count = data.queries(np.zeros(1, np.int64)), round(share * _ROWS)
    order = np.argsort(near[0] @ data.vectors.T, kind="stable")
    allowed = np.sort(order[:count] if far else order[-count:])
    queries = data.queries(np.zeros(40, np.int64))[1:]
    found = data.index.search(queries, 10, allow=allowed).keys
    assert recall_at_k(found, data.truth(queries, allowed)) >= 0.95
    assert np.isin(found, allowed).all()


def test_a_cluster_that_is_removed(data: Clustered) -> None:
    index = VectorIndex.build(data.vectors[:6_000])
    settings = index.calibrate(data.queries(np.arange(_CLUSTERS)), 0.95)
    assert settings.error_margin is not None
    index.remove(np.flatnonzero(data.cluster_of[:6_000] == 0))
    left, queries = np.flatnonzero(data.cluster_of[:6_000] != 0), data.queries(np.zeros(60, int))
    found = index.search(queries, 10).keys
    assert recall_at_k(found, data.truth(queries, left)) >= 0.95
