"""Choose how a segment is searched: exact scan, scan of codes, or walk.

Costs are counted in codes read by a walk:

* of few allowed rows, the stored rows are scored exactly, without estimates;
* a scan of the allowed codes reads them in order, so each costs a fraction of a walk's;
* a walk passes other rows on its way to allowed ones: one over the selectivity as many, where the
  filter has nothing to do with the query. Where it has, the walk itself finds out, and gives up in
  favour of the scan: see :func:`filtered_walk`.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

from tv5core.bitmap import Bitmap
from tv5core.kernels import RowFilter
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.settings import SearchSettings

__all__ = [
    "Plan",
    "choose_plan",
    "expected_reads",
    "filtered_walk",
    "scan_margin",
    "scan_margin_of_all",
]

Plan = Literal["exact", "scan", "walk"]
"""How a segment is searched."""

_EXACT_ROWS = 2_000
"""Up to so many rows, an exact scan (about 0.1 us a row) is as fast as any walk."""
_EXACT_ALLOWED = 500
"""The same of allowed rows: a scan of their codes takes 20 to 30 ns a row."""
_READS_PER_POOL_ROW = 10
"""Codes a walk reads for each row of its pool: 9.8 measured at 100,000 titles, 10.4 at a million,
without those of the lists of entry points."""
_READS_WITHIN_MARGIN = 3
"""The same where an error margin ends the walk before the pool is expanded, as it does with
calibrated settings."""
_POOL_WITHIN_MARGIN = 1_024
"""Rows of a pool that such a walk fills at most, for as many answers as it was calibrated for:
settings may name 8,192, since it costs nothing, and a million rows are walked in 74 us. For more
answers a pool is filled: of the 200 nearest of a text, which a scan finds, a walk misses half."""
_SCAN_COST = 0.35
"""Cost of a code read in a scan, relative to one read in a walk."""
_READS_AROUND = 100_000
"""Codes that a filtered walk may read beyond what it reads where the filter has nothing to do with
the query, to get around what is left out near the query: one to two milliseconds, where a scan of
half a million codes takes 9. A fifth of it, and 5 to 10 % of the queries of a million titles end in
such a scan; of 100,000 the scan's own cost is the lower bound."""
_ROOM = 2
"""Filtered walks have so many times the pool: the margin ends those that need less."""
_BRIDGES = 65_536
"""Rows that are not allowed and wait to be expanded, at most: 512 KB of scratch memory."""
_NARROW = 6.0
"""Error margins up to which it is the margin that ends walks, not the size of the pool."""
_SCAN_MARGIN = 2.0
"""Standard deviations within which a scan rescores: 2.3 % of the answers have larger errors."""
_MARGIN_OF_LENGTHS = 3.0
"""The same of all rows where lengths differ: estimates of the longest rows, of which most answers
are, err by the most, so that a number of candidates says little."""


_MOST_LISTED = 512
"""Candidates that a scan keeps in order. Keeping 2,560 of 30,000 takes 2 ms; rows within a margin
wait unordered."""


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
    if options.exact:
        return "exact"
    settings = options.settings
    candidates = settings.candidates(k)
    # Few allowed rows are scored exactly, whatever settings would have them rescored.
    few = max(_EXACT_ROWS, candidates) if allowed == rows else max(_EXACT_ALLOWED, k)
    if allowed <= max(few, settings.exact_rows):
        return "exact"
    if not walkable:
        return "scan"
    walked = expected_reads(rows, allowed, k, settings)
    return "scan" if _SCAN_COST * allowed < walked else "walk"


def expected_reads(rows: int, allowed: int, k: int, settings: SearchSettings) -> int:
    """Return how many codes a walk is expected to read, ``allowed`` of all rows being allowed."""
    pool, reads = max(settings.expansion_search, settings.candidates(k)), _READS_PER_POOL_ROW
    if _is_narrow(settings):
        reads = _READS_WITHIN_MARGIN
        if k <= settings.min_k and settings.scan_margin is None:
            pool = min(pool, _POOL_WITHIN_MARGIN)
    return min(math.ceil(reads * pool * rows / allowed), rows)


def _is_narrow(settings: SearchSettings) -> bool:
    margin = settings.error_margin
    return margin is not None and margin <= _NARROW


def filtered_walk(
    rows: int, allowed: int, bitmap: Bitmap, k: int, settings: SearchSettings
) -> tuple[int, RowFilter]:
    """Return the pool of a walk among allowed rows, and how it goes round the others.

    A walk that reads more than a scan of all allowed codes costs gives up, so that together they
    cost at most twice the cheaper of them; or earlier, where it reads far more than it should.

    Parameters
    ----------
    rows, allowed : int
        Rows of the segment, and how many of them may be returned.
    bitmap : Bitmap
        Which may be.
    k : int
    settings : SearchSettings
    """
    pool = max(settings.expansion_search, settings.candidates(k)) * (
        _ROOM if _is_narrow(settings) else 1
    )
    expected = _READS_PER_POOL_ROW * pool * rows / max(allowed, 1)
    budget = math.ceil(min(_SCAN_COST * allowed, expected + _READS_AROUND))
    return min(pool, rows), RowFilter(bitmap, allowed, min(budget, _BRIDGES), budget)


def scan_margin(settings: SearchSettings, given: float | None = None) -> float:
    """Return the error margin of a scan: for half as many misses as the walk was calibrated for.

    One that the search itself is given goes before, then that of settings calibrated to scan.
    """
    if given is not None:
        return given
    if settings.scan_margin is not None:
        return settings.scan_margin
    if settings.recall is None or not 0 < settings.recall < 1:
        return _SCAN_MARGIN
    return max(_SCAN_MARGIN, NormalDist().inv_cdf((1 + settings.recall) / 2))


def scan_margin_of_all(
    settings: SearchSettings, k: int, given: float | None = None, *, unit_length: bool
) -> float | None:
    """Return the error margin of a scan of all rows; None where it rescores a number of them.

    Of many, one that the search itself is given goes before that of calibrated settings. Settings
    that were not calibrated say no margin for rows of different lengths.
    """
    if given is not None and unit_length and settings.candidates(k) > _MOST_LISTED:
        return given
    if settings.scan_margin is not None:
        return settings.scan_margin
    if settings.candidates(k) > _MOST_LISTED:
        return settings.error_margin
    plain = settings.recall is None and settings.error_margin is None
    return _MARGIN_OF_LENGTHS if plain and not unit_length else None
