"""Many live rows: linked by usearch behind, and answered as rightly as by a scan."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.vectors.conftest import F32, brute_force, clustered
from tests.vectors.test_concurrency import _together
from tests.vectors.test_forks import fork_and_wait
from tv5core.vectors import VectorIndex, live_graph, live_segment, recall_at_k
from tv5core.vectors.live_graph import LiveGraph
from tv5core.vectors.live_segment import LiveSegment
from tv5core.vectors.settings import SearchSettings

EFFORT = {"expansion_search": 160, "oversampling": 16.0, "error_margin": 3.0}


@pytest.fixture(autouse=True)
def _always_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Link from 64 rows on, and let a scan never seem cheaper."""
    monkeypatch.setattr(live_graph, "FIRST_ROWS", 64)
    monkeypatch.setattr(live_segment, "_SCAN_S", 1.0)


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the widths of the walks that were made."""
    made: list[int] = []
    search = LiveGraph.search

    def noted(graph: LiveGraph, signs: F32, width: int, patience_s: float) -> object:
        found = search(graph, signs, width, patience_s)  # type: ignore[arg-type]
        made.extend([width] * (found is not None))
        return found

    monkeypatch.setattr(LiveGraph, "search", noted)
    return made


def live(index: VectorIndex) -> LiveSegment:
    (segment,) = [one for one in index.snapshot.segments if not one.sealed]
    assert isinstance(segment, LiveSegment)
    return segment


def linked(index: VectorIndex) -> LiveGraph:
    graph = live(index).graph
    assert graph is not None
    graph.wait()
    return graph


@pytest.fixture
def index(vectors: F32) -> Iterator[VectorIndex]:
    with VectorIndex.empty(96) as made:
        made.add(vectors[:3_000], np.arange(3_000))
        made.add(vectors[3_000:], np.arange(3_000, 6_000))
        assert linked(made).covered == 6_000
        yield made


def test_walks_find_what_scans_find(
    index: VectorIndex, vectors: F32, queries: F32, walks: list[int]
) -> None:
    for k in (1, 10, 100):
        found = index.search(queries, k, **EFFORT, min_k=10)
        assert recall_at_k(found.keys, brute_force(vectors, queries, k)) >= 0.95
        exact = index.search(queries, k, exact=True)
        same = found.keys == exact.keys
        np.testing.assert_array_equal(found.scores[same], exact.scores[same])
    assert len(walks) == 3
    one = index.search(queries[0], 10, **EFFORT)
    assert recall_at_k(one.keys[None], brute_force(vectors, queries[:1], 10)) >= 0.9


def test_filters_and_deletions_are_kept(
    index: VectorIndex, vectors: F32, queries: F32, walks: list[int]
) -> None:
    """Also where what a query is near is left out, which a walk has to find out."""
    near = np.zeros(6_000, bool)
    near[brute_force(vectors, queries, 300).ravel()] = True
    masks = [np.arange(6_000) % 2 == 0, ~near, near, np.arange(6_000) < 4]
    for removed in (False, True):
        for mask in masks:
            found = index.search(queries, 10, allow=mask, **EFFORT)
            allowed = np.flatnonzero(mask)
            allowed = allowed[~np.isin(allowed, np.arange(0, 1_000))] if removed else allowed
            want = allowed[brute_force(vectors[allowed], queries, 10)] if len(allowed) else None
            assert ((found.keys >= 0).sum(axis=1) == min(10, len(allowed))).all()
            assert np.isin(found.keys[found.keys >= 0], allowed).all()
            assert want is None or recall_at_k(found.keys, want) >= 0.95
        index.remove(np.arange(0 if not removed else 1_000, 1_000 if not removed else 1_001))
    assert walks


def test_rows_not_linked_yet_are_found(
    index: VectorIndex, vectors: F32, queries: F32, walks: list[int]
) -> None:
    linked(index).stop()
    index.add(queries, np.arange(9_000, 9_060))
    assert index.search(queries, 1, **EFFORT).keys.ravel().tolist() == list(range(9_000, 9_060))
    mask = np.ones(9_060, bool)
    mask[9_000::2] = False
    found = index.search(queries, 1, allow=mask, **EFFORT).keys.ravel()
    assert found[1::2].tolist() == list(range(9_001, 9_060, 2))
    assert not np.isin(found, np.arange(9_000, 9_060, 2)).any()
    assert len(walks) == 2


def test_nobody_waits_for_the_graph(
    vectors: F32, queries: F32, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_segment, "_SCAN_S", 1e-7)
    monkeypatch.setattr(live_segment, "_WALK_S", 1e-9)
    with VectorIndex.empty(96) as index:
        index.add(vectors[:2_000], np.arange(2_000))
        graph = linked(index)
        with graph._using:
            index.add(vectors[2_000:], np.arange(2_000, 6_000))
            found = index.search(queries, 10, **EFFORT)
        assert recall_at_k(found.keys, brute_force(vectors, queries, 10)) >= 0.95


def test_where_linking_fails_rows_are_scanned(
    vectors: F32, queries: F32, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_bits: int) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(live_graph, "_empty_index", fail)
    with VectorIndex.empty(96) as index, caplog.at_level(logging.WARNING, "tv5core"):
        for start in (0, 3_000):
            index.add(vectors[start : start + 3_000], np.arange(start, start + 3_000))
            linked(index)
        found = index.search(queries, 10, **EFFORT)
        assert recall_at_k(found.keys, brute_force(vectors, queries, 10)) >= 0.95
    assert [record.getMessage() for record in caplog.records] == [
        "live rows are scanned from here on, as linking them failed: no memory"
    ]


def test_dropped_deleted_rows_leave_the_graph(vectors: F32, queries: F32) -> None:
    with VectorIndex.empty(96) as index:
        index.add(vectors, np.arange(6_000))
        before = linked(index)
        index.remove(np.arange(0, 5_000))
        after = linked(index)
        assert after is not before
        assert after.covered == len(live(index)) == 1_000
        found = index.search(queries, 10, **EFFORT)
        assert recall_at_k(found.keys, 5_000 + brute_force(vectors[5_000:], queries, 10)) >= 0.95


def test_closing_waits_for_the_thread(vectors: F32) -> None:
    index = VectorIndex.empty(96)
    index.add(vectors, np.arange(6_000))
    graph = live(index).graph
    assert graph is not None
    index.close()
    assert not graph._is_filling()
    assert not [one for one in threading.enumerate() if one.name == "tv5-live"]
    assert graph.covered < 6_000, "it does not link the rest first"


def test_inner_products_are_scanned(vectors: F32) -> None:
    with VectorIndex.empty(96, metric="ip") as index:
        index.add(vectors, np.arange(6_000))
        assert live(index).graph is None


def test_a_child_goes_on_without_the_parents_graph(vectors: F32, queries: F32) -> None:
    with VectorIndex.empty(96) as index:
        index.add(vectors[:5_000], np.arange(5_000))

        def use() -> None:
            found = index.search(queries, 10, **EFFORT)
            assert recall_at_k(found.keys, brute_force(vectors[:5_000], queries, 10)) >= 0.95
            index.add(queries[:1], [9_000])
            assert index.search(queries[0], 1, **EFFORT).keys[0] == 9_000
            index.close()

        assert [fork_and_wait(use) for _ in range(5)] == [0] * 5
        assert linked(index).covered == 5_000


def test_everything_at_once(vectors: F32, queries: F32) -> None:
    """Additions, removals, searches and sealing; usearch cannot be run under a sanitizer here."""
    index = VectorIndex.build(vectors[:500])
    done = threading.Event()

    def change() -> None:
        for start in range(500, 5_500, 100):
            index.add(vectors[start : start + 100], np.arange(start, start + 100))
            index.remove([start, start + 1])
        done.set()

    def seal() -> None:
        while not done.wait(0.2):
            index.seal()

    def look() -> None:
        while not done.is_set():
            found = index.search(queries[:20], 10, **EFFORT)
            assert (found.keys >= 0).all()
            assert all(len(set(row)) == 10 for row in found.keys.tolist()), "a key twice"
            assert index.search(vectors[7], 1).keys[0] == 7

    tasks: list[Callable[[], None]] = [change, seal, look, look]
    assert _together(*tasks) == []
    gone = {row for start in range(500, 5_500, 100) for row in (start, start + 1)}
    assert set(index.keys().tolist()) == set(range(5_500)) - gone
    left = np.asarray(sorted(set(range(5_500)) - gone))
    linked(index) if index.live_count else None
    found = index.search(queries, 10, **EFFORT)
    assert recall_at_k(found.keys, left[brute_force(vectors[left], queries, 10)]) >= 0.95
    index.close()


CHANGES = st.lists(
    st.tuples(st.sampled_from(("add", "remove", "seal")), st.integers(0, 9)), min_size=1, max_size=6
)


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    changes=CHANGES,
    allowed=st.sampled_from((None, 0.5, 0.05)),
    k=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_changes_and_filters_against_brute_force(
    changes: list[tuple[str, int]], allowed: float | None, k: int, seed: int
) -> None:
    pool = clustered(3_000, 64, seed)
    queries = clustered(10, 64, seed + 1)
    there: set[int] = set()
    with VectorIndex.empty(64) as index:
        for change, place in [("add", 0), *changes]:
            some = np.arange(300 * place, 300 * place + 300)
            if change == "add":
                index.add(pool[some], some)
                there |= set(some.tolist())
            elif change == "remove":
                gone = sorted(there & set(some[::2].tolist()))
                index.remove(np.asarray(gone, np.int64))
                there -= set(gone)
            else:
                index.seal()
            if index.live_count:
                linked(index)
        mask = None if allowed is None else np.random.default_rng(seed).random(3_000) < allowed
        left = np.asarray([key for key in sorted(there) if mask is None or mask[key]], np.int64)
        found = index.search(queries, k, allow=mask, expansion_search=100, oversampling=100 / k)
        assert ((found.keys >= 0).sum(axis=1) == min(k, len(left))).all()
        assert np.isin(found.keys[found.keys >= 0], left).all()
        if len(left):
            want = left[brute_force(pool[left], queries, k)]
            assert recall_at_k(found.keys, want) >= 0.9


def test_the_width_follows_the_settings() -> None:
    assert live_segment.walk_width(SearchSettings(160, 16.0, error_margin=2.5), 10) == 560
    assert live_segment.walk_width(SearchSettings(512, 8.0), 10) == 280
    assert live_segment.walk_width(SearchSettings(16, 1.0), 100) == 100
