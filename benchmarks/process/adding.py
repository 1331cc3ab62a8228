"""Add rows on one thread while another searches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from benchmarks.peers.base import F32, I64, Peer, Setting
from benchmarks.results import AddWhileSearching

__all__ = ["ROWS", "add_while_searching", "new_rows"]

ROWS, _BLOCK = 2_000, 100
_ALONE_S = 1.0


def new_rows(vectors: F32, count: int, seed: int) -> F32:
    """Draw rows like those there are: each between two of them, of unit length where they are."""
    rng = np.random.default_rng(seed)
    first = rng.choice(len(vectors), count)
    second = (first + rng.integers(1, len(vectors), count)) % len(vectors)
    rows = 0.8 * vectors[first] + 0.6 * vectors[second]
    length = np.linalg.norm(vectors[first], axis=1, keepdims=True)
    unit: F32 = (rows / np.linalg.norm(rows, axis=1, keepdims=True) * length).astype(np.float32)
    return unit


def add_while_searching(
    peer: Peer, queries: F32, setting: Setting, rows: F32, keys: I64
) -> AddWhileSearching:
    """Search alone for a while, then while another thread adds; look for each added row after."""
    peer.set_threads(1)
    alone = _Searcher(peer, queries, setting)
    alone.during(lambda: time.sleep(_ALONE_S))
    beside = _Searcher(peer, queries, setting)
    took = beside.during(lambda: _add(peer, rows, keys))
    found = peer.search(rows, 10, setting)[:, 0]
    return AddWhileSearching(
        rows_added=len(rows),
        added_per_s=len(rows) / took,
        searches_per_s=beside.rate(),
        alone_searches_per_s=alone.rate(),
        p99_s=float(np.quantile(beside.seconds, 0.99)),
        found_share=float((found == keys).mean()),
    )


def _add(peer: Peer, rows: F32, keys: I64) -> None:
    for at in range(0, len(rows), _BLOCK):
        peer.add(rows[at : at + _BLOCK], keys[at : at + _BLOCK])


class _Searcher:
    """Ask single queries on a thread for as long as something else takes."""

    def __init__(self, peer: Peer, queries: F32, setting: Setting) -> None:
        self._peer, self._queries, self._setting = peer, queries, setting
        self._over = threading.Event()
        self._error: Exception | None = None
        self.seconds: list[float] = []

    def during(self, work: Callable[[], None]) -> float:
        """Search while ``work`` runs on this thread; return how long that took."""
        thread = threading.Thread(target=self._search)
        thread.start()
        started = time.perf_counter()
        try:
            work()
            took = time.perf_counter() - started
        finally:
            self._over.set()
            thread.join()
        if self._error is not None:
            raise self._error
        return took

    def rate(self) -> float:
        """Return searches a second."""
        return len(self.seconds) / sum(self.seconds)

    def _search(self) -> None:
        try:
            at = 0
            while not self.seconds or not self._over.is_set():
                started = time.perf_counter()
                self._peer.search(self._queries[at : at + 1], 10, self._setting)
                self.seconds.append(time.perf_counter() - started)
                at = (at + 1) % len(self._queries)
        except Exception as error:  # noqa: BLE001  # raised by the waiting thread
            self._error = error
