"""Best-first graph search in NumPy; see ``ext/include/tv5/walk.h`` for the algorithm."""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass

import numpy as np

from tv5core.kernels._numpy.codes import ERROR_STD, estimates, estimates_by_signs, prepare
from tv5core.kernels._numpy.rows import rotate
from tv5core.kernels._numpy.selection import add_base, rescore, stack, top_k
from tv5core.kernels._rescale import mean_rescale
from tv5core.kernels._types import F32, I32, NONE, U8, U32, Prepared, Rows
from tv5core.kernels.code_layout import CodeLayout

__all__ = ["NumpyGraph", "NumpySearcher", "graph"]

_ENTRY_POINTS = 64
"""Rows that a walk starts from, at most."""

_Scored = tuple[np.float32, int]
"""(-score, row): ascending order is descending score, then ascending row."""


@dataclass(frozen=True)
class _Threshold:
    """Scores more than ``margin`` below the k-th best are not followed; None: no limit."""

    k: int
    margin: np.float32 | None

    def within(self, pool: list[_Scored], best: list[_Scored]) -> list[_Scored]:
        """Return the rows of a pool that are within the margin of the k-th best."""
        if self.margin is None or len(best) < self.k:
            return pool
        least = -best[self.k - 1][0] - self.margin
        return [scored for scored in pool if -scored[0] >= least]


class NumpyGraph:
    """A sealed graph, searched in place.

    Parameters
    ----------
    codes : uint8[n, >= D / 8 + 8]
        By row: sign bits, ``f_add``, ``f_rescale``, padding.
    links : uint32[n, degree]
        Neighbours, padded with NONE.
    centroids : uint8[lists, as codes]
        Codes of the lists' centroids.
    offsets : uint32[lists + 1]
        List ``l`` is rows ``offsets[l]`` to ``offsets[l + 1] - 1``; none is empty. Entry points are
        chosen among the rows of lists.
    probes : int
        Lists that a walk scans for its entry points.
    bits : int
        Number of sign bits of a code.
    """

    def __init__(
        self, codes: U8, links: U32, centroids: U8, offsets: U32, probes: int, bits: int
    ) -> None:
        width = CodeLayout(bits).size
        self._codes, self._links = codes[:, :width], links
        self._centroids, self._offsets, self._probes = centroids[:, :width], offsets, probes
        self._mean_rescale = np.float32(mean_rescale(codes, bits))

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch memory kept for later walks: none in NumPy."""
        return 0

    def walk(
        self,
        prepared: Prepared,
        expansion_search: int,
        candidates: int,
        allow: U8 | None = None,
        k: int | None = None,
        error_margin: float | None = None,
    ) -> tuple[U32, F32, I32]:
        """Search best-first; see :class:`tv5core.kernels.Graph`."""
        found, reads = [], []
        margins = np.full(len(prepared.values), np.inf, np.float32)
        if error_margin is not None and error_margin < math.inf:
            margins = self._error_margins(prepared, error_margin) * self._mean_rescale
        for i, margin in enumerate(margins):
            threshold = _Threshold(k or candidates, margin if margin < math.inf else None)
            walk = _Walk(self, prepared, i, expansion_search, candidates, allow, threshold)
            rows, scores, read = walk.run()
            found.append(add_base(top_k(rows, scores, candidates), prepared.base[i]))
            reads.append(read)
        return *stack(found, candidates), np.asarray(reads, np.int32)

    def upper_bounds(
        self, prepared: Prepared, rows: U32, estimates: F32, error_margin: float
    ) -> F32:
        """Add the error margin to estimates; see :class:`tv5core.kernels.Graph`."""
        margin = self._error_margins(prepared, error_margin)
        present = np.where(rows == NONE, 0, rows)
        rescale = np.ascontiguousarray(self._codes[:, -4:]).view(np.float32)[:, 0]
        raised = estimates + margin[:, None] * rescale[present]
        bounds: F32 = np.where(rows == NONE, estimates, raised)
        return bounds

    def searcher(
        self,
        center: F32,
        signs: F32,
        rows: Rows,
        scales: F32 | None,
        rotated_center: F32 | None = None,
    ) -> NumpySearcher:
        """Join the graph with rotation and stored rows; see :class:`tv5core.kernels.Graph`."""
        return NumpySearcher(self, center, signs, rows, scales, rotated_center)

    def _error_margins(self, prepared: Prepared, error_margin: float) -> F32:
        """Return, per query, so many standard deviations of the error where ``f_rescale`` is 1."""
        squares = (prepared.values.astype(np.int32) ** 2).sum(axis=1, dtype=np.int32)
        lengths = np.sqrt(squares.astype(np.float32)) * prepared.scale
        margins: F32 = np.float32(error_margin) * (ERROR_STD * lengths)
        return margins

    def estimates(self, prepared: Prepared, i: int, rows: U32) -> F32:
        """Estimate the inner products of rows with query ``i``."""
        return estimates(self._codes[rows], prepared, i)

    def entry_points(self, prepared: Prepared, i: int) -> tuple[U32, int]:
        """Return the best rows of the lists nearest to a query by its signs, and codes read."""
        lists = np.arange(len(self._centroids), dtype=np.uint32)
        scores = estimates_by_signs(self._centroids, prepared, i)
        probed = top_k(lists, scores, self._probes)[0]
        parts = [np.arange(self._offsets[c], self._offsets[c + 1], dtype=np.uint32) for c in probed]
        rows = np.concatenate(parts)
        scores = estimates_by_signs(self._codes[rows], prepared, i)
        best = top_k(rows, scores, min(_ENTRY_POINTS, len(rows)))[0]
        return best, len(lists) + len(rows)

    def neighbors(self, row: int) -> list[int]:
        """Return the links of a row, each once."""
        return list(dict.fromkeys(int(x) for x in self._links[row] if x != NONE))


class _Walk:
    """The walk of one query."""

    def __init__(
        self,
        graph: NumpyGraph,
        prepared: Prepared,
        i: int,
        expansion_search: int,
        candidates: int,
        allow: U8 | None,
        threshold: _Threshold,
    ) -> None:
        self._graph, self._prepared, self._i = graph, prepared, i
        self._size, self._candidates, self._allow = expansion_search, candidates, allow
        self._threshold = threshold
        self._pool: list[_Scored] = []
        self._allowed: list[_Scored] = []
        self._visited: set[int] = set()
        self._expanded: set[int] = set()

    def run(self) -> tuple[U32, F32, int]:
        """Return rows and estimates within the margin, best first, and the codes read."""
        entry_points, read = self._graph.entry_points(self._prepared, self._i)
        self._visited.update(entry_points.tolist())
        self._score(entry_points.tolist())
        # As the native walk does to hide memory latency: a row taken from the pool is expanded one
        # step later, and its neighbours are scored one step after that.
        row: int | None = None
        neighbors: list[int] = []
        while True:
            unvisited = [] if row is None else self._visit_neighbors(row)
            row = self._next()
            if row is not None:
                self._expanded.add(row)
            self._score(neighbors)
            neighbors = unvisited
            if row is None and not neighbors and self._next() is None:
                break
        best = self._threshold.within(self._best, self._best)
        rows = np.asarray([row for _, row in best], np.uint32)
        read += len(self._visited) - len(entry_points)
        return rows, np.asarray([-score for score, _ in best], np.float32), read

    @property
    def _best(self) -> list[_Scored]:
        return self._pool if self._allow is None else self._allowed

    def _next(self) -> int | None:
        """Return the best row within the margin that is not expanded."""
        near = self._threshold.within(self._pool, self._best)
        return next((row for _, row in near if row not in self._expanded), None)

    def _visit_neighbors(self, row: int) -> list[int]:
        """Return the neighbours of a row that were not visited, and mark them."""
        unvisited = [x for x in self._graph.neighbors(row) if x not in self._visited]
        self._visited.update(unvisited)
        return unvisited

    def _score(self, rows: list[int]) -> None:
        """Estimate rows and insert them into the pool and, where allowed, the results."""
        scores = self._graph.estimates(self._prepared, self._i, np.asarray(rows, np.uint32))
        for scored in zip(-scores, rows, strict=True):
            insort(self._pool, scored)
            del self._pool[self._size :]
            if self._allow is not None and self._allow[scored[1] >> 3] >> (scored[1] & 7) & 1:
                insort(self._allowed, scored)
                del self._allowed[self._candidates :]


@dataclass(frozen=True)
class NumpySearcher:
    """A graph with its rotation and stored rows; see :class:`tv5core.kernels.Searcher`."""

    graph: NumpyGraph
    center: F32
    signs: F32
    rows: Rows
    scales: F32 | None
    rotated_center: F32 | None

    def search(
        self,
        queries: F32,
        expansion_search: int,
        candidates: int,
        k: int,
        allow: U8 | None = None,
        error_margin: float | None = None,
    ) -> tuple[U32, F32]:
        """Prepare, walk and rescore; see :class:`tv5core.kernels.Searcher`."""
        prepared = prepare(queries, self.center, self.signs)
        found, estimated, _ = self.graph.walk(
            prepared, expansion_search, candidates, allow, min(k, candidates), error_margin
        )
        exact = queries
        if self.rotated_center is not None:
            exact = rotate(queries, self.center, self.signs) + self.rotated_center
        bounds = None
        if error_margin is not None:
            bounds = self.graph.upper_bounds(prepared, found, estimated, error_margin)
        return rescore(self.rows, self.scales, exact, found, k, bounds)


def graph(codes: U8, links: U32, centroids: U8, offsets: U32, probes: int, bits: int) -> NumpyGraph:
    """Make a graph that can be walked; see :class:`NumpyGraph`."""
    return NumpyGraph(codes, links, centroids, offsets, probes, bits)
