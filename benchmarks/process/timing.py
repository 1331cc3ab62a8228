"""Time searches in the serving process: batches or single calls, one thread or more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.peers.base import F32, I64, Peer, Setting

__all__ = ["batch_speed", "found_by", "latencies", "recall", "single_speed"]


def recall(found: I64, truth: I64) -> float:
    """Return the share of true neighbours that were found; -1 stands for no neighbour."""
    wanted = truth >= 0
    if not wanted.any():
        return 1.0
    hit = (truth[:, :, None] == found[:, None, :]).any(axis=2)
    return float(hit[wanted].mean())


def found_by(peer: Peer, queries: F32, k: int, setting: Setting, threads: int) -> I64:
    """Search all queries in one call, or in one a Python thread."""
    if threads == 1 or peer.own_threads:
        return peer.search(queries, k, setting)
    parts = np.array_split(queries, threads)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(lambda part: peer.search(part, k, setting), parts)))


def batch_speed(
    peer: Peer, queries: F32, k: int, setting: Setting, threads: int, min_s: float
) -> tuple[I64, float]:
    """Search all queries until ``min_s`` is over; return the answers and queries a second."""
    peer.set_threads(threads if peer.own_threads else 1)
    passes, started = 0, time.perf_counter()
    while passes == 0 or time.perf_counter() - started < min_s:
        found = found_by(peer, queries, k, setting, threads)
        passes += 1
    return found, passes * len(queries) / (time.perf_counter() - started)


def single_speed(
    peer: Peer, queries: F32, k: int, setting: Setting, threads: int, min_s: float, max_s: float
) -> float:
    """Search one query a call until all were asked once and ``min_s`` is over, or ``max_s``.

    With several threads each asks its own share of the queries; all start at once.
    """
    peer.set_threads(1)
    shares = [queries[i::threads] for i in range(threads)]
    barrier, asked = threading.Barrier(threads + 1), [0] * threads

    def work(i: int) -> None:
        barrier.wait()
        asked[i] = _ask(peer, shares[i], k, setting, min_s, max_s)

    if threads == 1:
        started = time.perf_counter()
        return _ask(peer, queries, k, setting, min_s, max_s) / (time.perf_counter() - started)
    crew = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for thread in crew:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in crew:
        thread.join()
    return sum(asked) / (time.perf_counter() - started)


def latencies(
    search: Callable[[F32], object], queries: F32, calls: int, max_s: float
) -> list[float]:
    """Time single calls, ``calls`` of them unless ``max_s`` is over; the first 50 don't count."""
    for i in range(min(50, calls)):
        search(queries[i % len(queries)][None])
    seconds: list[float] = []
    end = time.perf_counter() + max_s
    for i in range(calls):
        at = i % len(queries)
        started = time.perf_counter()
        search(queries[at : at + 1])
        ended = time.perf_counter()
        seconds.append(ended - started)
        if ended > end:
            break
    return seconds


def _ask(peer: Peer, queries: F32, k: int, setting: Setting, min_s: float, max_s: float) -> int:
    now = time.perf_counter()
    enough, end, asked = now + min_s, now + max_s, 0
    while True:
        for i in range(len(queries)):
            peer.search(queries[i : i + 1], k, setting)
            if asked % 16 == 0 and time.perf_counter() > end:
                return asked + 1
            asked += 1
        if time.perf_counter() > enough:
            return asked
