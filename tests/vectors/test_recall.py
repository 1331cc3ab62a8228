"""Calibration: the cheapest settings that reach a recall."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vectors.conftest import F32
from tv5core import errors
from tv5core.vectors import VectorIndex, recall, recall_at_k
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
    monkeypatch.setattr(recall, "_POOLS", (16,))
    monkeypatch.setattr(recall, "_MARGINS", (0.5,))
    settings = index.calibrate(queries, 0.95)
    assert settings.recall is not None
    assert settings.recall >= 0.95
    assert settings.error_margin is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SealedSegment, "walk", None)
        assert index.recall(queries) == pytest.approx(settings.recall)


def test_calibration_out_of_reach_says_so(
    vectors: F32, queries: F32, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A row that nothing links to cannot be found by walking: cut the graph in two.
    index = VectorIndex.build(vectors[:3000], connectivity=2, expansion_add=1)
    monkeypatch.setattr(recall, "_SCANNED", (1.0,))
    monkeypatch.setattr(recall, "_MOST_OVERSAMPLED", 1.0)
    with pytest.warns(RuntimeWarning, match="no settings reach"):
        settings = index.calibrate(queries, 1.0)
    assert settings.recall is not None
    assert settings.recall < 1.0


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
    with pytest.warns(RuntimeWarning, match="no settings reach recall"):
        unreached = index.calibrate(queries, 1.0)
    assert unreached.recall is not None
    assert unreached.recall < 1.0
    assert index.recall(queries) == pytest.approx(unreached.recall)
    reached = index.calibrate(queries, 0.5)
    assert reached.recall is not None
    assert reached.recall >= 0.5
    assert reached.oversampling < unreached.oversampling


@pytest.mark.parametrize(
    ("found", "truth"),
    [([[1]], [[1], [2]]), ([1], [1]), ([[1.5]], [[1]]), ([["a"]], [[1]]), ([[1], [1, 2]], [[1]])],
)
def test_recall_is_of_keys(found: object, truth: object) -> None:
    with pytest.raises(errors.InvalidInputError, match="expected"):
        recall_at_k(found, truth)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidInputError, match="expected"):
        recall_at_k(truth, found)  # type: ignore[arg-type]


def test_calibration_scores_every_row_where_no_scan_of_codes_is_enough() -> None:
    """By inner product, of lengths by a power law, codes of the longest rows err by more."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((5_000, 64)) / 8
    rows *= rng.pareto(1.2, 5_000)[:, None] + 0.01
    queries = rng.standard_normal((40, 64))
    index = VectorIndex.build(rows, metric="ip", rescoring="int16")
    settings = index.calibrate(queries, 1.0)
    assert settings.candidates(10) >= 5_000
    truth = np.argsort(-(queries @ rows.T), axis=1)[:, :10]
    assert recall_at_k(index.search(queries).keys, truth) > 0.99
