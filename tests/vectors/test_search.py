"""Searches: answers, their order, threads, filters."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vectors.conftest import F32, brute_force, clustered
from tv5core.vectors import VectorIndex, recall_at_k
from tv5core.vectors.metric import Metric
from tv5core.vectors.sealed_segment import SealedSegment


@pytest.fixture(scope="module")
def index(vectors: F32) -> VectorIndex:
    return VectorIndex.build(vectors)


@pytest.mark.parametrize("metric", ["cosine", "ip"])
@pytest.mark.parametrize("rescoring", ["int8", "float16", "float32"])
def test_exact_search_is_brute_force(
    metric: str, rescoring: str, vectors: F32, queries: F32
) -> None:
    index = VectorIndex.build(vectors, metric=metric, rescoring=rescoring)
    found = index.search(queries, 10, exact=True)
    want = brute_force(vectors, queries, 10, metric)
    assert recall_at_k(found.keys, want) >= (0.97 if rescoring == "int8" else 0.995)
    assert (np.diff(found.scores, axis=1) <= 0).all()


def test_scores_are_cosines(index: VectorIndex, vectors: F32, queries: F32) -> None:
    found = index.search(queries, 5)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    probe = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    want = np.einsum("qd,qkd->qk", probe, unit[found.keys])
    np.testing.assert_allclose(found.scores, want, atol=5e-3)


def test_a_walk_that_reaches_less_far_finds_less(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors)
    truth = index.search(queries, exact=True).keys
    wide = {"expansion_search": 256, "oversampling": 25.6}
    endless = index.search(queries, **wide)
    found = [index.search(queries, **wide, error_margin=margin).keys for margin in (0, 1, 2, 1_000)]
    recalls = [recall_at_k(keys, truth) for keys in found]
    assert recalls[0] < recalls[1] < recalls[2] <= recalls[3]
    np.testing.assert_array_equal(found[3], endless.keys)


def test_few_answers_are_the_first_of_many(vectors: F32, queries: F32) -> None:
    """How far to look depends on the tenth answer or the last calibrated for, not the first."""
    index = VectorIndex.build(vectors)
    for k in (10, 50):
        many = index.search(queries, k)
        for few in (1, 3):
            found = index.search(queries, few)
            np.testing.assert_array_equal(found.keys, many.keys[:, :few])
            np.testing.assert_array_equal(found.scores, many.scores[:, :few])
        assert index.calibrate(queries, 0.9, k=50).min_k == 50
    # Asked for by hand, one answer is one, and the same holds with `min_k`.
    wide = {"expansion_search": 256, "oversampling": 25.6, "error_margin": 1.0}
    many = index.search(queries, 10, **wide)
    np.testing.assert_array_equal(index.search(queries, 1, min_k=10, **wide).keys, many.keys[:, :1])
    assert (index.search(queries, 1, **wide).keys != many.keys[:, :1]).any()


def test_single_query_gives_single_rows(index: VectorIndex, queries: F32) -> None:
    one = index.search(queries[0], 7)
    assert one.keys.shape == one.scores.shape == (7,)
    many = index.search(queries[:1], 7)
    assert many.keys.shape == (1, 7)
    assert (one.keys == many.keys[0]).all()
    assert one.keys.dtype == np.int64
    assert one.scores.dtype == np.float32


def test_threads_give_the_same_answers(index: VectorIndex, queries: F32) -> None:
    alone, shared = index.search(queries), index.search(queries, threads=3)
    assert (alone.keys == shared.keys).all()
    assert (alone.scores == shared.scores).all()


def test_queries_are_answered_in_their_order(index: VectorIndex, queries: F32) -> None:
    """A batch is walked in another order, a thousand at a time."""
    many = np.concatenate([queries + np.float32(i / 100) for i in range(40)])
    np.random.default_rng(0).shuffle(many)
    found = index.search(many, 5)
    for i in range(0, len(many), 7):
        one = index.search(many[i], 5)
        np.testing.assert_array_equal(found.keys[i], one.keys)
        np.testing.assert_allclose(found.scores[i], one.scores, rtol=1e-5)


def test_fewer_rows_than_k(vectors: F32) -> None:
    index = VectorIndex.build(vectors[:3], keys=[7, 8, 9])
    found = index.search(vectors[0], 5)
    assert sorted(found.keys[:3].tolist()) == [7, 8, 9]
    assert found.keys[3:].tolist() == [-1, -1]
    assert np.isneginf(found.scores[3:]).all()


@pytest.mark.parametrize("dim", [8, 65, 100, 768, 1000])
def test_any_dimension(dim: int) -> None:
    rows, probes = clustered(2500, dim), clustered(20, dim, seed=3)
    index = VectorIndex.build(rows)
    found = index.search(probes, 10, expansion_search=300, oversampling=25)
    assert recall_at_k(found.keys, brute_force(rows, probes, 10)) >= 0.9


def test_inner_product_over_lengths_that_differ() -> None:
    """Links are by direction: chosen by distance, they lead to a fifth fewer of the answers."""
    rng = np.random.default_rng(7)
    groups = rng.standard_normal((400, 128)).astype(np.float32)

    def draw(count: int) -> F32:
        rows = groups[rng.integers(0, 400, count)]
        return rows + np.float32(1.5) * rng.standard_normal(rows.shape, np.float32)

    rows = draw(4_000) * rng.uniform(0.5, 1.5, (4_000, 1)).astype(np.float32)
    queries = draw(200)
    (segment,) = VectorIndex.build(rows, metric="ip", threads=1).snapshot.segments
    assert isinstance(segment, SealedSegment)
    found, _, _ = segment.graph.walker.walk(segment.quantizer.prepare(queries), 64, 64)
    rescored, _ = segment.rows.rescore(queries, found, 10)
    exact, _ = segment.rows.scan(queries, 10)
    # 0.77 here (0.53 by distance, when that was tried); the planner would scan so few rows.
    assert recall_at_k(rescored.astype(np.int64), exact.astype(np.int64)) > 0.65
    recalls = []
    for metric in ("ip", "cosine"):
        walked, _ = segment.walk(queries, 10, Metric.named(metric).default_settings())
        recalls.append(recall_at_k(walked.astype(np.int64), exact.astype(np.int64)))
    assert recalls[0] > 0.95, recalls
    assert recalls[1] < recalls[0] - 0.01, recalls
    # Lengths that differ more ask for more than any reach that cosine needs.
    longer = rows * np.float32(10) ** rng.uniform(-1, 0, (4_000, 1)).astype(np.float32)
    settings = VectorIndex.build(longer, metric="ip").settings_for(queries, 0.97)
    assert settings.error_margin is not None
    assert settings.error_margin > 6
