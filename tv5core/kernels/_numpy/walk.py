"""A graph and searches of it in NumPy; ``best_first`` has the walk of one query."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core.kernels._numpy.best_first import (
    LEFT_OUT_MARGIN,
    FilteredWalk,
    Threshold,
    Walk,
)
from tv5core.kernels._numpy.codes import (
    error_margins,
    estimates,
    estimates_by_signs,
    prepare,
)
from tv5core.kernels._numpy.rows import rotate, sum_in_lanes
from tv5core.kernels._numpy.selection import add_base, rescore, stack, top_k
from tv5core.kernels._rescale import mean_rescale
from tv5core.kernels._types import (
    F32,
    I32,
    LINK_SLACK,
    NONE,
    U8,
    U32,
    PackedLinks,
    Prepared,
    RowFilter,
    Rows,
)
from tv5core.kernels.code_layout import CodeLayout

__all__ = ["NumpyGraph", "NumpySearcher", "graph"]

I8 = npt.NDArray[np.int8]


class NumpyGraph:
    """A sealed graph, searched in place.

    Parameters
    ----------
    codes : uint8[n, >= D / 8 + 8]
        By row: sign bits, ``f_add``, ``f_rescale``, padding.
    links : uint32[n, degree] or PackedLinks
        Neighbours, padded with NONE, or packed where records say.
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
        self,
        codes: U8,
        links: U32 | PackedLinks,
        centroids: U8,
        offsets: U32,
        probes: int,
        bits: int,
    ) -> None:
        layout = CodeLayout(bits)
        width = layout.size
        self.codes, self.links = codes[:, :width], links
        packed = isinstance(links, PackedLinks)
        self._places = layout.places(codes) if packed else np.empty(0, np.uint64)
        self.centroids, self.offsets, self.probes = centroids[:, :width], offsets, probes
        self._mean_rescale = np.float32(mean_rescale(codes, bits))

    def neighbors(self, row: int) -> list[int]:
        """Return the links of a row up to one past the last row, each once."""
        if isinstance(self.links, PackedLinks):
            links = packed_list(self.links, int(self._places[row]))
        else:
            links = self.links[row].tolist()
        n = len(self.codes)
        return list(dict.fromkeys(itertools.takewhile(lambda to: to < n, links)))

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch memory kept for later walks: none in NumPy."""
        return 0

    def walk(
        self,
        prepared: Prepared,
        expansion_search: int,
        candidates: int,
        row_filter: RowFilter | None = None,
        k: int | None = None,
        error_margin: float | None = None,
    ) -> tuple[U32, F32, I32]:
        """Search best-first; see :class:`tv5core.kernels.Graph`."""
        found, reads = [], []
        margins = np.full(len(prepared.values), np.inf, np.float32)
        if error_margin is not None and error_margin < math.inf:
            margins = error_margins(prepared, error_margin) * self._mean_rescale
        wider = error_margins(prepared, LEFT_OUT_MARGIN) * self._mean_rescale
        for i, margin in enumerate(margins):
            limit = margin if margin < math.inf else None
            threshold = Threshold(k or candidates, limit, wider[i])
            query = _Query(self, prepared, i)
            if row_filter is None:
                rows, scores, read = Walk(query, expansion_search, threshold).run()
            else:
                walk = FilteredWalk(query, expansion_search, row_filter, threshold)
                rows, scores, read = walk.run()
            found.append(add_base(top_k(rows, scores, candidates), prepared.base[i]))
            reads.append(read)
        return *stack(found, candidates), np.asarray(reads, np.int32)

    def upper_bounds(
        self, prepared: Prepared, rows: U32, estimates: F32, error_margin: float
    ) -> F32:
        """Add the error margin to estimates; see :class:`tv5core.kernels.Graph`."""
        margin = error_margins(prepared, error_margin)
        present = np.where(rows == NONE, 0, rows)
        rescale = np.ascontiguousarray(self.codes[:, -4:]).view(np.float32)[:, 0]
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
        row_center: F32 | None = None,
        residuals: I8 | None = None,
    ) -> NumpySearcher:
        """Join the graph with rotation and stored rows; see :class:`tv5core.kernels.Graph`."""
        return NumpySearcher(
            self, center, signs, rows, scales, rotated_center, row_center, residuals
        )


@dataclass(frozen=True)
class _Query:
    """A graph as one query sees it; see :class:`tv5core.kernels._numpy.best_first.Query`."""

    graph: NumpyGraph
    prepared: Prepared
    i: int

    def __len__(self) -> int:
        return len(self.graph.codes)

    @property
    def probes(self) -> int:
        return self.graph.probes

    @property
    def offsets(self) -> U32:
        return self.graph.offsets

    def nearest_lists(self, count: int) -> U32:
        lists = np.arange(len(self.graph.centroids), dtype=np.uint32)
        scores = estimates_by_signs(self.graph.centroids, self.prepared, self.i)
        return top_k(lists, scores, min(count, len(lists)))[0]

    def best_by_signs(self, rows: U32, count: int) -> U32:
        scores = estimates_by_signs(self.graph.codes[rows], self.prepared, self.i)
        return top_k(rows, scores, min(count, len(rows)))[0]

    def estimates(self, rows: U32) -> F32:
        return estimates(self.graph.codes[rows], self.prepared, self.i)

    def neighbors(self, row: int) -> list[int]:
        return self.graph.neighbors(row)


@dataclass(frozen=True)
class NumpySearcher:
    """A graph with its rotation and stored rows; see :class:`tv5core.kernels.Searcher`."""

    graph: NumpyGraph
    center: F32
    signs: F32
    rows: Rows
    scales: F32 | None
    rotated_center: F32 | None
    row_center: F32 | None
    residuals: I8 | None

    def search(
        self,
        queries: F32,
        expansion_search: int,
        candidates: int,
        k: int,
        row_filter: RowFilter | None = None,
        error_margin: float | None = None,
    ) -> tuple[U32, F32]:
        """Prepare, walk and rescore; see :class:`tv5core.kernels.Searcher`."""
        prepared, left_out = prepare(queries, self.center, self.signs), None
        if self.row_center is not None:
            left_out = sum_in_lanes(queries * self.row_center)
            prepared = prepared._replace(base=prepared.base - left_out)
        found, estimated, _ = self.graph.walk(
            prepared, expansion_search, candidates, row_filter, min(k, candidates), error_margin
        )
        bounds = None
        if error_margin is not None:
            bounds = self.graph.upper_bounds(prepared, found, estimated, error_margin)
        exact = self._exact(queries)
        rows, scores = rescore(self.rows, self.scales, exact, found, k, bounds, self.residuals)
        return rows, scores if left_out is None else scores + left_out[:, None]

    def _exact(self, queries: F32) -> F32:
        """Return queries as the stored rows take them."""
        if self.rotated_center is not None:
            turned: F32 = rotate(queries, self.center, self.signs) + self.rotated_center
            return turned
        return queries if self.row_center is None else queries - self.row_center


def packed_list(links: PackedLinks, place: int) -> list[int]:
    """Read one list of packed links, cut to what there is."""
    width, total = links.width, (len(links.data) - LINK_SLACK) // links.width
    first = min(place & 0xFFFFFFFFFFFF, total)
    count = min(place >> 48, links.degree, total - first)
    read = links.data[first * width : (first + count) * width].tobytes()
    return [int.from_bytes(read[at : at + width], "little") for at in range(0, len(read), width)]


def graph(
    codes: U8,
    links: U32 | PackedLinks,
    centroids: U8,
    offsets: U32,
    probes: int,
    bits: int,
) -> NumpyGraph:
    """Make a graph that can be walked; see :class:`NumpyGraph`."""
    return NumpyGraph(codes, links, centroids, offsets, probes, bits)
