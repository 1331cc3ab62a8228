"""Exact search by one matrix product: the floor for recall's price."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import F32, I64, Mask, Peer, Setting

_ROWS = 16_384


class Exact(Peer):
    """float32 inner products with every row, by NumPy's BLAS."""

    label = "exact, float32 BLAS"
    library = module = "numpy"
    filters = True
    filter_queries = 100
    _rows: Any = None

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """Rows a block."""
        return {"block_rows": _ROWS}

    @property
    def index_bytes(self) -> int:
        """The rows themselves."""
        return self.shape.rows * self.shape.dim * 4

    @property
    def build_bytes(self) -> int:
        """Nothing but the rows."""
        return 1 << 28

    def load_library(self) -> None:
        """Import what sets BLAS's threads."""
        import threadpoolctl  # noqa: F401

    def build(self, vectors: F32, folder: Path, threads: int) -> None:  # noqa: ARG002
        """Keep a copy of the rows."""
        np.save(folder / "rows.npy", vectors)

    def open(self, folder: Path) -> None:
        """Map the rows."""
        self._rows = np.load(folder / "rows.npy", "r", allow_pickle=False)

    def settings(self, k: int) -> list[list[Setting]]:  # noqa: ARG002
        """There is nothing to choose."""
        return [[{}]]

    def set_threads(self, count: int) -> None:
        """Set the threads of BLAS."""
        from threadpoolctl import threadpool_limits

        super().set_threads(count)
        threadpool_limits(count, user_api="blas")

    def search(self, queries: F32, k: int, setting: Setting) -> I64:  # noqa: ARG002
        """Score all rows, a block at a time."""
        return _best(self._rows, queries, k)

    def prepare_filter(self, allowed: Mask) -> Any:
        """Return the numbers of the allowed rows."""
        return np.flatnonzero(allowed)

    def search_filtered(self, queries: F32, k: int, setting: Setting, allowed: Any) -> I64:  # noqa: ARG002
        """Score the allowed rows only."""
        found = np.full((len(queries), k), -1, np.int64)
        some = _best(self._rows[allowed], queries, min(k, len(allowed)))
        found[:, : some.shape[1]] = allowed[some]
        return found


def _best(rows: F32, queries: F32, k: int) -> I64:
    ids = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.float32)
    for start in range(0, len(rows), _ROWS):
        found = queries @ rows[start : start + _ROWS].T
        best = np.argpartition(-found, min(k, found.shape[1]) - 1, axis=1)[:, :k]
        ids = np.hstack((ids, best + start))
        scores = np.hstack((scores, np.take_along_axis(found, best, axis=1)))
    order = np.argsort(-scores, axis=1)[:, :k]
    return np.take_along_axis(ids, order, axis=1)
