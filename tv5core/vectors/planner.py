"""Search one snapshot of an index: choose scan or walk, rescore, merge.

The planner compares what each way costs, in units of one record read by the walk:

* few allowed rows: score the stored rows exactly, no estimate needed;
* a scan of the allowed codes reads them in order, so a record costs a fraction of a walk's;
* a walk must widen its pool by one over the selectivity to find as many allowed rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core import bitmap, kernels
from tv5core.bitmap import Bitmap
from tv5core.errors import InvalidInputError
from tv5core.vectors.graph import SealedGraph
from tv5core.vectors.live_rows import HeadView
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.rescore import StoredRows

__all__ = [
    "DEFAULT_REACH",
    "WIDEST_POOL",
    "Part",
    "SearchSettings",
    "Snapshot",
    "default_settings",
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
_READS_IN_REACH = 3
"""The same where reach ends the walk before the pool is full, as it does with settings that were
calibrated."""
_SCAN_COST = 0.35
"""A record read in a scan against one read in a walk."""
_HEAD_CANDIDATES = 100
"""The head's codes may have been centred before there was data to centre on: look deeper."""


DEFAULT_REACH = 3.0
"""Of an index by cosine that was not calibrated: recall@10 on generated rows, for titles and for
free text, is 0.977 and 0.963 at 100,000 rows and 0.954 and 0.919 at a million."""


WIDEST_POOL = 1 << 20
"""A walk with such a pool would read more than a scan of all codes, which takes its place."""


class SearchSettings(msgspec.Struct, frozen=True):
    """How hard to look.

    Attributes
    ----------
    expansion_search : int
        Rows in the walk's pool.
    oversampling : float
        Candidates rescored exactly for each answer looked for.
    recall : float or None
        Recall measured when these settings were calibrated; None where they were not.
    reach : float or None
        Rows whose estimates lie more standard deviations of the error behind that of the last
        answer looked for are neither walked on from nor rescored. None: all of the pool is walked
        on from, and all candidates are rescored.
    answers : int
        A search for fewer answers looks as far as one for so many and keeps the best: an estimate
        of the first answer alone says little about how far to look. Calibration sets it to its k.
    """

    expansion_search: int = 512
    oversampling: float = 32.0
    recall: float | None = None
    reach: float | None = None
    answers: int = 10

    def __post_init__(self) -> None:
        if not 1 <= self.expansion_search <= WIDEST_POOL:
            raise InvalidInputError(
                f"expected expansion_search from 1 to {WIDEST_POOL}, got {self.expansion_search}"
            )
        if not 1 <= self.oversampling <= 10_000:
            raise InvalidInputError(f"expected oversampling >= 1, got {self.oversampling}")
        if self.reach is not None and not 0 <= self.reach <= 1_000:
            raise InvalidInputError(f"expected reach from 0 to 1000, got {self.reach}")
        if self.answers < 1:
            raise InvalidInputError(f"expected answers >= 1, got {self.answers}")

    def looked_for(self, k: int) -> int:
        """Return how many answers a search for ``k`` looks for."""
        return max(k, self.answers)

    def candidates(self, k: int) -> int:
        """Return how many rows to rescore in a search for ``k`` answers."""
        return math.ceil(self.oversampling * self.looked_for(k))


def default_settings(metric: str) -> SearchSettings:
    """Return the settings of an index that was not calibrated.

    By inner product the way to a long row leads through shorter ones, whose products lie far
    behind: with the reach that serves for cosine, recall@10 is 0.80 where lengths differ by 0.7 to
    1.3, and 0.99 without an end.
    """
    return SearchSettings(reach=DEFAULT_REACH if metric == "cosine" else None)


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
    reads = _READS_PER_ENTRY if settings.reach is None else _READS_IN_REACH
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
    wanted = settings.looked_for(k)
    candidates, pool = settings.candidates(k), pool_for(part, k, settings)
    rows, scores = part.searcher.search(
        queries, pool, candidates, wanted, part.allow, settings.reach
    )
    if wanted > k:
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
