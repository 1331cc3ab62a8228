"""SealedSegment: rows in mapped files, with a graph to walk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.bitmap import Bitmap
from tv5core.observing import stage
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.keyed_rows import SegmentId
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.packed_links import PackedLists
from tv5core.vectors.planner import (
    choose_plan,
    filtered_walk,
    scan_margin,
    scan_margin_of_all,
)
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.segment import (
    Allowed,
    SegmentHits,
    scan_bounded,
    scan_codes,
    scan_rows,
    scored,
)
from tv5core.vectors.settings import SearchSettings
from tv5core.vectors.stored_rows import StoredRows

__all__ = ["SealedSegment"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

_LOOKED_UP_ONE_IN = 8  # rows a key: of fewer keys, each is looked up; of more, all rows are read


@dataclass(frozen=True)
class SealedSegment:
    """A sealed graph and which of its rows are not deleted; see :class:`Segment`.

    Make one with :meth:`of`. Deletions leave the id, which is the graph's.
    """

    graph: SealedGraph
    id: SegmentId
    keys: I64
    codes: U8
    rows: StoredRows
    quantizer: Quantizer
    alive: Bitmap | None
    alive_count: int

    @classmethod
    def of(cls, graph: SealedGraph, alive: Bitmap | None = None) -> SealedSegment:
        """Count the rows that are not deleted."""
        count = len(graph) if alive is None else bitmap.count(alive)
        return cls(
            graph, graph.id, graph.keys, graph.codes, graph.rows, graph.quantizer, alive, count
        )

    def without(self, rows: I64) -> SealedSegment:
        """Return it with more rows deleted."""
        alive = bitmap.full(len(self)) if self.alive is None else self.alive
        return SealedSegment.of(self.graph, bitmap.cleared(alive, rows))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def sealed(self) -> bool:
        """True."""
        return True

    @property
    def scratch_bytes(self) -> int:
        """Bytes that walking threads keep."""
        return self.graph.walker.scratch_bytes

    def buffers(self) -> dict[str, list[npt.NDArray[Any]]]:
        """Return the mapped arrays: ``graph``, ``codes``, ``keys`` and ``rescoring``."""
        graph = self.graph
        links: npt.NDArray[Any]
        links = graph.links.packed.data if isinstance(graph.links, PackedLists) else graph.links
        return {
            "graph": [links, graph.centroids, graph.lists],
            "codes": [self.codes],
            "keys": [graph.keys, graph.by_key],
            "rescoring": self.rows.arrays(),
        }

    def rows_with_keys(self, keys: I64) -> Bitmap:
        """Look few keys up; compare many with the key of every row."""
        if _LOOKED_UP_ONE_IN * len(keys) > len(self):
            return kernels.rows_with_keys(self.keys, keys)
        rows = self.graph.find(keys)
        return bitmap.from_rows(rows[rows >= 0], len(self))

    def find(self, keys: I64) -> I64:
        """Look keys up in their order."""
        return self.graph.find(keys)

    def scores(self, query: F32, rows: U32) -> F32:
        """Score some rows exactly, in their order."""
        return scored(self, query, rows)

    def search(
        self, queries: F32, k: int, options: SearchOptions, allowed: Allowed | None = None
    ) -> SegmentHits:
        """Scan exactly, scan codes or walk, whichever is cheapest."""
        which = allowed or Allowed.of(self)
        plan = choose_plan(len(self), which.row_count, k, options, walkable=True)
        with stage(plan):
            if plan == "walk":
                return self.walk(queries, k, options.settings, which)
            if plan == "scan":
                return self.scan(queries, k, options.settings, which, options.scan_margin)
            return scan_rows(self, queries, k, which)

    def scan(
        self,
        queries: F32,
        k: int,
        settings: SearchSettings,
        allowed: Allowed | None = None,
        margin: float | None = None,
    ) -> SegmentHits:
        """Find the k best rows by reading all codes, or those of all allowed rows."""
        which = allowed or Allowed.of(self)
        bound = self.scan_margin(settings, k, which, margin)
        if bound is not None:
            return scan_bounded(self, queries, k, bound, which)
        return scan_codes(self, queries, k, settings.candidates(k), which)

    def scan_margin(
        self, settings: SearchSettings, k: int, allowed: Allowed, margin: float | None = None
    ) -> float | None:
        """Return the error margin of a scan; None where it rescores a number of candidates."""
        if allowed.bitmap is None:
            return scan_margin_of_all(
                settings, k, margin, unit_length=self.graph.metric.unit_length
            )
        return scan_margin(settings, margin)

    def walk(
        self, queries: F32, k: int, settings: SearchSettings, allowed: Allowed | None = None
    ) -> SegmentHits:
        """Find the k best rows by walking the graph, or where that gives up, by a scan."""
        which = allowed or Allowed.of(self)
        candidates, row_filter = settings.candidates(k), None
        pool = max(settings.expansion_search, candidates)
        if which.bitmap is not None:
            count = which.row_count
            pool, row_filter = filtered_walk(len(self), count, which.bitmap, k, settings)
            candidates = pool  # the margin decides which of them are rescored
        effective_k = settings.effective_k(k)
        rows, scores = self.graph.searcher.search(
            queries, pool, candidates, effective_k, row_filter, settings.error_margin
        )
        if effective_k > k:
            rows, scores = np.ascontiguousarray(rows[:, :k]), np.ascontiguousarray(scores[:, :k])
        if not _complete(rows):
            # The walk gave up or met too few rows for some query, though k exist: scan for those.
            short = np.flatnonzero(rows[:, -1] == kernels.NONE)
            some = np.ascontiguousarray(queries[short])
            rows[short], scores[short] = self.scan(some, k, settings, which)
        return rows, scores


def _complete(rows: npt.NDArray[np.uint32]) -> bool:
    """Tell whether every query has k rows: NONE comes last, so the last column tells."""
    if len(rows) == 1:  # one query a call is the common case, and this is several times faster
        return rows.item(-1) != kernels.NONE
    return not len(rows) or bool(rows[:, -1].max() != kernels.NONE)
