"""Search peers with filters that have to do with the query, at the settings chosen without one."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.data.correlated import Case
from benchmarks.peers.base import Peer, Setting

__all__ = ["Row", "Search", "measure", "setting_for", "truth_of"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Search = Callable[[F32], I64]
"""Asks one query: float32[1, dim] -> int64[1, k]."""

_REPEATS = 3
_BLOCK = 50_000
_SLOWEST_S = 20.0


class Row(NamedTuple):
    """One peer in one kind of case."""

    peer: str
    mode: str
    """``filter`` or ``deleted``."""
    kind: str
    share: float
    recall: float
    worst: float
    """Mean recall of the tenth of the queries that have the least."""
    p50_us: float
    p95_us: float
    plain_p95_us: float
    """The same queries' without a filter, asked in turns."""
    short: bool
    """Whether a query had fewer answers than rows are allowed, up to k."""


def truth_of(vectors: F32, queries: F32, allowed: npt.NDArray[np.bool_], k: int) -> I64:
    """Return the k nearest allowed rows of each query by exact search, -1 where fewer are."""
    rows = np.flatnonzero(allowed)
    found = np.full((len(queries), k), -1, np.int64)
    best = np.full((len(queries), k), -np.inf, np.float32)
    for at in range(0, len(rows), _BLOCK):
        some = rows[at : at + _BLOCK]
        scores = np.concatenate([best, queries @ vectors[some].T], axis=1)
        keys = np.concatenate([found, np.broadcast_to(some, (len(queries), len(some)))], axis=1)
        order = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best, found = np.take_along_axis(scores, order, 1), np.take_along_axis(keys, order, 1)
    return found


def setting_for(peer: Peer, queries: F32, truth: I64, k: int, target: float) -> Setting:
    """Return the cheapest setting that reaches a recall without a filter, or else the best."""
    best: tuple[float, Setting] | None = None
    cheapest: tuple[float, Setting] | None = None
    for ladder in peer.settings(k):
        for setting in ladder:
            started = time.perf_counter()
            recall = float(_recalls(peer.search(queries, k, setting), truth).mean())
            took = time.perf_counter() - started
            if best is None or recall > best[0]:
                best = recall, setting
            if recall >= target:
                if cheapest is None or took < cheapest[0]:
                    cheapest = took, setting
                break
    if best is None:
        raise ValueError("expected settings to search with, got none")
    return best[1] if cheapest is None else cheapest[1]


def measure(
    name: str,
    mode: str,
    given: Iterable[tuple[Case, I64]],
    queries: F32,
    plain: Search,
    searches: Callable[[Case], Search],
) -> list[Row]:
    """Ask every case's queries one a call, with its filter and without, in turns.

    Parameters
    ----------
    name, mode
        For the rows.
    given
        Cases with their true answers.
    queries
        All queries.
    plain
        Searches without a filter.
    searches
        Prepares a case, and returns what searches with it.
    """
    parts: dict[tuple[str, float], list[Any]] = defaultdict(list)
    for case, truth in given:
        search = searches(case)
        some = queries[case.queries]
        keys, times, plain_times = _timed(search, plain, some)
        want = min(keys.shape[1], int(case.allowed.sum()))
        short = bool(((keys >= 0).sum(axis=1) < want).any())
        wrong = keys[(keys >= 0)]
        if not case.allowed[wrong].all():
            raise ValueError(f"expected allowed rows of {name}, got others in {case.kind}")
        parts[case.kind, case.share].append((_recalls(keys, truth), times, plain_times, short))
    return [_row(name, mode, kind, share, some) for (kind, share), some in parts.items()]


def _timed(search: Search, plain: Search, queries: F32) -> tuple[I64, F32, F32]:
    """Return answers, and the best time of each query with and without the filter, in turns."""
    keys, times, others = [], [], []
    deadline = time.perf_counter() + _SLOWEST_S
    search(queries[:1])
    for at in range(len(queries)):
        one = queries[at : at + 1]
        best, other = np.inf, np.inf
        for _ in range(_REPEATS if time.perf_counter() < deadline else 1):
            started = time.perf_counter()
            found = search(one)
            between = time.perf_counter()
            plain(one)
            best = min(best, between - started)
            other = min(other, time.perf_counter() - between)
        keys.append(found[0])
        times.append(best)
        others.append(other)
    return np.stack(keys), np.array(times, np.float32), np.array(others, np.float32)


def _recalls(found: I64, truth: I64) -> npt.NDArray[np.float64]:
    pairs = zip(found, truth, strict=True)
    return np.array([np.isin(want[want >= 0], got).mean() for got, want in pairs])


def _row(name: str, mode: str, kind: str, share: float, parts: list[Any]) -> Row:
    recalls, times, plain = (np.concatenate([part[i] for part in parts]) for i in range(3))
    worst = np.sort(recalls)[: max(1, len(recalls) // 10)].mean()
    p50, p95 = np.percentile(times, [50, 95]) * 1e6
    plain_p95 = np.percentile(plain, 95) * 1e6
    short = any(part[3] for part in parts)
    figures = (recalls.mean(), worst, p50, p95, plain_p95)
    return Row(name, mode, kind, share, *(float(figure) for figure in figures), short)


def folder_of(work: Path, name: str, rows: int, metric: str) -> Path:
    """Return where a peer's index is kept."""
    return work / f"{name}-{rows}-{metric}"
