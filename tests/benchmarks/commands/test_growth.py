"""What ``python -m benchmarks growth`` measures, on a few rows."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.commands.growth import _sealing, _table
from benchmarks.measure.growth import measure_adding, measure_live, measure_sealing
from tests.vectors.conftest import clustered
from tv5core.vectors import SearchSettings, growing, live_graph


def test_ways_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_graph, "FIRST_ROWS", 64)
    monkeypatch.setattr(growing, "LEAST_ROWS", 100)
    rows, queries = clustered(3_000, 64), {"title": clustered(20, 64, seed=1)}
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    queries["title"] /= np.linalg.norm(queries["title"], axis=1, keepdims=True)
    live = measure_live(rows, queries, {"title": SearchSettings(100, 10.0, error_margin=3.0)}, 10)
    assert [row.way for row in live] == ["scan", "walk", "chosen"]
    assert min(row.recall for row in live) >= 0.8
    assert len(_table(live).splitlines()) == 5
    added = [measure_adding(rows, 2_950, linked=linked) for linked in (False, True)]
    assert added[1].p50_us <= added[1].p99_us <= added[1].worst_us
    sealed = measure_sealing(rows, 2_000, 2, queries, 10, 100)
    assert [(row.way, row.rows) for row in sealed] == [("grown", 3_000), ("built anew", 3_000)]
    assert sealed[0].recall >= sealed[1].recall - 0.05
    assert len(_sealing(sealed).splitlines()) == 4
