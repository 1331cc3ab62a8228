"""Live rows walked and scanned, and what adding them costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.peers.base import F32, I64
from tv5core import kernels
from tv5core.vectors import SearchSettings, VectorIndex, live_segment, recall_at_k
from tv5core.vectors.live_segment import LiveSegment

__all__ = ["AddRow", "LiveRow", "SealRow", "measure_adding", "measure_live", "measure_sealing"]

_NEVER_S, _ALWAYS_S = 0.0, 1.0  # what a scan is made to seem to cost
_ROUNDS = 3


class LiveRow(NamedTuple):
    """One way of searching live rows."""

    rows: int
    queries: str
    way: str
    width: int
    recall: float
    p50_us: float
    p99_us: float
    batch_us: float


class AddRow(NamedTuple):
    """What adding one row after another costs, while rows are linked behind or not."""

    rows: int
    linked: bool
    p50_us: float
    p99_us: float
    worst_us: float
    linked_us: float
    bytes_a_row: float


class SealRow(NamedTuple):
    """An index after some steps of adding and sealing, or built at once."""

    rows: int
    way: str
    seal_s: float
    queries: str
    recall: float
    batch_us: float


def measure_sealing(
    vectors: F32, start: int, steps: int, queries: dict[str, F32], k: int, width: int
) -> list[SealRow]:
    """Grow an index in steps from ``start`` rows on, then build one of all rows."""
    times = []
    with VectorIndex.build(vectors[:start]) as index:
        for some in np.array_split(np.arange(start, len(vectors)), steps):
            index.add(vectors[some], some)
            times.append(_timed(index.seal))
        found = _sealed(index, vectors, "grown", float(np.median(times)), queries, k, width)
    began = time.perf_counter()
    with VectorIndex.build(vectors) as index:
        took = time.perf_counter() - began
        return found + _sealed(index, vectors, "built anew", took, queries, k, width)


def _sealed(
    index: VectorIndex,
    vectors: F32,
    way: str,
    seal_s: float,
    queries: dict[str, F32],
    k: int,
    width: int,
) -> list[SealRow]:
    settings, rows = SearchSettings(width, width / k, error_margin=3.0, min_k=k), []
    for kind, asked in queries.items():
        truth = kernels.scan_rows(vectors, None, asked, k)[0].astype(np.int64)
        recall, _, _, batch_us = _searched(index, asked, truth, settings, k, None)
        rows.append(SealRow(len(index), way, seal_s, kind, recall, batch_us))
    return rows


def measure_live(
    vectors: F32, queries: dict[str, F32], settings: dict[str, SearchSettings], k: int
) -> list[LiveRow]:
    """Search live rows by a walk, by a scan, and as the planner chooses."""
    found = []
    with VectorIndex.empty(vectors.shape[1]) as index:
        index.add(vectors, np.arange(len(vectors)))
        _wait(index)
        for kind, asked in queries.items():
            truth = kernels.scan_rows(vectors, None, asked, k)[0].astype(np.int64)
            for way, scan_s in (("scan", _NEVER_S), ("walk", _ALWAYS_S), ("chosen", None)):
                row = _searched(index, asked, truth, settings[kind], k, scan_s)
                width = live_segment.walk_width(settings[kind], k)
                found.append(LiveRow(len(vectors), kind, way, width, *row))
    return found


def _searched(
    index: VectorIndex,
    queries: F32,
    truth: I64,
    settings: SearchSettings,
    k: int,
    scan_s: float | None,
) -> tuple[float, float, float, float]:
    before = live_segment._SCAN_S  # noqa: SLF001 - what the planner thinks of a scan
    if scan_s is not None:
        live_segment._SCAN_S = scan_s  # noqa: SLF001
    try:
        index._settings = settings  # noqa: SLF001
        keys = index.search(queries, k).keys
        batch = min(_timed(lambda: index.search(queries, k)) for _ in range(_ROUNDS))
        rounds = [
            [_timed(lambda query=query: index.search(query, k)) for query in queries]
            for _ in range(_ROUNDS)
        ]
    finally:
        live_segment._SCAN_S = before  # noqa: SLF001
    times = np.min(rounds, axis=0) * 1e6
    p50, p99 = (float(np.percentile(times, share)) for share in (50, 99))
    return recall_at_k(keys, truth), p50, p99, batch / len(queries) * 1e6


def measure_adding(vectors: F32, start: int, *, linked: bool) -> AddRow:
    """Add rows one a call behind ``start`` that are there, as a catalogue does."""
    with VectorIndex.empty(vectors.shape[1]) as index:
        index.add(vectors[:start], np.arange(start))
        graph = _live(index).graph
        began = time.perf_counter()
        if linked:
            _wait(index)
        filling = time.perf_counter() - began
        if graph is not None and not linked:
            graph.stop()
            graph.wait()
        times = [
            _timed(lambda row=row: index.add(vectors[row : row + 1], [row])) * 1e6
            for row in range(start, len(vectors))
        ]
        size = 0 if graph is None else graph.memory_bytes / max(graph.covered, 1)
    p50, p99, worst = (float(np.percentile(times, share)) for share in (50, 99, 100))
    return AddRow(start, linked, p50, p99, worst, filling / start * 1e6, size)


def _live(index: VectorIndex) -> LiveSegment:
    return next(one for one in index.snapshot.segments if isinstance(one, LiveSegment))


def _wait(index: VectorIndex) -> None:
    graph = _live(index).graph
    if graph is not None:
        graph.wait()


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
