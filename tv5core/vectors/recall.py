"""Recall against exact search, and the cheapest settings that reach a target."""

from __future__ import annotations

import warnings
from bisect import bisect_left
from functools import partial
from operator import itemgetter

import msgspec
import numpy as np
import numpy.typing as npt

from tv5core.kernels import NONE
from tv5core.vectors.planner import Part, pool_for, scan, walk
from tv5core.vectors.quantizer import Quantizer
from tv5core.vectors.settings import WIDEST_POOL, SearchSettings

__all__ = ["cheapest_settings", "recall_at_k"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_POOLS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
_MARGINS = (
    *(step / 10 for step in range(5, 61)),
    7.0,
    8.0,
    10.0,
    13.0,
    17.0,
    25.0,
    50.0,
    1_000.0,
)
"""Steps of one in ten are about 0.003 of recall; where lengths differ more is needed, up to all."""
_SCANNED = (8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
"""Candidates an answer, tried where all codes are scanned."""
_RESCORE_COST = 5.0
"""An exact look at a stored row, which lies anywhere in memory, against one record read in the
walk, fetched ahead: 0.2 us against 0.04."""


def recall_at_k(found: I64, truth: I64) -> float:
    """Return the mean share of the true neighbours that were found.

    Parameters
    ----------
    found, truth : int64[queries, k]
        Keys; -1 is no key. A query without true neighbours counts as 1.
    """
    shares = []
    for got, want in zip(found, truth, strict=True):
        real = want[want >= 0]
        shares.append(np.isin(real, got).mean() if len(real) else 1.0)
    return float(np.mean(shares)) if shares else 1.0


def cheapest_settings(
    quantizer: Quantizer, part: Part, queries: F32, truth: I64, target: float
) -> SearchSettings:
    """Find the cheapest pool and error margin that give a recall on a walked part.

    Where no walk does, all codes are scanned: queries unlike the rows, such as short texts against
    long ones, have neighbours that lie far apart in the graph.

    Cost is counted, not timed: records read by the walk, plus rows rescored at their own price;
    so the choice is the same on a noisy machine. Where the target is out of reach a
    RuntimeWarning says so, and the settings with the highest recall are returned.

    Parameters
    ----------
    quantizer : Quantizer
    part : Part
        With a graph.
    queries : float32[n, dim]
    truth : int64[n, k]
        Rows of the part, best first, from exact search.
    target : float
        Recall wanted, 0 to 1.
    """
    k = truth.shape[1]
    trial = _Trial(quantizer, part, queries, truth)
    pools = [pool for pool in _POOLS if k <= pool <= 2 * len(part.keys)] or [max(k, _POOLS[0])]
    tried = []
    for pool in pools:
        # Recall grows with the margin, so bisect for the smallest that is enough.
        enough = bisect_left(_MARGINS, target, key=partial(trial.recall, pool))
        margin = _MARGINS[min(enough, len(_MARGINS) - 1)]
        recall = trial.recall(pool, margin)
        missing = max(0.0, target - recall)
        cost = 0.0 if missing else trial.cost(pool, margin)
        tried.append((missing, cost, trial.settings(pool, margin, recall)))
    missing, _, best = min(tried, key=itemgetter(0, 1))
    if missing:
        scanned = trial.scanned(target)
        found = max(0.0, target - (scanned.recall or 0.0))
        missing, best = min((found, scanned), (missing, best), key=itemgetter(0))
    if missing:
        warnings.warn(
            f"no settings reach recall {target} on these queries; "
            f"the best found reach {best.recall:.4f}",
            RuntimeWarning,
            stacklevel=4,
        )
    return best


class _Trial:
    """Searches with settings that are tried."""

    def __init__(self, quantizer: Quantizer, part: Part, queries: F32, truth: I64) -> None:
        self._quantizer, self._part = quantizer, part
        self._queries, self._truth = queries, truth
        self._k = truth.shape[1]
        self._prepared = quantizer.prepare(queries)

    def settings(self, pool: int, margin: float, recall: float | None = None) -> SearchSettings:
        """Return the settings of a pool whose rows within the margin are all rescored."""
        return SearchSettings(pool, max(1.0, pool / self._k), recall, margin, self._k)

    def recall(self, pool: int, margin: float) -> float:
        """Search as any search does."""
        rows, _ = walk(
            self._quantizer, self._part, self._queries, self._k, self.settings(pool, margin)
        )
        return self._recall_of(rows)

    def _recall_of(self, rows: U32) -> float:
        return recall_at_k(np.where(rows == NONE, -1, rows.astype(np.int64)), self._truth)

    def scanned(self, target: float) -> SearchSettings:
        """Return the settings of a scan with as few candidates as give the recall, or with all."""
        for oversampling in _SCANNED:
            settings = SearchSettings(WIDEST_POOL, oversampling, min_k=self._k)
            rows, _ = scan(self._quantizer, self._part, self._queries, self._k, settings)
            recall = self._recall_of(rows)
            if recall >= target:
                break
        return msgspec.structs.replace(settings, recall=recall)

    def cost(self, pool: int, margin: float) -> float:
        """Count what a search reads."""
        part = self._part
        if part.graph is None:
            raise TypeError("expected a part with a graph")
        widened = pool_for(part, self._k, self.settings(pool, margin))
        found, _, read = part.graph.walk(self._prepared, widened, pool, part.allow, self._k, margin)
        return float(read.mean()) + _RESCORE_COST * float((found != NONE).sum(axis=1).mean())
