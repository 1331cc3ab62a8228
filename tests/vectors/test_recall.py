"""Calibration: the cheapest settings that reach a recall."""

from __future__ import annotations

import pytest

from tests.vectors.conftest import F32
from tv5core.vectors import VectorIndex, recall
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
    with pytest.warns(RuntimeWarning, match="no settings reach"):
        settings = index.calibrate(queries, 1.0)
    assert settings.recall is not None
    assert settings.recall < 1.0
