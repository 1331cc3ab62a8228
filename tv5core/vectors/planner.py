"""Search one snapshot of an index: choose scan or walk, rescore, merge.

The planner compares what each way costs, in units of one record read by the walk:

* few allowed rows: score the stored rows exactly, no estimate needed;
* a scan of the allowed codes reads them in order, so a record costs a fraction of a walk's;
* a walk must widen its pool by one over the selectivity to find as many allowed rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.bitmap import Bitmap
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.live_rows import HeadView
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.rescore import StoredRows
from tv5core.vectors.settings import SearchSettings

__all__ = [
    "Part",
    "Snapshot",
    "pool_for",
    "scan",
    "search",
    "walk",
]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_EXACT_ROWS = 2_000
"""Up to so many rows an exact scan (about 0.1 us a row) is as fast as any walk."""
_READS_PER_ENTRY = 10
"""Records a walk reads for each entry of its pool: 9.8 measured at 100,000 titles, 10.4 at a
million, apart from those of the lists it begins with."""
_READS_WITHIN_MARGIN = 3
"""The same where an error margin ends the walk before the pool is full, as it does with
settings that were calibrated."""
_SCAN_COST = 0.35
"""A record read in a scan against one read in a walk."""
_HEAD_CANDIDATES = 100
"""The head's codes may have been centred before there was data to centre on: look deeper."""


@dataclass(frozen=True)
class Part:
    """Rows to search, sealed or head, and which of them count.

    Attributes
    ----------
    graph, searcher : optional
        Of sealed rows.
    allow : Bitmap or None
        Rows that may be returned; None for all.
    count : int
        How many those are.
    """

    keys: I64
    records: npt.NDArray[np.uint8]
    rows: StoredRows
    graph: kernels.Graph | None
    searcher: kernels.Searcher | None
    allow: Bitmap | None
    count: int

    def restricted(self, allowed: Bitmap | None) -> Part:
        """Return the part with fewer rows allowed."""
        if allowed is None:
            return self
        both = bitmap.intersect(self.allow, allowed)
        n = 0 if both is None else bitmap.count(both)
        return replace(self, allow=both, count=n)


@dataclass(frozen=True)
class Snapshot:
    """One consistent state of an index; never changes, so readers need no lock."""

    quantizer: Quantizer | None
    sealed: SealedGraph | None
    parts: tuple[Part, ...]

    @classmethod
    def of(
        cls,
        quantizer: Quantizer | None,
        sealed: SealedGraph | None,
        sealed_alive: Bitmap | None,
        head: HeadView | None,
        head_alive: Bitmap | None,
    ) -> Snapshot:
        """Join the sealed graph and the head with the bitmaps of their live rows."""
        parts = []
        if sealed is not None:
            live = len(sealed) if sealed_alive is None else bitmap.count(sealed_alive)
            parts.append(
                Part(
                    sealed.keys,
                    sealed.records,
                    sealed.rows,
                    sealed.walker,
                    sealed.searcher,
                    sealed_alive,
                    live,
                )
            )
        if head is not None and len(head):
            live = len(head) if head_alive is None else bitmap.count(head_alive)
            parts.append(Part(head.keys, head.records, head.rows, None, None, head_alive, live))
        return cls(quantizer, sealed, tuple(parts))

    @property
    def live(self) -> int:
        """Rows that can be found."""
        return sum(part.count for part in self.parts)


def search(
    quantizer: Quantizer | None,
    parts: tuple[Part, ...],
    queries: F32,
    k: int,
    settings: SearchSettings,
    exact: bool = False,
) -> tuple[I64, F32]:
    """Find the k best rows of all parts for each query.

    Returns
    -------
    keys : int64[queries, k]
        -1 where fewer than k exist.
    scores : float32[queries, k]
        Exact inner products with the stored rows, descending.
    """
    parts = tuple([part for part in parts if part.count])
    if quantizer is None or not parts:
        shape = (len(queries), k)
        return np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32)
    found = [_search_part(quantizer, part, queries, k, settings, exact) for part in parts]
    return found[0] if len(found) == 1 else _merge(found, k)


def _plan(part: Part, k: int, settings: SearchSettings, exact: bool) -> str:
    if exact or part.count <= max(_EXACT_ROWS, settings.candidates(k)):
        return "exact"
    if part.graph is None:
        return "scan"
    pool = pool_for(part, k, settings)
    reads = _READS_PER_ENTRY if settings.error_margin is None else _READS_WITHIN_MARGIN
    walk_reads = min(reads * pool, len(part.keys))
    return "scan" if _SCAN_COST * part.count < walk_reads else "walk"


def pool_for(part: Part, k: int, settings: SearchSettings) -> int:
    """Widen the pool so that about as many allowed rows pass through it."""
    base = max(settings.expansion_search, settings.candidates(k))
    return min(len(part.keys), math.ceil(base * len(part.keys) / part.count))


def _search_part(
    quantizer: Quantizer,
    part: Part,
    queries: F32,
    k: int,
    settings: SearchSettings,
    exact: bool,
) -> tuple[I64, F32]:
    plan = _plan(part, k, settings, exact)
    if plan == "exact":
        rows, scores = part.rows.scan(queries, k, part.allow)
    elif plan == "scan" or part.graph is None:
        rows, scores = scan(quantizer, part, queries, k, settings)
    else:
        rows, scores = walk(quantizer, part, queries, k, settings)
    return kernels.gather(part.keys, rows), scores


def walk(
    quantizer: Quantizer, part: Part, queries: F32, k: int, settings: SearchSettings
) -> tuple[U32, F32]:
    """Find the k best rows of a part with a graph by walking it."""
    if part.searcher is None:
        raise TypeError("expected a part with a graph")
    effective_k = settings.effective_k(k)
    candidates, pool = settings.candidates(k), pool_for(part, k, settings)
    rows, scores = part.searcher.search(
        queries, pool, candidates, effective_k, part.allow, settings.error_margin
    )
    if effective_k > k:
        rows, scores = np.ascontiguousarray(rows[:, :k]), np.ascontiguousarray(scores[:, :k])
    if not _complete(rows):
        # The walk met too few allowed rows for some query, though k exist: scan for those.
        short = np.flatnonzero(rows[:, -1] == kernels.NONE)
        some = np.ascontiguousarray(queries[short])
        rows[short], scores[short] = scan(quantizer, part, some, k, settings)
    return rows, scores


def scan(
    quantizer: Quantizer, part: Part, queries: F32, k: int, settings: SearchSettings
) -> tuple[U32, F32]:
    """Find the k best rows of a part by reading all codes."""
    candidates = settings.candidates(k)
    if part.graph is None:
        candidates = max(candidates, _HEAD_CANDIDATES)
    prepared = quantizer.prepare(queries)
    found, _ = kernels.scan_codes(part.records, prepared, candidates, part.allow)
    return part.rows.rescore(queries, found, k)


def _complete(rows: U32) -> bool:
    """Tell whether every query has k rows: NONE comes last, so the last column tells."""
    if len(rows) == 1:  # one query a call is the common case, and this is several times faster
        return rows.item(-1) != kernels.NONE
    return not len(rows) or bool(rows[:, -1].max() != kernels.NONE)


def _merge(found: list[tuple[I64, F32]], k: int) -> tuple[I64, F32]:
    keys = np.concatenate([part[0] for part in found], axis=1)
    scores = np.concatenate([part[1] for part in found], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(keys, order, axis=1), np.take_along_axis(scores, order, axis=1)
