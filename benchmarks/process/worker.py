"""The process that a peer is built or searched in: JSON lines in, JSON lines out.

::

    python -m benchmarks.process.worker

Each request is an object with ``op`` and that operation's arguments; each answer is an object with
``result``, or ``error`` where it raised. Whatever a library prints goes to the standard error.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import msgspec
import numpy as np

from benchmarks.data import datasets, truth
from benchmarks.data.filters import mask
from benchmarks.machine import processor
from benchmarks.peers import registry
from benchmarks.peers.base import I64, Mask, Peer, Setting, Shape
from benchmarks.process import timing
from benchmarks.process.adding import ROWS, add_while_searching, new_rows

__all__ = ["Worker", "main"]

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Worker:
    """One peer over one dataset; public methods are the operations."""

    def __init__(self) -> None:
        self._peer: Peer
        self._data: datasets.Dataset
        self._folder = Path()
        self._before: dict[str, int] = {}
        self._filter: tuple[float, Any, I64] | None = None

    def load(self, *, peer: str, dataset: str, folder: str) -> dict[str, Any]:
        """Import the library and read the queries, before anything is measured."""
        self._data = datasets.load(Path(dataset))
        rows, dim = self._data.vectors.shape
        self._peer = registry.make(peer, Shape(rows, dim, self._data.metric))
        self._peer.load_library()
        self._folder = Path(folder)
        self._data.queries.update({k: np.array(q) for k, q in self._data.queries.items()})
        self._before = processor.footprint()
        return {}

    def build(self, *, threads: int) -> dict[str, Any]:
        """Build and save; saved files are synced, so that all pay for the disk alike."""
        started = time.perf_counter()
        self._peer.build(self._data.vectors, self._folder, threads)
        for path in self._folder.rglob("*"):
            _sync(path)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "peak_rss_bytes": processor.peak_rss_bytes()}

    def open(self) -> dict[str, Any]:
        """Open, and ask one query at the first setting; both in seconds since the start."""
        query = self._data.queries["title"][:1]
        setting = self._peer.settings(10)[0][0]
        started = time.perf_counter()
        self._peer.open(self._folder)
        opened = time.perf_counter()
        self._peer.search(query, 10, setting)
        answered = time.perf_counter()
        return {"open_s": opened - started, "first_answer_s": answered - started}

    def speed(
        self,
        *,
        queries: str,
        k: int,
        batch: bool,
        setting: Setting,
        cores: list[int],
        min_s: float,
        max_s: float,
    ) -> dict[str, Any]:
        """Measure speed, and recall in batches: single calls find the same."""
        processor.pin(cores)
        asked = self._data.queries[queries]
        if not batch:
            threads = len(cores)
            qps = timing.single_speed(self._peer, asked, k, setting, threads, min_s, max_s)
            return {"qps": qps}
        found, qps = timing.batch_speed(self._peer, asked, k, setting, len(cores), min_s)
        return {"qps": qps, "recall": timing.recall(found, self._truth(queries)[:, :k])}

    def latency(
        self, *, queries: str, k: int, setting: Setting, cores: list[int], calls: int, max_s: float
    ) -> dict[str, Any]:
        """Measure single calls."""
        processor.pin(cores)
        self._peer.set_threads(1)
        seconds = timing.latencies(
            lambda query: self._peer.search(query, k, setting),
            self._data.queries[queries],
            calls,
            max_s,
        )
        quantiles = np.quantile(seconds, np.linspace(0, 1, 101))
        return {"calls": len(seconds), "quantiles_s": quantiles.tolist()}

    def memory(self, *, setting: Setting) -> dict[str, Any]:
        """Ask all title queries once, then weigh this process."""
        self._peer.set_threads(1)
        self._peer.search(self._data.queries["title"], 10, setting)
        now = processor.footprint()
        return {
            "anonymous_bytes": now["anonymous"] - self._before["anonymous"],
            "file_bytes": now["file"] - self._before["file"],
            "proportional_bytes": now["proportional"] - self._before["proportional"],
            "baseline_bytes": self._before["resident"],
            "parts": self._peer.parts(self._folder),
        }

    def filtered(
        self, *, selectivity: float, seed: int, setting: Setting, cores: list[int], max_s: float
    ) -> dict[str, Any]:
        """Search among a share of the rows with single calls."""
        processor.pin(cores)
        self._peer.set_threads(1)
        if self._filter is None or self._filter[0] != selectivity:
            allowed: Mask = mask(len(self._data.vectors), selectivity, seed)
            near = truth.neighbours(self._data, "title", 10, allowed=allowed)[0]
            self._filter = (selectivity, self._peer.prepare_filter(allowed), near)
        _, prepared, near = self._filter
        asked = self._data.queries["title"][: self._peer.filter_queries]
        found, started = [], time.perf_counter()
        for i in range(len(asked)):
            found.append(self._peer.search_filtered(asked[i : i + 1], 10, setting, prepared))
            if i >= 20 and time.perf_counter() - started > max_s:
                break
        qps = len(found) / (time.perf_counter() - started)
        ids = np.concatenate(found)
        return {"qps": qps, "recall": timing.recall(ids, near[: len(ids)])}

    def adding(self, *, setting: Setting, cores: list[int], seed: int) -> dict[str, Any]:
        """Open for adding instead of :meth:`open`, and add while searching."""
        processor.pin(cores)
        count = min(ROWS, len(self._data.vectors) // 2)
        self._peer.open_for_adding(self._folder, count)
        rows = new_rows(self._data.vectors, count, seed)
        keys = np.arange(count) + len(self._data.vectors)
        answer = add_while_searching(self._peer, self._data.queries["title"], setting, rows, keys)
        return dict(msgspec.to_builtins(answer))

    def close(self) -> dict[str, Any]:
        """Close the index."""
        self._peer.close()
        return {}

    def _truth(self, kind: str) -> I64:
        return truth.neighbours(self._data, kind)[0]


def main(requests: TextIO, answers: TextIO) -> None:
    """Answer until the requests end."""
    worker = Worker()
    for line in requests:
        request = json.loads(line)
        try:
            answer = {"result": getattr(worker, request.pop("op"))(**request)}
        except Exception as error:  # noqa: BLE001  # the client raises it
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _start() -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    main(sys.stdin, answers)


if __name__ == "__main__":
    _start()
