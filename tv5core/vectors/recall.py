"""Recall against exact search, and the cheapest settings that reach a target."""

from __future__ import annotations

import warnings
from bisect import bisect_left
from functools import partial
from operator import itemgetter

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.arguments import as_array
from tv5core.errors import InvalidInputError
from tv5core.kernels import NONE
from tv5core.vectors.options import SearchOptions
from tv5core.vectors.sealed_segment import SealedSegment
from tv5core.vectors.segment import Snapshot
from tv5core.vectors.settings import WIDEST_POOL, SearchSettings

__all__ = ["cheapest_settings", "fewest_candidates", "recall_at_k"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_POOLS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
_MARGINS = (*(step / 10 for step in range(5, 61)), 7.0, 8.0, 10.0, 13.0, 17.0, 25.0, 50.0, 1_000.0)
"""Steps of 0.1 are about 0.003 of recall; where lengths differ, margins up to all are needed."""
_SCANNED = (8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
"""Candidates an answer, tried where all codes are scanned."""
_MOST_OVERSAMPLED = 10_000
"""Candidates an answer that settings may ask for."""
_RESCORE_COST = 5.0
"""Cost of rescoring a row, relative to a code read by a walk: a stored row is anywhere in memory
and takes 0.2 us, a code is fetched ahead and takes 0.04."""


def recall_at_k(found: I64, truth: I64) -> float:
    """Return the mean share of the true neighbours that were found.

    Parameters
    ----------
    found, truth : int64[queries, k]
        Keys; -1 is no key. A query without true neighbours counts as 1.

    Raises
    ------
    InvalidInputError
        Not as many rows of integers in one as in the other.
    """
    found, truth = as_array("found to be keys", found), as_array("truth to be keys", truth)
    for keys in (found, truth):
        if keys.ndim != 2 or keys.dtype.kind not in "iu" or len(keys) != len(truth):
            raise InvalidInputError(
                f"expected a row of keys a query, got {found.dtype} of shape {found.shape} "
                f"and {truth.dtype} of shape {truth.shape}"
            )
    shares = []
    for got, want in zip(found, truth, strict=True):
        real = want[want >= 0]
        shares.append(np.isin(real, got).mean() if len(real) else 1.0)
    return float(np.mean(shares)) if shares else 1.0


def cheapest_settings(
    segment: SealedSegment, queries: F32, k: int, target: float
) -> SearchSettings:
    """Find the cheapest pool and error margin that give a recall on a segment.

    Where no walk does, all codes are scanned: queries unlike the rows, such as short texts against
    long ones, have neighbours that lie far apart in the graph.

    Cost is counted, not timed (codes read by the walk, and rows rescored at their own price), so
    the choice is the same on a noisy machine. Where the target is out of reach a RuntimeWarning
    says so, and the settings with the highest recall are returned.

    Parameters
    ----------
    segment : SealedSegment
    queries : float32[n, dim]
    k : int
    target : float
        Recall@k to reach, 0 to 1.
    """
    trial = _Trial(segment, queries, k)
    missing, best = _cheapest_walk(trial, target)
    if missing:
        scanned = trial.scanned(target)
        short = max(0.0, target - (scanned.recall or 0.0))
        missing, best = min((short, scanned), (missing, best), key=itemgetter(0))
    if missing:
        _warn_of_missing(target, best)
    return best


def fewest_candidates(snapshot: Snapshot, queries: F32, k: int, target: float) -> SearchSettings:
    """Find how few candidates give a recall where no row is sealed: all codes are scanned.

    Warns as :func:`cheapest_settings` does. The pool is left as it is by default, for the graph to
    come.

    Parameters
    ----------
    snapshot : Snapshot
    queries : float32[n, dim]
    k : int
    target : float
        Recall@k to reach, 0 to 1.
    """
    exact = SearchOptions(SearchSettings(), exact=True, threads=0)
    truth, _ = snapshot.search(queries, k, exact)
    for oversampling in _SCANNED:
        settings = SearchSettings(oversampling=oversampling, min_k=k)
        found, _ = snapshot.search(queries, k, SearchOptions(settings, threads=0))
        recall = recall_at_k(found, truth)
        if recall >= target:
            break
    best = msgspec.structs.replace(settings, recall=recall)
    if recall < target:
        _warn_of_missing(target, best)
    return best


def _warn_of_missing(target: float, best: SearchSettings) -> None:
    warnings.warn(
        f"no settings reach recall {target} on these queries; "
        f"the best found reach {best.recall:.4f}",
        RuntimeWarning,
        stacklevel=5,
    )


def _cheapest_walk(trial: _Trial, target: float) -> tuple[float, SearchSettings]:
    """Return what is missing of the target, and the settings that cost least of those nearest."""
    tried = []
    for pool in trial.pools():
        # Recall grows with the margin, so bisect for the smallest that is enough.
        enough = bisect_left(_MARGINS, target, key=partial(trial.recall, pool))
        margin = _MARGINS[min(enough, len(_MARGINS) - 1)]
        recall = trial.recall(pool, margin)
        missing = max(0.0, target - recall)
        cost = 0.0 if missing else trial.cost(pool, margin)
        tried.append((missing, cost, trial.settings(pool, margin, recall)))
    missing, _, best = min(tried, key=itemgetter(0, 1))
    return missing, best


class _Trial:
    """Searches of one segment with settings that are tried."""

    def __init__(self, segment: SealedSegment, queries: F32, k: int) -> None:
        self._segment, self._queries, self._k = segment, queries, k
        self._truth = _as_keys(segment.rows.scan(queries, k, segment.alive)[0])
        self._prepared = segment.quantizer.prepare(queries)

    def pools(self) -> list[int]:
        """Return the pools to try."""
        most = 2 * len(self._segment)
        return [pool for pool in _POOLS if self._k <= pool <= most] or [max(self._k, _POOLS[0])]

    def settings(self, pool: int, margin: float, recall: float | None = None) -> SearchSettings:
        """Return the settings of a pool of which all rows within the margin are rescored."""
        return SearchSettings(pool, max(1.0, pool / self._k), recall, margin, self._k)

    def recall(self, pool: int, margin: float) -> float:
        """Walk as any search does."""
        rows, _ = self._segment.walk(self._queries, self._k, self.settings(pool, margin))
        return self._recall_of(rows)

    def _recall_of(self, rows: U32) -> float:
        return recall_at_k(_as_keys(rows), self._truth)

    def scanned(self, target: float) -> SearchSettings:
        """Return the settings of a scan with as few candidates as give the recall, or with all."""
        for oversampling in _SCANNED:
            settings = SearchSettings(WIDEST_POOL, oversampling, min_k=self._k)
            rows, _ = self._segment.scan(self._queries, self._k, settings)
            recall = self._recall_of(rows)
            if recall >= target:
                return msgspec.structs.replace(settings, recall=recall)
        return self._exact() or msgspec.structs.replace(settings, recall=recall)

    def _exact(self) -> SearchSettings | None:
        """Return settings that score every row, which no scan of codes that misses is better than.

        None where there are more rows than settings can ask for.
        """
        oversampling = max(1.0, len(self._segment) / self._k)
        if oversampling > _MOST_OVERSAMPLED:
            return None
        settings = SearchSettings(WIDEST_POOL, oversampling, min_k=self._k)
        rows, _ = self._segment.search(self._queries, self._k, SearchOptions(settings))
        return msgspec.structs.replace(settings, recall=self._recall_of(rows))

    def cost(self, pool: int, margin: float) -> float:
        """Count what a search reads, in codes read by a walk."""
        segment, k = self._segment, self._k
        found, _, visited = segment.graph.walker.walk(self._prepared, pool, pool, None, k, margin)
        rescored = (found != NONE).sum(axis=1).mean()
        return float(visited.mean()) + _RESCORE_COST * float(rescored)


def _as_keys(rows: U32) -> I64:
    return np.where(rows == NONE, np.int64(-1), rows.astype(np.int64))
