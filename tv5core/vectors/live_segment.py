"""LiveSegment: rows added since the last sealing: scanned, or many of them walked by usearch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.bitmap import Bitmap
from tv5core.kernels import NONE
from tv5core.observing import stage
from tv5core.vectors.keyed_rows import SegmentId
from tv5core.vectors.live_graph import LiveGraph
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.planner import choose_plan, scan_margin, scan_margin_of_all
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

__all__ = ["LiveSegment"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]

_MIN_CANDIDATES = 100
"""The codes may have been centred before there was data to centre on: rescore more of them."""
_HAMMING = 3.5
"""Rows found by Hamming distance that hold as many answers as one found by estimates: of 50,000
titles, 128 calibrated to 0.95 by estimates; 320 by Hamming distance hold 0.938 of the ten nearest,
448 hold 0.95."""
_SCAN_S = 13e-9
"""Seconds to scan a code."""
_WALK_S = 1.6e-6
"""Seconds that a walk takes for each row it has to find, with its exact score."""
_ENOUGH = 0.7
"""Share of the rows wanted that must be left after a filter; a fair draw leaves more."""


@dataclass(frozen=True)
class LiveSegment:
    """A view of live rows that no later append touches; see :class:`Segment`."""

    id: SegmentId
    keys: I64
    codes: U8
    rows: StoredRows
    quantizer: Quantizer
    alive: Bitmap | None
    alive_count: int
    graph: LiveGraph | None = None
    """What links the first of the rows, perhaps with rows added since; None: all are scanned, for
    their lengths differ."""

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def sealed(self) -> bool:
        """False."""
        return False

    @property
    def scratch_bytes(self) -> int:
        """Bytes of the graph; scans keep no scratch."""
        return 0 if self.graph is None else self.graph.memory_bytes

    def buffers(self) -> dict[str, list[npt.NDArray[Any]]]:
        """Return the arrays in memory, as ``live``."""
        return {"live": [self.keys, self.codes, *self.rows.arrays()]}

    def rows_with_keys(self, keys: I64) -> Bitmap:
        """Compare the key of every row."""
        return kernels.rows_with_keys(self.keys, keys)

    def find(self, keys: I64) -> I64:
        """Return the last row of each key, the only one that may not be deleted."""
        order = np.argsort(self.keys, kind="stable")
        at = np.searchsorted(self.keys, keys, "right", sorter=order) - 1
        rows = order[np.maximum(at, 0)] if len(order) else np.zeros(len(keys), np.int64)
        there = (at >= 0) & (self.keys[rows] == keys) if len(order) else np.zeros(len(keys), bool)
        return np.where(there, rows, -1).astype(np.int64)

    def scores(self, query: F32, rows: U32) -> F32:
        """Score some rows exactly, in their order."""
        return scored(self, query, rows)

    def search(
        self, queries: F32, k: int, options: SearchOptions, allowed: Allowed | None = None
    ) -> SegmentHits:
        """Scan exactly, by codes, or walk, whichever is cheapest."""
        which = allowed or Allowed.of(self)
        plan = choose_plan(len(self), which.row_count, k, options, walkable=False)
        walked = self._walk(queries, k, options.settings, which) if plan == "scan" else None
        if walked is not None:
            return walked
        with stage(plan):
            if plan == "exact":
                return scan_rows(self, queries, k, which)
            return self._scan(queries, k, options.settings, which, options.scan_margin)

    def _scan(
        self,
        queries: F32,
        k: int,
        settings: SearchSettings,
        which: Allowed,
        margin: float | None = None,
    ) -> SegmentHits:
        bound = self.scan_margin(settings, k, which, margin)
        if bound is not None:
            return scan_bounded(self, queries, k, bound, which)
        return scan_codes(self, queries, k, max(settings.candidates(k), _MIN_CANDIDATES), which)

    def scan_margin(
        self, settings: SearchSettings, k: int, allowed: Allowed, margin: float | None = None
    ) -> float | None:
        """Return the error margin of a scan; None where it rescores a number of candidates."""
        if allowed.bitmap is None:
            return scan_margin_of_all(settings, k, margin, unit_length=self.graph is not None)
        return scan_margin(settings, margin)

    def counted(
        self,
        query: F32,
        k: int,
        settings: SearchSettings,
        which: Allowed,
        margin: float | None = None,
    ) -> tuple[str, int, int]:
        """Return how codes are searched for one query, and how many codes and rows are read.

        Of a walk, rows compared are at most so many.
        """
        if self._walk(query, k, settings, which) is not None:
            left = len(self) - (self.graph.covered & ~7 if self.graph else 0)
            width = math.ceil(walk_width(settings, k) * len(self) / max(which.row_count, 1))
            return "walk", max(left, 0) + width, width + min(max(left, 0), walk_width(settings, k))
        bound = self.scan_margin(settings, k, which, margin)
        if bound is None:
            return "scan", len(self), min(max(settings.candidates(k), _MIN_CANDIDATES), len(self))
        prepared, counted = self.quantizer.prepare(query), np.zeros(1, np.int32)
        self.rows.scan_bounded(self.codes, prepared, query, k, bound, which.bitmap, counted)
        return "scan", which.row_count, int(counted[0])

    def _walk(
        self, queries: F32, k: int, settings: SearchSettings, which: Allowed
    ) -> SegmentHits | None:
        """Walk the graph and scan the rows that it lacks; None where a scan of all is cheaper.

        A filter is applied to what the walk finds, which is right as long as enough is left: these
        are the nearest of the allowed rows then. Where it is not, all allowed rows are scanned.
        """
        covered = 0 if self.graph is None else min(self.graph.covered, len(self)) & ~7
        asked = walk_width(settings, k)
        width = math.ceil(asked * len(self) / max(which.row_count, 1))
        scan_s = _SCAN_S * which.row_count
        walk_s = _WALK_S * width + _SCAN_S * (len(self) - covered)
        if self.graph is None or not len(queries) or width > covered or walk_s >= scan_s:
            return None
        signs = kernels.rotate(queries, self.quantizer.center, self.quantizer.signs)
        with stage("walk"):
            found = self.graph.search(kernels.encode(signs)[0], width, scan_s * len(queries))
        if found is None:
            return None
        found[~self._are_allowed(found, covered, which.bitmap)] = NONE
        enough = (found != NONE).sum(axis=1) >= _ENOUGH * asked * covered / len(self)
        candidates = np.concatenate([found, self._scanned_from(covered, queries, asked, which)], 1)
        with stage("rescore"):
            rows, scores = self.rows.rescore(queries, candidates, k)
        short = np.flatnonzero(~enough | (rows[:, -1] == NONE))
        if len(short):
            some = np.ascontiguousarray(queries[short])
            rows[short], scores[short] = self._scan(some, k, settings, which)
        return rows, scores

    def _are_allowed(self, found: U32, covered: int, allowed: Bitmap | None) -> npt.NDArray[Any]:
        """Return which of the rows found are allowed and not scanned beside."""
        inside = found < covered
        if allowed is None:
            return inside
        return inside & bitmap.test(allowed, np.where(inside, found, 0).astype(np.int64))

    def _scanned_from(self, start: int, queries: F32, count: int, which: Allowed) -> U32:
        """Find the best rows from ``start``, a multiple of 8, on, by their codes."""
        if start == len(self):
            return np.empty((len(queries), 0), np.uint32)
        allowed = None if which.bitmap is None else np.ascontiguousarray(which.bitmap[start // 8 :])
        prepared = self.quantizer.prepare(queries)
        count = min(count, len(self) - start)
        found, _ = kernels.scan_codes(self.codes[start:], prepared, count, allowed)
        found[found != NONE] += np.uint32(start)
        return found


def walk_width(settings: SearchSettings, k: int) -> int:
    """Return how many rows a walk by Hamming distance has to find for what settings ask."""
    looked_at = min(settings.expansion_search, settings.candidates(k))
    return max(math.ceil(_HAMMING * looked_at), settings.effective_k(k))
