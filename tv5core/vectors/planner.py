"""Choose how a segment is searched: exact scan, scan of codes, or walk.

Costs are counted in codes read by a walk:

* of few allowed rows, the stored rows are scored exactly, without estimates;
* a scan of the allowed codes reads them in order, so each costs a fraction of a walk's;
* a walk must widen its pool by one over the selectivity to find as many allowed rows.
"""

from __future__ import annotations

import math
from typing import Literal

from tv5core.vectors.options import SearchOptions
from tv5core.vectors.settings import SearchSettings

__all__ = ["Plan", "choose_plan", "pool_size"]

Plan = Literal["exact", "scan", "walk"]
"""How a segment is searched."""

_EXACT_ROWS = 2_000
"""Up to so many rows, an exact scan (about 0.1 us a row) is as fast as any walk."""
_READS_PER_POOL_ROW = 10
"""Codes a walk reads for each row of its pool: 9.8 measured at 100,000 titles, 10.4 at a million,
without those of the lists of entry points."""
_READS_WITHIN_MARGIN = 3
"""The same where an error margin ends the walk before the pool is expanded, as it does with
calibrated settings."""
_SCAN_COST = 0.35
"""Cost of a code read in a scan, relative to one read in a walk."""


def choose_plan(rows: int, allowed: int, k: int, options: SearchOptions, *, walkable: bool) -> Plan:
    """Choose the cheapest plan for a segment.

    Parameters
    ----------
    rows, allowed : int
        Rows of the segment, and how many of them may be returned.
    k : int
    options : SearchOptions
    walkable : bool
        Whether the segment has a graph.
    """
    settings = options.settings
    if options.exact or allowed <= _EXACT_ROWS or allowed <= settings.candidates(k):
        return "exact"
    if not walkable:
        return "scan"
    reads = _READS_PER_POOL_ROW if settings.error_margin is None else _READS_WITHIN_MARGIN
    walked = min(reads * pool_size(rows, allowed, k, settings), rows)
    return "scan" if _SCAN_COST * allowed < walked else "walk"


def pool_size(rows: int, allowed: int, k: int, settings: SearchSettings) -> int:
    """Widen the pool so that about as many allowed rows pass through it."""
    base = max(settings.expansion_search, settings.candidates(k))
    return min(rows, math.ceil(base * rows / allowed))
