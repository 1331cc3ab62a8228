"""Calibration: the cheapest settings that reach a recall.

Walks are tried from the widest pool to narrow ones: each needs at least the error margin of the one
before. Where scoring every row, or scanning all codes, is cheaper than the walks that find enough,
or none does, that is chosen.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.vectors.costs import cost_ns, least_scan_ns
from tv5core.vectors.explaining import explain_search
from tv5core.vectors.filters import Filter
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.planner import choose_plan
from tv5core.vectors.segment import CodedSegment, Snapshot
from tv5core.vectors.settings import MAX_ROWS, WIDEST_POOL, SearchSettings
from tv5core.vectors.truth import Truth

__all__ = ["Trial", "cheapest_settings", "warn_of_missing"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_POOLS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192)
_MARGINS = (*(step / 10 for step in range(5, 61)), 7.0, 8.0, 10.0, 13.0, 17.0, 25.0, 50.0, 1_000.0)
"""Steps of 0.1 are about 0.003 of recall; where lengths differ, margins up to all are needed."""
_SCAN_MARGINS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)
_CANDIDATES = (8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
"""Candidates an answer, tried where nothing is sealed."""
_COSTED = 40
"""Queries on which costs are counted, each by itself."""
_GROWS = 2
"""Settings that score every row hold while there are at most so many times as many."""
_WORTH = 1.25
"""Scoring every row may cost so many times what other settings do: it finds all."""
_LEFT_TO_SEARCH = 0.25
"""Share of the misses allowed that is left to searching where storing takes more than the rest:
else a target near what stored rows can give would have all of them read."""


class Trial:
    """Searches of one snapshot with settings that are tried.

    Parameters
    ----------
    snapshot : Snapshot
    queries : float32[n, dim]
        Validated by the metric.
    k : int
        No more than there are rows that may be found.
    truth : Truth
    chosen : Filter, optional
        Rows that may be found.
    """

    def __init__(
        self, snapshot: Snapshot, queries: F32, k: int, truth: Truth, chosen: Filter | None = None
    ) -> None:
        self._snapshot, self._queries, self.k = snapshot, queries, k
        self._truth, self._chosen = truth, chosen
        self._found: dict[SearchSettings, I64] = {}
        places = np.linspace(0, len(queries) - 1, min(len(queries), _COSTED)).astype(np.int64)
        self._costed = queries[places]
        self._parts = snapshot.parts(chosen)

    def found(self, settings: SearchSettings) -> float:
        """Return the share of the nearest stored rows that a search finds."""
        return self._truth.found(self._keys(settings))

    def measured(self, settings: SearchSettings, target: float) -> SearchSettings:
        """Return settings with what was measured of them."""
        recall = self._truth.recall(self._keys(settings))
        share = self._truth.share
        return msgspec.structs.replace(settings, recall=recall, stored_recall=share, target=target)

    def _keys(self, settings: SearchSettings) -> I64:
        known = self._found.get(settings)
        if known is None:
            options = SearchOptions(settings, filter=self._chosen, threads=0)
            known, _ = self._snapshot.search(self._queries, self.k, options)
            self._found[settings] = known
        return known

    def wanted(self, target: float) -> float:
        """Return the share of the nearest stored rows that a search has to find for a recall."""
        share = self._truth.share or 1.0
        return min(target / share, 1 - _LEFT_TO_SEARCH * (1 - target))

    @property
    def is_sealed(self) -> bool:
        """Whether there is a graph to walk."""
        return any(one.sealed for one, _ in self._parts)

    def pools(self) -> list[int]:
        """Return the pools to try, from the widest on: those that are walked, not scanned."""
        wide = [pool for pool in reversed(_POOLS) if self.k <= pool and self._is_walked(pool)]
        return wide or [max(self.k, _POOLS[0])]

    def _is_walked(self, pool: int) -> bool:
        options = SearchOptions(_walk(self.k, pool, 0))
        return any(
            choose_plan(len(one), which.row_count, self.k, options, walkable=True) == "walk"
            for one, which in self._parts
            if one.sealed
        )

    @property
    def most_allowed(self) -> int:
        """Rows of a segment that may be found, at most."""
        return max(which.row_count for _, which in self._parts)

    @property
    def is_small(self) -> bool:
        """Whether every row is scored exactly, whatever settings say."""
        narrow = SearchOptions(SearchSettings(1, 1.0, min_k=1))
        return all(
            choose_plan(len(one), which.row_count, self.k, narrow, walkable=one.sealed) == "exact"
            for one, which in self._parts
        )

    def least_scan(self) -> float:
        """Return what a scan of all codes costs that rescores next to nothing."""
        parts = [(one, which) for one, which in self._parts if isinstance(one, CodedSegment)]
        return sum(least_scan_ns(one, which.row_count) for one, which in parts)

    def cost(self, settings: SearchSettings) -> float:
        """Count what a query costs, in nanoseconds."""
        options = SearchOptions(settings, filter=self._chosen)
        total = 0.0
        for query in self._costed:
            plans = explain_search(self._snapshot, query[None], self.k, options)
            parts = zip(self._parts, plans, strict=True)
            total += sum(
                cost_ns(segment, plan)
                for (segment, _), plan in parts
                if isinstance(segment, CodedSegment)
            )
        return total / len(self._costed)


def cheapest_settings(trial: Trial, target: float, default: SearchSettings) -> SearchSettings:
    """Find the cheapest settings that give a recall.

    Costs are counted, not timed, so the choice is the same on a noisy machine. Where the target is
    out of reach, the settings come as near as they can without reading every row for it.

    Parameters
    ----------
    trial : Trial
    target : float
        Recall@k to reach, 0 to 1.
    default : SearchSettings
        What is kept where there are so few rows that all are scored anyway.
    """
    best = default if trial.is_small else _cheapest(trial, trial.wanted(target))
    return trial.measured(best, target)


def _cheapest(trial: Trial, wanted: float) -> SearchSettings:
    enough = [(trial.cost(one), one) for one in _tried(trial, wanted)]
    if not enough or min(enough, key=_cost)[0] > trial.least_scan():
        enough += [(trial.cost(one), one) for one in _scans(trial, wanted)]
    exact = _exact(trial, min(enough, key=_cost)[1] if enough else None)
    return min([*enough, (trial.cost(exact) / _WORTH, exact)], key=_cost)[1]


def _cost(priced: tuple[float, SearchSettings]) -> float:
    return priced[0]


def _tried(trial: Trial, wanted: float) -> Iterator[SearchSettings]:
    """Yield the settings that find enough: of walks or, where nothing is sealed, of candidates."""
    return _walks(trial, wanted) if trial.is_sealed else _candidates(trial, wanted)


def _walks(trial: Trial, wanted: float) -> Iterator[SearchSettings]:
    least = 0
    for pool in trial.pools():
        least = _least_margin(trial, pool, least, wanted)
        if least == len(_MARGINS):
            return
        yield _walk(trial.k, pool, least)


def _walk(k: int, pool: int, margin: int) -> SearchSettings:
    """Return the settings of a pool of which all rows within a margin are rescored."""
    return SearchSettings(pool, max(1.0, pool / k), error_margin=_MARGINS[margin], min_k=k)


def _least_margin(trial: Trial, pool: int, low: int, wanted: float) -> int:
    """Return the least margin from ``low`` on that finds enough, by steps that double.

    Recall grows with the margin. The number of margins where none finds enough.
    """
    top = len(_MARGINS) - 1
    step, high = 1, low
    while trial.found(_walk(trial.k, pool, high)) < wanted:
        if high == top:
            return len(_MARGINS)
        low, high, step = high + 1, min(high + step, top), 2 * step
    while low < high:
        middle = (low + high) // 2
        if trial.found(_walk(trial.k, pool, middle)) >= wanted:
            high = middle
        else:
            low = middle + 1
    return high


def _candidates(trial: Trial, wanted: float) -> Iterator[SearchSettings]:
    """Yield the fewest candidates that find enough; the pool stays, for the graph to come."""
    for oversampling in _CANDIDATES:
        settings = SearchSettings(oversampling=oversampling, min_k=trial.k)
        if trial.found(settings) >= wanted:
            yield settings
            return


def _scan(k: int, margin: float) -> SearchSettings:
    return SearchSettings(WIDEST_POOL, error_margin=margin, min_k=k)


def _scans(trial: Trial, wanted: float) -> Iterator[SearchSettings]:
    """Yield the scan of all codes within the least margin that finds enough."""
    for margin in _SCAN_MARGINS if trial.is_sealed else ():
        settings = _scan(trial.k, margin)
        if trial.found(settings) >= wanted:
            yield settings
            return


def _exact(trial: Trial, other: SearchSettings | None) -> SearchSettings:
    """Return settings that score every row, and go on as others do once there are many more."""
    rows = min(_GROWS * trial.most_allowed, MAX_ROWS)
    beyond = other or SearchSettings(min_k=trial.k)
    return msgspec.structs.replace(beyond, exact_rows=rows)


def warn_of_missing(chosen: SearchSettings) -> None:
    """Warn where settings do not reach the recall that was asked for."""
    target, share, recall = chosen.target or 0.0, chosen.stored_recall, chosen.recall
    if recall is None or recall >= target:
        return
    why = ""
    if share is not None and share < 1:
        why = (
            f": exact search over rows as they are stored finds {share:.4f}; rescoring='int16' or "
            "'float32' stores them more exactly"
        )
    warnings.warn(
        f"no settings reach recall {target} on these queries; the best found reach "
        f"{recall:.4f}{why}",
        RuntimeWarning,
        stacklevel=3,
    )
