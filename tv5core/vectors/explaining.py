"""What a search does in each segment: its plan, what that was expected to cost, and what it reads.

A search is made again, with the same kernels and the same arguments, so that it reads the same; and
counts what searches that nobody asks about do not stop to count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tv5core import kernels
from tv5core.vectors.keyed_rows import Allowed
from tv5core.vectors.live_segment import LiveSegment
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.planner import choose_plan, expected_reads, filtered_walk
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.segment import CodedSegment, PlannedSegment, Segment, Snapshot

__all__ = ["SegmentPlan", "explain_search"]

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]


@dataclass(frozen=True)
class SegmentPlan:
    """How one segment is searched for one query.

    Attributes
    ----------
    sealed : bool
    rows, allowed : int
        Rows of the segment, and how many of them may be returned.
    plan : str
        ``exact``: all allowed rows are compared; ``scan``: their codes are read; ``walk``: the
        graph is walked; ``walk, then scan``: the walk gave up. A segment elsewhere says what is
        asked of its server.
    expected : int
        Codes that the planner expected a walk to read.
    visited : int
        Codes that were read.
    compared : int
        Stored rows that were compared with the query.
    """

    sealed: bool
    rows: int
    allowed: int
    plan: str
    expected: int
    visited: int
    compared: int


def explain_search(
    snapshot: Snapshot, query: F32, k: int, options: SearchOptions
) -> list[SegmentPlan]:
    """Say how a search is made in each segment that has rows.

    Parameters
    ----------
    snapshot : Snapshot
    query : float32[1, dim]
        Validated by the metric.
    k : int
    options : SearchOptions

    Returns
    -------
    list of SegmentPlan
    """
    found = []
    segments = [segment for segment in snapshot.segments if segment.alive_count]
    most = min(k, sum(segment.alive_count for segment in segments))
    for segment in segments:
        chosen = options.filter
        allowed = Allowed.of(segment) if chosen is None else chosen.allowed(segment)
        found.append(_explained(segment, query, min(most, segment.alive_count), options, allowed))
    return found


def _explained(
    segment: Segment, query: F32, k: int, options: SearchOptions, allowed: Allowed
) -> SegmentPlan:
    count, settings = allowed.row_count, options.settings
    if isinstance(segment, PlannedSegment):
        how = segment.plan(k, options, allowed)
        return SegmentPlan(segment.sealed, len(segment), count, how, 0, 0, 0)
    plan: str = choose_plan(len(segment), count, k, options, walkable=segment.sealed)
    visited, compared = 0, count
    if isinstance(segment, SealedSegment) and plan == "walk":
        plan, visited, compared = _walked(segment, query, k, options, allowed)
    elif isinstance(segment, LiveSegment) and plan == "scan":
        plan, visited, compared = segment.counted(query, k, settings, allowed, options.scan_margin)
    elif plan == "scan" and isinstance(segment, CodedSegment):
        visited, compared = count, _scanned(segment, query, k, options, allowed)
    expected = expected_reads(len(segment), max(count, 1), k, settings)
    return SegmentPlan(segment.sealed, len(segment), count, plan, expected, visited, compared)


def _scanned(
    segment: CodedSegment, query: F32, k: int, options: SearchOptions, allowed: Allowed
) -> int:
    """Return how many rows a scan of codes compares."""
    settings = options.settings
    bound = segment.scan_margin(settings, k, allowed, options.scan_margin)
    if bound is None:
        return min(settings.candidates(k), allowed.row_count)
    counted = np.zeros(1, np.int32)
    segment.rows.scan_bounded(
        segment.codes,
        segment.quantizer.prepare(query),
        query,
        k,
        bound,
        allowed.bitmap,
        counted,
    )
    return int(counted[0])


def _walked(
    segment: SealedSegment, query: F32, k: int, options: SearchOptions, allowed: Allowed
) -> tuple[str, int, int]:
    """Return the plan as it turns out, and how many codes and rows a walk reads."""
    settings = options.settings
    candidates, row_filter = settings.candidates(k), None
    pool, effective_k = max(settings.expansion_search, candidates), settings.effective_k(k)
    if allowed.bitmap is not None:
        count = allowed.row_count
        pool, row_filter = filtered_walk(len(segment), count, allowed.bitmap, k, settings)
        candidates = pool
    walker, margin = segment.graph.walker, settings.error_margin
    prepared = segment.rows.without_rest(segment.quantizer.prepare(query), query)
    rows, estimates, reads = walker.walk(
        prepared, pool, candidates, row_filter, min(effective_k, candidates), margin
    )
    bounds = None if margin is None else walker.upper_bounds(prepared, rows, estimates, margin)
    counted = np.zeros(1, np.int32)
    found, _ = segment.rows.rescore(query, rows, effective_k, bounds, counted)
    visited, compared = int(reads[0]), int(counted[0])
    if found[0, k - 1] != kernels.NONE:
        return "walk", visited, compared
    more = _scanned(segment, query, k, options, allowed)
    return "walk, then scan", visited + allowed.row_count, compared + more
