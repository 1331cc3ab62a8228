"""Segments: what readers hold stays, and whatever searches as one can stand among them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vectors.conftest import F32
from tv5core.errors import InvalidInputError
from tv5core.vectors import (
    COSINE,
    Filter,
    Metric,
    SearchOptions,
    Segment,
    Snapshot,
    VectorIndex,
)
from tv5core.vectors.planner import Plan, choose_plan
from tv5core.vectors.settings import WIDEST_POOL, SearchSettings


def test_a_snapshot_stays_while_the_index_changes(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors[:3_000])
    index.add(vectors[3_000:3_100], np.arange(3_000, 3_100))
    before, options = index.snapshot, SearchOptions(index.settings)
    ready = COSINE.validate(queries, 96)
    want = before.search(ready, 10, options)
    index.remove(want[0][:, 0][:1])
    index.add(queries, np.arange(9_000, 9_060))
    for _ in range(2):
        found = before.search(ready, 10, options)
        np.testing.assert_array_equal(found[0], want[0])
        np.testing.assert_array_equal(found[1], want[1])
        index.seal()


def test_ids_stay_with_row_numbers(vectors: F32) -> None:
    index = VectorIndex.build(vectors[:100])
    index.add(vectors[100:110], np.arange(100, 110))
    sealed, live = index.snapshot.segments
    index.remove([5, 105])
    index.add(vectors[:1], [200])
    later = index.snapshot.segments
    assert [segment.id for segment in later] == [sealed.id, live.id]
    np.testing.assert_array_equal(later[1].keys[: len(live)], live.keys)
    index.seal()
    assert not {segment.id for segment in index.snapshot.segments} & {sealed.id, live.id}


def test_segments_answer_in_their_own_row_numbers(vectors: F32, queries: F32) -> None:
    index = VectorIndex.build(vectors[:2_500], np.arange(2_500) + 50)
    index.add(vectors[2_500:2_600], np.arange(9_000, 9_100))
    ready, options = COSINE.validate(queries, 96), SearchOptions(index.settings)
    parts: list[tuple[F32, F32]] = []
    for segment in index.snapshot.segments:
        rows, scores = segment.search(ready, 10, options)
        assert rows.max() < len(segment)
        parts.append((segment.keys[rows], scores))
    scores = np.hstack([some for _, some in parts])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    merged = np.take_along_axis(np.hstack([keys for keys, _ in parts]), order, axis=1)
    np.testing.assert_array_equal(index.search(queries).keys, merged)


def test_several_sealed_segments_are_searched_as_one(vectors: F32, queries: F32) -> None:
    halves: list[Segment] = []
    for start in (0, 3_000):
        some = vectors[start : start + 3_000]
        keys = np.arange(start, start + 3_000)
        halves += VectorIndex.build(some, keys, rescoring="int16").snapshot.segments
    options = SearchOptions(COSINE.default_settings(), exact=True)
    ready = COSINE.validate(queries, 96)
    found, _ = Snapshot(tuple(halves)).search(ready, 10, options)
    want = VectorIndex.build(vectors, rescoring="int16").search(queries, 10, exact=True).keys
    assert (found == want).mean() > 0.99


def test_plans_follow_costs() -> None:
    def plan(allowed: int, *, walkable: bool = True, exact: bool = False) -> Plan:
        options = SearchOptions(SearchSettings(256, 16.0, error_margin=2.5), exact)
        return choose_plan(1_000_000, allowed, 10, options, walkable=walkable)

    assert plan(1_000_000) == "walk"
    assert plan(1_000_000, walkable=False) == "scan"
    assert plan(10_000) == "scan"
    assert plan(1_000) == "scan"
    assert plan(500) == "exact"
    assert plan(1_000_000, exact=True) == "exact"


def test_settings_calibrated_to_scan_scan() -> None:
    settings = SearchSettings(WIDEST_POOL, error_margin=1.5, min_k=10)
    assert choose_plan(1_000_000, 1_000_000, 10, SearchOptions(settings), walkable=True) == "scan"


@pytest.mark.parametrize(
    ("rows", "allowed", "k", "min_k", "expected"),
    [
        (1_000_000, 250_000, 10, 10, "walk"),  # its margin ends it long before the pool is full
        (1_000_000, 50_000, 10, 10, "scan"),
        (1_000_000, 250_000, 10, 1, "scan"),
        (66_000, 66_000, 200, 1, "scan"),  # the pool of a text: a walk misses half of it
    ],
)
def test_a_wide_pool_counts_where_more_is_asked_than_was_calibrated_for(
    rows: int, allowed: int, k: int, min_k: int, expected: Plan
) -> None:
    settings = SearchSettings(8_192, 4.0, error_margin=2.7, min_k=min_k)
    assert choose_plan(rows, allowed, k, SearchOptions(settings), walkable=True) == expected


def test_metrics_are_found_by_name() -> None:
    assert Metric.named("cosine") is COSINE
    assert Metric.named("ip").default_settings().error_margin is None
    with pytest.raises(InvalidInputError, match="expected metric 'cosine' or 'ip', got 'l2'"):
        Metric.named("l2")


# -- how far a scan of allowed rows looks ---------------------------------------------------


@pytest.mark.parametrize(("live", "filtered"), [(False, False), (False, True), (True, True)])
def test_a_scan_with_a_margin_of_its_own_rescores_fewer(
    vectors: F32, queries: F32, live: bool, filtered: bool
) -> None:
    """The last of many may be others; the first stay."""
    if live:
        index = VectorIndex.empty(vectors.shape[1])
        index.add(vectors, np.arange(len(vectors)))
    else:
        index = VectorIndex.build(vectors)
    ready = COSINE.validate(queries, 96)
    allowed = Filter.of(np.arange(0, len(vectors), 2)) if filtered else None
    # Calibrated, so that a scan of all has a margin: as wide as that of some has without one.
    settings = SearchSettings(expansion_search=len(vectors), oversampling=4.0, error_margin=2.0)

    def found(margin: float | None) -> list[list[int]]:
        options = SearchOptions(settings, filter=allowed, scan_margin=margin)
        keys: list[list[int]] = index.snapshot.search(ready, 200, options)[0].tolist()
        return keys

    whole, some, none = found(None), found(1.0), found(0.0)

    def same(one: list[list[int]], count: int) -> float:
        pairs = zip(whole, one, strict=True)
        return sum(len(set(a[:count]) & set(b)) for a, b in pairs) / (count * len(whole))

    assert found(2.0) == whole
    assert same(none, 200) < same(some, 200) < 1
    assert same(some, 20) > 0.98


@pytest.mark.parametrize("margin", [-1.0, float("nan"), "wide"])
def test_a_margin_that_is_none_is_refused(margin: object) -> None:
    with pytest.raises(InvalidInputError, match="scan_margin"):
        SearchOptions(SearchSettings(), scan_margin=margin)  # type: ignore[arg-type]
