"""Calibration: the cheapest settings that reach a recall."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.vectors.conftest import F32, brute_force, clustered
from tv5core import errors
from tv5core.vectors import (
    Filter,
    SearchOptions,
    VectorIndex,
    calibration,
    recall_at_k,
    truth,
)
from tv5core.vectors.sealed_segment import SealedSegment


@pytest.fixture(scope="module")
def index(vectors: F32) -> VectorIndex:
    return VectorIndex.build(vectors)


@pytest.mark.parametrize("metric", ["cosine", "ip"])
def test_walk_finds_the_neighbours(metric: str, vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors, metric=metric)
    assert index.recall(queries) >= 0.7
    settings = index.calibrate(queries, 0.98)
    assert settings == index.settings
    assert settings.recall is not None
    assert settings.recall >= 0.98
    assert index.recall(queries) >= 0.98


def test_calibration_prefers_less_work(index: VectorIndex, queries: F32) -> None:
    low = index.calibrate(queries, 0.6)
    high = index.calibrate(queries, 0.99)
    assert low.expansion_search < high.expansion_search


def test_where_no_walk_finds_enough_all_codes_are_scanned(
    vectors: F32, queries: F32, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = VectorIndex.build(vectors)
    monkeypatch.setattr(calibration, "_POOLS", (16,))
    monkeypatch.setattr(calibration, "_MARGINS", (0.5,))
    settings = index.calibrate(queries, 0.95)
    assert settings.recall is not None
    assert settings.recall >= 0.95
    assert settings.scan_margin is not None or settings.exact_rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SealedSegment, "walk", None)
        assert index.recall(queries) == pytest.approx(settings.recall)


def test_calibration_measures_rows_that_are_not_sealed() -> None:
    """Codes centred on a first small batch tell little: that is measured, not taken for granted."""
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((50, 64), dtype=np.float32)

    def draw(count: int) -> F32:
        rows = centres[rng.integers(0, 50, count)] + rng.standard_normal((count, 64), np.float32)
        return rows + np.float32(4)

    rows, queries = draw(6_000), draw(40)
    index = VectorIndex.empty(64)
    assert index.calibrate(queries).recall is None
    index.add(rows[:10], np.arange(10))
    assert index.calibrate(queries).recall == 1.0
    index.add(rows[10:], np.arange(10, 6_000))
    every = index.calibrate(queries, 1.0)
    assert every.recall == 1.0
    assert every.exact_rows >= 6_000, "nothing less finds all, and that is searched for"
    some = index.calibrate(queries, 0.5)
    assert some.recall is not None
    assert some.recall >= 0.5
    assert index.recall(queries) == pytest.approx(some.recall)


@pytest.mark.parametrize(
    ("found", "truth"),
    [([[1]], [[1], [2]]), ([1], [1]), ([[1.5]], [[1]]), ([["a"]], [[1]]), ([[1], [1, 2]], [[1]])],
)
def test_recall_is_of_keys(found: object, truth: object) -> None:
    with pytest.raises(errors.InvalidInputError, match="expected"):
        recall_at_k(found, truth)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidInputError, match="expected"):
        recall_at_k(truth, found)  # type: ignore[arg-type]


def uneven_lengths(n: int, dim: int, seed: int = 1) -> F32:
    """Draw rows whose lengths follow a power law: codes of the longest err by the most."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, dim)) / np.sqrt(dim)
    return (rows * (rng.pareto(1.2, n)[:, None] + 0.01)).astype(np.float32)


def test_every_row_is_scored_where_that_is_cheaper_and_better() -> None:
    rng = np.random.default_rng(0)  # no row is far from others: codes tell few of them apart
    rows, queries = (rng.standard_normal((n, 64)).astype(np.float32) for n in (3_000, 40))
    index = VectorIndex.build(rows, metric="ip", rescoring="float32")
    settings = index.calibrate(queries, 1.0, k=80)
    assert settings.exact_rows >= 3_000
    assert settings.recall == 1.0
    truth = np.argsort(-(queries @ rows.T), axis=1)[:, :80]
    assert recall_at_k(index.search(queries, 80).keys, truth) > 0.999
    plans = []
    for most in (2_999, 3_000):
        options = SearchOptions(msgspec.structs.replace(settings, exact_rows=most))
        plans.append(index.explain(queries[0], 80, options)[0].plan)
    assert plans[0] != "exact"
    assert plans[1] == "exact"


def test_inner_products_are_found_without_calibration() -> None:
    rows, queries = uneven_lengths(4_000, 64), uneven_lengths(40, 64, seed=2)
    index = VectorIndex.build(rows, metric="ip", rescoring="int16")
    live = VectorIndex.empty(64, metric="ip")
    live.add(rows, np.arange(4_000))
    truth = np.argsort(-(queries @ rows.T), axis=1)[:, :10]
    for one in (index, live):
        assert recall_at_k(one.search(queries).keys, truth) > 0.97


def tight_clusters(n: int, dim: int, seed: int = 0) -> F32:
    """Draw unit vectors so near to their centres that int8 rows lose their order."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((8, dim))
    rows = centres[rng.integers(0, 8, n)] + 0.05 * rng.standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.filterwarnings("ignore:rows stored as int8")
def test_recall_counts_what_storing_rows_loses() -> None:
    rows, queries = tight_clusters(3_000, 128), tight_clusters(50, 128, 1)
    index = VectorIndex.build(rows, rescoring="int8")
    truth = brute_force(rows, queries, 10)
    stored = recall_at_k(index.search(queries, exact=True).keys, truth)
    assert stored < 0.9, "else there is nothing to tell"
    with pytest.warns(RuntimeWarning, match="rows as they are stored"):
        settings = index.calibrate(queries, 0.97)
    assert settings.stored_recall == index.row_recall.stored
    assert settings.target == 0.97
    true = recall_at_k(index.search(queries).keys, truth)
    assert settings.recall == pytest.approx(true, abs=0.04)
    assert index.recall(queries) == pytest.approx(settings.recall)
    given = index.settings_for(queries, stored / 2, given=rows.__getitem__)
    # Rows that are equally near to float32's last bits are equally right.
    assert given.stored_recall == pytest.approx(stored, abs=0.02)
    assert index.recall(queries, given=rows.__getitem__) == pytest.approx(true, abs=0.02)
    exact = VectorIndex.build(rows, rescoring="float32")
    assert exact.calibrate(queries, 0.97).stored_recall == 1.0


def test_a_higher_target_stores_rows_more_exactly() -> None:
    rows = clustered(3_000, 64)
    kept = VectorIndex.build(rows).row_recall.stored
    assert kept is not None
    assert 0.985 <= kept < 0.999
    one = VectorIndex.build(rows, target_recall=0.999)
    assert (one.stored_as, VectorIndex.build(rows).stored_as) == ("int16", "int8")
    assert VectorIndex.empty(64).stored_as == ""


def test_calibration_counts_live_rows_and_takes_a_filter(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors[:5_000])
    index.add(vectors[5_000:], np.arange(5_000, 6_000))
    settings = index.settings_for(queries, 0.9, given=vectors.__getitem__)
    found = index.search_with(queries, 10, SearchOptions(settings)).keys
    truth = brute_force(vectors, queries, 10)
    assert settings.recall == pytest.approx(recall_at_k(found, truth), abs=0.005)
    assert (found >= 5_000).any()
    allowed = np.arange(0, 6_000, 3)
    some = index.settings_for(queries, 0.9, allow=allowed, given=vectors.__getitem__)
    options = SearchOptions(some, filter=Filter.of(allowed))
    found = index.search_with(queries, 10, options).keys
    truth = allowed[brute_force(vectors[allowed], queries, 10)]
    assert some.recall == pytest.approx(recall_at_k(found, truth), abs=0.005)
    with pytest.raises(errors.InvalidInputError, match="allow of none"):
        index.settings_for(queries, 0.9, allow=[9_999])


@pytest.mark.parametrize(
    "given", [3, lambda keys: np.ones((1, 96)), lambda keys: ["a"] * len(keys), lambda keys: None]
)
def test_vectors_given_are_one_a_key(index: VectorIndex, queries: F32, given: object) -> None:
    for call in (index.recall, index.settings_for, index.calibrate):
        with pytest.raises(errors.InvalidInputError, match="expected"):
            call(queries, given=given)  # type: ignore[operator]


def test_the_truth_is_not_looked_for_twice(
    index: VectorIndex, queries: F32, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.settings_for(queries, 0.9)
    monkeypatch.setattr(truth.Truth, "of", None)
    first = index.settings_for(queries, 0.95)
    assert index.settings_for(queries.copy(), 0.95) == first
    with pytest.raises(TypeError):
        index.settings_for(queries[1:], 0.95)


def test_where_all_rows_are_removed_nothing_is_missed(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors[:50])
    index.remove(np.arange(50))
    assert index.recall(queries, given=vectors.__getitem__) == 1.0
    assert index.recall(queries) == 1.0


@given(
    n=st.integers(1, 300),
    dim=st.integers(8, 70),
    k=st.integers(1, 12),
    kind=st.sampled_from(["int8", "int16", "float16", "float32"]),
    metric=st.sampled_from(["cosine", "ip"]),
    spread=st.sampled_from([1.0, 0.05, 0.0]),
    gone=st.floats(0, 0.9),
    seed=st.integers(0, 1_000),
)
@settings(deadline=None, max_examples=examples(60), derandomize=True)
def test_recall_is_that_of_brute_force_over_the_vectors_given(
    n: int, dim: int, k: int, kind: str, metric: str, spread: float, gone: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    offset = rng.standard_normal(dim)
    rows, queries = (
        (offset + spread * rng.standard_normal((count, dim))).astype(np.float32) for count in (n, 5)
    )
    rows *= np.exp(rng.standard_normal((n, 1)) * 0.3).astype(np.float32)
    index = VectorIndex.empty(dim, metric=metric, rescoring=kind)
    index.add(rows, np.arange(n))
    left = np.flatnonzero(rng.random(n) >= gone)
    index.remove(np.setdiff1d(np.arange(n), left))
    got = index.recall(queries, k, given=rows.__getitem__)
    if not len(left):
        assert got == 1.0
        return
    plain = rows / np.linalg.norm(rows, axis=1, keepdims=True) if metric == "cosine" else rows
    scores = queries.astype(float) @ plain[left].astype(float).T
    found = index.search(queries, min(k, len(left))).keys
    # Of rows that are equally near, any may be found.
    least = np.sort(scores, axis=1)[:, ::-1][:, : found.shape[1]][:, -1:]
    near = np.take_along_axis(scores, np.searchsorted(left, found), axis=1)
    shares = (near >= least - 1e-5 * np.abs(least)).mean(axis=1)
    assert got <= shares.mean() + 1e-9
    if spread == 1.0:
        assert got >= shares.mean() - 1e-9 or kind == "float16" or (shares.mean() - got) < 0.05
