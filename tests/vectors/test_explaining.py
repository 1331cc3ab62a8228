"""What a search is said to do is what it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tests.vectors.conftest import F32, clustered
from tv5core.observing import listening
from tv5core.vectors import SearchOptions, SearchSettings, SegmentPlan, VectorIndex

_ROWS = 6_000
NARROW = SearchSettings(64, 4.0, error_margin=2.0)
WIDE = SearchSettings(512, 32.0)


class _Heard:
    def __init__(self) -> None:
        self.stages: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.stages.append(name)
        yield


@pytest.fixture(scope="module")
def rows() -> F32:
    return clustered(_ROWS + 3_000, 64)


@pytest.fixture(scope="module")
def index(rows: F32) -> VectorIndex:
    made = VectorIndex.build(rows[:_ROWS])
    made.add(rows[_ROWS:], np.arange(_ROWS, len(rows)))
    made.remove(np.arange(0, _ROWS, 7))
    return made


@pytest.mark.parametrize("settings", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("share", [1.0, 0.9, 0.5, 0.02])
def test_plans_are_those_of_the_search(
    index: VectorIndex, rows: F32, settings: SearchSettings, exact: bool, share: float
) -> None:
    allowed = np.random.default_rng(1).random(len(rows)) < share
    chosen = None if share == 1 else index.filter(np.flatnonzero(allowed))
    options = SearchOptions(settings, exact, chosen)
    alive = np.ones(len(rows), bool)
    alive[np.arange(0, _ROWS, 7)] = False
    left = [(allowed & alive)[:_ROWS].sum(), (allowed & alive)[_ROWS:].sum()]
    for query in rows[:5]:
        heard = _Heard()
        with listening(heard):
            index.search_with(query, 10, options)
        plans = index.explain(query, 10, options)
        assert [plan.plan for plan in plans] == _plans(heard.stages)
        assert [plan.allowed for plan in plans] == left
        assert [plan.sealed for plan in plans] == [True, False]
        for plan in plans:
            _is_possible(plan, settings)


def _plans(stages: list[str]) -> list[str]:
    return [stage for stage in stages if stage in {"exact", "scan", "walk"}]


def _is_possible(plan: SegmentPlan, settings: SearchSettings) -> None:
    assert min(10, plan.allowed) <= plan.compared <= plan.allowed
    if plan.plan == "exact":
        assert (plan.visited, plan.compared) == (0, plan.allowed)
    elif plan.plan == "scan":
        assert plan.visited == plan.allowed
    else:
        assert plan.compared <= plan.visited
        assert plan.compared <= 2 * max(settings.candidates(10), settings.expansion_search)


def test_what_qualifies_is_compared(rows: F32) -> None:
    """A wider margin lets more rows qualify, up to all that are allowed."""
    index = VectorIndex.build(rows[:_ROWS])
    chosen = index.filter(np.arange(0, _ROWS, 3))
    counts = []
    for recall in (0.5, 0.99, 0.999999):
        settings = SearchSettings(4_096, 400.0, recall=recall)
        (plan,) = index.explain(rows[0], 10, SearchOptions(settings, filter=chosen))
        assert plan.plan == "scan"
        counts.append(plan.compared)
    assert counts[0] < counts[1] < counts[2] <= _ROWS // 3


def test_scores_of_some_rows_are_those_of_an_exact_search(index: VectorIndex, rows: F32) -> None:
    keys = np.array([1, 7, 8, _ROWS + 5, 3, 10**9, _ROWS, 14], np.int64)
    scores = index.scores(rows[0], keys)
    found = index.search(rows[0], len(rows), exact=True)
    known = dict(zip(found.keys.tolist(), found.scores.tolist(), strict=True))
    wanted = [known.get(key, np.nan) for key in keys.tolist()]
    np.testing.assert_array_equal(scores, np.array(wanted, np.float32))
    assert np.isnan(scores[[1, 5, 7]]).all(), "removed, unknown, removed"
    assert index.scores(rows[0], np.empty(0, np.int64)).shape == (0,)
