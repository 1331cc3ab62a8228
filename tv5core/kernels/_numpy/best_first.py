"""Best-first search of one query in NumPy; see ``ext/include/tv5/walk.h`` for the algorithm."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tv5core.kernels._types import F32, U32, RowFilter

__all__ = ["ENTRY_POINTS", "LEFT_OUT_MARGIN", "FilteredWalk", "Found", "Query", "Threshold", "Walk"]

ENTRY_POINTS = 64
"""Rows that a walk starts from, at most."""
LEFT_OUT_MARGIN = 3.0
"""The least error margin where a filter leaves out rows around the query."""
_FILTERED_PROBES = 16
_ENTRY_ROWS = 24
_READS_LEFT_OUT = 2
_BATCH = 64
_CROWD = 16
_FAIR_SHARE = 4  # of the share of all rows that is allowed, what is a fair share around a query

Mask = npt.NDArray[np.bool_]
Found = tuple[U32, F32, int]
"""Rows and estimates within the margin, best first, and the number of codes read."""
_Scored = tuple[np.float32, int]
"""(-score, row): ascending order is descending score, then ascending row."""


class Query(Protocol):
    """A query's view of a graph."""

    def __len__(self) -> int:
        """Return the number of rows of the graph."""

    @property
    def probes(self) -> int:
        """Lists that a walk scans for its entry points."""

    @property
    def offsets(self) -> U32:
        """uint32[lists + 1]: where the rows of each list begin."""

    def nearest_lists(self, count: int) -> U32:
        """Return the lists nearest to the query by its signs, nearest first."""

    def best_by_signs(self, rows: U32, count: int) -> U32:
        """Return the best of some rows by the query's signs."""

    def estimates(self, rows: U32) -> F32:
        """Estimate the inner products of rows with the query."""

    def neighbors(self, row: int) -> list[int]:
        """Return the links of a row, each once."""


@dataclass(frozen=True)
class Threshold:
    """Scores more than ``margin`` below the k-th best are not followed; None: no limit.

    ``wider`` is the least margin where a filter leaves out rows around the query.
    """

    k: int
    margin: np.float32 | None
    wider: np.float32 | None = None

    def widened(self) -> Threshold:
        """Return the threshold where rows around a query are left out by a filter."""
        narrow = self.margin is None or (self.wider is not None and self.margin < self.wider)
        return replace(self, margin=self.wider) if narrow else self

    def within(self, pool: list[_Scored], best: list[_Scored]) -> list[_Scored]:
        """Return the rows of a pool that are within the margin of the k-th best."""
        if self.margin is None or len(best) < self.k:
            return pool
        least = -best[self.k - 1][0] - self.margin
        return [scored for scored in pool if -scored[0] >= least]


class _BestFirst:
    """What walks with and without a filter share.

    As the native walk does to hide memory latency, a row taken from the pool is expanded one step
    later, and its neighbours are scored one step after that.
    """

    def __init__(self, query: Query, size: int, threshold: Threshold) -> None:
        self._query, self._size, self._threshold = query, size, threshold
        self._pool: list[_Scored] = []
        self._visited: set[int] = set()
        self._expanded: set[int] = set()

    def _begin(self, entry_points: U32) -> None:
        self._visited.update(entry_points.tolist())
        self._score(entry_points.tolist())

    def _next(self) -> int | None:
        """Return the best row within the margin that is not expanded."""
        raise NotImplementedError

    def _score(self, rows: list[int]) -> None:
        """Estimate rows and insert them where they belong."""
        scores = self._query.estimates(np.asarray(rows, np.uint32))
        for scored in zip(-scores, rows, strict=True):
            self._insert(scored)

    def _insert(self, scored: _Scored) -> None:
        _keep(self._pool, scored, self._size)

    def _take(self) -> int | None:
        row = self._next()
        if row is not None:
            self._expanded.add(row)
        return row

    def _visit_neighbors(self, row: int | None) -> list[int]:
        """Return the neighbours of a row that were not visited, and mark them."""
        near = [] if row is None else self._query.neighbors(row)
        unvisited = [x for x in near if x not in self._visited]
        self._visited.update(unvisited)
        return unvisited

    def _found(self, read: int) -> Found:
        best = self._threshold.within(self._pool, self._pool)
        rows = np.asarray([row for _, row in best], np.uint32)
        return rows, np.asarray([-score for score, _ in best], np.float32), read


class Walk(_BestFirst):
    """A walk among all rows, with a pool of ``size``."""

    def run(self) -> Found:
        """Walk."""
        lists = self._query.nearest_lists(self._query.probes)
        rows = np.concatenate([_rows_of(self._query, which) for which in lists])
        self._begin(self._query.best_by_signs(rows, ENTRY_POINTS))
        read = len(self._query.offsets) - 1 + len(rows)
        row: int | None = None
        neighbors: list[int] = []
        while True:
            unvisited = self._visit_neighbors(row)
            row = self._take()
            self._score(neighbors)
            neighbors = unvisited
            read += len(neighbors)
            if row is None and not neighbors and self._next() is None:
                return self._found(read)

    def _next(self) -> int | None:
        near = self._threshold.within(self._pool, self._pool)
        return next((row for _, row in near if row not in self._expanded), None)


class FilteredWalk(_BestFirst):
    """A walk that returns allowed rows only; others wait beside the pool."""

    def __init__(
        self, query: Query, size: int, row_filter: RowFilter, threshold: Threshold
    ) -> None:
        super().__init__(query, size, threshold)
        self._filter = row_filter
        self._bridges: list[_Scored] = []
        self._crowd: list[_Scored] = []

    def run(self) -> Found:
        """Walk, or give up."""
        entry_points, read, left_out = self._entry_points()
        if left_out:
            self._threshold = self._threshold.widened()
        budget = self._filter.budget
        row: int | None = None
        if _READS_LEFT_OUT * left_out <= budget:
            self._begin(entry_points)
            row = self._take()
        neighbors: list[int] = []
        while (row is not None or neighbors) and read <= budget:
            unvisited = self._visit_neighbors(row)
            row = self._take()
            self._score(neighbors)
            if self._is_crowded():
                self._threshold = self._threshold.widened()
            if row is None and not unvisited:
                row = self._take()
            neighbors = unvisited
            read += len(neighbors)
        if read > budget or ((left_out or self._is_crowded()) and self._lacks_room()):
            self._pool = []
        return self._found(read)

    def _is_crowded(self) -> bool:
        """Tell whether more bridges than chance explains are better than the k-th allowed row."""
        k, filtered = self._threshold.k, self._filter
        others = len(self._query) - filtered.allowed
        enough = _CROWD + 4 * k * others // max(filtered.allowed, 1)
        if enough > _BATCH or len(self._crowd) < enough or len(self._pool) < k:
            return False
        return self._crowd[enough - 1] < self._pool[k - 1]

    def _lacks_room(self) -> bool:
        """Tell whether the pool is full of rows within the margin."""
        within = self._threshold.within(self._pool, self._pool)
        return len(within) == self._size

    def _entry_points(self) -> tuple[U32, int, int]:
        """Return allowed rows of the nearest lists, codes read, and rows left out around."""
        query, filtered = self._query, self._filter
        lists = query.nearest_lists(_FILTERED_PROBES * query.probes)
        rows, met, left_out = np.empty(0, np.uint32), 0, 0
        for which in lists:
            if len(rows) >= _ENTRY_ROWS * query.probes:
                break
            all_rows = _rows_of(query, which)
            met += len(all_rows)
            rows = np.concatenate([rows, all_rows[self._allowed(all_rows)]])
            if _FAIR_SHARE * len(rows) * len(query) < met * filtered.allowed:
                left_out = met
        read = len(query.offsets) - 1 + len(rows)
        best = query.best_by_signs(rows, ENTRY_POINTS)
        return best, read, left_out * len(query) // int(query.offsets[-1])

    def _allowed(self, rows: U32) -> Mask:
        bits: Mask = (self._filter.allow[rows >> 3] >> (rows & 7)) & 1 == 1
        return bits

    def _score(self, rows: list[int]) -> None:
        """Insert a batch into the pool, then let its other rows wait that are within reach."""
        for start in range(0, len(rows), _BATCH):
            batch = np.asarray(rows[start : start + _BATCH], np.uint32)
            scores, allowed = -self._query.estimates(batch), self._allowed(batch)
            scored = list(zip(scores, batch.tolist(), strict=True))
            for one, fits in zip(scored, allowed, strict=True):
                if fits:
                    self._insert(one)
            for one, fits in zip(scored, allowed, strict=True):
                if not fits and self._is_near(one) and len(self._bridges) < self._filter.bridges:
                    insort(self._bridges, one)

    def _is_near(self, scored: _Scored) -> bool:
        """Tell whether a row is within the margin, and no worse than all of a full pool."""
        full = len(self._pool) == self._size
        within = self._threshold.within([scored], self._pool)
        return bool(within) and (not full or scored <= self._pool[-1])

    def _take(self) -> int | None:
        row = super()._take()
        for scored in self._bridges:
            if scored[1] == row:
                _keep(self._crowd, scored, _BATCH)
        self._bridges = [scored for scored in self._bridges if scored[1] != row]
        return row

    def _next(self) -> int | None:
        both = sorted([*self._pool, *self._bridges])
        left = [one for one in both if one[1] not in self._expanded]
        return left[0][1] if left and self._is_near(left[0]) else None


def _keep(best: list[_Scored], scored: _Scored, size: int) -> None:
    """Insert into a list of the ``size`` best."""
    insort(best, scored)
    del best[size:]


def _rows_of(query: Query, which: int) -> U32:
    return np.arange(query.offsets[which], query.offsets[which + 1], dtype=np.uint32)
